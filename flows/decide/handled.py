"""What follows when work was handled, checked, sent back (domain.md section 2). Pure.

Shared by assignments and whistles: whoever finishes, somebody else checks.
"""

from msgspec.structs import replace

from events.contract.assignment import AssigneeKind
from events.contract.escalation import UrgeKind
from events.contract.feedback import VisitRequested
from flows.decide.able import able
from flows.decide.draft import Detail, Draft, system
from flows.decide.intake_marks import hand_to
from models.case import Owner
from models.clocks import ClockKind
from models.handling import Assignment, AssignmentState
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import CaseState, OrgId, PersonId, RoleName, Step
from notifications.notice import NoticeKind, Person, Recipient, RoleAt, instant

#: Clocks of getting and doing the work: saying that it is done answers them all.
WORK_CLOCKS = (
    ClockKind.SIGN,
    ClockKind.ACCEPT,
    ClockKind.CONFIRM,
    ClockKind.RETURN,
    ClockKind.GRANT,
    ClockKind.SUSPENSION_END,
)
#: Clocks of what comes after: sending work back stops them.
AFTER_CLOCKS = (ClockKind.CHECK, ClockKind.VISIT, ClockKind.CLOSE)

#: Who does a unit's work, the usual one first.
HANDLERS = (
    Role.DEPARTMENT_HANDLER,
    Role.TOWNSHIP_HANDLER,
    Role.VILLAGE_DIRECTOR,
    Role.GRID_HEAD,
    Role.DISCIPLINE_OFFICER,
    Role.VILLAGE_SECRETARY,
    Role.DEPARTMENT_LEAD,
)
_HANDLER_OF_KIND = {
    OrgKind.DEPARTMENT: Role.DEPARTMENT_HANDLER,
    OrgKind.VILLAGE: Role.VILLAGE_DIRECTOR,
    OrgKind.GRID: Role.GRID_HEAD,
    OrgKind.COUNTY: Role.COUNTY_SUPERVISOR,
}
_ROLE_OF_ASSIGNEE = {
    AssigneeKind.PARTY_MEMBER: Role.PARTY_MEMBER,
    AssigneeKind.GRID_MEMBER: Role.GRID_MEMBER,
    AssigneeKind.VOLUNTEER: Role.VOLUNTEER,
    AssigneeKind.SOCIAL_ORGANISATION: Role.VOLUNTEER,
}


def say_handled(
    sheet: Draft,
    action: Action,
    *,
    org: str = "",
    words: str = "",
    evidence: tuple[str, ...] = (),
    detail: Detail | None = None,
) -> None:
    """Write that the work is said to be done and who must check it.

    Call it once every helper signed off or the lead gave a reason. `org` is the unit that says so
    where that is not the one the work was given to (the lead of a whistle): the work is its from
    now on, so a failed check goes back to it. The case is FEEDBACK, then CHECKING.
    """
    work = _handed_to(sheet, org)
    persons = (sheet.acting.actor, sheet.acting.on_behalf_of, work.assignee, work.second)
    for deed in dict.fromkeys((Action.ASSIGNMENT_HANDLE, action)):
        sheet.done_by(deed, *(person for person in persons if person))
    sheet.change(
        assignment=replace(
            work,
            state=AssignmentState.HANDLED,
            aid=None,
            handled_at=sheet.now,
            handled_by=sheet.acting.actor,
        ),
        ask=None,
    )
    sheet.stop(*WORK_CLOCKS)
    sheet.move(CaseState.FEEDBACK, action, words=words, evidence=evidence, detail=detail)
    _ask_check(sheet)


def _handed_to(sheet: Draft, org: str) -> Assignment:
    """Return the assignment, passed to `org` where that is another unit than it lies with."""
    work = sheet.case.assignment
    if work is None or (org and org != work.org):
        return Assignment(
            id=sheet.new_id("assignment"),
            state=AssignmentState.ACCEPTED,
            org=org or (sheet.case.owner.org if sheet.case.owner else ""),
            requested_at=work.requested_at if work else sheet.now,
            rework=work.rework if work else 0,
        )
    return work


def _ask_check(sheet: Draft) -> None:
    checker = able(sheet, Action.ASSIGNMENT_CHECK, Role.CHECKER)
    owner = hand_to(sheet, Action.ASSIGNMENT_CHECK, Role.CHECKER)
    deadline = sheet.start(ClockKind.CHECK, sheet.policy.deadlines.check)
    sheet.move(
        CaseState.CHECKING,
        Action.ASSIGNMENT_CHECK,
        reason="check_asked" if checker else "nobody_may_check",
        rule="deadlines/check",
        acting=system(Step.ASSIGNMENT, sheet.case.township),
    )
    sheet.notify(
        NoticeKind.CHECK_REQUESTED,
        told(owner),
        about=str(sheet.case.version),
        due_at=instant(deadline.due_at),
    )


