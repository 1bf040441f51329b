"""When a daily digest is issued, and what time each issue covers."""

from datetime import UTC, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.digest_issues import issue_before, issues_after
from models.policy.load import default_pack_folder, load_policy
from models.policy.reach import DigestRule

START = datetime(2024, 1, 1, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
RULE = load_policy(default_pack_folder()).digests.items["daily"]


def rule(*at: str) -> DigestRule:
    return RULE.model_copy(update={"at": tuple(time.fromisoformat(one) for one in at)})


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("at", "after", "issues"),
    [
        (("12:00", "18:00"), "2026-03-10T11:59", ["2026-03-10T12:00", "2026-03-10T18:00"]),
        (("12:00", "18:00"), "2026-03-10T12:00", ["2026-03-10T18:00", "2026-03-11T12:00"]),
        (("18:00", "12:00"), "2026-03-10T18:00", ["2026-03-11T12:00", "2026-03-11T18:00"]),
        (("00:00",), "2026-03-10T00:00", ["2026-03-11T00:00", "2026-03-12T00:00"]),
        (("08:30",), "2026-12-31T09:00", ["2027-01-01T08:30", "2027-01-02T08:30"]),
    ],
    ids=["before noon", "at noon", "unordered", "midnight", "new year"],
)
def test_issues_follow_the_local_clock(at: tuple[str, ...], after: str, issues: list[str]) -> None:
    found = islice(issues_after(rule(*at), local(after).astimezone(UTC), SHANGHAI), len(issues))
    assert [one.astimezone(SHANGHAI) for one in found] == [local(one) for one in issues]


@given(
    at=st.sets(
        st.times().map(lambda t: t.replace(second=0, microsecond=0)), min_size=1, max_size=4
    ),
    moment=st.integers(0, 3_000_000).map(lambda minutes: START + timedelta(minutes=minutes)),
)
def test_issues_cover_all_time_once(at: set[time], moment: datetime) -> None:
    often = RULE.model_copy(update={"at": tuple(at)})
    issues = list(islice(issues_after(often, moment, SHANGHAI), 9))
    begun = issue_before(often, issues[0], SHANGHAI)
    assert begun <= moment < issues[0]
    assert all(
        issue_before(often, later, SHANGHAI) == earlier for earlier, later in pairwise(issues)
    )
    assert all(later - earlier <= timedelta(days=1) for earlier, later in pairwise(issues))
