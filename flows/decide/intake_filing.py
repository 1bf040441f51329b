"""上报: a report comes in and opens a case. Pure."""

from typing import NamedTuple

from events.contract.envelope import Event
from events.contract.reports import Datum, Place, ReportFiled
from flows.decide.draft import Draft, Refusal, system
from flows.decide.fitting import event_of
from flows.decide.intake import take_on
from flows.decide.intake_emergency import sound_alarm
from flows.decide.intake_marks import strongest
from flows.decide.intake_registering import classify
from flows.decide.rights import Reach, why_not
from flows.decide.route import handles
from models.policy.actions import Action
from models.policy.people import OrgKind
from models.values import CaseState, Mark, Step, case_id_of
from notifications.notice import NoticeKind, Reporter


class Position(NamedTuple):
    """A usable position, or why there is none."""

    lon: float | None
    lat: float | None
    dropped: str = ""


def position(place: Place | None) -> Position:
    """Return the position in the engine's own datum; one in another is dropped, never guessed."""
    if place is None:
        return Position(None, None)
    if place.datum is not Datum.CGCS2000:
        return Position(None, None, "datum_not_converted")
    if not (-180 <= place.lon <= 180 and -90 <= place.lat <= 90):
        return Position(None, None, "position_impossible")
    return Position(place.lon, place.lat)


def known_grid(sheet: Draft, code: str) -> Refusal | None:
    """Return why the engine cannot take a matter at this grid: unknown, or another township's."""
    if sheet.facts.directory.by_code(code[:15], OrgKind.GRID, sheet.now) is None:
        return Refusal("unknown_grid", {"grid": code})
    if not code.startswith(event_of(sheet).township):
        return Refusal("other_township", {"grid": code})
    return None


def may_not(sheet: Draft, action: Action, code: str) -> Refusal | None:
    """Return why the actor may not tell of a matter at this place.

    Types without a subject pass the route unasked. A matter of one's own territory is one's own
    organisation's; what one tells oneself is one's own.
    """
    acting, directory = event_of(sheet).acting, sheet.facts.directory
    org = directory.org(acting.org, sheet.now)
    own = org is not None and bool(org.code) and code.startswith(org.code)
    reach = Reach(
        code=code,
        orgs=frozenset({acting.org}) if own else frozenset(),
        persons=frozenset({acting.actor}),
    )
    reason = why_not(acting, action, reach, directory=directory, policy=sheet.policy, on=sheet.now)
    return Refusal(reason, {"role": acting.role}) if reason else None


@handles(ReportFiled)
def file(sheet: Draft, data: ReportFiled) -> Refusal | None:
    """上报. When somebody reports a matter: a case is opened, numbered and sent on its way."""
    event = event_of(sheet)
    if refusal := _not_taken(sheet, data):
        return refusal
    _open(sheet, event, data)
    _record(sheet, data)
    if data.reporter_ref:
        sheet.notify(NoticeKind.REPORT_RECEIVED, Reporter(data.reporter_ref))
    category = sheet.policy.category(data.category)
    if data.emergency or (category is not None and category.on_site):
        _declare(sheet, data)
    take_on(sheet)
    return None


def _not_taken(sheet: Draft, data: ReportFiled) -> Refusal | None:
    if sheet.case.version > 0:
        return Refusal("filed_already", {"number": sheet.case.number})
    if refusal := known_grid(sheet, data.grid):
        return refusal
    if data.category and sheet.policy.category(data.category) is None:
        return Refusal("unknown_category", {"category": data.category})
    rules = sheet.policy.intake
    if data.source not in rules.sources:
        return Refusal("source_not_admitted", {"source": data.source.value})
    public = data.source not in rules.grid_sources
    if public and not data.reporter_ref and not rules.anonymous_allowed:
        return Refusal("anonymous_not_allowed")
    return may_not(sheet, Action.REPORT_FILE, data.grid)


def _open(sheet: Draft, event: Event, data: ReportFiled) -> None:
    """Fill the stub: where, what, from whom, and under which number people speak of it."""
    where = position(data.place)
    sheet.change(
        id=case_id_of(event.source, event.known_as),
        number=_number(sheet, data.grid),
        county=data.grid[:6],
        township=data.grid[:9],
        village=data.grid[:12],
        grid=data.grid,
        mark=strongest(data.mark, Mark.CONFIDENTIAL if data.concerns_minor else Mark.NONE),
        source=data.source.value,
        origin=event.source,
        reporter_ref=data.reporter_ref,
        filed_by=event.acting.actor,
        lon=where.lon,
        lat=where.lat,
        evidence=len(data.evidence),
        joint=data.joint,
        disputed=data.disputed,
        public_interest=data.public_interest,
        occurred_at=event.time,
        reported_at=sheet.now,
        policy_version=sheet.policy.version,
        calendar_version=sheet.facts.office.calendar.version,
    )
    classify(sheet, data.category)
    sheet.done_by(Action.REPORT_FILE, event.acting.actor)


def _number(sheet: Draft, grid: str) -> str:
    day = sheet.facts.office.local(sheet.now)
    return f"{grid[:15]}{day:%Y%m%d}{sheet.facts.sequence:04}"


def _record(sheet: Draft, data: ReportFiled) -> None:
    sheet.move(
        CaseState.REPORTED,
        Action.REPORT_FILE,
        words=data.title,
        evidence=data.evidence,
        detail={
            "number": sheet.case.number,
            "source": sheet.case.source,
            "category": data.category,
            "mark": str(sheet.case.mark),
            "position": position(data.place).dropped or ("known" if data.place else "grid_only"),
            "filed_afterwards": data.filed_afterwards,
        },
    )


def _declare(sheet: Draft, data: ReportFiled) -> None:
    """Sound the alarm, and keep who called which emergency number as the reporter told it."""
    category = sheet.policy.category(data.category)
    by_list = category is not None and category.on_site
    sound_alarm(sheet, over=data.filed_afterwards)
    sheet.record(
        Action.ESCALATION_DECLARE_EMERGENCY,
        acting=None if data.emergency else system(Step.INTAKE, sheet.case.township),
        rule=f"categories/{data.category}" if by_list else "",
        detail={"called": bool(data.emergency_call), "over": data.filed_afterwards},
    )
    if data.emergency_call:
        sheet.record(Action.ESCALATION_RECORD_CALL, words=data.emergency_call)
