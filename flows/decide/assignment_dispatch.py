"""派遣: who gets a case — a unit by the list, or a member by the township's next round. Pure."""

from typing import NamedTuple

from msgspec.structs import replace

from events.contract.assignment import AssigneeKind, AssignmentRequested
from flows.decide.able import able
from flows.decide.assignment import (
    AT_WORK,
    UNITS,
    begin,
    by_engine,
    own,
    secretary,
    urgency,
)
from flows.decide.assignment_waiting import enlist
from flows.decide.draft import Draft, Refusal
from flows.decide.handled import HANDLERS, handler_of, own_handler, told
from flows.decide.intake_routing import routing
from flows.decide.route import handles
from models.case import Owner
from models.clocks import ClockKind
from models.directory import Org
from models.handling import Assignment, AssignmentState
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.policy.work import Acting
from models.values import CaseState, Mark
from notifications.notice import NoticeKind, instant


class Given(NamedTuple):
    """What a dispatch says: units, and who must keep out."""

    lead: Org
    helpers: tuple[str, ...] = ()
    kept_out: tuple[str, ...] = ()


@handles(AssignmentRequested)
def request(sheet: Draft, data: AssignmentRequested) -> Refusal | None:
    """When a registered case needs somebody, or a unit at work wants a member's help."""
    state = sheet.case.state
    if state in AT_WORK and not by_engine(sheet):
        return _ask_for_help(sheet, data)
    if not sheet.policy.lifecycle.moves(state, Action.ASSIGNMENT_REQUEST):
        return Refusal("wrong_state", {"state": str(state)})
    if state is CaseState.CONSULTING and not _consulted(sheet):
        return Refusal("consultation_open")
    given = _given(sheet, data)
    if isinstance(given, Refusal):
        return given
    rule = _must_propose(sheet)
    if rule:
        _propose(sheet, given, rule=rule)
    elif _for_members(sheet, given.lead):
        named = data.helpers if not by_engine(sheet) else ()
        to_round(sheet, given._replace(helpers=named), words=data.reason)
    else:
        to_unit(sheet, given, Action.ASSIGNMENT_REQUEST, words=data.reason)
    return None


def _consulted(sheet: Draft) -> bool:
    talk = sheet.case.consultation
    return talk is not None and bool(talk.outcome)


def _given(sheet: Draft, data: AssignmentRequested) -> Given | Refusal:
    """Return the units: those named, else those proposed, else the list's."""
    work, listed = sheet.case.assignment, routing(sheet)
    proposed = work if work is not None and work.state is AssignmentState.PROPOSED else None
    lead, helpers = data.lead, data.helpers
    if not lead and proposed is not None:
        lead, helpers = proposed.org, helpers or proposed.helpers
    if not lead and sheet.case.state is CaseState.REOPENED and sheet.case.leads:
        lead = sheet.case.leads[-1]
    if not lead:
        lead, helpers = listed.lead, helpers or listed.helpers
    known = work.kept_out if work is not None else ()
    kept_out = tuple(dict.fromkeys((*known, *data.kept_out)))
    found = unit_of(sheet, lead)
    if isinstance(found, Refusal):
        return found
    others = tuple(dict.fromkeys(org for org in helpers if org != found.id))
    for other in others:
        if isinstance(refused := unit_of(sheet, other), Refusal):
            return refused
    return Given(found, others, kept_out)


def unit_of(sheet: Draft, org_id: str) -> Org | Refusal:
    """Return the unit that can be given the case, or why it cannot."""
    org = sheet.facts.directory.org(org_id, sheet.now)
    if org is None or not org.code.startswith(sheet.case.county):
        return Refusal("unknown_unit", {"unit": org_id})
    if org.kind not in UNITS:
        return Refusal("not_a_unit", {"unit": org_id})
    bypassed = org.kind not in (OrgKind.DEPARTMENT, OrgKind.COUNTY)
    if sheet.case.mark is Mark.BYPASS and bypassed:
        return Refusal("outside_circle", {"unit": org_id})
    return org


