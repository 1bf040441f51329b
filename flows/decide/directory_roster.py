"""值班表: shifts that make sense, and what is left of the shifts they replace. Pure."""

from collections.abc import Iterable
from datetime import datetime

from events.contract.directory import DutyRosterSet, Shift
from flows.decide.directory_rules import incompatible, overlap
from flows.decide.draft import Draft, Refusal
from models.directory import Duty, Org, Spell
from models.policy.people import Role

#: Roles that a roster gives.
_ON_DUTY = frozenset({Role.DUTY_LEADER, Role.DUTY_SUPERVISOR})

Stretch = tuple[datetime, datetime]


def shifts_refused(sheet: Draft, data: DutyRosterSet, org: Org) -> Refusal | None:
    """Return what is wrong with a roster."""
    if data.role not in _ON_DUTY or org.kind not in sheet.policy.roles.roles[Role(data.role)].at:
        return Refusal("role_not_held_there", {"role": data.role, "kind": org.kind})
    if not data.shifts:
        return Refusal("no_shifts")
    for index, shift in enumerate(data.shifts):
        if shift.ends_at <= shift.starts_at:
            return Refusal("dates_reversed", {"shift": index})
        if sheet.facts.directory.person(shift.person, shift.starts_at) is None:
            return Refusal("unknown_person", {"shift": index})
        if any(_twice(shift, other) for other in data.shifts[:index]):
            return Refusal("shift_overlaps", {"shift": index})
        if _clashes(sheet, data, shift):
            return Refusal("incompatible_roles", {"one": data.role, "shift": index})
    return None


def _twice(one: Shift, other: Shift) -> bool:
    return one.person == other.person and overlap(_spell(one), _spell(other))


def _spell(shift: Shift) -> Spell:
    return Spell(valid_from=shift.starts_at, valid_to=shift.ends_at)


def _clashes(sheet: Draft, data: DutyRosterSet, shift: Shift) -> bool:
    return any(
        overlap(held, _spell(shift)) and incompatible(sheet, Role(data.role), held.role)
        for held in sheet.facts.directory.role_spells(shift.person)
    )


def cut_by(known: Iterable[Duty], roster: DutyRosterSet) -> DutyRosterSet | None:
    """Return what is left of the known shifts that a roster's shifts overlap; None where none is.

    A shift that is wholly covered is left with no length, so that it never holds. An open end is
    cut for good.
    """
    kept: list[Shift] = []
    for duty in known:
        over = [shift for shift in roster.shifts if overlap(duty, _spell(shift))]
        if over and not any(_same(duty, shift) for shift in over):
            kept += [
                Shift(person=duty.person, starts_at=start, ends_at=end)
                for start, end in _left_of(duty, over)
            ]
    if not kept:
        return None
    return DutyRosterSet(org=roster.org, role=roster.role, shifts=tuple(kept))


def _same(duty: Duty, shift: Shift) -> bool:
    """Does the new shift itself take the old one's place, being its correction?"""
    return duty.person == shift.person and duty.valid_from == shift.starts_at


def _left_of(duty: Duty, over: Iterable[Shift]) -> list[Stretch]:
    """Return the stretches of a shift outside of `over`; the first begins where the shift did."""
    ordered = sorted((shift.starts_at, shift.ends_at) for shift in over)
    left, begins = [], duty.valid_from
    for start, end in ordered:
        if begins == duty.valid_from or begins < start:
            left.append((begins, max(begins, start)))
        begins = max(begins, end)
    if duty.valid_to is not None and begins < duty.valid_to:
        left.append((begins, duty.valid_to))
    return left
