"""Danger to life or property: alarm first, file afterwards (domain.md section 2). Pure.

The engine calls no emergency number and is never the only alarm: it tells whoever is on duty, asks
that 110, 119 or 120 be called first, and keeps who called whom.
"""

from datetime import timedelta

from flows.decide.able import able
from flows.decide.decision import Firing
from flows.decide.draft import Draft
from flows.decide.escalation import record_breach, rings
from flows.decide.handled import told
from flows.decide.intake_routing import discipline_office
from flows.decide.places import org_at, role_at
from flows.decide.route import fires
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.categories import Urgency
from models.policy.people import OrgKind, Role
from models.policy.span import Span, SpanKind
from models.policy.whistle import WhistleKind
from models.values import CaseState, Mark, OrgId, RoleName, Step
from notifications.notice import NoticeKind, Org, Recipient, RoleAt, instant

#: IV 蓝, the lowest of the four levels, until a person rates it.
UNRATED = 4
#: What a caller dials first; the same in the whole country.
EMERGENCY_NUMBERS = "110/119/120"
#: Somebody works on it, so somebody is or was there.
_ON_SITE = frozenset(
    {
        CaseState.HANDLING,
        CaseState.SUSPENDED,
        CaseState.FEEDBACK,
        CaseState.CHECKING,
        CaseState.VISITING,
    }
)
#: report upward → how it is told
_FORMS = {ClockKind.UPWARD_PHONE: "phone", ClockKind.UPWARD_WRITTEN: "written"}


def sound_alarm(sheet: Draft, *, level: int = UNRATED, over: bool = False) -> None:
    """Make the case an emergency: alert the duty roster and the township, set its clocks.

    `over`: it is told after the danger was dealt with, so nobody has to hurry there any more.
    """
    sheet.change(emergency_level=level, urgency=Urgency.EMERGENCY.value)
    limits = sheet.policy.deadlines
    on_site = sheet.limit(_response(sheet))
    if not over:
        sheet.start_until(ClockKind.ON_SITE, on_site.due_at, deadline=on_site)
        filing = sheet.start(ClockKind.RETROACTIVE_FILING, calendar(limits.retroactive_filing))
        keeper = able(sheet, Action.REPORT_RECLASSIFY, Role.DISPATCHER)
        if keeper is not None:
            sheet.notify(
                NoticeKind.RETROACTIVE_FILING_DUE, told(keeper), due_at=instant(filing.due_at)
            )
    for who in _roster(sheet):
        sheet.notify(
            NoticeKind.EMERGENCY_ALERT,
            who,
            due_at=instant(on_site.due_at),
            hotline=EMERGENCY_NUMBERS,
        )
    sheet.start(ClockKind.UPWARD_PHONE, calendar(limits.emergency_phone))
    sheet.start(ClockKind.UPWARD_WRITTEN, calendar(limits.emergency_written))
    for kind in _FORMS:
        ask_upward_report(sheet, kind)


def calendar(duration: timedelta) -> Span:
    """Return a length that runs through nights and holidays as a span."""
    return Span(SpanKind.CALENDAR, duration)


def ask_upward_report(sheet: Draft, kind: ClockKind, *, about: str = "") -> None:
    """Tell whoever is on duty that the county is to be told, by phone or in writing."""
    clock = sheet.case.clock(kind)
    due_at = clock.due_at if clock is not None else sheet.now
    form = _FORMS[kind]
    for who in _reporters_upward(sheet):
        sheet.notify(
            NoticeKind.UPWARD_REPORT_DUE,
            who,
            about=f"{form}{about}",
            due_at=instant(due_at),
            form=form,
        )


def _response(sheet: Draft) -> Span:
    """Return the time to be on site: the category's, else an emergency whistle's."""
    category = sheet.policy.category(sheet.case.category)
    if category is not None and category.on_site:
        return category.limit
    return sheet.policy.whistles.kinds[WhistleKind.EMERGENCY].arrive


def _roster(sheet: Draft) -> tuple[Recipient, ...]:
    """Return who hears the alarm: the duty roster and the township; of a bypass only its owner."""
    found = _of_duty(sheet, Role.DUTY_LEADER, Role.DUTY_SUPERVISOR)
    township = org_at(sheet, OrgKind.TOWNSHIP)
    if township is None or sheet.case.mark is Mark.BYPASS:
        return found
    return (*found, Org(OrgId(township.id)))


def _reporters_upward(sheet: Draft) -> tuple[Recipient, ...]:
    return _of_duty(sheet, Role.DUTY_LEADER)


def _of_duty(sheet: Draft, *roles: Role) -> tuple[Recipient, ...]:
    """Return who is on duty in these roles. Only number and due time leave a confidential case."""
    if sheet.case.mark is Mark.BYPASS:
        return (RoleAt(RoleName(Role.DISCIPLINE_OFFICER), OrgId(discipline_office(sheet))),)
    found = (role_at(sheet, role, OrgKind.TOWNSHIP) for role in roles)
    return tuple(who for who in found if who is not None)


@fires(Step.INTAKE, ClockKind.ON_SITE)
def nobody_on_site(sheet: Draft, firing: Firing) -> None:
    """When an emergency's first response on the spot was not told in time."""
    if not rings(sheet, firing):
        return
    if sheet.case.state in _ON_SITE:
        sheet.record(f"timer:{firing.clock.kind}", reason="no_longer_needed")
        return
    record_breach(sheet, firing, firing.clock.kind)


@fires(Step.INTAKE, ClockKind.UPWARD_PHONE, ClockKind.UPWARD_WRITTEN)
def not_reported_upward(sheet: Draft, firing: Firing) -> None:
    """When the county was not told of an emergency in time: the duty leader is asked once more."""
    if not rings(sheet, firing):
        return
    record_breach(sheet, firing, firing.clock.kind)
    ask_upward_report(sheet, firing.clock.kind, about="|late")


@fires(Step.INTAKE, ClockKind.RETROACTIVE_FILING)
def not_filed_afterwards(sheet: Draft, firing: Firing) -> None:
    """When the file of an emergency was not completed afterwards in time."""
    if rings(sheet, firing):
        record_breach(sheet, firing, firing.clock.kind)
