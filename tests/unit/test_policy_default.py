"""The default pack says what domain.md says, and speaks the words the other rooms speak."""

import re
from pathlib import Path

import pytest

import events.contract.all  # noqa: F401 - fills the contract
from events.contract.consultation import ConsultationKind
from events.contract.feedback import VisitChannel
from events.contract.registry import EVENT_TYPES, STEP_OF_TOPIC
from events.contract.reports import PUBLIC_SOURCES, OutcomeEvidence, ReportSource
from models.notices import ChannelName
from models.policy.actions import Action
from models.policy.categories import Urgency
from models.policy.consultation import Base, Threshold
from models.policy.people import OrgKind, Role, Scope
from models.policy.whistle import WhistleKind
from models.policy.work import Acting
from models.values import SETTLED_STATES, CaseState, Mark
from notifications.notice import NoticeKind
from tests.unit.packs import default_pack

PACK = default_pack()

#: domain.md section 8, line by line: class, then urgency and limit of each subclass in order.
LIMITS = {
    "01": "N5wd N5wd N15wd N15wd U72h N15wd N10wd",
    "02": "U24h E30m E1h U24h U48h U24h E1h",
    "03": "E30m E30m E15m E1h U24h E15m",
    "04": "U2h U1h E15m E15m U24h N2wd",
    "05": "U1h N2wd N5wd N3wd N7wd U24h U12h",
    "06": "N7wd N3wd U12h U4h N2wd N5wd U12h",
    "07": "U48h U48h N10wd E30m U12h N15wd",
    "08": "N10wd U24h N5wd U24h N3wd N10wd N2wd",
    "09": "U48h E2h U48h N10wd N15wd N10wd",
    "10": "E2h U24h N5wd N3wd U24h U4h",
    "11": "N5wd N30wd N3wd N15wd N1wd N5wd",
}
#: Owner levels of the same table: G grid, V village, T township or its organ, C department.
OWNERS = {
    "01": "VVTTCTT",
    "02": "TCCCTCC",
    "03": "TCCTVC",
    "04": "CCCCCV",
    "05": "TVTTCCT",
    "06": "VVCCCTT",
    "07": "CTTCCV",
    "08": "TTVVTTG",
    "09": "CCCTVV",
    "10": "CCTTCV",
    "11": "VVGCGV",
}
LETTER = {
    OrgKind.GRID: "G",
    OrgKind.VILLAGE: "V",
    OrgKind.TOWNSHIP: "T",
    OrgKind.TOWNSHIP_ORGAN: "T",
    OrgKind.DEPARTMENT: "C",
}
ROOT = Path(__file__).parents[2]
#: Rooms that ask for rights; policy's own only gives them.
ASKING = ("events", "flows", "partygrid", "web")
#: Rights that packs give and nothing here asks for yet: those of pages that show cases, of two
#: persons who look into the vault, of switching packs. docs/policy.md says so.
NOT_ASKED_YET = {
    Action.CASE_READ,
    Action.DIGEST_READ,
    Action.AUDIT_READ,
    Action.IDENTITY_ASK_UNMASK,
    Action.IDENTITY_APPROVE_UNMASK,
    Action.IDENTITY_ERASE,
    Action.POLICY_ACTIVATE,
}


def test_eleven_classes_with_seventy_one_subclasses() -> None:
    assert len(PACK.categories.classes) == 11
    assert len(PACK.categories.items) == 71


@pytest.mark.parametrize("head", sorted(LIMITS))
def test_limits_and_owners_of_a_class(head: str) -> None:
    items = [PACK.categories.items[code] for code in PACK.categories.by_class[head]]
    limits = " ".join(f"{item.urgency}{_as_written(str(item.limit))}" for item in items)
    assert limits == " ".join(_as_written(text) for text in LIMITS[head].split())
    assert "".join(LETTER[item.lead.level] for item in items) == OWNERS[head]


def _as_written(text: str) -> str:
    """24h and 1d are one length."""
    return text.replace("24h", "1d").replace("48h", "2d").replace("72h", "3d")


def test_the_marks_of_the_domain() -> None:
    marks = {code: c.mark for code, c in PACK.categories.items.items() if c.mark is not Mark.NONE}
    assert marks == {
        "04-04": Mark.CONFIDENTIAL,
        "04-05": Mark.CONFIDENTIAL,
        "08-04": Mark.CONFIDENTIAL,
        "11-04": Mark.BYPASS,
    }


def test_every_subclass_is_routed_by_a_list_item_to_its_owner() -> None:
    for code, category in PACK.categories.items.items():
        route = PACK.routes[code]
        assert route.item_id in PACK.responsibility.items
        assert route.owner == category.lead
        assert route.owner not in route.helpers
        assert set(category.owners[1:]) <= set(route.helpers)


