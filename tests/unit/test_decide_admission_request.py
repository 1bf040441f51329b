"""A department asks: who may, what it must state, what the list says."""

from typing import Any

import pytest

from events.contract.envelope import Acting
from events.contract.tasks import Funding, TaskRequested
from flows.decide.admission_list import asks_as
from flows.decide.admission_list import findings as found
from models.clocks import ClockKind
from models.directory import Org
from models.policy.categories import parse_owner
from models.policy.people import OrgKind, Role
from models.values import Fate
from models.village import TaskState, task_id_of
from notifications.notice import NoticeKind, RoleAt
from notifications.notice import Org as OrgInbox
from tests import world
from tests.unit.admitting import (
    CIVIL,
    CIVIL_HANDLER,
    COUNTY,
    DAY,
    GRID,
    HANDLER,
    REVIEWER,
    SECRETARY,
    TODAY,
    TOWNSHIP,
    UNTIL,
    VILLAGE,
    WATER,
    Desk,
    asked,
    office,
    unlisted,
)
from tests.unit.packs import changed


@pytest.mark.parametrize(
    ("acting", "reason"),
    [
        pytest.param(CIVIL, "ok", id="the head of a department"),
        pytest.param(CIVIL_HANDLER, "ok", id="who handles in it"),
        pytest.param(HANDLER, "ok", id="a township's handler"),
        pytest.param(SECRETARY, "role_may_not", id="a village asks itself"),
        pytest.param(REVIEWER, "role_may_not", id="a reviewer"),
        pytest.param(
            world.acting(Role.DEPARTMENT_LEAD, "d-water", actor="p-nobody"),
            "role_not_held",
            id="somebody who does not hold the role",
        ),
        pytest.param(
            world.acting(Role.TOWNSHIP_HANDLER, world.TOWNSHIPS[1]),
            "outside_scope",
            id="another township",
        ),
        pytest.param(
            Acting(actor="p", role=Role.DEPARTMENT_LEAD, org="d-none"),
            "unknown_organisation",
            id="an unknown organisation",
        ),
    ],
)
def test_who_may_ask(acting: Acting, reason: str) -> None:
    assert Desk().say(asked(), acting).reason == reason


@pytest.mark.parametrize(
    ("fields", "township", "reason"),
    [
        pytest.param({"villages": ()}, TOWNSHIP, "no_village", id="nobody"),
        pytest.param(
            {"villages": (world.VILLAGES[2],)}, TOWNSHIP, "village_outside", id="another township's"
        ),
        pytest.param(
            {"villages": (TOWNSHIP + "999",)}, TOWNSHIP, "unknown_village", id="an unknown one"
        ),
        pytest.param({"villages": (TOWNSHIP,)}, TOWNSHIP, "unknown_village", id="a township"),
        pytest.param({}, "330999", "outside_scope", id="in another county"),
        pytest.param({"ends_on": TODAY - DAY}, TOWNSHIP, "ends_before_today", id="over already"),
    ],
)
def test_places_and_days_that_are_refused(
    fields: dict[str, Any], township: str, reason: str
) -> None:
    assert Desk().refused(asked(**fields), township=township) == reason


def test_a_department_may_ask_villages_of_the_whole_county() -> None:
    decision = Desk().say(asked(villages=world.VILLAGES), township=COUNTY)
    assert decision.fate is Fate.APPLIED


@pytest.mark.parametrize(
    "field",
    [
        "legal_basis",
        "forms",
        "ledgers",
        "meetings",
        "inspections",
        "systems",
        "funding",
        "ends_on",
    ],
)
def test_the_department_states_it_itself(field: str) -> None:
    desk = Desk()
    assert desk.refused(asked(**{field: None})) == "not_stated"
    assert desk.last.audit[0].detail == {"missing": field}


def test_all_that_is_missing_is_named() -> None:
    desk = Desk()
    bare = TaskRequested(title="t", villages=(VILLAGE,))
    assert desk.refused(bare) == "not_stated"
    missing = str(desk.last.audit[0].detail["missing"]).split(",")
    rules = desk.policy.admission.stated
    assert missing == [name for name in rules if name not in ("title", "villages")]


def test_nought_is_a_statement() -> None:
    assert Desk().done(asked(forms=0, systems=())).fate is Fate.APPLIED


def test_what_is_to_be_stated_is_policy() -> None:
    policy = changed({"admission": {"stated": ["title", "villages"]}})
    bare = TaskRequested(title="t", villages=(VILLAGE,), funding=Funding.DEPARTMENT)
    desk = Desk(policy=policy)
    desk.done(bare)
    assert (desk.task.forms, desk.task.ends_on) == (0, "")


