"""值班表: who is on duty when, week by week, in the order in which they take turns."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle, pairwise
from zoneinfo import ZoneInfo

from events.contract.directory import Shift
from models.policy.people import Role
from partygrid.sample.places import Township
from partygrid.sample.register import Register

#: local times at which shifts change
_LEADERS_CHANGE = (time(8),)
_SUPERVISORS_CHANGE = (time(8), time(20))
_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)


def roster_township(
    register: Register, township: Township, *, start: datetime, end: datetime, zone: ZoneInfo
) -> None:
    """Enter the township's rosters of every week from `start` until `end` is covered."""
    for role, changes in (
        (Role.DUTY_LEADER, _LEADERS_CHANGE),
        (Role.DUTY_SUPERVISOR, _SUPERVISORS_CHANGE),
    ):
        turns = cycle(register.holders(role, township.code))
        monday = _monday_before(start.astimezone(zone).date())
        while datetime.combine(monday, changes[0], zone) < end:
            shifts = [
                Shift(person=next(turns), starts_at=max(one, start), ends_at=other)
                for one, other in pairwise(_changes(monday, changes, zone))
                if other > start
            ]
            if shifts:
                register.roster(township.code, role, shifts)
            monday += _WEEK


def _monday_before(day: date) -> date:
    """Return the Monday of the week before, whose last shift may reach into this one."""
    return day - timedelta(days=day.weekday()) - _WEEK


def _changes(monday: date, changes: Sequence[time], zone: ZoneInfo) -> list[datetime]:
    """Return when shifts change in a week, its last end included."""
    days = [monday + number * _DAY for number in range(8)]
    every = [datetime.combine(day, change, zone) for day in days for change in changes]
    return [moment.astimezone(UTC) for moment in every[: 7 * len(changes) + 1]]
