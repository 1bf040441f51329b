"""What an app told before, and whether the time it tells now fits the order of it. Pure.

An app numbers its events as it records them, on the machine that records them. So an act that was
done offline comes with a number behind those before it, in one row with what the same person did
there. A number that was used before or passed over, or a person who has told of something later
already, shows that the event was recorded after the time it tells.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from events.contract.envelope import Event


class Heard(Struct, frozen=True, kw_only=True):
    """A numbered event of an app that was decided."""

    sequence: int
    #: who wrote it down
    by: str
    #: when it happened, as was told
    told: datetime
    #: when it was heard: its decision time
    at: datetime


def heard(event: Event, now: datetime) -> Heard:
    """Return what is kept in mind of an event."""
    acting = event.acting
    return Heard(
        sequence=event.sequence,
        by=acting.recorded_by or acting.actor,
        told=event.time,
        at=now,
    )


def claims_to_be_late(event: Event, now: datetime, *, skew: timedelta, offline: timedelta) -> bool:
    """Tell whether an app asks to be believed that something happened well before it was heard.

    Within what clocks may differ nothing is asked; beyond the offline window nothing is believed.
    """
    return event.sequence >= 0 and skew < now - event.time <= offline


def contradicted(event: Event, before: Iterable[Heard], now: datetime, *, skew: timedelta) -> bool:
    """Tell whether what was heard of the app since then shows that the told time is not true.

    What an operator sends again has its number from long ago, and is judged by the person alone.
    """
    mine = heard(event, now)
    since = mine.told - skew
    return any(
        _recorded_before(mine, other, skew)
        or (not event.replay_of and _passed_over(mine, other, skew))
        for other in before
        if other.at >= since
    )


def _recorded_before(mine: Heard, other: Heard, skew: timedelta) -> bool:
    """The same person told, under a lower number, of something that happened later."""
    return other.sequence < mine.sequence and other.by == mine.by and other.told > mine.told + skew


def _passed_over(mine: Heard, other: Heard, skew: timedelta) -> bool:
    """The number was used already, or a higher one was heard long ago: the app was connected."""
    if other.sequence == mine.sequence:
        return True
    return other.sequence > mine.sequence and other.at < mine.at - skew
