"""The command `partygrid`: one module a group of subcommands, listed in `partygrid.cli.main`."""
