"""The ladder a late case climbs, rung by rung, until somebody acts. Pure.

Every rung's instant is absolute, counted from the limit that was breached, so no comment, no
restart and no slow rung moves the next one. A rung nobody can be told at says why and falls to
the policy's fallback, in the end to the named duty owner; it is never silently left out.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from events.contract.escalation import RungClimbed, UrgeKind
from flows.decide.decision import Firing
from flows.decide.draft import Draft
from flows.decide.escalation_notices import (
    Listener,
    in_circle,
    listener,
    owner_unit,
    tell_owner,
    tell_unit,
    unit_name,
)
from models.case import Case, Rung
from models.clocks import Clock, ClockKind
from models.deadlines import Deadline, beyond
from models.policy.categories import Urgency
from models.policy.clocks import Ladder, RungKind, Told
from models.policy.clocks import Rung as RungRule
from models.policy.span import Span, SpanKind
from models.values import CaseState, OrgId, RoleName
from notifications.notice import NoticeKind, RoleAt


class Place(NamedTuple):
    """A place on a ladder: the key of the clock that ran out, and how far up."""

    limit: str
    height: int

    @property
    def part(self) -> str:
        """How the clock's key names it: the bare index for the case's own limit."""
        own = self.limit == ClockKind.CASE_DUE
        return str(self.height) if own else f"{self.limit}.{self.height}"

    @property
    def stage(self) -> str:
        """The kind of the clock that ran out."""
        return self.limit.partition(":")[0]

    @property
    def party(self) -> str:
        """The party whose clock it was; empty for the case's own."""
        return self.limit.partition(":")[2]

    @classmethod
    def of(cls, part: str) -> "Place":
        """Read what `part` wrote."""
        limit, _, height = part.rpartition(".")
        return cls(limit or str(ClockKind.CASE_DUE), int(height))


def ladder_of(sheet: Draft) -> Ladder:
    """Return the ladder for the case's urgency; an unclassified case climbs the normal one."""
    category = sheet.policy.category(sheet.case.category)
    urgency = sheet.case.urgency or (category.urgency if category else Urgency.NORMAL)
    return sheet.policy.ladders.by_urgency[Urgency(urgency)]


def start_ladder(sheet: Draft, limit: str, breached: Deadline) -> None:
    """Set the first rung's clock. When the clock of key `limit` has run out."""
    _set(sheet, Place(limit, 0), breached)


def stop_ladder(sheet: Draft, limit: str) -> None:
    """Stop the ladder of one limit: it was answered."""
    sheet.change(
        clocks=tuple(
            clock
            for clock in sheet.case.clocks
            if clock.kind is not ClockKind.RUNG or Place.of(clock.part).limit != limit
        )
    )


def keep_ladder(sheet: Draft) -> None:
    """Let a breached case climb on when it is opened again; does nothing while its ladder runs.

    A limit that began after the breach is its own: the ladder starts anew past that one.
    Otherwise it goes on at the first rung that was not climbed.
    """
    case, limit = sheet.case, ClockKind.CASE_DUE
    running = any(c.kind is ClockKind.RUNG and Place.of(c.part).limit == limit for c in case.clocks)
    if case.breached_at is None or case.due is None or running:
        return
    if case.due.start >= case.breached_at:
        start_ladder(sheet, limit, case.due)
        return
    climbed = [rung.index for rung in case.rungs if _is_of(rung, limit, case.breached_at)]
    breached = replace(case.due, due_at=case.breached_at)
    _set(sheet, Place(limit, max(climbed, default=-1) + 1), breached)


def rung_at(sheet: Draft, rung: RungRule, breached: Deadline) -> datetime:
    """Return when a rung fires: its span, or its share of the limit, past the breach."""
    if rung.share is not None:
        return beyond(breached, rung.share, office=sheet.facts.office)
    if rung.after is None:
        return breached.due_at
    return sheet.limit(rung.after, start=breached.due_at).due_at