def test_a_category_without_an_item_goes_to_the_backstop() -> None:
    items = {k: v for k, v in PACK.responsibility.items.items() if k != "B-04"}
    lists = PACK.responsibility.model_copy(update={"items": items})
    policy = PACK.model_copy(update={"responsibility": lists})
    assert policy.routes["01-07"].owner == PACK.responsibility.backstop
    assert policy.routes["01-07"].item_id == ""
    assert PACK.routes["01-07"].item_id == "B-04"


@pytest.mark.parametrize(
    ("code", "action", "acting", "rule"),
    [
        ("06-02", Action.REPORT_REGISTER, Acting.BY_ITSELF, "small"),
        ("06-02", Action.REPORT_MERGE, Acting.PROPOSED, "small"),
        ("05-03", Action.REPORT_REGISTER, Acting.PROPOSED, "larger"),
        ("08-04", Action.REPORT_REGISTER, Acting.PROPOSED, "marked"),
        ("06-02", Action.ESCALATION_URGE, Acting.BY_HAND, ""),
        ("99-99", Action.REPORT_REGISTER, Acting.BY_HAND, ""),
    ],
)
def test_what_acts_by_itself(code: str, action: Action, acting: Acting, rule: str) -> None:
    assert PACK.acting(code, action) == (acting, rule)


@pytest.mark.parametrize(
    ("kind", "clocks"),
    [
        (WhistleKind.EMERGENCY, ("10m", "30m", None, "1d", None)),
        (WhistleKind.ROUTINE, ("4wh", "2wd", "3wd", "7wd", None)),
        (WhistleKind.HARD, ("1wd", "3wd", "5wd", "10wd", "30wd")),
    ],
)
def test_the_whistles_of_the_domain(kind: WhistleKind, clocks: tuple[str | None, ...]) -> None:
    rule = PACK.whistles.kinds[kind]
    told = (rule.sign, rule.arrive, rule.plan, rule.finish, rule.extendable_to)
    assert tuple(None if clock is None else str(clock) for clock in told) == clocks


@pytest.mark.parametrize(
    ("op", "num", "den", "count", "of", "met"),
    [
        pytest.param(">", 1, 2, 50, 100, False, id="half is not over half"),
        pytest.param(">", 1, 2, 51, 100, True, id="over half"),
        pytest.param(">=", 1, 2, 50, 100, True, id="half is at least half"),
        pytest.param(">=", 2, 3, 66, 100, False, id="66 of 100 is below two thirds"),
        pytest.param(">=", 2, 3, 67, 100, True, id="67 of 100"),
        pytest.param(">=", 2, 3, 2, 3, True, id="two of three"),
        pytest.param(">=", 2, 3, 3, 5, False, id="three of five"),
        pytest.param(">", 0, 1, 0, 0, False, id="out of nobody never"),
        pytest.param(">=", 0, 1, 0, 0, False, id="out of nobody never, at least"),
    ],
)
def test_thresholds_at_their_boundary(
    op: str, num: int, den: int, count: int, of: int, met: bool
) -> None:
    threshold = Threshold.model_validate({"base": Base.ALL, "op": op, "num": num, "den": den})
    assert threshold.met(count, of) is met


@pytest.mark.parametrize(
    ("key", "base", "op", "num", "den"),
    [
        ("villagers", "present", ">", 1, 2),
        ("representatives", "present", ">", 1, 2),
        ("collective_assembly", "all", ">=", 2, 3),
        ("collective_representatives", "all", ">=", 2, 3),
        ("group_meeting", "present", ">", 1, 2),
        ("party_members", "eligible", ">", 1, 2),
    ],
)
def test_how_bodies_pass(key: str, base: str, op: str, num: int, den: int) -> None:
    passing = PACK.consultation.body(key).passing
    assert passing is not None
    assert (passing.base, passing.op, passing.num, passing.den) == (base, op, num, den)


@pytest.mark.parametrize(
    ("from_state", "to_state", "reachable"),
    [
        (CaseState.STUB, CaseState.ARCHIVED, True),
        (CaseState.REPORTED, CaseState.VISITING, True),
        (CaseState.HANDLING, CaseState.HANDLING, True),
        (CaseState.CLOSED, CaseState.HANDLING, True),
        (CaseState.ARCHIVED, CaseState.REOPENED, False),
        (CaseState.REJECTED, CaseState.REGISTERED, False),
        (CaseState.HISTORY, CaseState.CLOSED, False),
        (CaseState.HANDLING, CaseState.REPORTED, False),
    ],
)
def test_what_lies_ahead(from_state: CaseState, to_state: CaseState, reachable: bool) -> None:
    assert PACK.lifecycle.can_reach(from_state, to_state) is reachable


def test_an_act_that_comes_early_is_told_from_one_that_comes_too_late() -> None:
    lifecycle = PACK.lifecycle
    assert lifecycle.fits(CaseState.HANDLING, Action.ASSIGNMENT_HANDLE)
    assert not lifecycle.fits(CaseState.DISPATCHED, Action.ASSIGNMENT_HANDLE)
    assert lifecycle.may_fit_later(CaseState.DISPATCHED, Action.ASSIGNMENT_HANDLE)
    assert not lifecycle.may_fit_later(CaseState.ARCHIVED, Action.ASSIGNMENT_HANDLE)
    assert not lifecycle.may_fit_later(CaseState.HANDLING, Action.REPORT_VERIFY)


