"""Who is asked and what they say: confirmed, accepted, declined, not answered. Pure.

A person confirms whom to ask, and whoever is asked may say no without any consequence; then the
next candidate is asked.
"""

from msgspec.structs import replace

from events.contract.assignment import (
    AssigneeKind,
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentDeclined,
)
from flows.decide.assignment import (
    GROUPS,
    answers_for,
    asked,
    asked_one,
    begin,
    search_of,
    secretary,
    with_search,
)
from flows.decide.assignment_dispatch import Given, to_unit, unit_of
from flows.decide.assignment_unanswered import no_longer_needed
from flows.decide.assignment_waiting import by_hand
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.handled import own_handler, told
from flows.decide.matching import KIND_OF_ROLE, Member, handlers_needed, why_unfit
from flows.decide.route import fires, handles
from models.case import Assignment, AssignmentState, ClockKind
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState, OrgId, PersonId, Step
from notifications.notice import NoticeKind, Org, Person, Recipient, instant

_CHOOSING = (AssignmentState.WAITING, AssignmentState.RECOMMENDED)


@handles(AssignmentConfirmed)
def confirm(sheet: Draft, data: AssignmentConfirmed) -> Refusal | None:
    """When the secretary says whom to ask: a candidate, anybody else who fits, or the unit."""
    work = sheet.case.assignment
    if work is None or search_of(work) not in _CHOOSING:
        return Refusal("nothing_to_confirm")
    recused = tuple(dict.fromkeys((*work.recused, *data.recused)))
    work = replace(work, recused=recused, confirmed_by=sheet.acting.actor)
    sheet.done_by(Action.ASSIGNMENT_CONFIRM, sheet.acting.actor)
    if data.assignee == work.org:
        return _unit_itself(sheet, work, words=data.reason)
    kinds = {}
    for who in dict.fromkeys((data.assignee, *filter(None, (data.second,)))):
        kind = fitting_kind(sheet, work, who)
        if isinstance(kind, Refusal):
            return kind
        kinds[who] = kind
    group = kinds[data.assignee] is AssigneeKind.SOCIAL_ORGANISATION
    if len(kinds) < needed(sheet, work) and not group:
        return Refusal("second_person_needed")
    sheet.stop(ClockKind.CONFIRM)
    offer(sheet, work, tuple(kinds), kinds[data.assignee])
    sheet.record(
        Action.ASSIGNMENT_CONFIRM,
        words=data.reason,
        rule="matching/confirmed_by",
        detail={
            "first_choice": bool(work.candidates) and work.candidates[0].assignee == data.assignee,
            "recused": len(recused),
            "persons": len(kinds),
        },
    )
    return None


def _unit_itself(sheet: Draft, work: Assignment, *, words: str) -> Refusal | None:
    if work.aid is not None:
        sheet.change(assignment=replace(work, aid=None))
        sheet.stop(ClockKind.CONFIRM)
        sheet.record(Action.ASSIGNMENT_CONFIRM, reason="unit_takes_it", words=words)
        return None
    lead = unit_of(sheet, work.org)
    if isinstance(lead, Refusal):
        return lead
    to_unit(
        sheet,
        Given(lead, work.helpers, work.kept_out),
        Action.ASSIGNMENT_CONFIRM,
        words=words,
        reason="unit_takes_it",
    )
    return None


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


@handles(AssignmentAccepted)
def accept(sheet: Draft, data: AssignmentAccepted) -> Refusal | None:
    """When a member, a group or a unit takes the work. Of two who take it, one comes first."""
    work = sheet.case.assignment
    if work is None:
        return Refusal("nothing_offered")
    if search_of(work) is AssignmentState.OFFERED and (who := asked_one(sheet, work)):
        return _member_accepts(sheet, work, who, words=data.note)
    unit = work.kind == AssigneeKind.UNIT and work.state is AssignmentState.OFFERED
    if unit or work.state in _CHOOSING:
        return _unit_accepts(sheet, work, words=data.note)
    return Refusal("not_asked" if work.state is AssignmentState.OFFERED else "nothing_offered")


def _member_accepts(sheet: Draft, work: Assignment, who: str, *, words: str) -> Refusal | None:
    if who in work.accepted_by:
        return Refusal("already_accepted")
    work = replace(work, accepted_by=(*work.accepted_by, who))
    sheet.done_by(Action.ASSIGNMENT_ACCEPT, sheet.acting.actor)
    everybody = set(asked(work)) <= set(work.accepted_by)
    if not everybody:
        sheet.change(assignment=work)
        sheet.record(Action.ASSIGNMENT_ACCEPT, reason="second_awaited", words=words)
        return None
    sheet.change(
        assignment=replace(with_search(work, AssignmentState.ACCEPTED), accepted_at=sheet.now)
    )
    sheet.stop(ClockKind.ACCEPT)
    if work.aid is None:
        own_handler(sheet)
        sheet.move(CaseState.ACCEPTED, Action.ASSIGNMENT_ACCEPT, words=words)
    else:
        sheet.record(Action.ASSIGNMENT_ACCEPT, reason="helps_the_unit", words=words)
    sheet.notify(NoticeKind.ASSIGNMENT_ACCEPTED, told(secretary(sheet)), about=work.id)
    return None


def _unit_accepts(sheet: Draft, work: Assignment, *, words: str) -> Refusal | None:
    """When a unit signs, or does itself what a member was looked for."""
    if not answers_for(sheet, work.org):
        return Refusal("not_asked")
    instead = work.state in _CHOOSING
    sheet.change(
        assignment=replace(
            work,
            state=AssignmentState.ACCEPTED,
            kind=AssigneeKind.UNIT.value,
            accepted_at=sheet.now,
        )
    )
    sheet.done_by(Action.ASSIGNMENT_ACCEPT, sheet.acting.actor)
    sheet.stop(ClockKind.SIGN)
    if instead:
        sheet.stop(ClockKind.CONFIRM)
    own_handler(sheet)
    sheet.move(
        CaseState.ACCEPTED,
        Action.ASSIGNMENT_ACCEPT,
        words=words,
        reason="unit_takes_it" if instead else "ok",
    )
    return None


@handles(AssignmentDeclined)
def decline(sheet: Draft, data: AssignmentDeclined) -> Refusal | None:
    """When somebody who was asked says no, with a reason: the next is asked, nothing follows."""
    work = sheet.case.assignment
    if work is None or search_of(work) is not AssignmentState.OFFERED:
        return Refusal("nothing_offered")
    who = asked_one(sheet, work)
    if not who:
        unit = work.kind == AssigneeKind.UNIT and answers_for(sheet, work.org)
        return Refusal("units_return" if unit else "not_asked")
    sheet.done_by(Action.ASSIGNMENT_DECLINE, sheet.acting.actor)
    recused = (*work.recused, who) if data.recusal else work.recused
    ask_next(
        sheet,
        replace(work, recused=recused),
        (who,),
        Action.ASSIGNMENT_DECLINE,
        reason="recused" if data.recusal else "declined",
        words=data.reason,
    )
    return None


@fires(Step.ASSIGNMENT, ClockKind.ACCEPT)
def not_answered(sheet: Draft, firing: Firing) -> None:
    """When somebody who was asked has not answered in time: the next candidate is asked."""
    work = sheet.case.assignment
    if work is None or search_of(work) is not AssignmentState.OFFERED or not asked(work):
        no_longer_needed(sheet, firing)
        return
    silent = tuple(who for who in asked(work) if who not in work.accepted_by)
    ask_next(sheet, work, silent, f"timer:{ClockKind.ACCEPT}", reason="unanswered")


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
