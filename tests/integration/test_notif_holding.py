"""After a restore: what is held back, and letting some or all of it go."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from models.notices import ChannelName
from models.restores import OPEN_END
from notifications import holding
from notifications.channels import Failed
from notifications.holding import Which
from notifications.notice import NoticeKind, Urgency
from tests.integration.notif_office import Office, office
from tests.notifying import NOON, NUMBER, ScriptedChannel, notice

SMS = ChannelName.SMS
PHONE = "13800000000"
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("drop", [False, True], ids=["released", "dropped"])
def test_after_a_restore_nothing_goes_out_until_a_person_says_so(
    database_url: str, drop: bool
) -> None:
    sms = ScriptedChannel(Failed("busy", retry=True))
    restored_at = NOON + timedelta(hours=1)
    after = restored_at + timedelta(minutes=1)
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice(dedup_key="pending when the backup was made"))
        one.send()
        one.post(notice(dedup_key="not yet spread then"))
        with one.engine.begin() as connection:
            assert holding.hold_back(connection, until=restored_at, now=after) == 2
        one.post(notice(dedup_key="decided again from the log"), now=restored_at)
        one.post(notice(dedup_key="new"), now=after)
        assert one.send(after).sent == 1
        assert len(sms.taken) == 2
        with one.engine.begin() as connection:
            assert holding.release(connection, now=after, drop=drop) == 3
        later = after + timedelta(hours=1)
        assert one.send(later).sent == (0 if drop else 3)
        assert all(send["settled_at"] for send in one.sends())
        reasons = [send["reason"] for send in one.sends()]
        assert reasons.count("dropped_after_restore") == (3 if drop else 0)
        one.post(notice(dedup_key="the hold is over"), now=NOON)
        assert one.send(later).sent == 1


def test_what_was_being_handed_over_when_the_backup_was_made_is_unknown(database_url: str) -> None:
    with office(database_url) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice())
        one.send()
        with one.engine.begin() as connection:
            connection.execute(text("update notice_sends set state = 'sending', sent_at = null"))
            connection.execute(text("update notices set settled_at = null"))
            holding.hold_back(connection, until=NOON, now=NOON)
        one.send()
        assert one.states() == [("sms", "unknown", "interrupted")]


@pytest.fixture
def kept(database_url: str) -> Iterator[Office]:
    """Three notices are held: an old one, an urgent one, and one made a minute later."""
    with office(database_url) as one:
        one.reach("p-1", sms=PHONE)
        with one.engine.begin() as connection:
            holding.hold_back(connection, until=OPEN_END, now=NOON)
        one.post(notice(dedup_key="old"))
        one.post(notice(NoticeKind.EMERGENCY_ALERT, urgency=Urgency.URGENT))
        one.post(notice(NoticeKind.CASE_DISPATCHED, discreet=True), now=NOON + MINUTE)
        assert one.send(NOON + MINUTE).sent == 0
        yield one


def listed(one: Office, which: Which | None = None) -> list[str]:
    with one.engine.connect() as connection:
        return [held.kind for held in holding.list_held(connection, which or Which(), limit=9)]


def test_the_urgent_is_shown_first_and_nothing_that_is_nobodys_business(kept: Office) -> None:
    assert listed(kept) == ["emergency_alert", "check_requested", "case_dispatched"]
    with kept.engine.connect() as connection:
        shown = holding.list_held(connection, Which(), limit=9)
        assert holding.count_held(connection, Which()) == 3
    assert PHONE not in str(shown)
    assert [held.discreet for held in shown] == [False, False, True]


CHOICES = {
    "made before": (Which(made_before=NOON + MINUTE), {"emergency_alert", "check_requested"}),
    "kind": (Which(kind="case_dispatched"), {"case_dispatched"}),
    "case": (Which(case_number=NUMBER), {"emergency_alert", "check_requested", "case_dispatched"}),
    "no such case": (Which(case_number="none"), set()),
    "both": (Which(made_before=NOON, kind="check_requested"), set()),
}


@pytest.mark.parametrize(("which", "chosen"), CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("drop", [False, True], ids=["released", "dropped"])
def test_some_are_let_go_and_the_others_stay_held(
    kept: Office, which: Which, chosen: set[str], drop: bool
) -> None:
    every = set(listed(kept))
    assert set(listed(kept, which)) == chosen
    later = NOON + 2 * MINUTE
    with kept.engine.begin() as connection:
        holding.end_open(connection, open_end=OPEN_END, now=NOON + MINUTE)
        count = holding.release(connection, now=later, drop=drop, which=which)
    assert count == len(chosen)
    kept.post(notice(dedup_key="made afterwards"), now=later)
    assert kept.send(later).sent == 1 + (0 if drop else len(chosen))
    assert set(listed(kept)) == every - chosen
    with kept.engine.begin() as connection:
        assert holding.release(connection, now=later, drop=False) == len(every - chosen)


def test_an_open_hold_ends_and_what_was_made_before_stays_held(kept: Office) -> None:
    end = NOON + 5 * MINUTE
    kept.post(notice(dedup_key="not looked at yet"), now=NOON + 4 * MINUTE)
    with kept.engine.begin() as connection:
        holding.end_open(connection, open_end=OPEN_END, now=end)
        assert holding.count_held(connection, Which()) == 4
    kept.post(notice(dedup_key="new"), now=end + MINUTE)
    assert kept.send(end + MINUTE).sent == 1
