"""A whole played week, from an empty database to its last instant."""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import psycopg
from msgspec import Struct
from msgspec.structs import replace

from events.admission import ENGINE_KEY, ENGINE_SOURCE, vouch
from events.codec import attributes_of, data_of, encode
from events.outgoing_event import Outgoing
from events.topics import inbound_topic
from flows.conductor import Conductor, Outbound
from flows.digest_issues import send_due
from flows.sealing import Sealer, last_seal
from models.seals import Seal
from models.setting import Shelf
from partygrid import bootstrap
from partygrid.adapters import client_of
from partygrid.clock import WallClock
from partygrid.keyring import Keyring
from partygrid.operations.audit import seal_file
from partygrid.sample.county import Sample, sample_county
from partygrid.sample.draw import Draw
from partygrid.sample.township_names import TOWNSHIP_NAMES
from partygrid.settings import Settings
from partygrid.simulation.agenda import Said, next_tick
from partygrid.simulation.changes import Changes
from partygrid.simulation.everybody import PEOPLE
from partygrid.simulation.faults import FaultPlan
from partygrid.simulation.kills import Kills
from partygrid.simulation.mischief import Mischief
from partygrid.simulation.plan import Plan
from partygrid.simulation.post import Post
from partygrid.simulation.stage import Stage
from partygrid.simulation.village_tasks import VillageTasks
from partygrid.simulation.week import Cues, Moment, Week

Connection = psycopg.Connection[Any]

_DAY = timedelta(days=1)
#: The sample's people and offices are there for so long before anything happens.
_KNOWN_FOR = timedelta(days=400)
#: Duty rosters reach so far beyond the week, for whoever looks around afterwards.
_ROSTERS_BEYOND = timedelta(days=35)
#: An instant of a busy morning takes seconds; one during which the engine is started anew, more.
_PATIENCE = timedelta(seconds=120)


class Script(Struct, frozen=True, kw_only=True):
    """What shall be played."""

    seed: int
    reports: int
    start: datetime
    end: datetime
    #: how often the engine is killed
    kills: int = 0
    #: of the sample county, in their order
    townships: int = len(TOWNSHIP_NAMES)


class Direction:
    """Everything drawn from the seed, and who plays it."""

    def __init__(self, script: Script, settings: Settings) -> None:
        """Draw the county, the plan and what goes wrong. No server is needed yet."""
        self.script, self._settings = script, settings
        policy = bootstrap.policy_of(settings)
        self.shelf = Shelf(policy)
        office = self.shelf.office(policy.version)
        begins = script.start - _DAY
        roster = (begins - _ROSTERS_BEYOND, script.end + _ROSTERS_BEYOND)
        self.sample: Sample = sample_county(
            script.seed,
            since=begins - _KNOWN_FOR,
            duty=roster,
            policy=policy,
            townships=script.townships,
        )
        self.plan = Plan(
            self.sample,
            policy,
            office,
            start=script.start,
            end=script.end,
            reports=script.reports,
        )
        self.mischief = Mischief(
            self.sample,
            policy,
            start=script.start,
            end=script.end,
            partitions=settings.partitions,
        )
        self.tasks = [*VillageTasks(self.sample, policy, office, script.start).events()]
        self.changes = Changes(self.sample, start=script.start, end=script.end)

    @property
    def faults(self) -> FaultPlan:
        """What the engine's process must be told before it starts."""
        return self.mischief.faults

    def play(
        self,
        stage: Stage,
        watch: Callable[[Moment], None],
        *,
        seal_every: timedelta | None = None,
        disturb: Callable[[Stage], "Disturbs"] | None = None,
        connect: Callable[[str], Connection] = bootstrap.connect,
        conducted: type[Conductor] = Conductor,
    ) -> "Acted":
        """Play it on a stage whose engines run. Raises `Stalled`, `Unavailable`.

        What disturbs the engines meanwhile is `disturb`, else the kills the script asks for.

        With `seal_every` the audit is sealed meanwhile, so often by the wall clock; then digests
        carry the seals' feet, and no two runs have the same ones.
        """
        settings, script = stage.settings, self.script
        url = settings.address("database_url")
        draw = Draw(script.seed)
        trouble: Disturbs = (
            disturb(stage)
            if disturb is not None
            else Kills(stage, draw, script.kills, start=script.start, end=script.end)
        )
        conductor = conducted(
            connect(url),
            client_of(settings),
            partitions=settings.partitions,
            patience=_PATIENCE,
            while_waiting=trouble.while_waiting,
        )
        post = Post(self.sample.keys)
        with ExitStack() as unfinished, closing(connect(url)) as connection:
            unfinished.callback(conductor.close)
            self._found(conductor, settings)
            digests = _Digests(connection, self.shelf, settings.partitions, script.start)
            seals = Seals(settings, connection, every=seal_every)

            def after(instant: datetime) -> None:
                seals.look()
                digests.look(instant)

            week = Week(
                seed=script.seed,
                shelf=self.shelf,
                conductor=conductor,
                connection=connection,
                post=post,
                partitions=settings.partitions,
                reacts=(*PEOPLE, self.mischief.react),
                trouble=self.mischief,
                start=script.start,
                end=script.end,
                cues=Cues(
                    before=trouble.before,
                    after=after,
                    watch=watch,
                ),
            )
            self._fill(week)
            week.play()
            unfinished.pop_all()  # it goes on conducting
        return Acted(conductor=conductor, signed_out=dict(post.signed_out), acts=week.acts)

    def _found(self, conductor: Conductor, settings: Settings) -> None:
        """Bring the county into the empty directory, a day before anything is reported."""
        instant = next_tick(self.plan.begins) - _DAY
        own_key = bootstrap.installation_key(bootstrap.secrets_folder(settings), "own.key")
        conductor.release(
            instant, [_founding(made, own_key, instant) for made in self.sample.events]
        )

    def _fill(self, week: Week) -> None:
        for planned in self.plan.reports:
            week.plan(planned)
        for made in self.tasks:
            week.agenda.put(made.time, Said(made=made), order=made.id)
        for at, order, entry in (
            *self.mischief.entries(self.plan.reports),
            *self.changes.entries(),
        ):
            week.agenda.put(at, entry, order=order)


