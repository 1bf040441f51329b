"""The office: what an installation needs besides its engines, in one process to save memory.

Notices go out, the audit is sealed, digests go out that no Prefect run has sent, what is past its
time is erased, and topics that a broker forgot are made again. Each has a thread; one that ends
ends the process, to be seen.
"""

import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from time import perf_counter

import psycopg
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError

from events.evidence import EvidenceStore
from flows.digest_issues import present_moment, send_due
from flows.sealing import Sealer
from models.policy.schema import Policy
from partygrid import bootstrap
from partygrid.adapters import pool_of, sender_of
from partygrid.clock import WallClock
from partygrid.embedded.supervisor import stop_asked
from partygrid.errors import PartygridError, Unavailable
from partygrid.facts import FactsTold
from partygrid.keyring import Keyring
from partygrid.metrics import prefect_reachable, registry_of, told_to_prometheus
from partygrid.operations.audit import seal_file
from partygrid.operations.house_keeping import keep_house
from partygrid.operations.restored import catch_up
from partygrid.patience import Patience
from partygrid.processes.pulse import Pulse, beat_file
from partygrid.processes.topics import TopicKeeper
from partygrid.settings import Settings

log = logging.getLogger(__name__)

SEAL_EVERY = timedelta(minutes=1)
#: How long a scheduled run has to send a digest before the office does.
GRACE = timedelta(minutes=2)
KEEP_HOUSE_EVERY = timedelta(days=1)
_LOOK_FOR_OLD = timedelta(minutes=10)
_LOOK_FOR_DIGESTS = timedelta(seconds=20)
_LOOK_FOR_TOPICS = timedelta(seconds=1)
_LOOK_WHETHER_CAUGHT_UP = timedelta(seconds=2)
#: The sender is woken by the database; so often it looks unasked.
_LOOK_FOR_NOTICES = timedelta(seconds=10)
#: Seconds between two readings of the facts, and how many times as long as a reading takes.
_FACTS_EVERY, _FACTS_SHARE = 5.0, 10
_CLOCK = WallClock()


def run_office(settings: Settings, *, name: str, topics_anew: bool = False) -> None:
    """Do the office's work until this process is asked to end. Raises what ended a thread.

    `topics_anew` is for the broker that comes along, see `partygrid.processes.topics`.
    """
    policy = bootstrap.policy_of(settings)
    registry = registry_of(name)
    duties: dict[str, Callable[[Event], None]] = {
        "notices": partial(_send_notices, settings, policy),
        "seals": partial(_seal, settings),
        "digests": partial(_send_digests, settings, policy),
        "retention": partial(keep_house_daily, settings, policy),
        "topics": partial(_keep_topics, settings, topics_anew),
        "catching up": partial(_catch_up, settings, policy),
    }
    if settings.metrics_port is not None:
        duties["metrics"] = partial(_read_facts, _facts_told(settings, policy, registry))
    with (
        stop_asked() as asked,
        told_to_prometheus(settings, registry),
        ThreadPoolExecutor(len(duties)) as threads,
    ):
        pulse = Pulse(asked, beat_file(settings.home, name), os.getpid())
        working = {threads.submit(duty, asked): what for what, duty in duties.items()}
        log.info("the office works: %s", ", ".join(duties))
        try:
            _watch(working, pulse)
        finally:
            asked.set()
            pulse.end()


def _watch(working: Mapping[Future[None], str], pulse: Pulse) -> None:
    while not pulse.is_set():
        ended, _ = wait(working, timeout=1, return_when=FIRST_COMPLETED)
        for future in () if pulse.is_set() else ended:
            log.error("the office's work on %s ended", working[future])
            future.result()
            return