def sign_off(sheet: Draft, org: str) -> None:
    """Note that a helping unit has done its part of the assignment; the caller records the act."""
    work = sheet.case.assignment
    if work is not None and org in work.helpers:
        done = tuple(dict.fromkeys((*work.helpers_done, org)))
        sheet.change(assignment=replace(work, helpers_done=done))


def missing_helpers(work: Assignment) -> tuple[str, ...]:
    """Return the helping units that have not signed their part off."""
    return tuple(org for org in work.helpers if org not in work.helpers_done)


def pass_check(
    sheet: Draft, *, words: str = "", evidence: tuple[str, ...] = (), detail: Detail | None = None
) -> None:
    """Write that the check passed; the feedback step decides whether the villager is asked."""
    work = sheet.case.assignment
    if work is None:
        return
    sheet.change(
        assignment=replace(
            work,
            state=AssignmentState.PASSED,
            checked_at=sheet.now,
            checked_by=sheet.acting.actor,
        )
    )
    sheet.done_by(Action.ASSIGNMENT_CHECK, sheet.acting.actor)
    sheet.stop(ClockKind.CHECK)
    visitor = able(sheet, Action.FEEDBACK_VISIT, Role.VISITOR)
    if visitor is not None:
        sheet.own(visitor.org, visitor.role)
    sheet.record(
        Action.ASSIGNMENT_CHECK,
        reason="check_passed",
        words=words,
        evidence=evidence,
        detail=detail,
    )
    sheet.follow(VisitRequested())


def send_back(
    sheet: Draft,
    action: Action,
    *,
    reason: str,
    words: str = "",
    evidence: tuple[str, ...] = (),
    detail: Detail | None = None,
) -> None:
    """返工. Write that the work goes back to whoever handled it; above the cap it is supervised."""
    work = _handed_to(sheet, "")
    rework = sheet.case.rework + 1
    sheet.change(
        rework=rework,
        assignment=replace(
            work, state=AssignmentState.ACCEPTED, rework=work.rework + 1, handled_at=None
        ),
    )
    sheet.done_by(action, sheet.acting.actor)
    sheet.stop(*AFTER_CLOCKS)
    owner = own_handler(sheet)
    sheet.move(
        CaseState.HANDLING,
        action,
        reason=reason,
        words=words,
        evidence=evidence,
        detail={**(detail or {}), "rework": rework},
    )
    due_at = sheet.case.due.due_at if sheet.case.due else sheet.now
    sheet.notify(
        NoticeKind.REWORK_ORDERED,
        told(owner),
        about=str(rework),
        due_at=instant(due_at),
        reason=reason,
    )
    _supervise_rework(sheet, owner)


def _supervise_rework(sheet: Draft, owner: Owner) -> None:
    cap = sheet.policy.deadlines.reworks_before_supervision
    if sheet.case.rework <= cap or sheet.case.supervised:
        return
    sheet.change(supervised=UrgeKind.IMPORTANT.value)
    sheet.record(
        Action.ESCALATION_SUPERVISE,
        reason="rework_cap",
        rule="deadlines/reworks_before_supervision",
        acting=system(Step.ASSIGNMENT, sheet.case.township),
        detail={"rework": sheet.case.rework, "cap": cap},
    )
    sheet.notify(
        NoticeKind.CASE_SUPERVISED, told(owner), about="rework", supervision=UrgeKind.IMPORTANT
    )


def own_handler(sheet: Draft) -> Owner:
    """Make whoever does the work the owner of the next step, and return it."""
    owner = handler_of(sheet)
    sheet.own(owner.org, owner.role, owner.person)
    return owner


def handler_of(sheet: Draft, work: Assignment | None = None) -> Owner:
    """Return who does the work: the member asked, else the unit's own people, by their rights."""
    work = work or sheet.case.assignment
    if work is None:
        return sheet.case.owner or Owner(org=sheet.case.township, role=Role.DISPATCHER)
    if work.kind != AssigneeKind.UNIT and work.assignee:
        role = _ROLE_OF_ASSIGNEE.get(AssigneeKind(work.kind), Role.PARTY_MEMBER)
        if work.kind == AssigneeKind.SOCIAL_ORGANISATION:
            return Owner(org=work.assignee, role=role)
        return Owner(org=work.org, role=role, person=work.assignee)
    found = able(sheet, Action.ASSIGNMENT_HANDLE, *HANDLERS, at=(work.org,))
    return found or Owner(org=work.org, role=_usual_handler(sheet, work.org))


def _usual_handler(sheet: Draft, org_id: str) -> Role:
    org = sheet.facts.directory.org(org_id, sheet.now)
    if org is None:
        return Role.TOWNSHIP_HANDLER
    return _HANDLER_OF_KIND.get(OrgKind(org.kind), Role.TOWNSHIP_HANDLER)


def told(owner: Owner) -> Recipient:
    """Return whom to tell so that this owner hears it."""
    if owner.person:
        return Person(id=PersonId(owner.person))
    return RoleAt(role=RoleName(owner.role), org=OrgId(owner.org))
