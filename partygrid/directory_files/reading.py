"""`partygrid directory load`: files read, and decided against the directory as it is, all dry.

The same decisions that the engine will take say what would be refused, so a dry run and a load
cannot differ in their rules.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import datetime
from pathlib import Path

from msgspec import Struct, structs

from events.contract.directory import OrgSet, PersonSet
from events.contract.envelope import Acting
from events.outgoing_event import Outgoing
from models.directory import Directory
from models.policy.schema import Policy
from partygrid.directory_files.cells import Reader
from partygrid.directory_files.dry_run import DryRun
from partygrid.directory_files.fault import Fault, Gravity, Place
from partygrid.directory_files.identity import Identity
from partygrid.directory_files.known import org_set_of
from partygrid.directory_files.outlines import Drawn, misplaced, read_outlines
from partygrid.directory_files.payloads import Entry, entries_of_rows
from partygrid.directory_files.sheets import SHEETS, words_of
from partygrid.directory_files.workbook import Row, read_workbook

_WORKBOOKS = {".xlsx", ".xlsm"}
_OUTLINES = {".geojson", ".json"}
_SHEETS = {sheet.title: number for number, sheet in enumerate(SHEETS)}


class Loaded(Struct, frozen=True, kw_only=True):
    """What the files say. Send the events only where there is no error."""

    #: in the order to send them; what the directory knows already is left out
    events: tuple[Outgoing, ...]
    #: for the vault only
    identities: tuple[Identity, ...]
    #: errors and warnings, in the order of the files
    faults: tuple[Fault, ...]
    #: lines that the directory knows already, word for word
    unchanged: int = 0

    @property
    def errors(self) -> tuple[Fault, ...]:
        """What keeps the files from being loaded."""
        return tuple(fault for fault in self.faults if fault.gravity is Gravity.ERROR)


def read_directory_files(
    paths: Iterable[Path],
    *,
    policy: Policy,
    at: datetime,
    known: Directory | None = None,
    acting: Acting | None = None,
) -> Loaded:
    """Read workbooks and outlines and try them on a copy of `known`. Raises nothing for bad files.

    The changes are made `at` by `acting`; without it by the founder of an empty directory.
    """
    known, paths = known or Directory(), tuple(paths)
    rows, drawn, faults = _read(paths, Reader(words_of(policy), policy.calendar.zone))
    entries: list[Entry] = []
    for made in entries_of_rows(rows):
        if isinstance(made, Fault):
            faults.append(made)
        else:
            entries.append(_with_known_identity(made, known))
    entries, unplaced = _outlined(entries, drawn, known, at)
    run = DryRun(
        policy=policy,
        directory=deepcopy(known),
        at=at,
        acting=acting,
        missing=(fault.about for fault in faults),
    )
    events, unchanged = run.through(entries)
    faults = [*faults, *unplaced, *run.faults, *_warnings(entries, drawn, known, at)]
    files = {path.name: number for number, path in enumerate(paths)}
    return Loaded(
        events=tuple(events),
        identities=tuple(entry.identity for entry in entries if entry.identity),
        faults=tuple(sorted(faults, key=lambda fault: _position(fault, files))),
        unchanged=unchanged,
    )


def _with_known_identity(entry: Entry, known: Directory) -> Entry:
    """Keep the pseudonym of a person whose name is not told again."""
    data = entry.data
    if not isinstance(data, PersonSet) or data.identity_ref:
        return entry
    person = known.person(data.person, data.valid_from)
    ref = person.identity_ref if person is not None else ""
    return structs.replace(entry, data=structs.replace(data, identity_ref=ref))


def _position(fault: Fault, files: Mapping[str, int]) -> tuple[int, int, int]:
    place = fault.place
    return files.get(place.file, 0), _SHEETS.get(place.sheet, 0), place.row


def _read(paths: Iterable[Path], reader: Reader) -> tuple[list[Row], list[Drawn], list[Fault]]:
    rows: list[Row] = []
    drawn: list[Drawn] = []
    faults: list[Fault] = []
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in _WORKBOOKS:
            found: Iterable[Row | Drawn | Fault] = read_workbook(path, reader)
        elif suffix in _OUTLINES:
            found = read_outlines(path)
        else:
            place = Place(path.name)
            found = [Fault(place=place, zh="不支持的文件类型", en="neither xlsx nor geojson")]
        for item in found:
            match item:
                case Row():
                    rows.append(item)
                case Drawn():
                    drawn.append(item)
                case Fault():
                    faults.append(item)
    return rows, drawn, faults


def _outlined(
    entries: list[Entry], drawn: list[Drawn], known: Directory, at: datetime
) -> tuple[list[Entry], list[Fault]]:
    """Put the outlines into the organisations they are for; known ones are entered again."""
    by_name: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        if isinstance(entry.data, OrgSet):
            by_name.setdefault(entry.data.org, []).append(number)
    entries, faults = list(entries), []
    for one in drawn:
        for number in by_name.get(one.of, ()):
            data = structs.replace(entries[number].data, outline=one.outline)
            entries[number] = structs.replace(entries[number], data=data, drawn=one.place)
        if one.of in by_name:
            continue
        org = known.org(one.of, at)
        if org is None:
            faults.append(
                Fault(
                    place=one.place,
                    value=one.of,
                    zh="“组织”表和目录里都没有这个编号",
                    en="no organisation has this id",
                )
            )
        else:
            known_org = structs.replace(org_set_of(org), outline=one.outline)
            entries.append(Entry(data=known_org, drawn=one.place))
    return entries, faults


def _warnings(
    entries: list[Entry], drawn: list[Drawn], known: Directory, at: datetime
) -> list[Fault]:
    """Return what lies oddly among the outlines of the files and those known already."""
    orgs = {org.id: org_set_of(org) for org in known.orgs(at)}
    orgs |= {entry.data.org: entry.data for entry in entries if isinstance(entry.data, OrgSet)}
    return list(misplaced(orgs, {one.of: one.place for one in drawn if one.of in orgs}))
