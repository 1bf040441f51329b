"""Plays the plan: releases what is due, looks at the cases that moved, lets people answer."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
from msgspec import Struct

from events.contract.envelope import Payload
from events.contract.reports import ReportFiled
from events.outgoing_event import Outgoing
from flows.conductor import Conductor, Outbound
from flows.entries import entries_of
from models.case import Case
from models.case_store import load_cases
from models.directory import Directory
from models.setting import Shelf
from models.values import case_id_of, derived_id
from partygrid.sample.county import Sample
from partygrid.sample.draw import Draw
from partygrid.simulation.post import Post, app_of, next_tick
from partygrid.simulation.scene import Act, React, Scene
from partygrid.simulation.stories import Story

Connection = psycopg.Connection[Any]

#: People act on full ticks: what happens within one happens at its end.
TICK_MINUTES = 5


class Planned(Struct, frozen=True, kw_only=True):
    """A report somebody will file, and what shall become of it."""

    at: datetime
    made: Outgoing
    story: Story
    restricted: bool = False


class Moment(Struct, frozen=True, kw_only=True):
    """How far the week is, for whoever watches."""

    instant: datetime
    share: float
    reports: int
    acts: int


class Week:
    """One played stretch of time."""

    def __init__(
        self,
        *,
        sample: Sample,
        shelf: Shelf,
        conductor: Conductor,
        connection: Connection,
        post: Post,
        reacts: Sequence[React],
        start: datetime,
        end: datetime,
        watch: Callable[[Moment], None] = lambda _: None,
    ) -> None:
        """`reacts` are the people of every step, asked in order about each case that moved."""
        self._draw, self._shelf, self._conductor = Draw(sample.seed), shelf, conductor
        self._connection, self._post, self._reacts = connection, post, reacts
        self._start, self._end, self._watch = start, end, watch
        self.directory = Directory()
        self._record(sample.entries)
        self._due: list[tuple[datetime, str, int]] = []
        self._waiting: list[tuple[Outgoing | Outbound, bool]] = []
        self._stories: dict[str, Story] = {}
        self._done: set[tuple[str, str]] = set()
        self._seen: dict[int, int] = {}
        self.reports = self.acts = 0

    def _record(self, payloads: Iterable[Payload]) -> None:
        for payload in payloads:
            for entry in entries_of(payload):
                self.directory.record(entry)

    # --- what will happen ----------------------------------------------------------------------

    def plan(self, planned: Planned) -> None:
        """Put a report on the calendar."""
        if isinstance(planned.made.data, ReportFiled):
            self._stories[case_id_of(planned.made.source, planned.made.id)] = planned.story
        self.put(planned.at, planned.made, restricted=planned.restricted)
        self.reports += 1

    def put(
        self, at: datetime, made: Outgoing | Outbound, *, restricted: bool = False, order: str = ""
    ) -> None:
        """Put an event or a ready record on the calendar."""
        tick = next_tick(at, TICK_MINUTES)
        if tick > self._end:
            return
        key = order or (made.id if isinstance(made, Outgoing) else "")
        heapq.heappush(self._due, (tick, key, len(self._waiting)))
        self._waiting.append((made, restricted))

    # --- playing -------------------------------------------------------------------------------

    def play(self) -> None:
        """Play from the start to the end, instant by instant."""
        instant = self._next()
        while instant is not None and instant <= self._end:
            self._conductor.release(instant, self._records(instant))
            self._look(instant)
            share = (instant - self._start) / (self._end - self._start)
            self._watch(Moment(instant=instant, share=share, reports=self.reports, acts=self.acts))
            instant = self._next()
        self._conductor.release(self._end)

    def _next(self) -> datetime | None:
        """Return the next instant: somebody acts, or a timer comes due."""
        due = self._conductor.next_due()
        moments = [next_tick(due, TICK_MINUTES)] if due is not None else []
        moments += [self._due[0][0]] if self._due else []
        return min(moments, default=None)

    def _records(self, instant: datetime) -> list[Outbound]:
        records = []
        while self._due and self._due[0][0] <= instant:
            _, _, at = heapq.heappop(self._due)
            made, restricted = self._waiting[at]
            if isinstance(made, Outgoing):
                records.append(self._post.sign(made, restricted=restricted))
            else:
                records.append(made)
        return records

    def _look(self, instant: datetime) -> None:
        """Show every case that moved to the people, in a fixed order."""
        for case in self._moved():
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
        at = instant + act.after
        self.put(
            at,
            Outgoing(
                id=act.event_id or derived_id("act", case.id, act.need),
                source=app_of(act.acting.role, case.township),
                data=act.data,
                township=case.township,
                time=next_tick(at, TICK_MINUTES) - act.offline,
                acting=act.acting,
                subject=case.id,
            ),
            restricted=case.mark != "none",
            order=f"{case.id}|{act.need}",
        )

    def _moved(self) -> list[Case]:
        """Return the cases that were decided about since the last look, by id."""
        moved: dict[int, set[str]] = {}
        with self._connection.cursor() as cursor:
            for shard, last in cursor.execute("SELECT shard, seq FROM shards").fetchall():
                known = self._seen.get(shard, 0)
                if last > known:
                    rows = cursor.execute(
                        "SELECT DISTINCT subject FROM journal WHERE shard = %s AND seq > %s"
                        " AND subject ~ '^[0-9a-f-]{36}$'",
                        (shard, known),
                    ).fetchall()
                    moved[shard] = {row[0] for row in rows}
                    self._seen[shard] = last
            found = [
                stored.case
                for shard, ids in moved.items()
                for stored in load_cases(cursor, shard, ids).values()
                if stored.case.version > 0
            ]
        self._connection.commit()
        return sorted(found, key=lambda case: case.id)


def spread(start: datetime, end: datetime, share: float) -> datetime:
    """Return the moment at a share of a stretch of time."""
    return start + timedelta(seconds=int((end - start).total_seconds() * share))