@pytest.mark.parametrize(
    ("fields", "acting", "findings", "state"),
    [
        pytest.param({}, CIVIL, (), TaskState.ADMITTED, id="listed, paid, within its figures"),
        pytest.param({"forms": 0}, CIVIL, (), TaskState.ADMITTED, id="fewer forms than listed"),
        pytest.param({}, HANDLER, (), TaskState.ADMITTED, id="the township may ask for it too"),
        pytest.param(
            {}, WATER, ("asked_by_another",), TaskState.REQUESTED, id="another department's item"
        ),
        pytest.param(
            {"forms": 2}, CIVIL, ("above_figures",), TaskState.REQUESTED, id="a form too many"
        ),
        pytest.param(
            {"meetings": 1}, CIVIL, ("above_figures",), TaskState.REQUESTED, id="a meeting too many"
        ),
        pytest.param(
            {"systems": ("某应用",)}, CIVIL, ("above_figures",), TaskState.REQUESTED, id="an app"
        ),
        pytest.param(
            {"villages": (GRID,)}, CIVIL, ("wrong_level",), TaskState.REQUESTED, id="on a grid"
        ),
        pytest.param(
            {"funding": Funding.NONE}, CIVIL, ("unfunded",), TaskState.REFUSED, id="without money"
        ),
        pytest.param(
            {"funding": Funding.TOWNSHIP}, CIVIL, (), TaskState.ADMITTED, id="the township pays"
        ),
        pytest.param({"item": ""}, CIVIL, ("unlisted",), TaskState.REQUESTED, id="on no list"),
        pytest.param(
            {"item": "V-99"}, CIVIL, ("unlisted",), TaskState.REQUESTED, id="an item there is not"
        ),
        pytest.param(
            {"item": "", "funding": Funding.NONE},
            CIVIL,
            ("unlisted", "unfunded"),
            TaskState.REFUSED,
            id="on no list and without money",
        ),
        pytest.param(
            {"item": "V-02", "forms": 0, "funding": Funding.NONE},
            WATER,
            (),
            TaskState.ADMITTED,
            id="listed without money asked",
        ),
        pytest.param(
            {"item": "G-02", "forms": 0, "villages": (GRID,)},
            CIVIL,
            (),
            TaskState.ADMITTED,
            id="grid work on a grid",
        ),
        pytest.param(
            {"item": "G-02", "forms": 0, "villages": (VILLAGE, VILLAGE)},
            CIVIL,
            (),
            TaskState.ADMITTED,
            id="grid work on all grids of a village",
        ),
    ],
)
def test_what_the_list_says(
    fields: dict[str, Any], acting: Acting, findings: tuple[str, ...], state: TaskState
) -> None:
    desk = Desk()
    desk.done(asked(**fields), acting)
    assert (desk.task.findings, desk.task.state) == (findings, state)
    assert desk.task.listed is (set(findings) <= {"unfunded"})
    assert len(desk.task.villages) == 1
    assert desk.last.audit[0].detail["findings"] == ",".join(findings)


@pytest.mark.parametrize(
    ("kind", "department", "item", "findings"),
    [
        pytest.param(OrgKind.TOWNSHIP_ORGAN, "", "V-04", (), id="a township's organ"),
        pytest.param(OrgKind.DEPARTMENT, "water", "V-04", ("asked_by_another",), id="water"),
        pytest.param(OrgKind.DEPARTMENT, "emergency", "V-02", (), id="emergency"),
    ],
)
def test_who_the_list_means(
    kind: OrgKind, department: str, item: str, findings: tuple[str, ...]
) -> None:
    asker = Org(
        id="o", kind=kind, name="o", code=COUNTY, department=department, valid_from=world.SINCE
    )
    rules = Desk().policy.admission
    assert found(rules, asked(item=item, forms=0), asker) == findings


