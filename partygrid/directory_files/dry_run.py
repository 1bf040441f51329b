"""Lines tried on a copy of the directory: parents first, each refusal told at its row."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from graphlib import CycleError, TopologicalSorter

import flows.decide.directory
import flows.decide.directory_orgs  # noqa: F401  (its handlers enter themselves)
from events.contract.directory import AppKeySet, DutyRosterSet, OrgSet, PersonSet, RoleSet
from events.contract.envelope import Acting, Payload
from events.outgoing_event import Outgoing, directory_event
from flows.decide.decision import Decision, Facts
from flows.decide.route import decide
from flows.entries import entries_of
from models.case import Case
from models.directory import Directory
from models.policy.people import OrgKind, Role
from models.policy.schema import Policy
from models.reasons import assignment, directory, general
from models.setting import Shelf
from models.values import CaseId, Fate
from partygrid.directory_files.fault import Fault, Gravity, Place, shown
from partygrid.directory_files.known import is_known
from partygrid.directory_files.payloads import Entry
from partygrid.directory_files.workbook import Row

SOURCE = "directory/files"

_COUNTY_DIGITS = 6
_HOUSEHOLDS = "households_out_of_range"
_SENTENCES = {**assignment.REASONS, **general.REASONS, **directory.REASONS}
#: reason → fields of the row it may be about, the first that the row has
_FIELDS_OF: Mapping[str, tuple[str, ...]] = {
    "app_without_reach": ("territories",),
    "bad_public_key": ("public_key",),
    "code_not_of_served": ("code",),
    "code_outside_parent": ("code",),
    "code_shape": ("code", "territories"),
    "code_taken": ("code",),
    "dates_reversed": ("valid_to", "ends_at"),
    "grid_needs_village": ("grid_kind", "parent"),
    "incompatible_roles": ("role",),
    "kind_changed": ("kind",),
    "own_role": ("person",),
    "parent_not_fitting": ("parent",),
    "role_held_already": ("valid_from",),
    "role_not_held_there": ("role",),
    "shift_overlaps": ("starts_at",),
    "still_has_parts": ("valid_to",),
    "unknown_department": ("department",),
    "unknown_event_type": ("event_types",),
    "unknown_organisation": ("org",),
    "unknown_parent": ("parent",),
    "unknown_person": ("person",),
    "unknown_territory": ("serves", "grid", "responsibility_area"),
}
#: what follows only because a row that it names is itself at fault
_FOLLOWS = frozenset(
    {"unknown_parent", "unknown_organisation", "unknown_person", "unknown_territory"}
)
_RANK: Mapping[type[Payload], int] = {
    PersonSet: 1,
    RoleSet: 2,
    DutyRosterSet: 3,
    AppKeySet: 4,
}


class DryRun:
    """Decides lines one by one, each knowing what those before it entered."""

    def __init__(
        self,
        *,
        policy: Policy,
        directory: Directory,
        at: datetime,
        acting: Acting | None,
        missing: Iterable[str] = (),
        source: str = SOURCE,
    ) -> None:
        """Take over `directory`; what fails only for want of a `missing` id is not blamed again."""
        self.faults: list[Fault] = []
        self._policy, self._directory, self._at, self._acting = policy, directory, at, acting
        self._office = Shelf(policy).office(policy.version)
        self._missing = set(missing) - {""}
        self._source = source

    def through(self, entries: list[Entry]) -> tuple[list[Outgoing], int]:
        """Return the events of the lines that would be applied, and how many say nothing new."""
        county = self._county(entries)
        events: list[Outgoing] = []
        unchanged = 0
        for entry in self._in_order(self._once(entries)):
            if is_known(self._directory, entry.data):
                unchanged += 1
                continue
            event = directory_event(
                entry.data, county=county, source=self._source, at=self._at, acting=self._acting
            )
            if self._applied(entry, event):
                events.append(event)
        self.faults += self._thin_branches(entries)
        return events, unchanged

    def _county(self, entries: list[Entry]) -> str:
        """Return the code of the county the lines are about; without a hint the directory's."""
        about = (self._code_of(entry.data) for entry in entries)
        known = (org.code for org in self._directory.orgs(self._at, kind=OrgKind.COUNTY))
        return next((code[:_COUNTY_DIGITS] for code in (*about, *known) if _is_code(code)), "")

    def _code_of(self, data: Payload) -> str:
        match data:
            case OrgSet():
                return data.code
            case PersonSet():
                return data.grid
            case RoleSet() | DutyRosterSet():
                org = self._directory.org(data.org, self._at)
                return org.code if org is not None else ""
            case AppKeySet():
                return data.territories[0] if data.territories else ""
        return ""

    # --- which lines, in which order -----------------------------------------------------------

    def _once(self, entries: list[Entry]) -> list[Entry]:
        """Leave out lines that contradict an earlier one about the same thing and time."""
        first: dict[tuple[object, ...], Entry] = {}
        for entry in entries:
            earlier = first.setdefault(_identity(entry.data), entry)
            if earlier.data != entry.data:
                self._blame(
                    entry.place,
                    zh=f"与第{earlier.place.row}行说的是同一件事，内容却不同",
                    en=f"contradicts row {earlier.place.row}",
                )
        return list(first.values())

    def _in_order(self, entries: list[Entry]) -> Iterator[Entry]:
        """Yield organisations with their parents first, then persons, roles, rosters, apps."""
        orgs = [(entry, entry.data) for entry in entries if isinstance(entry.data, OrgSet)]
        yield from self._parents_first(orgs)
        others = (entry for entry in entries if not isinstance(entry.data, OrgSet))
        yield from sorted(others, key=lambda entry: _RANK[type(entry.data)])

    def _parents_first(self, orgs: list[tuple[Entry, OrgSet]]) -> Iterator[Entry]:
        lines: dict[str, list[int]] = defaultdict(list)
        for number, (_, data) in enumerate(orgs):
            lines[data.org].append(number)
        waits_for = {
            number: {line for name in _above(data) for line in lines.get(name, ())}
            for number, (_, data) in enumerate(orgs)
        }
        while True:
            try:
                order = [*TopologicalSorter(waits_for).static_order()]
                break
            except CycleError as circle:
                round_trip = set(circle.args[1])
                for number in sorted(round_trip):
                    self._going_round(*orgs[number])
                waits_for = {
                    number: those - round_trip
                    for number, those in waits_for.items()
                    if number not in round_trip
                }
        yield from (orgs[number][0] for number in order)

    def _going_round(self, entry: Entry, data: OrgSet) -> None:
        self._missing.add(data.org)
        self._blame(
            entry.place,
            value=data.parent,
            zh="上下级关系成环",
            en="is its own parent, directly or through others",
        )

    # --- one line --------------------------------------------------------------------------------

    def _applied(self, entry: Entry, event: Outgoing) -> bool:
        facts = Facts(directory=self._directory, office=self._office)
        made = decide(Case(id=CaseId("")), facts, event.event("door"), self._policy, self._at)
        if made.fate is not Fate.APPLIED:
            self._refused(entry, made)
            return False
        for data in made.entries:
            for spell in entries_of(data):
                self._directory.record(spell)
        for audit in made.audit:
            if audit.detail.get("warning") == _HOUSEHOLDS:
                self._warn(entry, "households", "户数超出通常范围", "unusual number of households")
        return True

    def _refused(self, entry: Entry, made: Decision) -> None:
        follows = made.reason in _FOLLOWS and not self._missing.isdisjoint(_named(entry.data))
        self._missing.update(_names(entry.data))
        if follows:
            return
        detail = made.audit[0].detail if made.audit else {}
        shift = detail.get("shift")
        row = entry.rows[shift] if isinstance(shift, int) else entry.rows[0] if entry.rows else None
        place, value = entry.place, ""
        if made.reason == "outline_faulty" and entry.drawn is not None:
            place = entry.drawn
        elif row is not None:
            key = _field_of(made.reason, detail, row)
            place, value = row.at(key), shown(row.values.get(key) or "")
        zh, en = _SENTENCES.get(made.reason, (made.reason, made.reason))
        self._blame(place, value=value, zh=zh, en=en)

    def _blame(self, place: Place, *, zh: str, en: str, value: str = "") -> None:
        self.faults.append(Fault(place=place, value=value, zh=zh, en=en))

    def _warn(self, entry: Entry, key: str, zh: str, en: str) -> None:
        place = entry.rows[0].at(key) if entry.rows else entry.place
        self.faults.append(Fault(place=place, zh=zh, en=en, gravity=Gravity.WARNING))

    def _thin_branches(self, entries: list[Entry]) -> Iterator[Fault]:
        """Yield warnings for Party branches with fewer full members than policy wants."""
        for entry in entries:
            data = entry.data
            if not isinstance(data, OrgSet) or data.org in self._missing:
                continue
            wanted = self._policy.organisation.kinds[data.kind].full_members
            full = self._full_members(data.org, max(self._at, data.valid_from)) if wanted else 0
            if full < wanted:
                yield Fault(
                    place=entry.place,
                    value=shown(data.name),
                    zh=f"正式党员 {full} 名，少于 {wanted} 名",
                    en=f"{full} full members, {wanted} wanted",
                    gravity=Gravity.WARNING,
                )

    def _full_members(self, org: str, on: datetime) -> int:
        """Count the full members of a Party organisation and of those beneath it."""
        held = self._directory.holders(Role.PARTY_MEMBER, org, on)
        people = (self._directory.person(person, on) for person in held)
        own = sum(person is not None and person.party_status == "full" for person in people)
        parts = self._directory.orgs(on, parent=org)
        return own + sum(self._full_members(part.id, on) for part in parts)


