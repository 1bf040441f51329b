"""Asking persons and groups: who fits, how many, and who is next when somebody says no. Pure."""

from msgspec.structs import replace

from events.contract.assignment import AssigneeKind
from flows.decide.assignment import GROUPS, asked, begin, secretary, with_search
from flows.decide.assignment_waiting import by_hand
from flows.decide.draft import Draft, Refusal
from flows.decide.handled import own_handler, told
from flows.decide.matching import KIND_OF_ROLE, Member, handlers_needed, why_unfit
from models.clocks import ClockKind
from models.handling import Assignment, AssignmentState
from models.policy.actions import Action
from models.policy.people import Role
from models.values import OrgId, PersonId
from notifications.notice import NoticeKind, Org, Person, Recipient, instant


def needed(sheet: Draft, work: Assignment) -> int:
    """Return how many persons must be asked: with a unit at work, one who helps is enough."""
    return 1 if work.aid is not None else handlers_needed(sheet.case, sheet.policy)


def fitting_kind(sheet: Draft, work: Assignment, who: str) -> AssigneeKind | Refusal:
    """Return what a person or group is asked as, or which hard condition stands against it."""
    org = sheet.facts.directory.org(who, sheet.now)
    category = sheet.policy.category(sheet.case.category)
    if org is not None and org.kind in GROUPS:
        if (category is not None and category.enforcement) or who in (
            *work.declined,
            *work.recused,
        ):
            return Refusal("does_not_fit", {"condition": "not_declined"})
        return AssigneeKind.SOCIAL_ORGANISATION
    member = member_of(sheet, who)
    if member is None:
        return Refusal("unknown_person")
    failed = why_unfit(sheet.case, work, member, sheet.policy)
    return member.kind if failed is None else Refusal("does_not_fit", {"condition": str(failed)})


def member_of(sheet: Draft, who: str) -> Member | None:
    """Return a person whose role lets them take work, with what matching looks at."""
    directory, on = sheet.facts.directory, sheet.now
    person, held = directory.person(who, on), directory.roles_of(who, on)
    may = sheet.policy.roles.holders[Action.ASSIGNMENT_ACCEPT]
    roles = [Role(role.role) for role in held if role.role in may]
    if person is None or not roles:
        return None
    kind = next((kind for role, kind in KIND_OF_ROLE.items() if role in roles), None)
    return Member(
        person=person,
        kind=kind or AssigneeKind.GRID_MEMBER,
        orgs=frozenset(role.org for role in held),
        work=sheet.facts.work.get(who),
    )


def offer(
    sheet: Draft, work: Assignment, persons: tuple[str, ...], kind: AssigneeKind | str
) -> None:
    """Ask these persons, or one group; who has said yes already is not asked again.

    The caller records the act.
    """
    said_yes = tuple(person for person in work.accepted_by if person in persons)
    sheet.change(
        assignment=replace(
            with_search(work, AssignmentState.OFFERED),
            kind=work.kind if work.aid is not None else str(kind),
            assignee=persons[0],
            second=persons[1] if len(persons) > 1 else "",
            accepted_by=said_yes,
            offered_at=sheet.now,
        )
    )
    if work.aid is None:
        own_handler(sheet)
    deadline = begin(sheet, ClockKind.ACCEPT, sheet.policy.deadlines.member_answer)
    for person in persons:
        if person not in said_yes:
            sheet.notify(
                NoticeKind.ASSIGNMENT_OFFERED,
                _recipient(sheet, person),
                about=f"{work.id}{person}",
                due_at=instant(deadline.due_at),
            )


def _recipient(sheet: Draft, who: str) -> Recipient:
    if sheet.facts.directory.org(who, sheet.now) is not None:
        return Org(id=OrgId(who))
    return Person(id=PersonId(who))


def ask_next(
    sheet: Draft,
    work: Assignment,
    out: tuple[str, ...],
    action: str,
    *,
    reason: str,
    words: str = "",
) -> None:
    """Ask the next candidates in the place of `out`; after policy's number the secretary chooses.

    Whoever else was asked stays asked, with their yes if they gave it.
    """
    work = replace(work, declined=(*work.declined, *out))
    stay = tuple(who for who in asked(work) if who not in out)
    rest = tuple(
        option
        for option in work.candidates
        if option.assignee not in stay
        and not isinstance(fitting_kind(sheet, work, option.assignee), Refusal)
    )
    who = secretary(sheet)
    sheet.notify(
        NoticeKind.ASSIGNMENT_DECLINED,
        told(who),
        about=f"{work.id}{len(work.declined)}",
        count=len(work.declined),
    )
    missing = needed(sheet, work) - len(stay)
    work = replace(work, candidates=rest)
    if len(work.declined) >= sheet.policy.matching.declines_at_most or len(rest) < missing:
        kept = tuple(person for person in work.accepted_by if person in stay)
        work = replace(work, assignee="", second="", accepted_by=kept)
        by_hand(sheet, work, action, reason=reason, words=words)
        return
    following = (*stay, *(option.assignee for option in rest[:missing]))
    offer(sheet, work, following, work.kind if stay else rest[0].kind)
    sheet.record(
        action,
        reason=reason,
        words=words,
        rule="matching/declines_at_most",
        detail={"declined": len(work.declined), "asked": len(following)},
    )
