"""Whatever people do in whatever order: a case is never lost, and deciding is repeatable."""

from datetime import timedelta
from importlib import import_module
from pkgutil import iter_modules

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentHandled,
    AssignmentRequested,
    HandlingChecked,
    ProgressReported,
)
from events.contract.envelope import Acting, Payload
from events.contract.escalation import EmergencyDeclared
from events.contract.feedback import (
    AnswerDisputed,
    CaseCancelled,
    CaseClosed,
    CaseReopened,
    SelfCloseAudited,
    VisitAnswered,
    VisitChannel,
    VisitResult,
)
from events.contract.registry import TYPE_OF_PAYLOAD
from events.contract.reports import (
    MergeDeclined,
    OutcomeEvidence,
    ReportAmended,
    ReportFiled,
    ReportMarked,
    ReportMerged,
    ReportReclassified,
    ReportRegistered,
    ReportRejected,
    ReportSelfClosed,
    ReportSource,
    ReportSupplemented,
    ReportVerified,
    Verdict,
    VerificationRequested,
)
from flows.decide.feedback_closing import OUTLIVING
from models import reasons
from models.case import Case
from models.clocks import Clock, ClockKind
from models.deadlines import due
from models.handling import Assignment, AssignmentState, Visit
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.work import Satisfaction
from models.values import CaseState, Fate, Mark
from tests import world
from tests.unit import taking_in as t
from tests.unit.packs import default_pack

PEOPLE = (
    t.MEMBER,
    t.HANDLER,
    t.VILLAGER,
    t.HOTLINE,
    t.ACCEPTOR,
    t.DISPATCHER,
    t.SUPERVISOR,
    t.SUPERVISOR,
    t.VISITOR,
    t.DISCIPLINE,
    world.acting(Role.CHECKER, t.TOWNSHIP),
    world.acting(Role.TOWNSHIP_HANDLER, t.TOWNSHIP),
)
CATEGORIES = ("", t.LAMP, t.RUBBISH, t.SEWAGE, t.WATER, t.FLOOD, t.CHILD, t.CONDUCT, t.QUARREL)
VISITED = Visit(
    id="33333333-3333-5333-8333-333333333333",
    requested_at=t.NOW,
    channel="call",
    result="answered",
    solved=True,
    satisfaction="satisfied",
    visitor=t.VISITOR.actor,
    answered_at=t.NOW,
)
SETTLED_CLOCKS = {ClockKind.EVALUATE, ClockKind.ARCHIVE, *OUTLIVING}

#: What somebody says of a case; None: the next of its clocks rings.
Said = tuple[int, Payload | None, Acting]


@st.composite
def reports(draw: DrawFn) -> ReportFiled:
    return t.report(
        draw(st.sampled_from(CATEGORIES)),
        source=draw(st.sampled_from(list(ReportSource))),
        place=draw(st.sampled_from([None, t.HERE])),
        reporter_ref=draw(st.sampled_from(["", t.REPORTER])),
        emergency=draw(st.booleans()) and draw(st.booleans()),
        mark=draw(st.sampled_from([Mark.NONE, Mark.NONE, *Mark])),
        joint=draw(st.booleans()) and draw(st.booleans()),
        concerns_minor=draw(st.booleans()) and draw(st.booleans()),
    )


