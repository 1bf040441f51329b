"""One engine process: built from settings, ended by SIGTERM after the batch it is at."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from events.broker import OWN_TOPICS
from events.relay import Relay
from flows.apply import Apply, apply_batch
from flows.runner import PlainRunner, Runner
from models.calendar import WorkCalendar
from partygrid import bootstrap
from partygrid.adapters import broker_of, check_retention, consumer_of, relay_of
from partygrid.clock import WallClock
from partygrid.embedded.prefect_client import speak_to_prefect
from partygrid.embedded.supervisor import stop_asked
from partygrid.engine import Engine
from partygrid.errors import Unavailable
from partygrid.metrics import registry_of, told_to_prometheus
from partygrid.operations.arrived_days import compute_again
from partygrid.processes.batch_names import BatchNames
from partygrid.processes.measured import EngineMetrics
from partygrid.processes.pulse import Pulse, beat_file
from partygrid.settings import Settings

log = logging.getLogger(__name__)

Built = TypeVar("Built")

#: Seconds between two tries to reach the servers at the start, doubled up to the second figure.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


def build_engine(
    settings: Settings,
    *,
    name: str,
    time_lapse: bool = False,
    grouped: bool = False,
    runner: Runner | None = None,
    apply: Apply = apply_batch,
    relay: type[Relay] = Relay,
    metrics: EngineMetrics | None = None,
) -> Engine:
    """Return an engine on the settled servers; `runner` defaults to what the settings say.

    The broker need not answer yet.
    In a time-lapse it is the only one and owns every shard without asking the group; where it is
    `grouped` there, it is one of several of which one has all shards at a time.

    Raises `Unavailable`, `PolicyInvalid`, `CalendarFileInvalid`, `RetentionTooShort`,
    `TopicsUnfit`.
    """
    url = settings.address("database_url")
    policy = bootstrap.policy_of(settings)
    calendar = bootstrap.calendar_of(settings)
    clock = WallClock()
    _warn_of_guessed(calendar, clock.now().astimezone(policy.calendar.zone).year)
    with bootstrap.connected(url) as connection:
        bootstrap.keep_rules(connection, policy, calendar, clock.now())
        shelf = bootstrap.shelf_of(connection, policy, calendar)
        setting = bootstrap.setting_of(settings, shelf, engine=name, time_lapse=time_lapse)
        compute_again(connection, setting, clock.now())
    check_retention(settings, policy)
    broker = broker_of(settings, time_lapse=time_lapse)
    with suppress(Unavailable):  # what comes due is fired without it; the topics are made later
        broker.ensure(OWN_TOPICS)
    connect = partial(bootstrap.connect, url)
    runner = runner or runner_of(settings, name)
    engine = Engine(
        setting=setting,
        connect=connect,
        consumer=consumer_of(
            settings, alone=time_lapse and not grouped, whole=time_lapse and grouped
        ),
        broker=broker,
        relay=relay_of(settings, connect, broker, clock, relay),
        runner=metrics.around(runner) if metrics is not None else runner,
        clock=clock,
        batch_max=settings.batch_max,
        poll_wait=settings.poll_wait,
        apply=apply,
    )
    if metrics is not None:
        metrics.watch(engine, runner)
    return engine


def _warn_of_guessed(calendar: WorkCalendar, year: int) -> None:
    """Tell the operator of years whose make-up days nobody has told yet."""
    for guessed in calendar.guessed_years(year, year + 1):
        log.warning(
            "the working days of %s are guessed, deadlines into it are provisional:"
            " write a calendar file (PARTYGRID_CALENDAR_FILE, docs/policy.md)"
            " or install a newer chinesecalendar",
            guessed,
        )


def runner_of(settings: Settings, name: str) -> Runner:
    """Return who carries batches out: in Prefect's shifts where a server of it is settled."""
    if settings.prefect_api_url is None:
        return PlainRunner()
    speak_to_prefect(settings)
    from flows.shifts import Shifts  # noqa: PLC0415 - Prefect reads its settings on import

    auth = settings.prefect_api_auth
    return Shifts(
        engine=name,
        api_url=settings.prefect_api_url,
        auth=auth.get_secret_value() if auth else None,
        length=settings.shift_length,
        per_second=settings.task_runs_per_second,
        name_of=BatchNames(partial(bootstrap.connect, settings.address("database_url"))),
    )


def run_engine(
    settings: Settings,
    *,
    name: str,
    time_lapse: bool = False,
    grouped: bool = False,
    apply: Apply = apply_batch,
    relay: type[Relay] = Relay,
) -> None:
    """Run one engine until this process is asked to end. Servers that are away are waited for."""
    registry = registry_of(name)
    metrics = EngineMetrics(registry, WallClock()) if settings.metrics_port is not None else None
    with stop_asked() as asked, told_to_prometheus(settings, registry):
        pulse = Pulse(asked, beat_file(settings.home, name), os.getpid())
        build = partial(
            build_engine,
            settings,
            name=name,
            time_lapse=time_lapse,
            grouped=grouped,
            apply=apply,
            relay=relay,
            metrics=metrics,
        )
        engine = patiently(build, pulse)
        if engine is None:
            return
        log.info("engine %s works", name)
        try:
            engine.run(pulse)
        finally:
            engine.close()
            pulse.end()


def patiently(build: Callable[[], Built], pulse: Pulse) -> Built | None:
    """Try until the servers answer; None where the process was asked to end before."""
    pause = _FIRST_PAUSE
    while not pulse.is_set():
        try:
            return build()
        except Unavailable as fault:
            log.warning("waiting %.1f s: %s", pause, fault)
            pulse.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
    return None
