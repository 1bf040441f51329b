"""`python -m partygrid.simulation.engine_process`: the engine of a time-lapse, with its faults.

The engine is a process of its own behind a launcher that has everything loaded already: killed, it
is there again at once, with nothing of what it knew.
"""

import argparse
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from partygrid.embedded.child import dies_with_us
from partygrid.embedded.prefect_client import speak_to_prefect
from partygrid.embedded.supervisor import stop_asked
from partygrid.logs import show_stacks_when_asked, start_logging
from partygrid.processes.engine import run_engine
from partygrid.settings import Settings, read_settings
from partygrid.simulation.faults import FaultPlan, Orders, rehearsing, torn_relay

log = logging.getLogger(__name__)

#: Seconds between two looks whether the engine lives.
_LOOK = 0.02


def main() -> None:
    """Keep an engine running that follows the conductor's instants, until asked to end."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--name", required=True)
    arguments.add_argument("--faults", type=Path, required=True)
    arguments.add_argument("--grouped", action="store_true", help="one of several engines")
    given = arguments.parse_args()
    settings = read_settings()
    start_logging(settings, given.name)
    show_stacks_when_asked()
    plan = FaultPlan.read(given.faults)
    if settings.prefect_api_url is not None:
        speak_to_prefect(settings)
        import flows.shifts  # noqa: F401, PLC0415 - loaded once for all engines to come
    dies_with_launcher = dies_with_us(signal.SIGTERM)
    with stop_asked() as asked:
        while not asked.is_set():
            engine = os.fork()
            if engine == 0:
                _engine(settings, given, plan, dies_with_launcher)
            code = 0
            while not asked.wait(_LOOK):
                ended, code = os.waitpid(engine, os.WNOHANG)
                if ended:
                    break
            else:
                os.kill(engine, signal.SIGTERM)
                os.waitpid(engine, 0)
                return
            if not os.WIFSIGNALED(code):
                raise SystemExit(os.waitstatus_to_exitcode(code))


def _engine(
    settings: Settings,
    given: argparse.Namespace,
    plan: FaultPlan,
    dies_with_launcher: Callable[[], None] | None,
) -> NoReturn:
    """Be the engine. Never returns into the launcher's code."""
    code, orders = 1, Orders(settings.home)
    try:
        if dies_with_launcher is not None:
            dies_with_launcher()
        run_engine(
            settings,
            name=given.name,
            time_lapse=True,
            grouped=given.grouped,
            apply=rehearsing(plan, orders),
            relay=torn_relay(orders),
        )
        code = 0
    except Exception:  # it would be lost with the process
        log.exception("the engine ended")
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