def climb(sheet: Draft, firing: Firing) -> None:
    """Climb the rung whose clock rang, and set the next one's.

    Idempotent on (case, limit, rung, policy version) since the breach. Past the last rung the
    duty owners are told again and again, except when somebody has acted since.
    """
    place = Place.of(firing.clock.part)
    breached = _breached(sheet, firing.clock)
    _set(sheet, Place(place.limit, place.height + 1), breached)
    if _climbed(sheet, place, breached.due_at):
        sheet.record(f"timer:{firing.clock.kind}", reason="already_climbed")
        return
    ladder = ladder_of(sheet)
    repeat = place.height >= len(ladder.rungs)
    rule = ladder.rungs[-1] if repeat else ladder.rungs[place.height]
    entry = Rung(
        name=rule.name.zh,
        at=sheet.now,
        limit=place.limit,
        kind=rule.kind,
        index=place.height,
        policy_version=sheet.policy.version,
        stood=_standing(sheet),
    )
    if reason := _quiet(sheet, place, entry, repeat=repeat):
        _write(sheet, firing, entry, (), reason)
        return
    who, skipped = reach(sheet, sheet.policy.ladders.duty_owners if repeat else rule.tell, place)
    _do(sheet, rule, place, who)
    _write(sheet, firing, entry, who, skipped)


def reach(sheet: Draft, told: tuple[Told, ...], place: Place) -> tuple[tuple[RoleAt, ...], str]:
    """Return whom to tell, and why it is not those whom the rung names (empty where it is)."""
    unit = sheet.facts.directory.org(place.party, sheet.now) if place.party else None
    asked = [listener(sheet, one, unit) for one in told]
    who = tuple(dict.fromkeys(found.who for found in asked if found.who is not None))
    if who:
        return who, ""
    return _instead(sheet, told), _why(asked)


def _quiet(sheet: Draft, place: Place, entry: Rung, *, repeat: bool) -> str:
    """Return why nobody is told this time; the ladder goes on all the same."""
    if sheet.case.late_received and place.limit == ClockKind.CASE_DUE and is_handed_in(sheet.case):
        return "late_received"
    return "somebody_acted" if repeat and _acted_since(sheet, place, entry) else ""


def is_handed_in(case: Case) -> bool:
    """Is the work said to be done, and with those who check it?"""
    return case.state in (CaseState.FEEDBACK, CaseState.CHECKING, CaseState.VISITING)


def _why(asked: list[Listener]) -> str:
    """Return the reason that tells most: nobody holds it, before the level has no part in it."""
    reasons = [found.why_not for found in asked]
    for reason in ("outside_circle", "held_by_nobody"):
        if reason in reasons:
            return reason
    return "level_not_involved"


def _instead(sheet: Draft, told: tuple[Told, ...]) -> tuple[RoleAt, ...]:
    """Return who hears it instead: fallback at that height or above, duty owner, any fallback.

    Going up comes before going down; the last resort is who holds the case, and after that the
    duty owner's post though it is vacant, so that the gap is seen.
    """
    ladders = sheet.policy.ladders
    height = min(ladders.rank.get(one.level, 0) for one in told)
    upward = [one for one in ladders.fallback if ladders.rank.get(one.level, 0) >= height]
    for one in (*upward, *ladders.duty_owners, *ladders.fallback):
        found = listener(sheet, one).who
        if found is not None:
            return (found,)
    owner = sheet.case.owner
    if owner is not None:
        return (RoleAt(RoleName(owner.role), OrgId(owner.org)),)
    return tuple(who for who in (_vacant(sheet),) if in_circle(sheet, who))


def _vacant(sheet: Draft) -> RoleAt:
    return RoleAt(RoleName(sheet.policy.ladders.duty_owners[0].role), OrgId(sheet.case.county))


