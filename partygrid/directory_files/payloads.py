"""From rows to what directory events say, and who the persons are. Pure."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from events.contract.directory import (
    AppKeySet,
    DutyRosterSet,
    OrgSet,
    PersonSet,
    RoleSet,
    Shift,
)
from events.contract.envelope import Part, Payload
from partygrid.directory_files.fault import Fault, Place, shown
from partygrid.directory_files.identity import Identity, identity_ref_of
from partygrid.directory_files.sheets import APPS, ORGS, PERSONS, ROLES, ROSTERS
from partygrid.directory_files.workbook import Row

#: shifts of one roster event: far below the largest event there may be
_SHIFTS = 500
_FIELD = re.compile(r"`\$\.(\w+)")
#: what a pseudonym must not be: a name, a mobile number, an identity card
_PERSONAL = re.compile(r"[\u3400-\u9fff]|^1\d{10}$|^\d{17}[\dXx]$")
_MOBILE = re.compile(r"\+?\d{5,15}")
_MAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+")
_P = TypeVar("_P", Payload, Part)


class Entry(Struct, frozen=True, kw_only=True):
    """One line for the directory, and the rows it comes from."""

    data: Payload
    #: none where only an outline is new
    rows: tuple[Row, ...] = ()
    #: where its outline was drawn
    drawn: Place | None = None
    identity: Identity | None = None

    @property
    def place(self) -> Place:
        """Where it stands, or begins."""
        return self.rows[0].place if self.rows else self.drawn or Place("")


def entries_of_rows(rows: list[Row]) -> Iterator[Entry | Fault]:
    """Yield what the rows say: organisations, persons, roles, rosters, apps."""
    for sheet, make in _MAKERS.items():
        for row in rows:
            if row.sheet.title == sheet:
                yield make(row)
    yield from _rosters([row for row in rows if row.sheet is ROSTERS])


def _org(row: Row) -> Entry | Fault:
    return _entry(row, OrgSet, _given(row))


def _role(row: Row) -> Entry | Fault:
    return _entry(row, RoleSet, _given(row))


def _app(row: Row) -> Entry | Fault:
    return _entry(row, AppKeySet, _given(row))


def _person(row: Row) -> Entry | Fault:
    fields = _given(row)
    name, mobile, mail = (str(fields.pop(key, "")) for key in ("name", "mobile", "mail"))
    person = str(fields["person"])
    if _PERSONAL.search(person):
        return Fault(
            place=row.at("person"),
            about=person,
            zh="编号不得用姓名、手机号或身份证号",
            en="the id must not be a name or a number of the person",
        )
    for key, text, shape in (("mobile", mobile, _MOBILE), ("mail", mail, _MAIL)):
        if text and not shape.fullmatch(text):
            return Fault(
                place=row.at(key), about=person, zh="格式不正确", en="not of the right shape"
            )
    if not (name or mobile or mail):
        return _entry(row, PersonSet, fields)
    ref = identity_ref_of(person)
    made = _entry(row, PersonSet, {**fields, "identity_ref": ref})
    if isinstance(made, Fault):
        return made
    identity = Identity(ref=ref, person=person, name=name, mobile=mobile, mail=mail)
    return msgspec.structs.replace(made, identity=identity)


_MAKERS: Mapping[str, Callable[[Row], Entry | Fault]] = {
    ORGS.title: _org,
    PERSONS.title: _person,
    ROLES.title: _role,
    APPS.title: _app,
}


def _rosters(rows: list[Row]) -> Iterator[Entry | Fault]:
    """Yield one roster for each organisation and role, in pieces where it is long."""
    groups: dict[tuple[Any, Any], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.values["org"], row.values["role"]].append(row)
    for (org, role), own in groups.items():
        for at in range(0, len(own), _SHIFTS):
            yield from _roster(org, role, own[at : at + _SHIFTS])


def _roster(org: object, role: object, rows: list[Row]) -> Iterator[Entry | Fault]:
    shifts, kept = [], []
    for row in rows:
        fields = {key: row.values[key] for key in ("person", "starts_at", "ends_at")}
        shift = _made(row, Shift, fields)
        if isinstance(shift, Fault):
            yield shift
        else:
            shifts.append(shift)
            kept.append(row)
    if kept:
        made = _made(kept[0], DutyRosterSet, {"org": org, "role": role, "shifts": tuple(shifts)})
        yield made if isinstance(made, Fault) else Entry(data=made, rows=tuple(kept))


def _given(row: Row) -> dict[str, Any]:
    return {key: value for key, value in row.values.items() if value is not None}


def _entry(row: Row, kind: type[Payload], fields: dict[str, Any]) -> Entry | Fault:
    made = _made(row, kind, fields)
    return made if isinstance(made, Fault) else Entry(data=made, rows=(row,))


def _made(row: Row, kind: type[_P], fields: dict[str, Any]) -> _P | Fault:
    """Return the payload, held to the contract: lengths, characters, patterns."""
    try:
        return msgspec.convert(fields, kind, from_attributes=True)
    except msgspec.ValidationError as wrong:
        found = _FIELD.search(str(wrong))
        key = found[1] if found else ""
        column = next((c for c in row.sheet.columns if c.key == key), None)
        private = column is None or column.private
        return Fault(
            place=row.at(key),
            value="" if private else shown(fields.get(key, "")),
            zh="内容不符合要求：检查字数，编号只能用字母、数字和 -_.:/",
            en=str(wrong).split(" - at")[0],
            about=str(row.values.get(row.sheet.columns[0].key) or ""),
        )
