"""Who is who at a moment: an immutable view of the directory as it was recorded. Pure.

Valid time is in every entry (`valid_from`, `valid_to`, half open); recorded time is the revision
of the whole view: the store loads the entries that were recorded up to a revision, so a decision
can be replayed with exactly what was known then.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from msgspec import Struct


class Spell(Struct, frozen=True, kw_only=True):
    """Something that is so from a moment on, until another (None: open end)."""

    valid_from: datetime
    valid_to: datetime | None = None

    def holds(self, on: datetime) -> bool:
        """Is it so at `on`?"""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


S = TypeVar("S", bound=Spell)


class Org(Spell, frozen=True, kw_only=True):
    """An organisation."""

    id: str
    kind: str
    name: str
    parent: str = ""
    code: str = ""
    #: for departments: key of policy's department kinds
    department: str = ""
    #: for Party organisations: the grid or village they belong to
    serves: str = ""
    grid_kind: str = ""
    households: int = 0
    outline: tuple[tuple[tuple[float, float], ...], ...] = ()


class Person(Spell, frozen=True, kw_only=True):
    """A person who works in the system; the name is in the vault."""

    id: str
    identity_ref: str = ""
    party_status: str = ""
    skills: tuple[str, ...] = ()
    availability: str = "available"
    grid: str = ""
    contact_households: int = 0
    responsibility_area: tuple[str, ...] = ()


class RoleHeld(Spell, frozen=True, kw_only=True):
    """A role somebody holds at an organisation."""

    person: str
    role: str
    org: str


class Duty(Spell, frozen=True, kw_only=True):
    """A shift on a duty roster."""

    org: str
    role: str
    person: str


class App(Spell, frozen=True, kw_only=True):
    """An app, its key and what it may send."""

    source: str
    key_id: str
    name: str
    public_key: str
    territories: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    restricted: bool = False


def within(territories: Iterable[str], code: str) -> bool:
    """Does a place lie in one of the territories?"""
    return any(code.startswith(territory) for territory in territories)


class Directory:
    """The directory at one revision. Every query names the moment it asks about.

    It is a value for whoever decides. Only the owner of a shard lets it grow (`record`), while it
    folds changes of the directory itself; after a rollback it is loaded again.
    """

    def __init__(self, *, revision: int = 0, entries: Iterable[Spell] = ()) -> None:
        """Take the entries in the order in which they were recorded."""
        self.revision = revision
        self._orgs: dict[str, list[Org]] = {}
        self._persons: dict[str, list[Person]] = {}
        self._apps: dict[str, list[App]] = {}
        self._roles_at: dict[tuple[str, str], list[RoleHeld]] = defaultdict(list)
        self._roles_of: dict[str, list[RoleHeld]] = defaultdict(list)
        self._duties: dict[tuple[str, str], list[Duty]] = defaultdict(list)
        self._children: dict[str, set[str]] = defaultdict(set)
        self._org_ids_by_code: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._org_ids_by_department: dict[str, set[str]] = defaultdict(set)
        self._org_ids_by_served: dict[str, set[str]] = defaultdict(set)
        self._person_ids_by_township: dict[str, set[str]] = defaultdict(set)
        for entry in entries:
            self.record(entry)

    def record(self, entry: Spell) -> None:
        """Add an entry; one with the same identity and `valid_from` replaces the earlier one."""
        match entry:
            case Org():
                _insert(self._orgs.setdefault(entry.id, []), entry)
                self._children[entry.parent].add(entry.id)
                self._org_ids_by_code[entry.code, entry.kind].add(entry.id)
                if entry.serves:
                    self._org_ids_by_served[entry.serves].add(entry.id)
                if entry.department:
                    self._org_ids_by_department[entry.department].add(entry.id)
            case Person():
                _insert(self._persons.setdefault(entry.id, []), entry)
                self._person_ids_by_township[entry.grid[:9]].add(entry.id)
            case RoleHeld():
                key = (entry.person, entry.role, entry.org)
                _insert(self._roles_at[entry.org, entry.role], entry, same=key)
                _insert(self._roles_of[entry.person], entry, same=key)
            case Duty():
                _insert(self._duties[entry.org, entry.role], entry, same=(entry.person,))
            case App():
                _insert(self._apps.setdefault(entry.key_id, []), entry)

    def org(self, org_id: str, on: datetime) -> Org | None:
        """Return the organisation as it is at `on`, or None."""
        return _at(self._orgs.get(org_id), on)

    def person(self, person_id: str, on: datetime) -> Person | None:
        """Return the person as known at `on`, or None."""
        return _at(self._persons.get(person_id), on)

    def app(self, key_id: str, on: datetime) -> App | None:
        """Return the app whose key is valid at `on`, or None."""
        return _at(self._apps.get(key_id), on)

    def last_app(self, key_id: str, on: datetime) -> App | None:
        """Return the app of this key as it was known last by `on`, whether the key ended or not."""
        spells = [spell for spell in self._apps.get(key_id, ()) if spell.valid_from <= on]
        return spells[-1] if spells else None

    def apps(self, on: datetime) -> list[App]:
        """Return every app with a key that is valid at `on`, once for each key, by key."""
        found = (_at(self._apps[key_id], on) for key_id in sorted(self._apps))
        return [app for app in found if app is not None]

    def above(self, org_id: str, on: datetime) -> Iterator[Org]:
        """Yield the organisation and those above it, up to the county."""
        seen: set[str] = set()
        org = self.org(org_id, on)
        while org is not None and org.id not in seen:
            seen.add(org.id)
            yield org
            org = self.org(org.parent, on)

    def orgs(self, on: datetime, *, kind: str = "", parent: str = "") -> list[Org]:
        """Return the organisations of a kind or under a parent at `on`, by id."""
        ids = self._children.get(parent, ()) if parent else self._orgs
        found = (self.org(org_id, on) for org_id in sorted(ids))
        return [
            org
            for org in found
            if org is not None
            and (not kind or org.kind == kind)
            and (not parent or org.parent == parent)
        ]

    def by_code(self, code: str, kind: str, on: datetime) -> Org | None:
        """Return the organisation of `kind` that covers exactly `code` at `on`, or None."""
        for org_id in sorted(self._org_ids_by_code.get((code, kind), ())):
            org = self.org(org_id, on)
            if org is not None and org.code == code and org.kind == kind:
                return org
        return None

    def serving(self, org_id: str, on: datetime) -> tuple[Org, ...]:
        """Return the Party organisations that are mapped to this territory at `on`, by id."""
        found = (self.org(other, on) for other in sorted(self._org_ids_by_served.get(org_id, ())))
        return tuple(org for org in found if org is not None and org.serves == org_id)

    def department(self, county: str, department: str, on: datetime) -> Org | None:
        """Return the county's department of policy's kind `department`, or None."""
        for org_id in sorted(self._org_ids_by_department.get(department, ())):
            org = self.org(org_id, on)
            # Township organs are of the same kinds, and their codes begin with the county's.
            if org is not None and org.kind == "department" and org.code.startswith(county):
                return org
        return None

    def holds(self, person: str, role: str, org: str, on: datetime) -> bool:
        """Does the person hold the role at the organisation at `on`? Duty shifts count as roles."""
        return any(
            held.person == person and held.holds(on) for held in self._roles_at.get((org, role), ())
        ) or any(
            duty.person == person and duty.holds(on) for duty in self._duties.get((org, role), ())
        )

    def holders(self, role: str, org: str, on: datetime) -> tuple[str, ...]:
        """Return who holds the role at the organisation at `on`, sorted; those on duty first."""
        on_duty = [d.person for d in self._duties.get((org, role), ()) if d.holds(on)]
        held = sorted(r.person for r in self._roles_at.get((org, role), ()) if r.holds(on))
        return tuple(dict.fromkeys([*on_duty, *held]))

    def roles_of(self, person: str, on: datetime) -> tuple[RoleHeld, ...]:
        """Return the roles the person holds at `on`."""
        return tuple(role for role in self._roles_of.get(person, ()) if role.holds(on))

    def role_spells(self, person: str) -> tuple[RoleHeld, ...]:
        """Return all roles ever entered for the person, past and to come."""
        return tuple(self._roles_of.get(person, ()))

    def duty_spells(self, org: str, role: str) -> tuple[Duty, ...]:
        """Return all shifts ever entered on a duty roster, past and to come."""
        return tuple(self._duties.get((org, role), ()))

    def find_holder(self, role: str, org: str, on: datetime) -> tuple[str, tuple[str, ...]]:
        """Go up from `org` to the first organisation where somebody holds `role`.

        Returns (organisation, persons); ("", ()) where nobody up to the county does.
        """
        for above in self.above(org, on):
            persons = self.holders(role, above.id, on)
            if persons:
                return above.id, persons
        return "", ()

    def persons(self, on: datetime) -> Iterator[Person]:
        """Yield the persons known at `on`, by id."""
        for person_id in sorted(self._persons):
            person = _at(self._persons[person_id], on)
            if person is not None:
                yield person

    def persons_of_township(self, township: str, on: datetime) -> tuple[Person, ...]:
        """Return the persons whose home grid lies in the township, by id."""
        ids = sorted(self._person_ids_by_township.get(township, ()))
        return tuple(p for p in (self.person(i, on) for i in ids) if p is not None)


def _insert(spells: list[S], entry: S, *, same: tuple[str, ...] = ()) -> None:
    """Put an entry in its place by `valid_from`; a correction replaces what it corrects."""
    index = bisect_right(spells, entry.valid_from, key=lambda spell: spell.valid_from)
    while index > 0 and spells[index - 1].valid_from == entry.valid_from:
        if not same or _identity(spells[index - 1])[: len(same)] == same:
            spells[index - 1] = entry
            return
        index -= 1
    spells.insert(bisect_right(spells, entry.valid_from, key=lambda spell: spell.valid_from), entry)


def _identity(entry: Spell) -> tuple[str, ...]:
    """Return what tells roles, or shifts, of one list apart."""
    if isinstance(entry, RoleHeld):
        return (entry.person, entry.role, entry.org)
    return (entry.person,) if isinstance(entry, Duty) else ()


def _at(spells: list[S] | None, on: datetime) -> S | None:
    """Return the last entry that began by `on`, unless it has ended."""
    if not spells:
        return None
    if spells[-1].valid_from <= on:  # nearly always
        return spells[-1] if spells[-1].holds(on) else None
    index = bisect_right(spells, on, key=lambda spell: spell.valid_from)
    if index == 0 or not spells[index - 1].holds(on):
        return None
    return spells[index - 1]