def _do(sheet: Draft, rule: RungRule, place: Place, who: tuple[RoleAt, ...]) -> None:
    """Tell those on the rung, and put 催办 or 督办 on the case."""
    about = place.part
    for one in who:
        sheet.notify(
            NoticeKind.RUNG_CLIMBED,
            one,
            about=about,
            rung=rule.name.zh,
            stage=place.stage,
            unit=unit_name(sheet, place.party) if place.party else owner_unit(sheet),
        )
    if rule.kind is RungKind.URGE:
        sheet.change(urged=sheet.case.urged + 1)
        _tell_late(sheet, NoticeKind.CASE_URGED, place, count=sheet.case.urged)
    elif rule.kind is RungKind.SUPERVISE and not sheet.case.supervised:
        sheet.change(supervised=UrgeKind.TIMEOUT.value)
        _tell_late(sheet, NoticeKind.CASE_SUPERVISED, place, supervision=UrgeKind.TIMEOUT.value)


def _tell_late(sheet: Draft, kind: NoticeKind, place: Place, **params: str | int) -> None:
    """Tell who is late: the party whose clock it was, else who holds the case."""
    if place.party:
        tell_unit(sheet, kind, place.party, about=place.part, **params)
    else:
        tell_owner(sheet, kind, about=place.part, **params)


def _write(
    sheet: Draft, firing: Firing, entry: Rung, who: tuple[RoleAt, ...], skipped: str
) -> None:
    told = ",".join(f"{one.role}@{one.org}" for one in who)
    entry = replace(entry, told=told, skipped=skipped)
    sheet.change(rungs=(*sheet.case.rungs, entry))
    sheet.record(
        f"timer:{firing.clock.kind}",
        reason=skipped or "ok",
        rule=f"ladders/{ladder_key(sheet)}/{entry.index}",
        detail={
            "limit": entry.limit,
            "rung": entry.index,
            "kind": entry.kind,
            "told": told,
            "unowned": sheet.case.owner is None,
            "stalled": firing.stalled,
        },
    )
    sheet.follow(RungClimbed(rung=entry.name, skipped=skipped))


def ladder_key(sheet: Draft) -> str:
    """Return the urgency whose ladder is climbed, as the pack writes it."""
    ladder = ladder_of(sheet)
    return next(key for key, one in sheet.policy.ladders.by_urgency.items() if one is ladder)


def _set(sheet: Draft, place: Place, breached: Deadline) -> None:
    """Set the clock of a place; past the last rung it repeats until the case is settled."""
    ladder = ladder_of(sheet)
    if place.height < len(ladder.rungs):
        at = max(rung_at(sheet, ladder.rungs[place.height], breached), sheet.now)
    else:
        at = sheet.now + sheet.policy.ladders.repeat_last
    sheet.start_until(ClockKind.RUNG, at, part=place.part, deadline=breached)


def _breached(sheet: Draft, clock: Clock) -> Deadline:
    """Return the limit that was breached: the clock carries it from rung to rung."""
    return clock.deadline or sheet.case.due or sheet.limit(Span(SpanKind.CALENDAR, timedelta()))


def _is_of(rung: Rung, limit: str, since: datetime) -> bool:
    return rung.limit == limit and rung.index >= 0 and rung.at >= since


def _climbed(sheet: Draft, place: Place, since: datetime) -> bool:
    return any(
        _is_of(rung, place.limit, since)
        and rung.index == place.height
        and rung.policy_version == sheet.policy.version
        for rung in sheet.case.rungs
    )


def _standing(sheet: Draft) -> str:
    """Return how the case stands: its state and who must act."""
    owner = sheet.case.owner
    return f"{sheet.case.state}|" + (f"{owner.org}|{owner.role}|{owner.person}" if owner else "")


def _acted_since(sheet: Draft, place: Place, entry: Rung) -> bool:
    """Has the case moved since the rung before? A comment moves nothing."""
    before = [r for r in sheet.case.rungs if r.limit == place.limit and r.index == place.height - 1]
    return bool(before) and before[-1].stood != entry.stood