def _must_propose(sheet: Draft) -> str:
    """Return the rule that leaves dispatching to a person; empty where it goes by itself.

    A person's own request, an emergency and a reopened case are not proposed again.
    """
    case = sheet.case
    if not by_engine(sheet) or case.state is CaseState.REOPENED:
        return ""
    if case.emergency_level or sheet.policy.category(case.category) is None:
        return ""
    acting, rule = sheet.policy.acting(case.category, Action.ASSIGNMENT_REQUEST)
    on_site = urgency(case).value == "E"
    return "" if acting is Acting.BY_ITSELF or on_site else f"intake/automation/{rule}"


def _propose(sheet: Draft, given: Given, *, rule: str) -> None:
    work = _new_work(sheet, given, AssignmentState.PROPOSED)
    sheet.change(assignment=work)
    found = able(sheet, Action.ASSIGNMENT_REQUEST, Role.DISPATCHER)
    owner = found or Owner(org=sheet.case.township or sheet.case.county, role=Role.DISPATCHER)
    own(sheet, owner)
    begin(sheet, ClockKind.CONFIRM, sheet.policy.deadlines.dispatch[urgency(sheet.case)])
    sheet.record(
        Action.ASSIGNMENT_REQUEST,
        reason="dispatch_proposed",
        rule=rule,
        detail={"lead": given.lead.id, "helpers": len(given.helpers)},
    )
    sheet.notify(NoticeKind.DISPATCH_PROPOSED, told(owner), about=work.id, unit=given.lead.name)


def _for_members(sheet: Draft, lead: Org) -> bool:
    """Is it work for members: at grid or village, no enforcement, not marked?"""
    category = sheet.policy.category(sheet.case.category)
    return (
        lead.kind in (OrgKind.GRID, OrgKind.VILLAGE)
        and sheet.case.mark is Mark.NONE
        and category is not None
        and not category.enforcement
    )


def to_round(sheet: Draft, given: Given, *, words: str = "") -> None:
    """Let the case wait for the township's next round; the secretary owns it meanwhile."""
    _give(sheet, _new_work(sheet, given, AssignmentState.WAITING), Action.ASSIGNMENT_REQUEST)
    own(sheet, secretary(sheet))
    due_at = enlist(sheet)
    sheet.move(
        CaseState.DISPATCHED,
        Action.ASSIGNMENT_REQUEST,
        reason="waits_for_round",
        words=words,
        rule="matching",
        detail={"lead": given.lead.id, "round_at": instant(due_at)},
    )


def to_unit(
    sheet: Draft, given: Given, action: Action, *, words: str = "", reason: str = "ok"
) -> None:
    """Send the case to a unit, which must sign for it, and tell it and the helping units.

    A unit without anybody who could sign passes it to the unit above.
    """
    lead = _manned(sheet, given.lead)
    helpers = tuple(org for org in given.helpers if org != lead.id)
    work = _new_work(sheet, given._replace(lead=lead, helpers=helpers), AssignmentState.OFFERED)
    _give(sheet, replace(work, offered_at=sheet.now), action)
    own_handler(sheet)
    sign = begin(sheet, ClockKind.SIGN, sheet.policy.deadlines.accept[urgency(sheet.case)])
    sheet.move(
        CaseState.DISPATCHED,
        action,
        reason=reason,
        words=words,
        rule=routing(sheet).rule,
        detail={
            "lead": lead.id,
            "helpers": len(helpers),
            "sign_by": instant(sign.due_at),
            "instead_of": given.lead.id if lead is not given.lead else "",
        },
    )
    limit = sheet.case.due or sign
    for org, part in ((lead.id, "lead"), *((helper, "helper") for helper in helpers)):
        to = told(handler_of(sheet, replace(work, org=org)))
        sheet.notify(
            NoticeKind.CASE_DISPATCHED,
            to,
            about=f"{work.id}{org}",
            due_at=instant(limit.due_at),
            part=part,
        )