def _is_code(text: str) -> bool:
    return len(text) >= _COUNTY_DIGITS and text.isdigit()


def _above(data: OrgSet) -> tuple[str, ...]:
    return (data.parent, data.serves)


def _identity(data: Payload) -> tuple[object, ...]:
    """Return what two lines have in common that speak of the same thing from the same time on."""
    match data:
        case OrgSet():
            return "org", data.org, data.valid_from
        case PersonSet():
            return "person", data.person, data.valid_from
        case RoleSet():
            return "role", data.person, data.role, data.org, data.valid_from
        case AppKeySet():
            return "app", data.public_key, data.valid_from
    return "other", id(data)


def _names(data: Payload) -> tuple[str, ...]:
    """Return under which names other lines may speak of this one."""
    match data:
        case OrgSet():
            return data.org, data.code
        case PersonSet():
            return (data.person,)
    return ()


def _named(data: Payload) -> tuple[str, ...]:
    """Return which other lines this one speaks of."""
    match data:
        case OrgSet():
            return _above(data)
        case PersonSet():
            return data.grid, *data.responsibility_area
        case RoleSet():
            return data.person, data.org
        case DutyRosterSet():
            return data.org, *(shift.person for shift in data.shifts)
    return ()


def _field_of(reason: str, detail: Mapping[str, object], row: Row) -> str:
    """Return the field of the row that a refusal is about; empty where it is the whole row."""
    told = (str(detail.get("field", "")), *_FIELDS_OF.get(reason, ()))
    return next((key for key in told if key in row.values), "")