def test_every_open_state_reaches_a_closed_one() -> None:
    for state in PACK.lifecycle.open_states:
        assert PACK.lifecycle.reach[state] - PACK.lifecycle.open_states, state


def test_open_states_are_the_ones_the_values_call_open() -> None:
    assert PACK.lifecycle.open_states == set(CaseState) - SETTLED_STATES


def test_the_handler_is_kept_from_checking_visiting_and_closing() -> None:
    barred = PACK.roles.barred_by
    for action in (Action.ASSIGNMENT_CHECK, Action.FEEDBACK_CLOSE, Action.FEEDBACK_VISIT):
        assert Action.ASSIGNMENT_HANDLE in barred[action]


@pytest.mark.parametrize(
    ("role", "action", "scopes"),
    [
        (Role.GRID_MEMBER, Action.REPORT_SELF_CLOSE, {Scope.OWN_GRID}),
        (Role.DUTY_SUPERVISOR, Action.FEEDBACK_CLOSE, {Scope.OWN_TOWNSHIP}),
        (Role.PARTY_MEMBER, Action.ASSIGNMENT_HANDLE, {Scope.OWN_CASE}),
        (Role.TOWNSHIP_PRINCIPAL, Action.ESCALATION_WHISTLE_APPROVE, {Scope.OWN_TOWNSHIP}),
        (Role.DISPATCHER, Action.FEEDBACK_CLOSE, set()),
        (Role.AUDITOR, Action.CASE_READ, set()),
        (Role.VILLAGER, Action.ASSIGNMENT_HANDLE, set()),
    ],
)
def test_who_may_do_what_how_far(role: Role, action: Action, scopes: set[Scope]) -> None:
    assert set(PACK.roles.scopes(role, action)) == scopes


def test_only_the_discipline_office_is_in_the_circle_of_bypass_cases() -> None:
    circle = {role for role, rule in PACK.roles.roles.items() if rule.sees_bypass}
    assert circle == {Role.DISCIPLINE_OFFICER}


def named_in_code() -> set[Action]:
    """Actions that some room asks for by name."""
    text = "".join(
        path.read_text(encoding="utf-8") for room in ASKING for path in (ROOT / room).rglob("*.py")
    )
    return {action for action in Action if re.search(rf"\bAction\.{action.name}\b", text)}


def test_every_right_is_asked_for_by_an_event_type_or_by_name() -> None:
    """A right that nobody asks for lets people believe that something can be done."""
    carried = {Action(kind.action) for kind in EVENT_TYPES.values() if kind.action}
    asked = carried | named_in_code()
    assert set(Action) - asked == NOT_ASKED_YET
    assert not carried & NOT_ASKED_YET


def test_what_moves_a_case_is_carried_by_an_event_type() -> None:
    """What the lifecycle ties to a state is an act of somebody's, and acts are events."""
    carried = {kind.action for kind in EVENT_TYPES.values()}
    tied = {*PACK.lifecycle.within, *(move.action for move in PACK.lifecycle.transitions)}
    assert tied - carried == set()


@pytest.mark.parametrize(
    ("used", "known"),
    [
        pytest.param(set(PACK.intake.sources), set(ReportSource), id="sources"),
        pytest.param(PACK.intake.self_close.evidence, set(OutcomeEvidence), id="evidence"),
        pytest.param(set(PACK.intake.patience), set(STEP_OF_TOPIC), id="topics"),
        pytest.param(set(PACK.feedback.channels), set(VisitChannel), id="visit channels"),
    ],
)
def test_words_shared_with_the_contract(used: set[str], known: set[str]) -> None:
    assert used == known


@pytest.mark.parametrize(
    ("used", "known"),
    [
        pytest.param(
            {body.kind for body in PACK.consultation.bodies.values()},
            set(ConsultationKind),
            id="kinds of consultation",
        ),
        pytest.param(PACK.notices.urgent_kinds, set(NoticeKind), id="urgent notices"),
        pytest.param(set(PACK.notices.channels), set(ChannelName), id="channels"),
        pytest.param(
            {c for names in PACK.notices.channels_by_role.values() for c in names},
            set(ChannelName),
            id="channels by role",
        ),
        pytest.param(PACK.intake.verified_sources, set(ReportSource), id="verified sources"),
    ],
)
def test_words_that_other_rooms_must_know(used: set[str], known: set[str]) -> None:
    assert used <= known


def test_what_the_grid_did_not_find_the_public_found() -> None:
    assert set(PACK.intake.sources) - PACK.intake.grid_sources == PUBLIC_SOURCES


def test_emergencies_do_not_wait_for_a_silent_topic() -> None:
    assert not PACK.deadlines.stall[Urgency.EMERGENCY]
    assert PACK.deadlines.stall[Urgency.NORMAL]
