"""Votes and sheets: one vote a person, one sheet entered by several people who agree. Pure.

A vote is cast once and never changed. A sheet counts when as many persons as policy asks for have
entered the same figures; when an entry differs, none of them counts and all are asked again.
"""

from msgspec.structs import replace

from flows.decide.consultation_figures import (
    Figures,
    count_votes,
    figures_of,
    impossible,
    less_than_cast,
)
from flows.decide.consultation_rules import (
    edit,
    is_four_two,
    rule_at,
)
from flows.decide.draft import Draft, Refusal
from models.clocks import ClockKind
from models.consulting import Consultation, Sitting
from models.policy.actions import Action
from models.values import OrgId, PersonId, RoleName
from notifications.notice import NoticeKind, Person, Recipient, RoleAt, instant


def enter(
    sheet: Draft,
    talk: Consultation,
    sitting: Sitting,
    *,
    action: Action,
    attendee: str = "",
    evidence: tuple[str, ...] = (),
) -> Refusal | None:
    """Enter one person's reading of the sheet; it counts when enough persons read the same.

    Refused where the figures cannot be, do not fit the roll or the votes cast, or this person
    has entered it already. An entry that differs is no fault of the second: both are asked again.
    """
    if refusal := _impossible(sheet, talk, sitting):
        return refusal
    known = entered(talk)
    if known is not None and not _adds(known, sitting):
        return Refusal("entered_already")
    others = tuple(other for other in talk.sittings if other.stage != talk.stage)
    if known is not None and _differ(known, sitting):
        edit(sheet, talk, sittings=others)
        sheet.record(action, reason="tally_differs", detail=_told(sitting), evidence=evidence)
        _ask_again(sheet, talk, (*known.entered_by, *sitting.entered_by))
        return None
    if known is not None:
        sitting = _joined(known, sitting)
    attendee = attendee or talk.township_attendee
    edit(sheet, talk, sittings=(*others, sitting), township_attendee=attendee)
    missing = sheet.policy.consultation.tally_entries - len(sitting.entered_by)
    sheet.record(
        action,
        reason="ok" if missing <= 0 else "second_entry_awaited",
        rule="consultation/tally_entries",
        detail={**_told(sitting), "entries": len(sitting.entered_by)},
        evidence=evidence,
    )
    if missing > 0:
        _ask_next(sheet, talk)
    return None


def _adds(known: Sitting, sitting: Sitting) -> bool:
    """Tell whether the entry is another person's, or tells when and by which notice it met."""
    another = set(sitting.entered_by) - set(known.entered_by)
    return bool(another) or (sitting.notice_at is not None and known.notice_at is None)


def _impossible(sheet: Draft, talk: Consultation, sitting: Sitting) -> Refusal | None:
    figures = figures_of(sitting, talk.members)
    if refusal := impossible(figures):
        return refusal
    if talk.meets_at is None and not is_four_two(talk):
        return Refusal("not_convened")
    if talk.meets_at is not None and sheet.now < talk.meets_at:
        return Refusal("meeting_not_yet")
    if talk.meets_at is not None and talk.eligible and sitting.eligible != talk.eligible:
        return Refusal("eligible_differs", {"roll": talk.eligible, "told": sitting.eligible})
    if less_than_cast(figures, count_votes(talk.votes, talk.stage)):
        return Refusal("votes_differ")
    return None


def entered(talk: Consultation) -> Sitting | None:
    """Return the sheet of the present stage as far as it is entered, agreed on or not."""
    return next((s for s in talk.sittings if s.stage == talk.stage), None)


def counted(sheet: Draft, talk: Consultation) -> Figures | Refusal:
    """Return the figures that count: the sheet that enough persons agree on, else votes cast."""
    sitting = entered(talk)
    if sitting is not None:
        if len(sitting.entered_by) < sheet.policy.consultation.tally_entries:
            return Refusal("second_entry_missing")
        return figures_of(sitting, talk.members)
    votes = count_votes(talk.votes, talk.stage)
    if not any(votes.values()):
        return Refusal("tally_missing")
    in_favour, against, abstained = votes.values()
    present = in_favour + against + abstained
    return Figures(talk.eligible, present, in_favour, against, abstained, talk.members)


def _differ(one: Sitting, other: Sitting) -> bool:
    """Tell whether two entries disagree; what only one of them tells is not held against it."""
    always = ("eligible", "present", "in_favour", "against", "abstained")
    told = [
        name
        for name in ("met_at", "notice_at", "body", "counted", "members")
        if getattr(one, name) and getattr(other, name)
    ]
    return any(getattr(one, name) != getattr(other, name) for name in (*always, *told))


def _joined(known: Sitting, sitting: Sitting) -> Sitting:
    """Return the sheet as both entered it, with what either of them told besides the figures."""
    return replace(
        known,
        entered_by=tuple(dict.fromkeys((*known.entered_by, *sitting.entered_by))),
        met_at=known.met_at or sitting.met_at,
        notice_at=known.notice_at or sitting.notice_at,
        body=known.body or sitting.body,
        counted=known.counted or sitting.counted,
        members=known.members or sitting.members,
    )


def writer(sheet: Draft) -> str:
    """Return who put the figures in: two entries through one pair of hands are one."""
    return sheet.acting.recorded_by or sheet.acting.actor


def _told(sitting: Sitting) -> dict[str, str | int | bool | None]:
    return {
        "stage": sitting.stage,
        "eligible": sitting.eligible,
        "present": sitting.present,
        "in_favour": sitting.in_favour,
        "against": sitting.against,
        "abstained": sitting.abstained,
    }


def _ask_next(sheet: Draft, talk: Consultation) -> None:
    """Ask where the work lies for the next entry."""
    if sheet.case.owner is not None:
        owner = sheet.case.owner
        _ask(sheet, talk, RoleAt(role=RoleName(owner.role), org=OrgId(owner.org)), "next")


def _ask_again(sheet: Draft, talk: Consultation, persons: tuple[str, ...]) -> None:
    for person in persons:
        _ask(sheet, talk, Person(id=PersonId(person)), f"again|{sheet.case.version}")


def _ask(sheet: Draft, talk: Consultation, recipient: Recipient, about: str) -> None:
    clock = sheet.case.clock(ClockKind.CONCLUDE)
    rule = rule_at(sheet, talk)
    sheet.notify(
        NoticeKind.VOTE_OPEN,
        recipient,
        about=f"{talk.id}|{talk.stage}|{about}",
        body=rule.body.name.zh if rule else "",
        due_at=instant(clock.due_at if clock else sheet.now),
    )
