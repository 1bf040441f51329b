"""A tiny installation at work: one village, a case or task in each step, something in every drawer.

It is played before each release, and its database and log are kept as text: see
`tests.release_snapshot`. What stands in here must go on being sayable in every later release.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from events.admission import ENGINE_KEY, ENGINE_SOURCE
from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentHandled,
    HandlingChecked,
)
from events.contract.directory import OrgSet, PersonSet, RoleSet
from events.contract.envelope import Acting, Event, Payload
from events.contract.escalation import WhistleRequested
from events.contract.reports import (
    OutcomeEvidence,
    ReportFiled,
    ReportRegistered,
    ReportSource,
    ReportSupplemented,
)
from events.contract.tasks import Funding, TaskRequested
from flows.batch import RawRecord, Result
from models.policy.people import Role
from models.policy.whistle import WhistleKind
from models.values import case_id_of
from tests.one_shard import OneShard
from tests.rig import SOURCE
from tests.rigged import FOUNDER
from tests.world import (
    COUNTY,
    GRID,
    NOW,
    TOWNSHIP,
    VILLAGE,
    acting,
    branch_of,
    directory_events,
)

MINUTE = timedelta(minutes=1)
#: When the release's last minute was.
END = NOW + timedelta(hours=2)
WATER, CIVIL_AFFAIRS = "d-water", "d-civil_affairs"
_PLACES = {COUNTY, TOWNSHIP, VILLAGE, GRID, branch_of(GRID), WATER, CIVIL_AFFAIRS}
_ROLES = {
    *(Role.GRID_MEMBER, Role.BRANCH_SECRETARY, Role.PARTY_MEMBER, Role.VILLAGE_SECRETARY),
    *(Role.DUTY_SUPERVISOR, Role.DISPATCHER, Role.CHECKER, Role.VISITOR, Role.TOWNSHIP_PRINCIPAL),
    *(Role.DEPARTMENT_LEAD, Role.DEPARTMENT_HANDLER, Role.ADMISSION_REVIEWER, Role.DIRECTORY_ADMIN),
}
MEMBER = acting(Role.GRID_MEMBER, GRID)
SUPERVISOR = acting(Role.DUTY_SUPERVISOR, TOWNSHIP)
DISPATCHER = acting(Role.DISPATCHER, TOWNSHIP)
SECRETARY = acting(Role.BRANCH_SECRETARY, branch_of(GRID))


def case_of(name: str) -> str:
    """Return the id of the case that a report opened."""
    return case_id_of(SOURCE, name)


class Playing(OneShard):
    """Keeps the log: every record that was read, in order."""

    log: tuple[RawRecord, ...] = ()

    def hear(self, records: Sequence[RawRecord]) -> list[Result]:
        self.log = (*self.log, *records)
        return super().hear(records)

    def does(self, at: int, data: Payload, by: Acting, *, case: str = "", name: str = "") -> None:
        """Let somebody act so many minutes after the beginning."""
        now = NOW + at * MINUTE
        self.until(now)
        self.say(now, self.said(at, data, by, case=case, name=name))

    def said(self, at: int, data: Payload, by: Acting, *, case: str = "", name: str = "") -> Event:
        """Return what somebody says so many minutes after the beginning."""
        subject = case_of(case) if case else ""
        return self.event(data, by, subject=subject, time=NOW + at * MINUTE, event_id=name)

    def unread(self, event: Event) -> RawRecord:
        """Return a record that lies in the log and was not read."""
        return self._record(event, event.time)


def found(playing: Playing) -> None:
    """Enter the village and those who have to do with it."""
    every = directory_events(("water", "civil_affairs"))
    orgs = [one for one in every if isinstance(one, OrgSet) and one.org in _PLACES]
    roles = [
        one
        for one in every
        if isinstance(one, RoleSet) and one.org in _PLACES and one.role in _ROLES
    ]
    people = {one.person for one in roles}
    persons = [one for one in every if isinstance(one, PersonSet) and one.person in people]
    events = [
        replace(
            playing.event(data, FOUNDER, township=COUNTY, time=NOW, source=ENGINE_SOURCE),
            key_id=ENGINE_KEY,
        )
        for data in (*orgs, *persons, *roles)
    ]
    playing.say(NOW, *events)


def filed(category: str, title: str, **more: Any) -> ReportFiled:
    """Return a report from the grid."""
    return ReportFiled(
        grid=GRID, category=category, source=ReportSource.GRID_MEMBER, title=title, **more
    )


def play(playing: Playing, *, reporter_ref: str) -> None:
    """Bring a matter into each step; the quarrel is talked over by itself."""
    found(playing)
    playing.does(1, filed("06-02", "路灯坏了", reporter_ref=reporter_ref), MEMBER, name="lamp")
    playing.does(2, filed("06-06", "水渠被占"), MEMBER, name="river")
    playing.does(3, filed("01-01", "邻里排水争执"), MEMBER, name="quarrel")
    playing.does(4, filed("06-06", "泵站损坏", description="水上不来"), MEMBER, name="pump")
    playing.does(5, filed("06-02", "桥头灯坏了"), MEMBER, name="bridge")
    playing.until(NOW + 15 * MINUTE)
    lamp(playing)
    playing.does(40, ReportRegistered(), SUPERVISOR, case="river")
    called = WhistleRequested(kind=WhistleKind.HARD, lead=WATER, reason="越出镇里权限")
    playing.does(41, called, DISPATCHER, case="river")
    playing.does(43, ReportRegistered(), SUPERVISOR, case="bridge")
    asked = TaskRequested(
        title="入户核查",
        item="V-01",
        villages=(VILLAGE,),
        legal_basis="社会救助暂行办法",
        forms=1,
        ledgers=0,
        meetings=0,
        inspections=0,
        systems=(),
        funding=Funding.DEPARTMENT,
        ends_on=(END + timedelta(days=90)).date(),
    )
    playing.does(44, asked, acting(Role.DEPARTMENT_HANDLER, CIVIL_AFFAIRS), name="survey")
    # One comes before its report, one is refused, one can never be read.
    playing.does(45, ReportSupplemented(description="路面塌陷"), MEMBER, case="road")
    playing.does(46, ReportRegistered(), MEMBER, case="pump")
    playing.hear([playing.record("grid.reports", [], b"{", NOW + 47 * MINUTE)])
    playing.until(END)


def lamp(playing: Playing) -> None:
    """The lamp is mended and checked; the villager was not asked yet."""
    work = playing.case(case_of("lamp")).assignment
    assert work is not None
    chosen = work.candidates[0].assignee
    member = Acting(actor=chosen, role=str(Role.PARTY_MEMBER), org=branch_of(GRID))
    playing.does(20, AssignmentConfirmed(assignee=chosen), SECRETARY, case="lamp")
    playing.does(22, AssignmentAccepted(), member, case="lamp")
    done = AssignmentHandled(opinion="已换灯泡", shown_by=OutcomeEvidence.STATEMENT)
    playing.does(30, done, member, case="lamp")
    checker = acting(Role.CHECKER, TOWNSHIP)
    playing.does(35, HandlingChecked(passed=True), checker, case="lamp")


def left_unread(playing: Playing) -> list[RawRecord]:
    """Return what lay in the log when the release ended: the road's report, and one more act."""
    said = [
        playing.said(118, filed("06-06", "路面塌陷"), MEMBER, name="road"),
        playing.said(119, ReportRegistered(), SUPERVISOR, case="pump", name="pump-registered"),
    ]
    return [playing.unread(event) for event in said]
