"""Who is who: organisations, people, roles, duty rosters and app keys, with dates. Pure.

A change is an entry with the same identity and its own `valid_from`; nothing is ever taken back,
only ended or corrected. What is odd but allowed is a warning in the audit.
"""

from datetime import datetime

from events.contract.directory import AppKeySet, DutyRosterSet, PersonSet, RoleSet
from events.contract.envelope import Payload
from flows.decide.directory_rights import may_change
from flows.decide.directory_roster import cut_by, shifts_refused
from flows.decide.directory_rules import (
    app_refused,
    branch_warning,
    person_refused,
    role_refused,
)
from flows.decide.draft import Detail, Draft, Refusal
from flows.decide.route import handles
from models.directory import Person
from models.policy.actions import Action
from models.policy.people import Role

#: Digits of a grid code: a micro-grid's begins with its grid's.
_GRID = 15


@handles(PersonSet)
def set_person(sheet: Draft, data: PersonSet) -> Refusal | None:
    """When a person is entered or changes; everybody says themselves whether they are available."""
    known = sheet.facts.directory.person(data.person, data.valid_from)
    if refused := reversed_dates(data.valid_from, data.valid_to):
        return refused
    if not _says_only_availability(sheet, data, known):
        places = (data.grid, known.grid if known else "", *_places_of(sheet, data.person))
        codes = tuple(place[:_GRID] for place in places)
        if refused := may_change(sheet, Action.DIRECTORY_SET_PERSON, codes):
            return refused
        if refused := person_refused(sheet, data):
            return refused
    enter(
        sheet,
        data,
        Action.DIRECTORY_SET_PERSON,
        {"person": data.person, "new": known is None, "availability": str(data.availability)},
    )
    return None


def _says_only_availability(sheet: Draft, data: PersonSet, known: Person | None) -> bool:
    acting, directory = sheet.acting, sheet.facts.directory
    if known is None or acting.actor != data.person:
        return False
    holds = directory.holds(acting.actor, acting.role, acting.org, sheet.now)
    same = (
        known.identity_ref == data.identity_ref
        and known.party_status == data.party_status
        and known.skills == data.skills
        and known.grid == data.grid
        and known.contact_households == data.contact_households
        and known.responsibility_area == data.responsibility_area
        and known.valid_to == data.valid_to
    )
    return holds and same


def _places_of(sheet: Draft, person: str) -> tuple[str, ...]:
    directory = sheet.facts.directory
    orgs = (directory.org(role.org, sheet.now) for role in directory.roles_of(person, sheet.now))
    return tuple(org.code for org in orgs if org is not None)


@handles(RoleSet)
def set_role(sheet: Draft, data: RoleSet) -> Refusal | None:
    """When a person takes or lays down a role; nobody gives themselves one."""
    if refused := reversed_dates(data.valid_from, data.valid_to):
        return refused
    org = sheet.facts.directory.org(data.org, data.valid_from)
    if org is None:
        return Refusal("unknown_organisation", {"org": data.org})
    if refused := may_change(sheet, Action.DIRECTORY_ASSIGN_ROLE, (org.code,)):
        return refused
    if refused := role_refused(sheet, data, org):
        return refused
    detail: Detail = {
        "person": data.person,
        "role": data.role,
        "org": data.org,
        "ends": data.valid_to is not None,
    }
    if data.role == Role.PARTY_MEMBER:
        gains = 0 if data.valid_to is not None else 1
        detail |= branch_warning(sheet, org.id, org.kind, at=data.valid_from, gains=gains)
    enter(sheet, data, Action.DIRECTORY_ASSIGN_ROLE, detail)
    return None


@handles(DutyRosterSet)
def set_duty(sheet: Draft, data: DutyRosterSet) -> Refusal | None:
    """When a roster is set: its shifts take the place of what they overlap."""
    org = sheet.facts.directory.org(data.org, sheet.now)
    if org is None:
        return Refusal("unknown_organisation", {"org": data.org})
    if refused := may_change(sheet, Action.DIRECTORY_SET_DUTY, (org.code,)):
        return refused
    if refused := shifts_refused(sheet, data, org):
        return refused
    cut = cut_by(sheet.facts.directory.duty_spells(data.org, data.role), data)
    if cut is not None:
        sheet.entries.append(cut)
    enter(
        sheet,
        data,
        Action.DIRECTORY_SET_DUTY,
        {"org": data.org, "role": data.role, "shifts": len(data.shifts)},
    )
    return None


@handles(AppKeySet)
def set_app(sheet: Draft, data: AppKeySet) -> Refusal | None:
    """When an app's key is registered, rotated or withdrawn."""
    if refused := reversed_dates(data.valid_from, data.valid_to):
        return refused
    if refused := may_change(sheet, Action.DIRECTORY_REGISTER_APP, data.territories):
        return refused
    if refused := app_refused(sheet, data):
        return refused
    enter(
        sheet,
        data,
        Action.DIRECTORY_REGISTER_APP,
        {
            "source": data.source,
            "restricted": data.restricted,
            "ends": data.valid_to is not None,
        },
    )
    return None


def reversed_dates(valid_from: datetime, valid_to: datetime | None) -> Refusal | None:
    """Return why these dates make no sense."""
    if valid_to is not None and valid_to <= valid_from:
        return Refusal("dates_reversed")
    return None


def enter(sheet: Draft, data: Payload, action: Action, detail: Detail) -> None:
    """Record an entry that passed every check."""
    sheet.entries.append(data)
    sheet.record(action, detail=detail)
