"""Plays what is planned: releases what is due, looks at cases that moved, lets people answer."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import psycopg
from msgspec import Struct
from msgspec.structs import replace

from events.contract.registry import TYPE_OF_PAYLOAD, Topic
from events.contract.reports import ReportFiled
from events.outgoing_event import Outgoing
from events.partitions import partition_of
from flows.conductor import Conductor, Outbound
from models.case import Case
from models.case_store import load_cases
from models.directory import Directory
from models.directory_store import load_directory
from models.ledger_store import OUTBOX
from models.setting import Shelf
from models.shard_store import directory_revision
from models.values import Mark, case_id_of, derived_id
from partygrid.sample.draw import Draw
from partygrid.simulation.agenda import (
    LONG_TICK,
    TICK,
    Agenda,
    Rotated,
    Said,
    Unsendable,
    next_tick,
)
from partygrid.simulation.post import Post, app_of
from partygrid.simulation.scene import Act, React, Scene
from partygrid.simulation.stories import Story

Connection = psycopg.Connection[Any]

#: What lies in a wrong partition is released so much later, when nothing else happens.
_QUIET = timedelta(seconds=1)

_MOVED = """
SELECT DISTINCT subject FROM journal WHERE shard = %s AND seq > %s AND subject ~ '^[0-9a-f-]{36}$'
"""


class Planned(Struct, frozen=True, kw_only=True):
    """A report somebody will file, and what shall become of it."""

    at: datetime
    made: Outgoing
    story: Story = Story.SMOOTH
    restricted: bool = False
    #: an emergency does not wait for a long tick
    pressing: bool = False


class Moment(Struct, frozen=True, kw_only=True):
    """How far the week is, for whoever watches."""

    instant: datetime
    share: float
    #: reports that were filed, and acts that people decided on
    reports: int
    acts: int


class Trouble(Protocol):
    """What goes wrong on the way, by no fault of the engine."""

    def again(self, made: Outgoing) -> Sequence[timedelta]:
        """Return how much later the same record is sent again, each time."""
        ...

    def strays(self, made: Outgoing) -> bool:
        """Tell whether its client's partitioner puts it elsewhere."""
        ...


class Cues(Struct, frozen=True, kw_only=True):
    """Who is told as the week goes on."""

    #: before an instant is released, and when all of it is decided
    before: Callable[[datetime], None] = lambda _: None
    after: Callable[[datetime], None] = lambda _: None
    watch: Callable[[Moment], None] = lambda _: None