@pytest.mark.parametrize(
    ("kind", "department", "owner", "asks"),
    [
        pytest.param(OrgKind.TOWNSHIP, "", "township", True, id="the township itself"),
        pytest.param(OrgKind.TOWNSHIP_ORGAN, "justice", "township", True, id="one of its organs"),
        pytest.param(OrgKind.TOWNSHIP_ORGAN, "justice", "township:justice", True, id="that organ"),
        pytest.param(OrgKind.TOWNSHIP_ORGAN, "police", "township:justice", False, id="another"),
        pytest.param(OrgKind.TOWNSHIP, "", "township:justice", False, id="not the organ named"),
        pytest.param(OrgKind.DEPARTMENT, "water", "township", False, id="a department"),
        pytest.param(OrgKind.DEPARTMENT, "water", "county", False, id="a department is no county"),
    ],
)
def test_whom_an_owner_names(kind: OrgKind, department: str, owner: str, *, asks: bool) -> None:
    asker = Org(
        id="o", kind=kind, name="o", code=COUNTY, department=department, valid_from=world.SINCE
    )
    assert asks_as(asker, parse_owner(owner)) is asks


def test_listed_it_is_admitted_by_the_engine_with_the_rules_name() -> None:
    desk = Desk()
    decision = desk.done(asked())
    by_engine = decision.audit[-1]
    assert by_engine.acting.actor == "system:admission"
    assert by_engine.rule == "admission/listed/V-01"
    assert (by_engine.before, by_engine.after) == ("requested", "admitted")
    told = [(n.kind, n.recipient) for n in decision.notices]
    assert (NoticeKind.TASK_ADMITTED, OrgInbox(id=VILLAGE)) in told  # type: ignore[arg-type]
    assert (NoticeKind.TASK_ADMITTED, OrgInbox(id="d-civil_affairs")) in told  # type: ignore[arg-type]


def test_without_money_it_is_refused_by_the_engine_and_the_villages_are_left_alone() -> None:
    desk = Desk()
    decision = desk.done(asked(funding=Funding.NONE))
    refusing = decision.audit[-1]
    assert (refusing.reason, refusing.rule) == ("unfunded", "admission/unfunded_refused")
    assert refusing.acting.actor == "system:admission"
    assert {n.recipient for n in decision.notices} == {OrgInbox(id="d-civil_affairs")}  # type: ignore[arg-type]
    assert desk.task.decided_at == desk.now


@pytest.mark.parametrize(
    ("overlay", "data", "state"),
    [
        pytest.param({"listed_by_itself": False}, asked(), TaskState.REQUESTED, id="never alone"),
        pytest.param(
            {"unfunded_refused": False},
            asked(funding=Funding.NONE),
            TaskState.REQUESTED,
            id="money is asked for by a person",
        ),
        pytest.param(
            {"unfunded_refused": False},
            unlisted(funding=Funding.NONE),
            TaskState.REQUESTED,
            id="unlisted, and money no matter",
        ),
    ],
)
def test_what_the_engine_decides_is_policy(
    overlay: dict[str, Any], data: TaskRequested, state: TaskState
) -> None:
    desk = Desk(policy=changed({"admission": overlay}))
    desk.done(data)
    assert desk.task.state is state


def test_what_needs_a_person_is_asked_of_the_first_reviewer() -> None:
    desk = Desk()
    decision = desk.done(unlisted())
    clock = desk.clock(ClockKind.TASK_REVIEW)
    assert clock is not None
    assert clock.deadline is not None
    assert str(clock.deadline.span) == "5wd"
    needed = [n.recipient for n in decision.notices if n.kind is NoticeKind.TASK_REVIEW_NEEDED]
    assert needed == [RoleAt(role=Role.ADMISSION_REVIEWER, org=TOWNSHIP)]  # type: ignore[arg-type]


def test_the_task_keeps_what_was_asked() -> None:
    desk = Desk()
    desk.done(unlisted(forms=3, ledgers=2, systems=("甲", "乙"), off_hours=True, urgent=True))
    task = desk.task
    assert task.id == task_id_of(world.APP_SOURCE, "e1")
    assert (task.forms, task.ledgers, task.systems) == (3, 2, ("甲", "乙"))
    assert (task.off_hours, task.urgent, task.funding) == (True, True, "department")
    assert (task.asked_by, task.township, task.ends_on) == (
        "d-civil_affairs",
        TOWNSHIP,
        UNTIL.isoformat(),
    )
    assert task.policy_version == desk.policy.version
    assert desk.refused(unlisted()) == "task_known"


def test_an_admitted_task_ends_with_its_last_day() -> None:
    desk = Desk()
    desk.done(asked(ends_on=TODAY))
    end = desk.clock(ClockKind.TASK_END)
    assert end is not None
    assert office().local(end.due_at).isoformat() == "2026-03-11T00:00:00"
    assert desk.clock(ClockKind.TASK_EXPIRING) is None, "too near to be told of beforehand"
