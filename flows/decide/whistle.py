"""吹哨: asked for, approved or refused, blown; emergencies first and confirmed afterwards. Pure."""

from msgspec.structs import replace

from events.contract.escalation import (
    WhistleApproved,
    WhistleConfirmedAfterwards,
    WhistleRefused,
    WhistleRequested,
)
from flows.decide.able import able
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation_notices import in_circle, unit_name
from flows.decide.places import org_at
from flows.decide.route import handles
from flows.decide.whistle_calls import (
    by_list,
    call,
    granted,
    lead_with,
    make_urgent,
    rule_of,
    why_not_callable,
)
from models.clocks import Clock, ClockKind
from models.handling import Whistle, WhistleState
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import CaseState, Mark, OrgId, PersonId, RoleName
from notifications.notice import NoticeKind, Person, RoleAt, instant

#: Clocks of steps that a blown whistle overtakes: nobody could answer them any more.
_OVERTAKEN = (
    ClockKind.VERIFY,
    ClockKind.PROPOSAL,
    ClockKind.CONFIRM,
    ClockKind.ACCEPT,
    ClockKind.SIGN,
)


def running_whistle(sheet: Draft, *states: WhistleState) -> Whistle | None:
    """Return the case's whistle if it is in one of these states."""
    whistle = sheet.case.whistle
    return whistle if whistle is not None and whistle.state in states else None


@handles(WhistleRequested)
def request(sheet: Draft, data: WhistleRequested) -> Refusal | None:
    """吹哨申请. When the township wants departments; the duty leader's emergency blows at once."""
    if running_whistle(sheet, WhistleState.REQUESTED, WhistleState.BLOWN) is not None:
        return Refusal("whistle_running")
    lead, helpers = (data.lead, data.helpers) if data.lead else _named(sheet, data.helpers)
    if refusal := _callable(sheet, lead, helpers):
        return refusal
    whistle = Whistle(
        id=sheet.new_id("whistle"),
        kind=data.kind.value,
        state=WhistleState.REQUESTED,
        org=_township(sheet),
        requested_by=sheet.acting.actor,
        requested_at=sheet.now,
        lead=lead,
        helpers=helpers,
    )
    rule = rule_of(sheet, whistle)
    sheet.done_by(Action.ESCALATION_WHISTLE_REQUEST, sheet.acting.actor)
    sheet.stop(ClockKind.RATING)
    if rule.confirmer is not None and sheet.acting.role in (rule.approver, rule.confirmer):
        if not lead:
            return Refusal("lead_unknown")
        _blow(sheet, whistle, Action.ESCALATION_WHISTLE_REQUEST, words=data.reason)
        return None
    usual = sheet.policy.lifecycle.within.get(Action.ESCALATION_WHISTLE_REQUEST, frozenset())
    if rule.confirmer is None and sheet.case.state not in usual:
        return Refusal("wrong_state", {"state": str(sheet.case.state)})
    if sheet.case.mark is not Mark.NONE and not _approvable(sheet, rule.approver):
        return Refusal("nobody_may_approve", {"approver": rule.approver.value})
    _ask(sheet, whistle, words=data.reason)
    return None


@handles(WhistleApproved)
def approve(sheet: Draft, data: WhistleApproved) -> Refusal | None:
    """批准吹哨. When the principal lets it be blown, naming other units where need be."""
    whistle = running_whistle(sheet, WhistleState.REQUESTED)
    if whistle is None:
        return Refusal("no_whistle_asked")
    rule = rule_of(sheet, whistle)
    if sheet.acting.role not in (rule.approver, rule.confirmer):
        return Refusal("not_the_approver", {"approver": rule.approver.value})
    lead = data.lead or whistle.lead
    helpers = tuple(org for org in data.helpers or whistle.helpers if org != lead)
    if not lead:
        return Refusal("lead_unknown")
    if refusal := _callable(sheet, lead, helpers):
        return refusal
    asked = replace(whistle, lead=lead, helpers=helpers)
    sheet.done_by(Action.ESCALATION_WHISTLE_APPROVE, sheet.acting.actor)
    _blow(sheet, asked, Action.ESCALATION_WHISTLE_APPROVE, words=data.note)
    return None


