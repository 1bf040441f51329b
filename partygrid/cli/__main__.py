"""`python -m partygrid.cli`, as our own processes are started."""

from partygrid.cli.main import main

if __name__ == "__main__":
    main()
