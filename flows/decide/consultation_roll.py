"""Who may come and who may vote: the roll, fixed when notice is given; and who may call. Pure."""

from typing import NamedTuple

from events.contract.consultation import ConsultationInvited, Seat
from flows.decide.consultation_rules import SittingRule, edit
from flows.decide.draft import Draft, Refusal
from models.consulting import Consultation, RollSeat
from models.policy.consultation import Body, Roll

#: What the directory says of a Party member who has no vote yet (预备党员).
PROBATIONARY = "probationary"
_HOUSEHOLDS = (Roll.HOUSEHOLDS, Roll.GROUP_HOUSEHOLDS)


class Counted(NamedTuple):
    """What a roll comes to."""

    counted: str
    eligible: int
    members: int


def may_call(body: Body, role: str, data: ConsultationInvited) -> Refusal | None:
    """Return why the meeting is not called by whom policy lets call it: a role, or a share."""
    asked = (data.askers, data.asked_of)
    for call in body.call:
        if call.role is not None and call.role == role:
            return None
        enough = call.share is not None and data.askers <= data.asked_of and call.share.met(*asked)
        if enough and call.roll is not None and call.roll == data.asked_by:
            return None
    if not body.call:
        return None
    return Refusal("meeting_not_called", {"role": role, "askers": data.askers, "of": data.asked_of})


def fix_roll(
    sheet: Draft, talk: Consultation, rule: SittingRule, data: ConsultationInvited
) -> Consultation | Refusal:
    """Fix the roll with the first notice and return the consultation with it."""
    counted = _count(sheet, rule, data)
    if isinstance(counted, Refusal):
        return counted
    others = tuple(seat for seat in talk.roll if seat.stage != talk.stage)
    return edit(
        sheet,
        talk,
        body=data.body or talk.body,
        roll=(*others, *_seats(data)),
        counted=counted.counted,
        eligible=counted.eligible,
        members=counted.members,
    )


def moved_only(talk: Consultation, data: ConsultationInvited) -> Refusal | None:
    """Return why a later notice would do more than move the meeting: the roll stays as it is."""
    if any(sitting.stage == talk.stage for sitting in talk.sittings):
        return Refusal("sitting_held", {"stage": talk.stage})
    known = tuple(seat for seat in talk.roll if seat.stage == talk.stage)
    same = (
        (not data.roll or _seats(data) == known)
        and data.eligible in (0, talk.eligible)
        and data.members in (0, talk.members)
        and (data.counted is None or data.counted == talk.counted)
        and data.body in ("", talk.body)
    )
    return None if same else Refusal("roll_fixed", {"eligible": talk.eligible})


def _seats(data: ConsultationInvited) -> tuple[RollSeat, ...]:
    return tuple(_seat(seat, data) for seat in data.roll)


def _seat(seat: Seat, data: ConsultationInvited) -> RollSeat:
    return RollSeat(
        stage=data.stage,
        person=seat.person,
        votes=seat.votes,
        household=seat.household,
        struck=seat.struck,
    )


def _count(sheet: Draft, rule: SittingRule, data: ConsultationInvited) -> Counted | Refusal:
    """Count the roll: probationary members in neither figure, struck seats among all only."""
    counted = data.counted or (rule.rolls[0] if rule.rolls else None)
    if rule.rolls and counted not in rule.rolls:
        return Refusal("roll_not_of_body", {"counted": str(counted)})
    name = str(counted) if counted else ""
    if not data.roll:
        if rule.rolls and not data.eligible:
            return Refusal("roll_missing")
        members = data.members or data.eligible
        if members < data.eligible:
            return Refusal(
                "eligible_above_members", {"members": members, "eligible": data.eligible}
            )
        return Counted(name, data.eligible, members)
    voting = [seat for seat in data.roll if seat.votes]
    eligible = sum(not seat.struck for seat in voting)
    if refusal := _faulty(sheet, rule, data, counted):
        return refusal
    if data.eligible not in (0, eligible) or data.members not in (0, len(voting)):
        return Refusal("eligible_differs", {"roll": eligible, "told": data.eligible})
    return Counted(name, eligible, len(voting))


def _faulty(
    sheet: Draft, rule: SittingRule, data: ConsultationInvited, counted: Roll | None
) -> Refusal | None:
    """Return what is wrong with the seats: somebody twice, a household twice, a vote not held."""
    persons = [seat.person for seat in data.roll]
    if len(set(persons)) < len(persons):
        return Refusal("seat_twice")
    if counted in _HOUSEHOLDS:
        homes = [seat.household for seat in data.roll if seat.votes and not seat.struck]
        if not all(homes) or len(set(homes)) < len(homes):
            return Refusal("household_twice")
    if Roll.FULL_PARTY_MEMBERS in rule.rolls:
        for seat in data.roll:
            person = sheet.facts.directory.person(seat.person, sheet.now)
            if seat.votes and person is not None and person.party_status == PROBATIONARY:
                return Refusal("probationary_votes")
    return None
