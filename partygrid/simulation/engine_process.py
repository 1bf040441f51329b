"""`python -m partygrid.simulation.engine_process`: the engine of a time-lapse, with its faults."""

import argparse
from pathlib import Path

from partygrid.logs import start_logging
from partygrid.processes.engine import run_engine
from partygrid.settings import read_settings
from partygrid.simulation.faults import FaultPlan, rehearsing


def main() -> None:
    """Follow the conductor's instants until asked to end."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--name", required=True)
    arguments.add_argument("--faults", type=Path, required=True)
    given = arguments.parse_args()
    settings = read_settings()
    start_logging(settings, given.name)
    plan = FaultPlan.read(given.faults)
    run_engine(settings, name=given.name, time_lapse=True, apply=rehearsing(plan))


if __name__ == "__main__":
    main()
