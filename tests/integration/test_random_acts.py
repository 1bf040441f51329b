"""Whatever anybody does, in whatever order and however often: what must hold of every case, holds.

Hypothesis plays the people of a township on the real store: the next acts, acts of those who may
not, early ones, repeated ones, contradictions, and time that passes. The same every time;
`make soak` plays others, and more of them.
"""

from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentDeclined,
    AssignmentReturned,
    HandlingChecked,
    ProgressReported,
    ReworkOrdered,
)
from events.contract.envelope import Acting, Event, Payload
from events.contract.feedback import CaseCancelled
from events.contract.registry import TYPE_OF_PAYLOAD
from events.contract.reports import (
    Place,
    ReportFiled,
    ReportRejected,
    ReportSource,
    ReportSupplemented,
    ReportVerified,
    Verdict,
)
from models.case import Case
from models.policy.people import Role
from models.policy.schema import Policy
from models.values import SETTLED_STATES, CaseState, case_id_of
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.operations.audit import verify_database
from partygrid.operations.rebuilding import new_database, rebuild_into
from partygrid.settings import Settings
from tests.one_shard import County, OneShard, copied
from tests.rig import SOURCE
from tests.services.county_people import member, next_act, visited
from tests.services.hardness import IS_SOAK
from tests.world import GRIDS, NOW, TOWNSHIP, TOWNSHIPS, VILLAGE, acting, branch_of

Drawn = Callable[[st.SearchStrategy[Any]], Any]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if IS_SOAK else 200)]

_GRIDS = [grid for grid in GRIDS if grid.startswith(TOWNSHIP)]
_SOURCES = (ReportSource.GRID_MEMBER, ReportSource.VILLAGER)
_ACTS: tuple[Payload, ...] = (
    ReportVerified(verdict=Verdict.EXISTS),
    ReportSupplemented(description="补充"),
    ReportRejected(reason="不属本县"),
    AssignmentAccepted(),
    AssignmentDeclined(reason="出门在外"),
    AssignmentReturned(reason="不归我管", legal_basis="清单第3条"),
    ProgressReported(note="在办"),
    HandlingChecked(passed=True),
    ReworkOrdered(reason="没修好"),
    CaseCancelled(reason="重复"),
    visited(),
)
_ACTORS: tuple[Acting, ...] = (
    acting(Role.GRID_MEMBER, _GRIDS[0]),
    acting(Role.BRANCH_SECRETARY, branch_of(_GRIDS[0])),
    member(f"p-m1-{_GRIDS[0]}"),
    acting(Role.VILLAGE_SECRETARY, VILLAGE),
    acting(Role.CHECKER, TOWNSHIP),
    acting(Role.VISITOR, TOWNSHIP),
    acting(Role.DUTY_SUPERVISOR, TOWNSHIP),
    acting(Role.ACCEPTOR, TOWNSHIP),
)
#: Of another township, in a role that they do not hold, or of a role that may next to nothing.
_STRANGERS: tuple[Acting, ...] = (
    acting(Role.DUTY_SUPERVISOR, TOWNSHIPS[1]),
    acting(Role.GRID_MEMBER, GRIDS[-1]),
    acting(Role.DUTY_SUPERVISOR, TOWNSHIP, actor="p-nobody"),
    acting(Role.DUTY_SUPERVISOR, TOWNSHIP, actor=f"p-m1-{_GRIDS[0]}"),
    acting(Role.AUDITOR, TOWNSHIP),
)
#: How many inputs are decided in one transaction.
_AT_ONCE = (1, 2, 10_000)
#: What happens, those that bring work on more often.
_HAPPENS = (
    *["whoever_must_does_what_is_next"] * 4,
    *["many_speak_at_once_and_some_twice"] * 3,
    *["anybody_does_anything"] * 3,
    *["two_say_the_opposite_at_once"] * 2,
    *["something_comes_again"] * 2,
    *["somebody_reports"] * 2,
    *["time_passes"] * 2,
    "strangers_are_refused",
    "somebody_tells_more_before_the_report",
)
#: So many acts, or timers that ring, end any case.
_ENOUGH = 80


