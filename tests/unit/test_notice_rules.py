"""When a notice may go out, on which channels, and how often it is tried."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models.notices import ChannelName
from models.policy.people import Role
from models.policy.reach import NoticeRules, QuietHours
from notifications.notice import NoticeKind
from notifications.rules import Route, next_attempt, next_channel, quiet_until, repeat_window, route
from tests.notifying import NOON, RULES

SHANGHAI = ZoneInfo("Asia/Shanghai")
CHAT, SMS, MAIL, CALL = ChannelName.CHAT, ChannelName.SMS, ChannelName.MAIL, ChannelName.CALL


def quiet(start: str, end: str) -> NoticeRules:
    hours = QuietHours(start=time.fromisoformat(start), end=time.fromisoformat(end))
    return RULES.model_copy(update={"quiet": hours})


@pytest.mark.parametrize(
    ("start", "end", "local", "until"),
    [
        pytest.param("22:00", "07:00", "2026-03-09T21:59:59", None, id="just before"),
        pytest.param("22:00", "07:00", "2026-03-09T22:00:00", "2026-03-10T07:00", id="begins"),
        pytest.param("22:00", "07:00", "2026-03-10T03:00:00", "2026-03-10T07:00", id="after 0:00"),
        pytest.param("22:00", "07:00", "2026-03-10T07:00:00", None, id="the end is awake"),
        pytest.param("12:30", "14:00", "2026-03-09T13:00:00", "2026-03-09T14:00", id="noon rest"),
        pytest.param("12:30", "14:00", "2026-03-09T23:00:00", None, id="noon rest, at night"),
        pytest.param("00:00", "00:00", "2026-03-09T00:00:00", None, id="never"),
        pytest.param("22:00", "00:00", "2026-03-09T23:00:00", "2026-03-10T00:00", id="to 0:00"),
    ],
)
def test_quiet_hours(start: str, end: str, local: str, until: str | None) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=SHANGHAI).astimezone(UTC)
    expected = until and datetime.fromisoformat(until).replace(tzinfo=SHANGHAI)
    assert quiet_until(quiet(start, end), now, SHANGHAI) == expected


@given(
    start=st.times(),
    end=st.times(),
    now=st.timedeltas(timedelta(), timedelta(days=400)).map(lambda later: NOON + later),
)
def test_quiet_hours_end_within_a_day_and_their_end_is_not_quiet(
    start: time, end: time, now: datetime
) -> None:
    rules = RULES.model_copy(update={"quiet": QuietHours(start=start, end=end)})
    until = quiet_until(rules, now, SHANGHAI)
    if until is not None:
        assert now < until <= now + timedelta(days=1)
        assert quiet_until(rules, until, SHANGHAI) is None


def test_pauses_double_until_the_tries_are_used_up() -> None:
    pauses = [next_attempt(RULES, attempts, NOON) for attempts in (1, 2, 3)]
    assert pauses == [NOON + timedelta(seconds=30), NOON + timedelta(seconds=60), None]


def test_a_kind_may_have_its_own_repeat_window() -> None:
    rules = RULES.model_copy(update={"repeat_after_by_kind": {"due_soon": timedelta(hours=1)}})
    assert repeat_window(rules, "due_soon") == timedelta(hours=1)
    assert repeat_window(rules, "breached") == RULES.repeat_after


@pytest.mark.parametrize(
    ("reachable", "urgent", "expected"),
    [
        pytest.param({}, False, Route(()), id="nowhere"),
        pytest.param({SMS: False, MAIL: False}, False, Route((SMS,)), id="first of the order"),
        pytest.param({SMS: False, MAIL: True}, False, Route((MAIL,), (SMS,)), id="preferred"),
        pytest.param({SMS: False, MAIL: True}, True, Route((SMS, MAIL)), id="urgent: all at once"),
        pytest.param({CALL: False}, False, Route(()), id="not named by the policy"),
    ],
)
def test_route(reachable: dict[ChannelName, bool], urgent: bool, expected: Route) -> None:
    assert route(RULES, reachable, role=None, urgent=urgent) == expected


def test_a_role_may_have_its_own_order() -> None:
    rules = RULES.model_copy(update={"channels_by_role": {Role.DUTY_LEADER: ("sms", "chat")}})
    reachable = {SMS: False, CHAT: False}
    assert route(rules, reachable, role="duty_leader", urgent=False).now == (SMS,)
    assert route(rules, reachable, role="visitor", urgent=False).now == (CHAT,)


def test_after_a_failure_the_next_untried_channel_has_its_turn() -> None:
    reachable = {SMS: False, MAIL: False, CHAT: False}
    assert next_channel(RULES, reachable, role=None, tried=["chat"]) is SMS
    assert next_channel(RULES, reachable, role=None, tried=["chat", "sms", "mail"]) is None


def test_the_shipped_pack_speaks_of_kinds_and_channels_that_exist() -> None:
    pack = Path(__file__).parents[2] / "policies" / "default" / "notices.yaml"
    rules = NoticeRules.model_validate(yaml.safe_load(pack.read_text("utf-8")))
    kinds = rules.urgent_kinds | set(rules.repeat_after_by_kind) | set(rules.variants)
    assert kinds <= {str(kind) for kind in NoticeKind}
    named = {*rules.channels, *(name for row in rules.channels_by_role.values() for name in row)}
    assert named <= {"inbox", *ChannelName}