def _manned(sheet: Draft, lead: Org) -> Org:
    """Return the unit, or the first above it, in which somebody may sign; else the unit."""
    for org in sheet.facts.directory.above(lead.id, sheet.now):
        holders = sheet.policy.roles.holders[Action.ASSIGNMENT_ACCEPT]
        bypassed = org.kind not in (OrgKind.DEPARTMENT, OrgKind.COUNTY)
        if sheet.case.mark is Mark.BYPASS and bypassed:
            continue
        if org.kind in UNITS and any(
            sheet.facts.directory.holders(role, org.id, sheet.now)
            for role in HANDLERS
            if role in holders
        ):
            return org
    return lead


def _new_work(sheet: Draft, given: Given, state: AssignmentState) -> Assignment:
    """Begin a new attempt; who is kin of a party stays out of the matter for good."""
    before = sheet.case.assignment
    return Assignment(
        id=sheet.new_id("assignment"),
        state=state,
        org=given.lead.id,
        helpers=given.helpers,
        recused=before.recused if before is not None else (),
        kept_out=given.kept_out,
        requested_at=sheet.now,
    )


def _give(sheet: Draft, work: Assignment, action: Action) -> None:
    """Put a new assignment in the place of the old one; its unit joins the leads and the circle."""
    case, marked = sheet.case, sheet.case.mark is Mark.CONFIDENTIAL
    leads = case.leads if case.leads[-1:] == (work.org,) else (*case.leads, work.org)
    circle = dict.fromkeys((*case.circle, *((work.org, *work.helpers) if marked else ())))
    sheet.change(assignment=work, leads=leads, circle=tuple(circle), ask=None)
    # CONCLUDE runs on where too few came: sending the case on answers it.
    sheet.stop(
        ClockKind.SIGN, ClockKind.ACCEPT, ClockKind.CONFIRM, ClockKind.GRANT, ClockKind.CONCLUDE
    )
    sheet.done_by(action, sheet.acting.actor)


def _ask_for_help(sheet: Draft, data: AssignmentRequested) -> Refusal | None:
    """When a unit that has the work wants a Party member or volunteer to help (求派)."""
    work, category = sheet.case.assignment, sheet.policy.category(sheet.case.category)
    if work is None or (data.lead and data.lead != work.org):
        return Refusal("already_assigned")
    if work.aid is None and work.state is AssignmentState.RECOMMENDED:
        _search_again(sheet, work)
        return None
    unit_has_it = work.kind == AssigneeKind.UNIT and work.state in (
        AssignmentState.OFFERED,
        AssignmentState.ACCEPTED,
    )
    if not unit_has_it or work.aid not in (
        None,
        AssignmentState.WAITING,
        AssignmentState.RECOMMENDED,
    ):
        return Refusal("already_assigned")
    if sheet.case.mark is not Mark.NONE or category is None or category.enforcement:
        return Refusal("no_members_for_this")
    kept_out = tuple(dict.fromkeys((*work.kept_out, *data.kept_out)))
    sheet.change(
        assignment=replace(
            work, aid=AssignmentState.WAITING, kept_out=kept_out, assignee="", second=""
        )
    )
    sheet.stop(ClockKind.CONFIRM)
    _record_wait(sheet, data.reason, reason="help_wanted")
    return None


def _search_again(sheet: Draft, work: Assignment) -> None:
    """When everybody said no and the secretary wants another round; who declined stays out."""
    sheet.change(assignment=replace(work, state=AssignmentState.WAITING, candidates=()))
    sheet.stop(ClockKind.CONFIRM)
    own(sheet, secretary(sheet))
    _record_wait(sheet, "", reason="waits_for_round")


def _record_wait(sheet: Draft, words: str, *, reason: str) -> None:
    sheet.done_by(Action.ASSIGNMENT_REQUEST, sheet.acting.actor)
    sheet.record(
        Action.ASSIGNMENT_REQUEST,
        reason=reason,
        words=words,
        rule="matching",
        detail={"round_at": instant(enlist(sheet))},
    )
