"""议定事项: owner, clear-off date, and what late means."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from events.contract.consultation import (
    ActionItemCleared,
    ActionItemSet,
    ConsultationConcluded,
    ConsultationKind,
    ConsultationOutcome,
    ConsultationRequested,
)
from models.clocks import ClockKind
from models.deadlines import due
from models.policy.people import Role
from models.policy.span import parse_span
from models.values import CaseState
from notifications.notice import NoticeKind, Org, Person, RoleAt
from tests.unit.consulting import (
    COMMITTEE,
    DAY,
    DISPATCHER,
    ENGINE,
    NOW,
    SECRETARY,
    VILLAGE,
    VILLAGER,
    Talk,
    council,
    office,
    registered,
)

UNTIL = NOW + 10 * DAY


def given(owner: str = COMMITTEE.actor, until: datetime | None = UNTIL) -> ActionItemSet:
    return ActionItemSet(item="token", owner=owner, due_at=until)


def met() -> Talk:
    """A joint meeting that goes on and has given one task."""
    talk = Talk().requested(ConsultationKind.JOINT_MEETING, "joint_meeting")
    talk.done(given())
    return talk


def test_an_item_has_an_owner_and_a_date() -> None:
    talk = met()
    (item,) = talk.talk.items
    clock = talk.clock(ClockKind.ACTION_ITEM)
    assert (item.owner, item.due_at, item.cleared_at) == (COMMITTEE.actor, UNTIL, None)
    assert clock is not None
    assert (clock.part, clock.due_at) == (item.id, UNTIL)


def test_without_a_date_policys_span_is_taken() -> None:
    talk = council()
    talk.done(given(until=None))
    span = parse_span("10wd")
    assert talk.talk.items[0].due_at == due(talk.now, span, office=office()).due_at
    assert talk.last.audit[0].rule == "consultation/action_item"


@pytest.mark.parametrize(
    ("said", "acting", "reason"),
    [
        pytest.param(given(owner=VILLAGE), SECRETARY, "ok", id="an organisation"),
        pytest.param(given(owner="p-nobody"), SECRETARY, "unknown_owner", id="nobody"),
        pytest.param(given(until=NOW), SECRETARY, "due_in_past", id="due now"),
        pytest.param(given(), VILLAGER, "role_may_not", id="without the right"),
    ],
)
def test_setting_an_item(said: Any, acting: Any, reason: str) -> None:
    talk = Talk().requested(ConsultationKind.JOINT_MEETING, "joint_meeting")
    assert talk.say(said, acting).reason == reason


def test_there_is_no_item_without_a_consultation() -> None:
    talk = Talk(case=replace(registered(), state=CaseState.HANDLING))
    assert talk.refused(given()) == "no_consultation"
    assert talk.refused(ActionItemCleared(item="e1")) == "unknown_item"


@pytest.mark.parametrize(
    ("at", "told", "sequence", "late"),
    [
        pytest.param(UNTIL - DAY, None, -1, False, id="before its date"),
        pytest.param(UNTIL, None, -1, False, id="on the dot"),
        pytest.param(UNTIL + timedelta(seconds=1), None, -1, True, id="a second late"),
        pytest.param(UNTIL + DAY / 2, UNTIL - DAY / 2, 4, False, id="done offline in time"),
        pytest.param(UNTIL + DAY / 2, UNTIL - DAY / 2, -1, True, id="said so, without a number"),
        pytest.param(UNTIL + DAY, UNTIL - DAY / 2, 4, True, id="beyond the offline window"),
    ],
)
def test_clearing_late_is_on_record(
    at: datetime, told: datetime | None, sequence: int, *, late: bool
) -> None:
    talk = met()
    item = talk.talk.items[0].id
    if at > UNTIL:
        talk.ring(ClockKind.ACTION_ITEM)
        assert talk.talk.items[0].late
    talk.done(ActionItemCleared(item=item), COMMITTEE, at=at, told=told, sequence=sequence)
    assert talk.talk.items[0].late is late
    assert talk.talk.items[0].cleared_at == (told or at)
    assert talk.reasons == ["cleared_late" if late else "ok"]
    assert talk.clock(ClockKind.ACTION_ITEM) is None
    assert talk.refused(ActionItemCleared(item=item), COMMITTEE) == "cleared_already"


def test_when_it_is_due_its_owner_and_the_secretary_hear() -> None:
    talk = met()
    talk.ring(ClockKind.ACTION_ITEM)
    notices = [n for n in talk.last.notices if n.kind is NoticeKind.ACTION_ITEM_DUE]
    assert [n.recipient for n in notices] == [
        Person(id=COMMITTEE.actor),  # type: ignore[arg-type]
        RoleAt(role=Role.VILLAGE_SECRETARY, org=VILLAGE),  # type: ignore[arg-type]
    ]
    assert {n.params["item"] for n in notices} == {"1"}
    assert talk.clock(ClockKind.ACTION_ITEM) is None


def test_items_outlive_the_consultation_and_the_case() -> None:
    talk = met()
    talk.done(given(owner=VILLAGE))
    talk.done(ConsultationConcluded(outcome=ConsultationOutcome.AGREED), DISPATCHER)
    assert {clock.kind for clock in talk.case.clocks} == {ClockKind.ACTION_ITEM}
    talk.case = replace(talk.case, state=CaseState.CLOSED)
    talk.ring(ClockKind.ACTION_ITEM)
    assert talk.reasons == ["item_late"]
    assert Org(id=VILLAGE) not in [n.recipient for n in talk.last.notices]  # type: ignore[arg-type]
    talk.done(ActionItemCleared(item=talk.talk.items[1].id), SECRETARY)
    assert [item.late for item in talk.talk.items] == [True, False]


def test_items_that_are_not_cleared_off_come_along_to_the_next_consultation() -> None:
    talk = met()
    talk.done(given(owner=VILLAGE))
    first, second = (item.id for item in talk.talk.items)
    talk.done(ActionItemCleared(item=first), COMMITTEE)
    talk.done(ConsultationConcluded(outcome=ConsultationOutcome.NO_AGREEMENT), DISPATCHER)
    asked = ConsultationRequested(kind=ConsultationKind.HEARING, body="hearing")
    talk.done(asked, ENGINE)
    assert [item.id for item in talk.talk.items] == [second]
    talk.done(ActionItemCleared(item=second), SECRETARY)