OTHER = "other"
CATEGORY = st.sampled_from(CATEGORIES[1:])
#: Whatever somebody may say of a case; `OTHER` stands for the id of another case.
ACTS: tuple[st.SearchStrategy[Payload], ...] = (
    st.builds(ReportAmended, grid=st.sampled_from(world.GRIDS[:2]), reason=st.just("r")),
    st.builds(ReportSupplemented, description=st.just("x")),
    st.builds(VerificationRequested),
    st.builds(ReportVerified, verdict=st.sampled_from(list(Verdict))),
    st.builds(ReportRegistered, category=CATEGORY, tier=st.integers(0, 4)),
    st.builds(ReportRejected, reason=st.sampled_from(["", "r"])),
    st.builds(ReportMerged, into=st.just(OTHER)),
    st.builds(MergeDeclined, other=st.just(OTHER)),
    st.builds(
        ReportSelfClosed,
        outcome=st.just("o"),
        shown_by=st.sampled_from(list(OutcomeEvidence)),
        witness=st.just("w"),
    ),
    st.builds(ReportReclassified, category=CATEGORY, reason=st.just("r")),
    st.builds(ReportMarked, mark=st.sampled_from(list(Mark)), reason=st.just("r")),
    st.builds(EmergencyDeclared, level=st.integers(1, 4), reason=st.just("r")),
    st.builds(AssignmentRequested),
    st.builds(AssignmentAccepted),
    st.builds(ProgressReported, note=st.just("n")),
    st.builds(
        AssignmentHandled,
        opinion=st.just("o"),
        shown_by=st.just(OutcomeEvidence.STATEMENT),
        without_helpers=st.just("r"),
    ),
    st.builds(HandlingChecked, passed=st.booleans()),
    st.builds(
        VisitAnswered,
        channel=st.sampled_from(list(VisitChannel)),
        result=st.sampled_from(list(VisitResult)),
        solved=st.booleans(),
        satisfaction=st.sampled_from([None, *Satisfaction]),
    ),
    st.builds(AnswerDisputed, reason=st.just("r")),
    st.builds(CaseReopened, reason=st.just("r")),
    st.builds(SelfCloseAudited, solved=st.booleans(), note=st.just("n")),
    st.builds(CaseClosed),
    st.builds(CaseCancelled, reason=st.just("r")),
)
ACTIONS = tuple(
    Action(TYPE_OF_PAYLOAD[kind].action)
    for kind in (
        ReportAmended,
        ReportSupplemented,
        VerificationRequested,
        ReportVerified,
        ReportRegistered,
        ReportRejected,
        ReportMerged,
        MergeDeclined,
        ReportSelfClosed,
        ReportReclassified,
        ReportMarked,
        EmergencyDeclared,
        AssignmentRequested,
        AssignmentAccepted,
        ProgressReported,
        AssignmentHandled,
        HandlingChecked,
        VisitAnswered,
        AnswerDisputed,
        CaseReopened,
        SelfCloseAudited,
        CaseClosed,
        CaseCancelled,
    )
)
#: Clocks of cases; the round belongs to the township.
RINGS = frozenset(ClockKind) - {ClockKind.ROUND}
#: A case on which each kind of case has stood, so that a walk does not begin at the beginning only.
_DEADLINE = due(t.NOW, default_pack().deadlines.visit, office=t.office())
VISIT_CLOCK = Clock(key="visit", generation=5, due_at=_DEADLINE.due_at, deadline=_DEADLINE)
ASKED = Visit(id=VISITED.id, requested_at=t.NOW, channel="call")
HANDLED = Assignment(
    id="22222222-2222-5222-8222-222222222222",
    state=AssignmentState.HANDLED,
    org=t.VILLAGE,
    requested_at=t.NOW,
    handled_by=t.HANDLER.actor,
)
STARTS = tuple(
    case
    for category in (t.LAMP, t.SEWAGE)
    for case in (
        t.case_at(CaseState.CHECKING, category, assignment=HANDLED),
        t.case_at(CaseState.VISITING, category, visit=ASKED, clocks=(VISIT_CLOCK,)),
        t.case_at(CaseState.CLOSED, category, visit=VISITED, owner=None, closed_at=t.NOW),
        t.case_at(CaseState.REOPENED, category, reopened=1),
    )
)


class Walk:
    """A desk, and the inputs it was given, so that they can be given to another."""

    def __init__(self, start: Case | None) -> None:
        self.desk = t.desk_with(start) if start is not None else t.Desk()
        self.start = start
        self.script: list[tuple[str, timedelta, Payload | None, Acting]] = []

    def file(self, data: ReportFiled) -> None:
        self.take("", timedelta(), data, t.HOTLINE)

    def take(self, case_id: str, later: timedelta, said: Payload | None, who: Acting) -> None:
        """Give the desk one input; check what must hold after it and what it led to."""
        self.script.append((case_id, later, said, who))
        desk, before = self.desk, self.desk.cases.get(case_id)
        desk.now += later
        if said is None:
            self._ring(case_id)
        elif desk.say(said, who, case_id).fate is not Fate.APPLIED:
            assert desk.cases.get(case_id) is before
        self.check()

    def _ring(self, case_id: str) -> None:
        clocks = [clock for clock in self.desk.cases[case_id].clocks if clock.kind in RINGS]
        if clocks:
            self.desk.ring(case_id, min(clocks, key=lambda clock: clock.due_at).kind)

    def again(self) -> "Walk":
        """Give the same inputs to another desk."""
        other = Walk(self.start)
        for step in self.script:
            other.take(*step)
        return other

    def check(self) -> None:
        for case in self.desk.cases.values():
            if case.is_open:
                assert case.owner is not None, case.state
            else:
                assert {clock.kind for clock in case.clocks} <= SETTLED_CLOCKS, case.state
                assert case.owner is None, case.state
            if case.mark is Mark.BYPASS:
                assert case.circle == ("d-discipline",)
                owner = case.owner
                assert owner is None or owner.org == "d-discipline", (case.state, owner)
            if case.merged_into:
                assert case.id in self.desk.cases[case.merged_into].merged
            assert len({clock.key for clock in case.clocks}) == len(case.clocks)


