"""Reviews in order, the approver, temporary admission, and how a task ends."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contract.envelope import Acting
from events.contract.tasks import (
    TaskAdmitted,
    TaskAdmittedTemporarily,
    TaskExpired,
    TaskRefused,
    TaskReviewed,
    TaskWithdrawn,
)
from flows.decide.decision import Decision
from models.clocks import ClockKind
from models.directory import RoleHeld
from models.policy.people import Role
from models.values import Fate
from models.village import TaskState
from notifications.notice import NoticeKind, Org, RoleAt
from tests import world
from tests.unit.admitting import (
    CIVIL,
    CIVIL_HANDLER,
    COUNTY,
    DAY,
    HANDLER,
    LEADER,
    PRINCIPAL,
    REVIEWER,
    SECRETARY,
    TODAY,
    TOWNSHIP,
    VILLAGE,
    WATER,
    Desk,
    asked,
    office,
    unlisted,
)
from tests.unit.packs import changed, default_pack, part

ENGINE = Acting(actor="system:admission", role="system", org=TOWNSHIP, asserted_by="system")
SECOND = world.acting(Role.ADMISSION_REVIEWER, COUNTY, actor="p-reviewer-2")


def waiting(**fields: Any) -> Desk:
    """A request that waits for its first review."""
    desk = Desk()
    desk.done(unlisted(**fields))
    return desk


def let_through(ends_on: date = TODAY + 30 * DAY, **fields: Any) -> TaskAdmittedTemporarily:
    return TaskAdmittedTemporarily(
        **{"ends_on": ends_on, "consents": (VILLAGE,), "reason": "token", **fields}
    )


def test_reviewed_then_approved() -> None:
    desk = waiting()
    assert desk.refused(TaskAdmitted(), LEADER) == "review_missing"
    decision = desk.done(TaskReviewed(reason="token"), REVIEWER)
    assert (decision.audit[0].reason, decision.audit[0].rule) == (
        "review_passed",
        "admission/reviews/1",
    )
    told = [n.recipient for n in decision.notices if n.kind is NoticeKind.TASK_REVIEW_NEEDED]
    assert told == [RoleAt(role=Role.COUNTY_LEADER, org=TOWNSHIP)]  # type: ignore[arg-type]
    assert desk.refused(TaskReviewed(), REVIEWER) == "reviews_over"
    decision = desk.done(TaskAdmitted(reason="token"), LEADER)
    assert desk.task.state is TaskState.ADMITTED
    assert decision.audit[0].words == "token"
    assert Org(id=VILLAGE) in [n.recipient for n in decision.notices]  # type: ignore[arg-type]


def test_several_reviews_pass_in_their_order_by_different_persons() -> None:
    (first,) = part("admission", "reviews")
    reviews = [first, {**first, "limit": "2wd"}, {**first, "role": "staffing_justice_office"}]
    policy = changed(
        {
            "admission": {"reviews": reviews},
            "roles": {"roles": {"staffing_justice_office": {"may": {"county": ["task.admit"]}}}},
        }
    )
    people = world.directory.__wrapped__(tuple(default_pack().organisation.departments))
    people.record(
        RoleHeld(
            person=SECOND.actor,
            role=Role.ADMISSION_REVIEWER,
            org=COUNTY,
            valid_from=world.SINCE,
        )
    )
    justice = world.acting(Role.STAFFING_JUSTICE_OFFICE, COUNTY)
    desk = Desk(policy=policy, people=people)
    desk.done(unlisted())
    assert desk.refused(TaskReviewed(), justice) == "not_your_review"
    desk.done(TaskReviewed(), REVIEWER)
    clock = desk.clock(ClockKind.TASK_REVIEW)
    assert clock is not None
    assert clock.deadline is not None
    assert str(clock.deadline.span) == "2wd"
    assert desk.refused(TaskReviewed(), REVIEWER) == "same_person"
    desk.done(TaskReviewed(), SECOND)
    assert desk.refused(TaskAdmitted(), LEADER) == "review_missing"
    desk.done(TaskReviewed(), justice)
    assert [review.by for review in desk.task.reviews] == [
        REVIEWER.actor,
        SECOND.actor,
        justice.actor,
    ]
    desk.done(TaskAdmitted(), LEADER)


@pytest.mark.parametrize(
    ("reviewed", "acting", "reason"),
    [
        pytest.param(True, REVIEWER, "not_admission_approver", id="a reviewer approves"),
        pytest.param(True, SECRETARY, "role_may_not", id="a village"),
        pytest.param(True, CIVIL, "role_may_not", id="the department that asks"),
        pytest.param(True, ENGINE, "not_admission_approver", id="the engine, unlisted"),
        pytest.param(False, LEADER, "review_missing", id="before the review"),
    ],
)
def test_who_may_not_approve(reviewed: bool, acting: Acting, reason: str) -> None:
    desk = waiting()
    if reviewed:
        desk.done(TaskReviewed(), REVIEWER)
    assert desk.refused(TaskAdmitted(), acting) == reason


def test_nobody_approves_what_he_reviewed() -> None:
    policy = changed({"admission": {"approver": "admission_reviewer"}})
    desk = Desk(policy=policy)
    desk.done(unlisted())
    desk.done(TaskReviewed(), REVIEWER)
    assert desk.refused(TaskAdmitted(), REVIEWER) == "same_person"


@pytest.mark.parametrize(
    ("reviewed", "acting", "reason"),
    [
        pytest.param(False, REVIEWER, "ok", id="the reviewer whose turn it is"),
        pytest.param(False, LEADER, "ok", id="the approver, at any time"),
        pytest.param(True, LEADER, "ok", id="the approver after the review"),
        pytest.param(True, REVIEWER, "not_your_review", id="a reviewer whose turn is over"),
        pytest.param(False, CIVIL, "role_may_not", id="the department"),
        pytest.param(False, SECRETARY, "role_may_not", id="a village"),
    ],
)
def test_who_may_refuse(reviewed: bool, acting: Acting, reason: str) -> None:
    desk = waiting()
    if reviewed:
        desk.done(TaskReviewed(), REVIEWER)
    assert desk.say(TaskRefused(reason="token"), acting).reason == reason


def test_a_refusal_has_a_reason_and_no_penalty() -> None:
    desk = waiting()
    assert desk.refused(TaskRefused(reason=""), REVIEWER) == "reason_missing"
    decision = desk.done(TaskRefused(reason="token"), REVIEWER)
    assert desk.task.state is TaskState.REFUSED
    assert decision.audit[0].words == "token"
    assert decision.follow_ups == ()
    assert [(n.kind, n.recipient) for n in decision.notices] == [
        (NoticeKind.TASK_REFUSED, Org(id="d-civil_affairs"))  # type: ignore[arg-type]
    ]


def test_a_review_nobody_does_is_asked_for_again_and_again() -> None:
    desk = waiting()
    for _ in range(3):
        before = desk.clock(ClockKind.TASK_REVIEW)
        decision = desk.ring(ClockKind.TASK_REVIEW)
        after = desk.clock(ClockKind.TASK_REVIEW)
        assert before is not None
        assert after is not None
        assert after.due_at > before.due_at
        assert [n.recipient for n in decision.notices] == [
            RoleAt(role=Role.ADMISSION_REVIEWER, org=TOWNSHIP),  # type: ignore[arg-type]
            RoleAt(role=Role.COUNTY_LEADER, org=TOWNSHIP),  # type: ignore[arg-type]
        ]
    assert desk.task.state is TaskState.REQUESTED, "silence admits nothing"


@pytest.mark.parametrize(
    ("fields", "said", "reason"),
    [
        pytest.param({}, {}, "ok", id="urgent, unlisted, with consent and an end"),
        pytest.param({"urgent": False}, {}, "not_urgent", id="not urgent"),
        pytest.param({}, {"consents": ()}, "consent_missing", id="nobody agreed"),
        pytest.param(
            {"villages": world.VILLAGES[:2]}, {}, "consent_missing", id="one of two agreed"
        ),
        pytest.param(
            {"villages": world.VILLAGES[:2]},
            {"consents": world.VILLAGES[:2]},
            "ok",
            id="both agreed",
        ),
        pytest.param({}, {"ends_on": TODAY + 90 * DAY}, "ok", id="ninety days"),
        pytest.param({}, {"ends_on": TODAY + 91 * DAY}, "ends_too_late", id="ninety-one days"),
        pytest.param({}, {"ends_on": TODAY}, "ok", id="until tonight"),
        pytest.param({}, {"ends_on": TODAY - DAY}, "ends_before_today", id="over already"),
    ],
)
def test_what_is_urgent_is_let_through_for_a_while(
    fields: dict[str, Any], said: dict[str, Any], reason: str
) -> None:
    desk = waiting(**{"urgent": True, **fields})
    decision = desk.say(let_through(**said), REVIEWER)
    assert decision.reason == reason
    if reason == "ok":
        assert desk.task.state is TaskState.TEMPORARY
        kinds = {n.kind for n in decision.notices}
        assert kinds == {NoticeKind.TASK_TEMPORARY}


def test_what_is_listed_is_not_admitted_temporarily() -> None:
    desk = Desk(policy=changed({"admission": {"listed_by_itself": False}}))
    desk.done(asked(urgent=True))
    assert desk.refused(let_through(), LEADER) == "listed_already"


@pytest.mark.parametrize("acting", [CIVIL, SECRETARY, PRINCIPAL])
def test_who_may_not_let_it_through(acting: Acting) -> None:
    assert waiting(urgent=True).refused(let_through(), acting) == "role_may_not"


def test_it_is_renewed_as_often_as_policy_says_and_each_time_with_consent() -> None:
    desk = waiting(urgent=True)
    desk.done(let_through(), LEADER)
    later = TODAY + 60 * DAY
    assert desk.refused(let_through(TODAY + 30 * DAY), LEADER) == "no_longer_end"
    assert desk.refused(let_through(later, consents=()), LEADER) == "consent_missing"
    decision = desk.done(let_through(later), LEADER)
    assert decision.audit[0].reason == "renewed"
    assert (desk.task.renewals, desk.task.ends_on) == (1, later.isoformat())
    assert desk.refused(let_through(later + DAY), LEADER) == "renewals_used"


#: The department that asked, and the village.
_BOTH = ("d-civil_affairs", VILLAGE)


def _told(decision: Decision) -> list[tuple[NoticeKind, str]]:
    return [(n.kind, n.recipient.id) for n in decision.notices if isinstance(n.recipient, Org)]


@given(days=st.integers(0, 90))
def test_it_ends_with_its_last_day_and_is_told_of_before(days: int) -> None:
    desk = waiting(urgent=True)
    last = TODAY + days * DAY
    desk.done(let_through(last), LEADER)
    end, warned = desk.clock(ClockKind.TASK_END), desk.clock(ClockKind.TASK_EXPIRING)
    assert end is not None
    assert office().local(end.due_at).date() == last + DAY
    assert (warned is None) is (end.due_at - 7 * DAY <= desk.now)
    if warned is not None:
        assert end.due_at - warned.due_at == timedelta(days=7)
        decision = desk.ring(ClockKind.TASK_EXPIRING)
        assert _told(decision) == [(NoticeKind.TASK_EXPIRING, org) for org in _BOTH]
        assert desk.task.state is TaskState.TEMPORARY
    desk.ring(ClockKind.TASK_END)
    assert desk.task.state is TaskState.EXPIRED
    assert _told(desk.last) == [(NoticeKind.TASK_EXPIRED, org) for org in _BOTH]
    assert desk.task.clocks == ()


def test_a_renewal_that_comes_before_the_news_of_the_end_counts() -> None:
    desk = waiting(urgent=True)
    desk.done(let_through(), LEADER)
    end = desk.clock(ClockKind.TASK_END)
    desk.done(let_through(TODAY + 60 * DAY), LEADER)
    assert end is not None
    decision = desk.fire(end)
    assert decision.audit[0].reason == "no_longer_needed"
    said = TaskExpired(task=desk.task.id)
    assert desk.say(said, ENGINE).reason == "not_over_yet"
    assert desk.task.state is TaskState.TEMPORARY


def test_an_admitted_task_with_a_last_day_ends_too() -> None:
    desk = Desk()
    desk.done(asked())
    desk.ring(ClockKind.TASK_EXPIRING)
    desk.ring(ClockKind.TASK_END)
    assert desk.task.state is TaskState.EXPIRED


@pytest.mark.parametrize(
    ("asker", "acting", "reason"),
    [
        pytest.param(CIVIL_HANDLER, CIVIL, "ok", id="the department that asked"),
        pytest.param(HANDLER, PRINCIPAL, "ok", id="the township that asked"),
        pytest.param(CIVIL, WATER, "outside_scope", id="another department"),
        pytest.param(CIVIL, PRINCIPAL, "not_the_asker", id="a township for a department"),
        pytest.param(CIVIL, SECRETARY, "role_may_not", id="a village"),
    ],
)
def test_who_takes_it_back(asker: Acting, acting: Acting, reason: str) -> None:
    desk = Desk()
    desk.done(unlisted(), asker)
    assert desk.say(TaskWithdrawn(), acting).reason == reason


def test_villages_hear_when_admitted_work_is_taken_back() -> None:
    desk = Desk()
    desk.done(asked())
    decision = desk.done(TaskWithdrawn())
    assert desk.task.state is TaskState.WITHDRAWN
    assert [n.recipient for n in decision.notices] == [Org(id=VILLAGE)]  # type: ignore[arg-type]


_ALL = (
    (TaskReviewed(), REVIEWER),
    (TaskAdmitted(), LEADER),
    (TaskRefused(reason="token"), LEADER),
    (let_through(), LEADER),
    (TaskWithdrawn(), CIVIL),
)


@pytest.mark.parametrize("ending", [TaskRefused(reason="token"), TaskWithdrawn()])
def test_what_is_over_is_over(ending: Any) -> None:
    desk = waiting(urgent=True)
    desk.done(ending, LEADER if isinstance(ending, TaskRefused) else CIVIL)
    for data, acting in _ALL:
        assert desk.refused(data, acting) == "task_decided"


@pytest.mark.parametrize(("data", "acting"), _ALL)
def test_an_unknown_task_is_not_acted_on(data: Any, acting: Acting) -> None:
    assert Desk().say(data, acting).reason == "task_unknown"


@given(moves=st.lists(st.integers(0, 7), max_size=10), urgent=st.booleans())
def test_whatever_is_done_it_stays_in_one_piece(moves: list[int], *, urgent: bool) -> None:
    desk = waiting(urgent=urgent)
    kinds = (ClockKind.TASK_REVIEW, ClockKind.TASK_EXPIRING, ClockKind.TASK_END)
    for move in moves:
        if move < len(_ALL):
            desk.say(*_ALL[move])
        elif desk.clock(kinds[move - len(_ALL)]) is not None:
            desk.ring(kinds[move - len(_ALL)])
    assert desk.decisions[0].fate is Fate.APPLIED