class Disturbs(Protocol):
    """Who disturbs the engines while a week is played, and looks after the stage meanwhile."""

    def before(self, instant: datetime) -> None:
        """Get ready, where the time has come: this instant is released next."""
        ...

    def while_waiting(self) -> None:
        """Act, perhaps, and keep the stage; called again and again until an instant is drained."""
        ...


class Acted(Struct, frozen=True, kw_only=True):
    """What is left when the week is over."""

    conductor: Conductor
    #: source → how many numbers its app has given out
    signed_out: dict[str, int]
    acts: int


class _Digests:
    """Sends the digests whose hour has come in the played week."""

    def __init__(
        self, connection: Connection, shelf: Shelf, partitions: int, start: datetime
    ) -> None:
        self._send = partial(send_due, connection, shelf.current, partitions=partitions)
        self._connection, self._start = connection, start
        self._next: datetime | None = None

    def look(self, instant: datetime) -> None:
        """Send what is due; first of all write down what will be."""
        if instant < self._start or (self._next is not None and instant < self._next):
            return
        self._send(now=instant)
        row = self._connection.execute(
            "SELECT min(due_at) FROM digests WHERE sent_at IS NULL"
        ).fetchone()
        self._connection.commit()
        self._next = row[0] if row else None


def _founding(made: Outgoing, own_key: bytes, instant: datetime) -> Outbound:
    """Return the record of a directory entry that the installation itself vouches for."""
    event = replace(made.event(ENGINE_KEY), source=ENGINE_SOURCE, time=instant)
    signature = vouch(own_key, attributes_of(event), data_of(event.data))
    encoded = encode(event, signature=signature)
    return Outbound(
        topic=inbound_topic(event.data, marked=False),
        key=event.township,
        headers=encoded.headers,
        value=encoded.value,
    )


class Seals:
    """Seals the audit of a stage."""

    def __init__(
        self, settings: Settings, connection: Connection, *, every: timedelta | None = None
    ) -> None:
        """Seal as often as `look` finds it is time again; without `every` only when asked."""
        own_key = bootstrap.installation_key(bootstrap.secrets_folder(settings), "own.key")
        self._sealer = Sealer(Keyring(settings).seal(), seal_file(settings), own_key=own_key)
        self._connection, self._every = connection, every
        self._sealed = time.monotonic()

    def look(self) -> None:
        """Seal where it is time."""
        passed = time.monotonic() - self._sealed
        if self._every is not None and passed >= self._every.total_seconds():
            self.now()

    def now(self) -> Seal | None:
        """Seal what is new and return the last seal there is."""
        self._sealed = time.monotonic()
        self._sealer.seal(self._connection, WallClock().now())
        with self._connection.transaction():
            return last_seal(self._connection)
