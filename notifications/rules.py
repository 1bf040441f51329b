"""When a notice may go out, on which channels, and how often it is tried. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from models.notices import ChannelName
from models.policy.reach import NoticeRules


def quiet_until(rules: NoticeRules, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when the quiet hours end that `now` lies in, or None; the end itself is not quiet."""
    start, end = rules.quiet.start, rules.quiet.end
    local = now.astimezone(zone)
    if start <= end:
        quiet, ends_tomorrow = start <= local.time() < end, False
    else:
        quiet = local.time() >= start or local.time() < end
        ends_tomorrow = local.time() >= start
    if not quiet:
        return None
    day = local.date() + timedelta(days=ends_tomorrow)
    return datetime.combine(day, end, tzinfo=zone)


def next_attempt(rules: NoticeRules, attempts: int, now: datetime) -> datetime | None:
    """Return when to try again after `attempts` tries, the pause doubling; None: never again."""
    if attempts >= rules.attempts:
        return None
    return now + rules.backoff * (1 << (attempts - 1))


def repeat_window(rules: NoticeRules, kind: str) -> timedelta:
    """Return within which time the same notice is not said twice."""
    return rules.repeat_after_by_kind.get(kind, rules.repeat_after)


class Route(Struct, frozen=True):
    """Where a notice goes: `now` at once, `passed` only because of a stated preference."""

    now: tuple[ChannelName, ...]
    passed: tuple[ChannelName, ...] = ()


def route(
    rules: NoticeRules,
    reachable: Mapping[ChannelName, bool],
    *,
    role: str | None,
    urgent: bool,
) -> Route:
    """Choose among the reachable channels (channel → is it the one the person prefers?).

    An urgent notice takes all of them at once; any other takes the preferred one, else the first
    in the policy's order for the role. Channels the policy does not name are left alone.
    """
    usable = [channel for channel in _order(rules, role) if channel in reachable]
    if urgent:
        return Route(tuple(usable))
    preferred = [channel for channel in usable if reachable[channel]]
    chosen = (preferred or usable)[:1]
    passed = [channel for channel in usable if channel not in chosen] if preferred else []
    return Route(tuple(chosen), tuple(passed))


def next_channel(
    rules: NoticeRules,
    reachable: Mapping[ChannelName, bool],
    *,
    role: str | None,
    tried: Sequence[str],
) -> ChannelName | None:
    """Return the channel to go on with after one has failed for good."""
    return next(
        (
            channel
            for channel in _order(rules, role)
            if channel in reachable and channel not in tried
        ),
        None,
    )


def _order(rules: NoticeRules, role: str | None) -> tuple[ChannelName, ...]:
    """Leave out the inbox, which the policy may name: every notice is in it anyway."""
    by_role = {str(known): names for known, names in rules.channels_by_role.items()}
    known = {str(channel): channel for channel in ChannelName}
    names = by_role.get(role or "", rules.channels)
    return tuple(known[name] for name in names if name in known)