class Office(RuleBasedStateMachine):
    """One township and everybody in it."""

    postgres: ClassVar[Postgres]
    county: ClassVar[County]
    policy: ClassVar[Policy]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        url = self.stack.enter_context(copied(self.postgres, self.county))
        shard = OneShard(url, self.county.home, policy=self.policy)
        self.shard = self.stack.enter_context(closing(shard))
        self.now: datetime = NOW + timedelta(hours=1)
        self.filed: list[str] = []
        #: what is told of a matter before it is reported, and when: number → events
        self.early: dict[int, list[tuple[Event, datetime]]] = {}
        self.said: list[Event] = []
        self.happened = 0

    @initialize(at_once=st.sampled_from(_AT_ONCE))
    def the_day_begins(self, at_once: int) -> None:
        self.shard.at_once = at_once
        for grid, source in zip(_GRIDS, _SOURCES, strict=False):
            self._file(grid, source)

    #: One rule, because hypothesis would leave out many of several in each example.
    @rule(data=st.data(), what=st.sampled_from(_HAPPENS))
    def something_happens(self, data: st.DataObject, what: str) -> None:
        self.happened += 1
        getattr(self, what)(data.draw)

    # --- what happens --------------------------------------------------------------------------

    def somebody_reports(self, draw: Drawn) -> None:
        self._file(draw(st.sampled_from(_GRIDS)), draw(st.sampled_from(_SOURCES)))

    def _file(self, grid: str, source: ReportSource) -> None:
        number = len(self.filed)
        self._say(self._report(number, grid, source))
        self.filed.append(self._id_of(number))
        for event, since in self.early.pop(number, []):
            patience = self.shard.policy.intake.patience[TYPE_OF_PAYLOAD[type(event.data)].topic]
            waited = self.now - since
            assert self._fate(event) == ("applied" if waited < patience else "dead-lettered")

    def somebody_tells_more_before_the_report(self, draw: Drawn) -> None:
        number = len(self.filed)
        words, who = ReportSupplemented(description="早了"), acting(Role.ACCEPTOR, TOWNSHIP)
        event = self._event(words, who, subject=self._id_of(number))
        self._say(event)
        assert self._fate(event) == "parked"
        self.early.setdefault(number, []).append((event, self.now))

    def whoever_must_does_what_is_next(self, draw: Drawn) -> None:
        case = self._some_case(draw)
        if self._is_moved_on(case):
            assert self.shard.case(case.id).version > case.version

    def anybody_does_anything(self, draw: Drawn) -> None:
        self._pass_minute()
        case, before = self._some_case(draw), self._cases()
        act, who = draw(st.sampled_from(_ACTS)), draw(st.sampled_from(_ACTORS))
        event = self._event(act, who, subject=case.id)
        self._say(event)
        assert (self._cases() != before) == (self._fate(event) == "applied")

    def strangers_are_refused(self, draw: Drawn) -> None:
        case = self._some_case(draw)
        acts = (draw(st.sampled_from(_ACTS)), CaseCancelled(reason="重复"))
        events = [self._event(act, who, subject=case.id) for act in acts for who in _STRANGERS]
        self._say(*events)
        assert {self._fate(event) for event in events} == {"refused"}

    def two_say_the_opposite_at_once(self, draw: Drawn) -> None:
        case = self._worked_on(self._some_case(draw).id, CaseState.CHECKING)
        passed_first, checker = draw(st.booleans()), acting(Role.CHECKER, TOWNSHIP)
        both = [
            self._event(HandlingChecked(passed=passed), checker, subject=case.id)
            for passed in (passed_first, not passed_first)
        ]
        self._say(*both)
        fates = [self._fate(event) for event in both]
        if case.state is CaseState.CHECKING:
            # After "no" the work begins anew, and "yes" waits for its end.
            assert fates == ["applied", "refused" if passed_first else "parked"]
        else:
            assert "applied" not in fates

    def many_speak_at_once_and_some_twice(self, draw: Drawn) -> None:
        case = self._some_case(draw)
        spoken: list[tuple[Payload, Acting]] = draw(
            st.lists(st.tuples(st.sampled_from(_ACTS), st.sampled_from(_ACTORS)), max_size=3)
        )
        if (said := next_act(case)) is not None:
            spoken = [*spoken, said]
        events = [self._event(*one, subject=case.id) for one in spoken]
        self._say(*draw(st.permutations([*events, *events[:2], *self._recent()[-1:]])))

    def something_comes_again(self, draw: Drawn) -> None:
        self._pass_minute()
        event = draw(st.sampled_from(self._recent()))
        before = self._cases(), self._entries(), self._fate(event)
        self._say(event)
        assert (self._cases(), self._entries(), self._fate(event)) == before

    def time_passes(self, draw: Drawn) -> None:
        self._pass(timedelta(minutes=draw(st.sampled_from((10, 60, 24 * 60)))))

    # --- what holds ----------------------------------------------------------------------------

    @invariant()
    def somebody_must_act_or_something_will_ring(self) -> None:
        idle = self.shard.rows(
            "SELECT c.id FROM cases c WHERE c.version > 0 AND c.state <> ALL(%s)"
            " AND coalesce(c.owner, 'null') = 'null'"
            " AND NOT EXISTS (SELECT FROM timers t WHERE t.subject = c.id::text)",
            [str(state) for state in SETTLED_STATES],
        )
        assert idle == []

    @invariant()
    def what_is_to_ring_is_in_the_list_of_timers(self) -> None:
        running = self.shard.rows("SELECT subject, key, due_at FROM timers")
        clocks = {
            (case_id, clock.key, clock.due_at)
            for case_id in self.filed
            for clock in self.shard.case(case_id).clocks
        }
        waiting = self.shard.rows("SELECT id::text, 'patience', patience_until FROM parked")
        assert {one for one in running if one[0] in self.filed} == clocks
        assert {one for one in running if one[1] == "patience"} == set(waiting)
        assert min((due_at for _, _, due_at in running), default=self.now) >= self.now

    @invariant()
    def every_record_has_one_fate_and_every_event_its_answer(self) -> None:
        missing = self.shard.rows(
            'SELECT topic_id FROM records GROUP BY 1 HAVING count(*) <> max("offset")'
        )
        assert missing == []
        not_once = self.shard.rows(
            "SELECT event_id FROM records WHERE source = %s GROUP BY 1"
            " HAVING count(*) FILTER (WHERE fate <> 'duplicate') <> 1",
            SOURCE,
        )
        assert not_once == []
        unanswered = self.shard.rows(
            "SELECT r.event_id, r.fate FROM records r WHERE r.source = %s"
            " AND r.fate <> 'duplicate' AND NOT EXISTS (SELECT FROM outcomes o WHERE"
            " (o.source, o.event_id, o.fate, o.reason) = (r.source, r.event_id, r.fate, r.reason))",
            SOURCE,
        )
        assert unanswered == []

    @invariant()
    def sequences_have_no_gap(self) -> None:
        for table in ("journal", "audit"):
            query = f"SELECT count(*), coalesce(max(seq), 0) FROM {table} WHERE shard = 0"  # noqa: S608
            ((count, last),) = self.shard.rows(query)
            assert count == last

    def teardown(self) -> None:
        with self.stack:
            if self.happened:  # now and then hypothesis tries doing nothing
                self._all_ends_well()

    def _all_ends_well(self) -> None:
        for case_id in self.filed:
            assert self._worked_on(case_id, *SETTLED_STATES).state in SETTLED_STATES
        report = verify_database(self.shard.db, keys={})
        assert report.is_sound, str(report)
        with new_database(self.shard.settings) as fresh:
            _, differences = rebuild_into(self.shard.settings, fresh.url, self.now)
        assert differences == []

    def _worked_on(self, case_id: str, *until: CaseState) -> Case:
        """Whoever must act does, until it has come so far; where nobody must, what rings next does.

        Where it went another way it ends there.
        """
        for _ in range(_ENOUGH):
            case = self.shard.case(case_id)
            if case.state in (*until, *SETTLED_STATES):
                return case
            if not self._is_moved_on(case):
                ((due_at,),) = self.shard.rows("SELECT min(due_at) FROM timers")
                self._pass(due_at - self.now)
        raise AssertionError(self.shard.case(case_id))

    def _is_moved_on(self, case: Case) -> bool:
        """Let whoever must act do so; tell whether anybody must."""
        if (said := next_act(case)) is None:
            return False
        event = self._event(*said, subject=case.id)
        self._say(event)
        if self._fate(event) == "refused" and isinstance(said[0], AssignmentConfirmed):
            # The first candidate has too much to do by now.
            instead = replace(said[0], assignee=case.assignment.org if case.assignment else "")
            event = self._event(instead, said[1], subject=case.id)
            self._say(event)
        assert self._fate(event) == "applied", (event, case)
        return True

    # --- saying and looking --------------------------------------------------------------------

    def _report(self, number: int, grid: str, source: ReportSource) -> Event:
        data = ReportFiled(
            grid=grid,
            category="06-02",
            source=source,
            title=f"第{number}件",
            reporter_ref="r1",
            place=Place(lon=121 + number / 100, lat=30),
        )
        return self._event(data, acting(Role.GRID_MEMBER, grid), event_id=f"report-{number}")

    def _id_of(self, number: int) -> str:
        return str(case_id_of(SOURCE, f"report-{number}"))

    def _event(self, data: Payload, who: Acting, **more: Any) -> Event:
        return self.shard.event(data, who, time=self.now, **more)

    def _say(self, *events: Event) -> None:
        self.shard.say(self.now, *events)
        self.said += [one for one in events if one not in self.said]

    def _pass(self, span: timedelta) -> None:
        self.now += span
        self.shard.until(self.now)

    def _pass_minute(self) -> None:
        """Let everything ring that is due, so that what changes afterwards has another cause."""
        self._pass(timedelta(minutes=1))

    def _recent(self) -> list[Event]:
        """Return what is not too long ago to be believed."""
        longest = self.shard.policy.deadlines.occurred_at_most_before - timedelta(hours=1)
        return [event for event in self.said if self.now - event.time < longest]

    def _some_case(self, draw: Drawn) -> Case:
        return self.shard.case(draw(st.sampled_from(self.filed)))

    def _fate(self, event: Event) -> str:
        rows = self.shard.rows(
            'SELECT fate FROM records WHERE event_id = %s ORDER BY "offset" LIMIT 1', event.id
        )
        return str(rows[0][0])

    def _cases(self) -> list[tuple[Any, ...]]:
        return self.shard.rows("SELECT id::text, version, state FROM cases ORDER BY 1")

    def _entries(self) -> list[tuple[Any, ...]]:
        return self.shard.rows("SELECT count(*) FROM journal")


def test_random_acts(postgres: Postgres, county: County) -> None:
    Office.postgres, Office.county = postgres, county
    Office.policy = bootstrap.policy_of(Settings(home=county.home))
    run_state_machine_as_test(
        Office,
        settings=settings(
            max_examples=100 if IS_SOAK else 6,
            stateful_step_count=60 if IS_SOAK else 40,
            derandomize=not IS_SOAK,
            database=None,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