def fitting(case: Case, *, ending: bool) -> list[st.SearchStrategy[Payload]]:
    """The acts that make sense in the case's state; those that end it only where asked for."""
    ends = () if ending else (Action.FEEDBACK_CANCEL, Action.REPORT_REJECT)
    lifecycle = default_pack().lifecycle
    return [
        act
        for act, action in zip(ACTS, ACTIONS, strict=True)
        if lifecycle.fits(case.state, action) and action not in ends
    ]


def able(case: Case, said: Payload | None) -> list[Acting]:
    """Whoever's role has the right, first of all who owns the step; and anybody at all."""
    right = Action(TYPE_OF_PAYLOAD[type(said)].action) if said is not None else None
    roles = default_pack().roles.holders[right] if right is not None else frozenset()
    found = [who for who in PEOPLE if who.role in roles]
    if case.owner is not None and case.owner.role in roles:
        held = t.directory().holders(case.owner.role, case.owner.org, t.NOW)
        persons = (case.owner.person,) if case.owner.person else held
        owner = case.owner
        found += 3 * [Acting(actor=who, role=owner.role, org=owner.org) for who in persons]
    return [*found * 2, *PEOPLE[:3]]


@st.composite
def walks(draw: DrawFn) -> Walk:
    """Reports, and then what happens to them: what fits their states, mostly by whom it should."""
    walk = Walk(draw(st.sampled_from([None, None, None, *STARTS])))
    for data in draw(st.lists(reports(), min_size=1, max_size=2)):
        walk.file(data)
    for _ in range(draw(st.integers(0, 20))):
        case = draw(st.sampled_from(list(walk.desk.cases.values())))
        others = [one for one in walk.desk.cases if one != case.id]
        acts = fitting(case, ending=draw(st.integers(0, 4)) == 0)
        said = draw(st.one_of(st.none(), *acts, *acts)) if acts else None
        if others and isinstance(said, ReportMerged):
            said = ReportMerged(into=case.merge_candidate or others[0])
        if others and isinstance(said, MergeDeclined):
            said = MergeDeclined(other=case.merge_candidate or others[0])
        later = timedelta(minutes=draw(st.sampled_from([0, 1, 60, 60 * 24])))
        walk.take(case.id, later, said, draw(st.sampled_from(able(case, said))))
    return walk


@settings(max_examples=150, deadline=None)
@given(walks())
def test_a_case_always_has_an_owner_until_it_is_settled(walk: Walk) -> None:
    assert walk.desk.decisions


@settings(max_examples=40, deadline=None)
@given(walks())
def test_deciding_twice_decides_the_same(walk: Walk) -> None:
    assert walk.again().desk.decisions == walk.desk.decisions


@settings(max_examples=60, deadline=None)
@given(walks())
def test_every_reason_has_its_sentences(walk: Walk) -> None:
    known = {
        code
        for module in iter_modules(reasons.__path__)
        for code in import_module(f"models.reasons.{module.name}").REASONS
    }
    given = {audit.reason for one in walk.desk.decisions for audit in one.audit}
    params = {
        str(notice.params["reason"])
        for one in walk.desk.decisions
        for notice in one.notices
        if "reason" in notice.params
    }
    assert given | params <= known


@settings(max_examples=80, deadline=None)
@given(walks())
def test_every_move_is_an_edge_of_the_policys_graph(walk: Walk) -> None:
    lifecycle = default_pack().lifecycle
    edges = {(source, m.target) for m in lifecycle.transitions for source in m.sources}
    for decision in walk.desk.decisions:
        for audit in decision.audit:
            if audit.before != audit.after:
                assert (audit.before, audit.after) in edges, audit.action
