"""How hard the faults strike: within a quarter of an hour, or for as long as `make soak` takes."""

import os
from typing import NamedTuple


class Hardness(NamedTuple):
    """How much is played, and how often and how long something is wrong meanwhile."""

    #: reports of the stretch that is played, and its hours
    reports: int
    hours: int
    #: engines killed; engines that leave or join
    kills: int
    changes: int
    #: the broker killed; one of three brokers lost
    broker_kills: int
    losses: int
    #: PostgreSQL killed; connections cut; the disk filled
    database_kills: int
    cuts: int
    fills: int
    #: the relay killed; Prefect's server started or killed
    relay_kills: int
    prefect_turns: int
    #: seconds for which a server that was killed stays away
    away: float
    #: seconds of a broker's silence: longer than every client of ours waits, the consumer for 30
    silent: float
    #: matters told in any order; more than 72 would be more than the members may have at a time
    stories: int
    #: seconds after which a play is given up
    patience: int

    @property
    def stretch(self) -> str:
        """Name the stretch that is played."""
        return f"{self.reports} reports of {'a' if self.hours == _A_DAY else 'half a'} day"


_A_DAY = 24
USUAL = Hardness(
    reports=40,
    hours=12,
    kills=10,
    changes=6,
    broker_kills=2,
    losses=1,
    database_kills=4,
    cuts=20,
    fills=2,
    relay_kills=5,
    prefect_turns=4,
    away=0,
    silent=35,
    stories=25,
    patience=600,
)
SOAK = Hardness(
    reports=120,
    hours=_A_DAY,
    kills=50,
    changes=20,
    broker_kills=3,
    losses=4,
    database_kills=4,
    cuts=100,
    fills=12,
    relay_kills=25,
    prefect_turns=6,
    away=120,
    silent=180,
    stories=60,
    patience=3600,
)
IS_SOAK = bool(os.environ.get("PARTYGRID_SOAK"))
HARD = SOAK if IS_SOAK else USUAL