@handles(WhistleRefused)
def refuse(sheet: Draft, data: WhistleRefused) -> Refusal | None:
    """不予吹哨. When the principal says no; the case stays where and whose it was."""
    whistle = running_whistle(sheet, WhistleState.REQUESTED)
    if whistle is None:
        return Refusal("no_whistle_asked")
    sheet.stop(ClockKind.WHISTLE_APPROVAL)
    sheet.change(whistle=replace(whistle, state=WhistleState.REFUSED))
    sheet.record(
        Action.ESCALATION_WHISTLE_REFUSE, words=data.reason, detail={"whistle": whistle.kind}
    )
    tell_requester(sheet, whistle, "refused_by_principal")
    return None


@handles(WhistleConfirmedAfterwards)
def confirm_afterwards(sheet: Draft, data: WhistleConfirmedAfterwards) -> Refusal | None:
    """补批. When the principal confirms an emergency whistle; refusing does not stop the work."""
    whistle = running_whistle(sheet, WhistleState.BLOWN, WhistleState.FINISHED)
    if whistle is None or rule_of(sheet, whistle).confirmer is None:
        return Refusal("nothing_to_confirm")
    if whistle.confirmed is not None:
        return Refusal("already_done")
    confirmer = rule_of(sheet, whistle).confirmer
    if sheet.acting.role != confirmer:
        return Refusal("not_the_approver", {"approver": str(confirmer)})
    sheet.stop(ClockKind.WHISTLE_CONFIRM)
    sheet.change(whistle=replace(whistle, confirmed=data.confirmed))
    sheet.record(
        Action.ESCALATION_WHISTLE_CONFIRM_AFTER,
        reason="ok" if data.confirmed else "refused_afterwards",
        words=data.reason,
        detail={"confirmed": data.confirmed, "whistle": whistle.kind},
    )
    if not data.confirmed:
        tell_requester(sheet, whistle, "refused_afterwards")
    return None


def tell_requester(sheet: Draft, whistle: Whistle, reason: str) -> None:
    """Tell who asked for the whistle that it was refused, or is over."""
    sheet.notify(
        NoticeKind.WHISTLE_REFUSED,
        Person(PersonId(whistle.requested_by)),
        about=f"{whistle.id}-{reason}",
        whistle=whistle.kind,
        reason=reason,
    )


def ask_approver(sheet: Draft, whistle: Whistle, *, about: str) -> None:
    """Tell whoever may approve the whistle that it waits."""
    told = len(sheet.notices)
    sheet.notify(
        NoticeKind.WHISTLE_REQUESTED,
        RoleAt(RoleName(rule_of(sheet, whistle).approver), OrgId(whistle.org)),
        about=about,
        whistle=whistle.kind,
        unit=unit_name(sheet, whistle.lead) if whistle.lead else "待定",
    )
    make_urgent(sheet, whistle, told)


def ask_confirmer(sheet: Draft, whistle: Whistle, *, about: str, rang: Clock | None = None) -> None:
    """Tell the principal that an emergency whistle waits for a word afterwards; set its clock.

    A principal outside the circle of a marked case is neither told nor waited for. `rang` is the
    clock before it, where the word was waited for already.
    """
    rule = rule_of(sheet, whistle)
    if rule.confirmer is None or rule.confirm_within is None:
        return
    who = RoleAt(RoleName(rule.confirmer), OrgId(whistle.org))
    if not in_circle(sheet, who):
        sheet.record(Action.ESCALATION_WHISTLE_CONFIRM_AFTER, reason="nobody_may_confirm")
        return
    deadline = sheet.start(ClockKind.WHISTLE_CONFIRM, rule.confirm_within, rang=rang)
    sheet.notify(
        NoticeKind.WHISTLE_TO_CONFIRM,
        who,
        about=about,
        whistle=whistle.kind,
        due_at=instant(deadline.due_at),
    )


