"""反向考核: both sides of a finished whistle rate each other. Units only, never persons. Pure."""

from msgspec.structs import replace

from events.contract.escalation import DepartmentRated, WhistleRated
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation import rings
from flows.decide.escalation_notices import in_circle
from flows.decide.route import fires, handles
from flows.decide.whistle_calls import whistle_of
from models.clocks import ClockKind
from models.handling import Whistle, WhistleState
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.span import Span, SpanKind
from models.values import OrgId, RoleName, Step
from notifications.notice import NoticeKind, RoleAt, instant


def ask_ratings(sheet: Draft) -> None:
    """Ask township and departments to rate each other, and set the clock. When a whistle ends."""
    whistle = whistle_of(sheet)
    span = Span(SpanKind.CALENDAR, sheet.policy.whistles.rate_within)
    deadline = sheet.start(ClockKind.RATING, span)
    rated_by = [RoleAt(RoleName(Role.TOWNSHIP_PRINCIPAL), OrgId(whistle.org))]
    rated_by += [
        RoleAt(RoleName(Role.DEPARTMENT_LEAD), OrgId(party.org))
        for party in whistle.parties
        if not party.released
    ]
    for who in rated_by:
        if in_circle(sheet, who):
            sheet.notify(
                NoticeKind.RATING_ASKED,
                who,
                about=whistle.id,
                whistle=whistle.kind,
                due_at=instant(deadline.due_at),
            )


@handles(DepartmentRated)
def rate_department(sheet: Draft, data: DepartmentRated) -> Refusal | None:
    """When the township that blew the whistle rates a department's answer to it, once."""
    found = _ratable(sheet)
    if isinstance(found, Refusal):
        return found
    if data.department not in _units(found):
        return Refusal("not_a_party", {"unit": data.department})
    if data.department in _mine(sheet):
        return Refusal("rates_itself")
    if data.department in found.ratings:
        return Refusal("already_done")
    rated = replace(
        found,
        ratings={**found.ratings, data.department: data.score},
        solved={**found.solved, data.department: data.solved},
    )
    _write(sheet, rated)
    sheet.record(
        Action.ESCALATION_RATE_DEPARTMENT,
        words=data.note,
        detail={"unit": data.department, "score": data.score, "solved": data.solved},
    )
    return None


@handles(WhistleRated)
def rate_whistle(sheet: Draft, data: WhistleRated) -> Refusal | None:
    """When a called department rates how well the whistle was founded, once."""
    found = _ratable(sheet)
    if isinstance(found, Refusal):
        return found
    mine = [org for org in _units(found) if org in _mine(sheet)]
    if not mine:
        return Refusal("not_called")
    if mine[0] in found.whistle_ratings:
        return Refusal("already_done")
    given = {**found.whistle_ratings, mine[0]: data.score}
    _write(sheet, replace(found, whistle_ratings=given))
    sheet.record(
        Action.ESCALATION_RATE_WHISTLE,
        words=data.note,
        detail={"unit": mine[0], "score": data.score},
    )
    return None


@fires(Step.ESCALATION, ClockKind.RATING)
def rating_ends(sheet: Draft, firing: Firing) -> None:
    """When the time for ratings is over: who gave none stays unrated; nobody is chased for it."""
    whistle = sheet.case.whistle
    if not rings(sheet, firing, settled_too=True) or whistle is None:
        return
    sheet.record(
        f"timer:{ClockKind.RATING}",
        reason="rating_over",
        rule="whistles/rate_within",
        detail={
            "units": len(_units(whistle)),
            "rated": len(whistle.ratings),
            "rating": len(whistle.whistle_ratings),
        },
    )


def _ratable(sheet: Draft) -> Whistle | Refusal:
    whistle = sheet.case.whistle
    if whistle is None or whistle.state is not WhistleState.FINISHED or not whistle.finished_at:
        return Refusal("whistle_not_finished")
    if sheet.now > whistle.finished_at + sheet.policy.whistles.rate_within:
        return Refusal("rating_over")
    return whistle


def _units(whistle: Whistle) -> tuple[str, ...]:
    return tuple(party.org for party in whistle.parties if not party.released)


def _mine(sheet: Draft) -> frozenset[str]:
    """Return the units in whose name somebody acts."""
    above = sheet.facts.directory.above(sheet.acting.org, sheet.now)
    return frozenset(org.id for org in above)


def _write(sheet: Draft, whistle: Whistle) -> None:
    """Keep the rating; when nobody is left to rate, the clock is answered."""
    sheet.change(whistle=whistle)
    units = set(_units(whistle))
    if units <= set(whistle.ratings) and units <= set(whistle.whistle_ratings):
        sheet.stop(ClockKind.RATING)