def every(stop: Event, pause: timedelta, work: Callable[[], object], what: str) -> None:
    """Do `work` again and again until `stop` is set; what is refused or away is told and waits."""
    patience = Patience(f"the office's work on {what} fails", log)
    while not stop.is_set():
        try:
            work()
            patience.went_well()
        except (PartygridError, psycopg.Error, SQLAlchemyError, OSError) as fault:
            patience.failed(fault)
        stop.wait(pause.total_seconds())


def _send_notices(settings: Settings, policy: Policy, stop: Event) -> None:
    with pool_of(settings) as pool, closing(sender_of(settings, policy, pool, _CLOCK)) as sender:
        sender.run(stop, clock=_CLOCK, idle=_LOOK_FOR_NOTICES)


def _seal(settings: Settings, stop: Event) -> None:
    own_key = bootstrap.installation_key(bootstrap.secrets_folder(settings), "own.key")
    sealer = Sealer(Keyring(settings).seal(), seal_file(settings), own_key=own_key)

    def seal() -> None:
        with bootstrap.connected(settings.address("database_url")) as connection:
            sealer.seal(connection, _CLOCK.now())

    every(stop, SEAL_EVERY, seal, "sealing")
    # What was decided in the last minute is sealed before everything stops.
    with suppress(PartygridError, psycopg.Error):
        seal()


def _send_digests(settings: Settings, policy: Policy, stop: Event) -> None:
    """Send at once what became due while nothing ran; later only what no run has sent in time."""
    grace = timedelta()

    def send() -> None:
        nonlocal grace
        with bootstrap.connected(settings.address("database_url")) as connection:
            now = present_moment(connection, _CLOCK.now())
            sent = send_due(
                connection, policy, partitions=settings.partitions, now=now, grace=grace
            )
        if sent:
            log.info("%s digests were sent without Prefect", len(sent))
        grace = GRACE if settings.prefect_api_url is not None else timedelta()

    every(stop, _LOOK_FOR_DIGESTS, send, "digests")


def keep_house_daily(settings: Settings, policy: Policy, stop: Event) -> None:
    """Erase what is past its time, once a day; sooner again where it could not be done."""
    store = EvidenceStore(settings.home / "evidence")
    due: datetime | None = None

    def keep() -> None:
        nonlocal due
        if due is not None and _CLOCK.now() < due:
            return
        url = settings.address("database_url")
        with pool_of(settings) as pool, bootstrap.connected(url) as connection:
            now = present_moment(connection, _CLOCK.now())
            keep_house(connection, pool, store, policy=policy, now=now, stop=stop.is_set)
        due = _CLOCK.now() + KEEP_HOUSE_EVERY

    every(stop, _LOOK_FOR_OLD, keep, "retention")


def _catch_up(settings: Settings, policy: Policy, stop: Event) -> None:
    """Let a restored installation go on as soon as it has decided everything again."""

    done = False

    def look() -> None:
        nonlocal done
        done = done or catch_up(settings, policy, _CLOCK)

    every(stop, _LOOK_WHETHER_CAUGHT_UP, look, "catching up")


def _keep_topics(settings: Settings, anew: bool, stop: Event) -> None:
    """Make topics again where the broker lost them, as one in memory does when it restarts."""
    with closing(TopicKeeper(settings, anew=anew)) as keeper:
        every(stop, _LOOK_FOR_TOPICS, keeper.look, "topics")


def _facts_told(settings: Settings, policy: Policy, registry: CollectorRegistry) -> FactsTold:
    """Let the registry tell what rows and servers say."""
    told = FactsTold(settings, _CLOCK, alarm=float(policy.limits.dead_letter_alarm))
    registry.register(told)
    prefect_reachable(settings, registry)
    return told


def _read_facts(told: FactsTold, stop: Event) -> None:
    """Read them again and again; the longer it takes, the more seldom."""
    while not stop.is_set():
        began = perf_counter()
        with suppress(Unavailable, psycopg.Error, SQLAlchemyError):  # what is not known is not told
            told.read()
        stop.wait(max(_FACTS_EVERY, (perf_counter() - began) * _FACTS_SHARE))