class Week:
    """One played stretch of time."""

    def __init__(
        self,
        *,
        seed: int,
        shelf: Shelf,
        conductor: Conductor,
        connection: Connection,
        post: Post,
        partitions: int,
        reacts: Sequence[React],
        trouble: Trouble,
        start: datetime,
        end: datetime,
        cues: Cues,
    ) -> None:
        """`reacts` are the people of every step, asked in order about each case that moved."""
        self._draw, self._shelf, self._conductor = Draw(seed), shelf, conductor
        self._connection, self._post, self._partitions = connection, post, partitions
        self._reacts, self._trouble, self._cues = reacts, trouble, cues
        self._start, self._end = start, end
        self.agenda = Agenda(end)
        self.directory = Directory()
        self._stories: dict[str, Story] = {}
        self._done: set[tuple[str, str]] = set()
        #: cases of which people know by now that only few may know of them
        self._marked: set[str] = set()
        self._seen: dict[int, int] = {}
        self.reports = self.acts = 0

    def plan(self, planned: Planned) -> None:
        """Put a report on the calendar, and remember its story."""
        made = planned.made
        if isinstance(made.data, ReportFiled):
            self._stories[case_id_of(made.source, made.id)] = planned.story
        said = Said(made=made, restricted=planned.restricted)
        step = TICK if planned.pressing else LONG_TICK
        self.agenda.put(planned.at, said, order=made.id, step=step)

    # --- playing -------------------------------------------------------------------------------

    def play(self) -> None:
        """Play from the start to the end, instant by instant."""
        self._load_directory()
        instant = self._next()
        while instant is not None and instant <= self._end:
            self._happen(instant)
            instant = self._next()
        self._conductor.release(self._end)
        self._cues.after(self._end)

    def _next(self) -> datetime | None:
        """Return the next instant: somebody acts, or a timer comes due."""
        due = self._conductor.next_due()
        moments = [next_tick(due, LONG_TICK)] if due is not None else []
        moments += [self.agenda.next] if self.agenda.next is not None else []
        return min(moments, default=None)

    def _happen(self, instant: datetime) -> None:
        """Let everything of one instant be decided, and people see what came of it."""
        self._cues.before(instant)
        records, astray, changes = self._records(instant)
        self._conductor.release(instant, records)
        self._release_quietly(instant, astray)
        if changes:
            self._load_directory()
        self._look(instant)
        self._cues.after(instant)
        share = (instant - self._start) / (self._end - self._start)
        self._cues.watch(
            Moment(
                instant=instant, share=min(max(share, 0), 1), reports=self.reports, acts=self.acts
            )
        )

    def _records(self, instant: datetime) -> tuple[list[Outbound], list[Outbound], bool]:
        """Return what is sent, what of it goes astray, and whether the directory changes."""
        records: list[Outbound] = []
        changes = False
        entries = self.agenda.take(instant)
        for entry in entries:
            if isinstance(entry, Rotated):
                self._post.rotate(entry.source, entry.key)
        for entry in entries:
            match entry:
                case Said(made=made):
                    records.append(self._signed(entry, instant))
                    self.reports += isinstance(made.data, ReportFiled)
                    changes |= TYPE_OF_PAYLOAD[type(made.data)].topic is Topic.DIRECTORY
                case Outbound():
                    records.append(entry)
                case Unsendable():
                    self._take_in(entry, instant)
        astray = [one for one in records if one.partition >= 0]
        return [one for one in records if one.partition < 0], astray, changes

    def _signed(self, said: Said, instant: datetime) -> Outbound:
        marked = said.restricted or said.made.subject in self._marked
        record = self._post.sign(said.made, restricted=marked)
        for later in self._trouble.again(said.made):
            self.agenda.put(instant + later, record, order=said.made.id)
        if self._trouble.strays(said.made):
            right = partition_of(record.key, self._partitions)
            return replace(record, partition=(right + 1) % self._partitions)
        return record

    def _release_quietly(self, instant: datetime, astray: list[Outbound]) -> None:
        """Release what lies in wrong partitions at an instant of its own.

        Another shard gets it only when the first has sent it on; with nothing else to decide, it
        cannot matter when exactly that is.
        """
        if not astray:
            return
        quiet, due = instant + _QUIET, self._conductor.next_due()
        if due is None or due > quiet:
            self._conductor.release(quiet, astray)
            return
        for record in astray:
            self.agenda.put(instant + TICK, record)

    def _take_in(self, entry: Unsendable, instant: datetime) -> None:
        """Put a row into the outbox as a door does that took in too much."""
        row = {
            "shard": partition_of(entry.township, self._partitions),
            "topic": str(Topic.REPORTS),
            "key": entry.township,
            "source": entry.source,
            "event_id": entry.event_id,
            "headers": [],
            "value": entry.value,
            "created_at": instant,
            "published_at": None,
            "partition": -1,
            "instant": instant,
        }
        with self._connection.transaction(), self._connection.cursor() as cursor:
            OUTBOX.append(cursor, [row])

    # --- looking and answering -----------------------------------------------------------------

    def _look(self, instant: datetime) -> None:
        """Show every case that moved to the people, in a fixed order."""
        for case in self._moved():
            if case.mark is not Mark.NONE:
                self._marked.add(case.id)
            story = self._stories.get(case.id, Story.SMOOTH)
            policy = self._shelf.pack(case.policy_version or self._shelf.current.version)
            scene = Scene(
                case,
                story,
                directory=self.directory,
                office=self._shelf.office(policy.version),
                policy=policy,
                draw=self._draw,
                now=instant,
            )
            for react in self._reacts:
                for act in react(scene):
                    self._schedule(case, act, instant)

    def _schedule(self, case: Case, act: Act, instant: datetime) -> None:
        if (case.id, act.need) in self._done:
            return
        self._done.add((case.id, act.need))
        self.acts += 1
        step = TICK if case.emergency_level else LONG_TICK
        at = max(instant + act.after, instant + step)
        made = Outgoing(
            id=act.event_id or derived_id("act", case.id, act.need),
            source=app_of(act.acting.role, case.township),
            data=act.data,
            township=case.township,
            time=next_tick(at, step) - act.offline,
            acting=act.acting,
            subject=case.id,
        )
        said = Said(made=made, restricted=case.mark is not Mark.NONE)
        self.agenda.put(at, said, order=f"{case.id}|{act.need}", step=step)

    def _moved(self) -> list[Case]:
        """Return the cases that were decided about since the last look, by id."""
        found: dict[str, Case] = {}
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for shard, last in cursor.execute("SELECT shard, seq FROM shards").fetchall():
                known = self._seen.get(shard, 0)
                if last > known:
                    ids = {row[0] for row in cursor.execute(_MOVED, (shard, known)).fetchall()}
                    for stored in load_cases(cursor, shard, ids).values():
                        found[stored.case.id] = stored.case
                    self._seen[shard] = last
        return [found[case_id] for case_id in sorted(found) if found[case_id].version > 0]

    def _load_directory(self) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            self.directory = load_directory(cursor, directory_revision(cursor))
