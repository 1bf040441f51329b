"""`python -m tests.services.mortal_engine`: an engine by the wall clock that some records kill."""

import argparse
from pathlib import Path

from partygrid.logs import start_logging
from partygrid.processes.engine import run_engine
from partygrid.settings import read_settings
from partygrid.simulation.faults import FaultPlan, rehearsing


def main() -> None:
    """Be that engine until asked to end."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--name", required=True)
    arguments.add_argument("--faults", type=Path, required=True)
    given = arguments.parse_args()
    settings = read_settings()
    start_logging(settings, given.name)
    run_engine(settings, name=given.name, apply=rehearsing(FaultPlan.read(given.faults)))


if __name__ == "__main__":
    main()