def _named(sheet: Draft, helpers: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return lead and helpers by the list; helpers somebody named are kept as they were named."""
    lead, listed = by_list(sheet)
    return lead, tuple(org for org in helpers or listed if org != lead)


def _callable(sheet: Draft, lead: str, helpers: tuple[str, ...]) -> Refusal | None:
    if lead in helpers or len(set(helpers)) < len(helpers):
        return Refusal("unit_named_twice")
    for org in (lead, *helpers):
        if org and (reason := why_not_callable(sheet, org)):
            return Refusal(reason, {"unit": org})
    return None


def _approvable(sheet: Draft, approver: Role) -> bool:
    """Is there an approver in the circle of this marked case?"""
    found = able(sheet, Action.ESCALATION_WHISTLE_APPROVE, approver)
    return found is not None and found.role == approver


def _ask(sheet: Draft, whistle: Whistle, *, words: str) -> None:
    rule = rule_of(sheet, whistle)
    sheet.change(whistle=whistle)
    sheet.start(ClockKind.WHISTLE_APPROVAL, rule.approve_within)
    sheet.record(
        Action.ESCALATION_WHISTLE_REQUEST,
        words=words,
        rule=f"whistles/{whistle.kind}",
        detail={"whistle": whistle.kind, "lead": whistle.lead, "helpers": len(whistle.helpers)},
    )
    ask_approver(sheet, whistle, about=whistle.id)


def _blow(sheet: Draft, whistle: Whistle, action: Action, *, words: str) -> None:
    """Call lead and helpers, give the case to the lead, and let the clocks run from now."""
    _overtake(sheet)
    old_due = sheet.case.due
    rule = rule_of(sheet, whistle)
    parties = tuple(
        call(sheet, whistle, org, lead=org == whistle.lead)
        for org in (whistle.lead, *whistle.helpers)
    )
    limit = lead_with(sheet, whistle, whistle.lead)
    blown = replace(
        whistle,
        state=WhistleState.BLOWN,
        approved_by=sheet.acting.actor,
        blown_at=sheet.now,
        parties=parties,
        due=limit,
        extensions=len(granted(sheet)),
    )
    by_principal = rule.confirmer is not None and sheet.acting.role == rule.confirmer
    sheet.change(whistle=replace(blown, confirmed=True if by_principal else None))
    sheet.move(
        CaseState.WHISTLED,
        action,
        words=words,
        rule=f"whistles/{whistle.kind}",
        detail={
            "whistle": whistle.kind,
            "lead": whistle.lead,
            "helpers": len(whistle.helpers),
            "listed_item": _item(sheet),
            "limit": instant(limit.due_at),
            "old_due_at": instant(old_due.due_at) if old_due else None,
            "due_at": instant((sheet.case.due or limit).due_at),
        },
    )
    if not by_principal:
        ask_confirmer(sheet, blown, about=whistle.id)


def _overtake(sheet: Draft) -> None:
    """Stop the clocks that nobody can answer any more once departments are called.

    A case that was not registered yet counts as registered by the whistle (先办后补).
    """
    sheet.stop(ClockKind.WHISTLE_APPROVAL, *_OVERTAKEN)
    if sheet.case.registered_at is None:
        version = sheet.case.policy_version or sheet.policy.version
        sheet.change(registered_at=sheet.now, policy_version=version)


def _item(sheet: Draft) -> str:
    route = sheet.policy.routes.get(sheet.case.category)
    return route.item_id if route is not None else ""


def _township(sheet: Draft) -> str:
    township = org_at(sheet, OrgKind.TOWNSHIP)
    return township.id if township is not None else sheet.acting.org
