"""`partygrid import`: a log as history. Makes events only; whoever calls sends them.

First the directory's, for a county of the log's own, then one `HistoryRecorded` a row: the person
of the row in the role at the group, recorded by the importer. Nothing is decided again.
"""

import base64
from collections.abc import Container, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from events.contract.directory import AppKeySet, GridKind, OrgSet, PersonSet, RoleSet
from events.contract.envelope import Acting, Payload
from events.contract.reports import HistoryRecorded
from events.outgoing_event import Outgoing, directory_event
from models.keys import PublicKey
from models.policy.people import OrgKind, Role
from models.values import derived_id
from partygrid.case_log.mapping import LogMapping, Names
from partygrid.case_log.rows import LogRow, read_rows
from partygrid.case_log.survey import RowFault, Step, Survey, is_left_out, step_of, survey_log
from partygrid.directory_files.identity import Identity, identity_ref_of
from partygrid.errors import Invalid

#: A role ends just after its holder's last row.
_MOMENT = timedelta(seconds=1)
_HISTORY = "grid.report.history_recorded"


class LogEmpty(Invalid):
    """No row of the log can be imported; look at the faults of its survey."""


class CaseLog:
    """A log and its mapping. The file is read once for the survey and once for the rows."""

    def __init__(self, path: Path, mapping: LogMapping, *, importer: str = "") -> None:
        """Rows are recorded by `importer`, by default a person made for the log."""
        self.path, self.mapping = path, mapping
        self.importer = importer or f"{mapping.prefix}-importer"
        self._own_importer = not importer

    @cached_property
    def survey(self) -> Survey:
        """Who acted where and when, and what cannot be imported. Raises `LogUnreadable`."""
        return survey_log(self.path, self.mapping)

    @property
    def identities(self) -> tuple[Identity, ...]:
        """The names of the log's persons, for the vault; none where they are pseudonyms."""
        if self.mapping.names is Names.PSEUDONYMS:
            return ()
        ids = {self.mapping.person_id(name): name for name in self.survey.persons}
        return tuple(
            Identity(ref=identity_ref_of(person), person=person, name=name)
            for person, name in ids.items()
        )

    # --- the directory -------------------------------------------------------------------------

    def directory_events(
        self, *, at: datetime, key: PublicKey | None = None
    ) -> tuple[Outgoing, ...]:
        """Return what must be in the directory before the rows come, in the order to send it.

        The lines are entered `at`. With `key` an app is registered that may send the log's rows
        and nothing else. Raises `LogEmpty`.
        """
        if not self.survey.imported:
            raise LogEmpty(path=self.path)
        lines = [*self._territory(), *self._groups(), *self._people()]
        if key is not None:
            lines.append(self._app(key))
        county = self.mapping.places.county.code
        return tuple(
            directory_event(data, county=county, source=self.directory_source, at=at)
            for data in lines
        )

    @property
    def directory_source(self) -> str:
        """CloudEvents source of the directory's lines."""
        return f"directory/{self.mapping.log}"

    @property
    def _since(self) -> datetime:
        return self.survey.span.first

    def _territory(self) -> Iterator[OrgSet]:
        places, parent = self.mapping.places, ""
        for kind, place in (
            (OrgKind.COUNTY, places.county),
            (OrgKind.TOWNSHIP, places.township),
            (OrgKind.VILLAGE, places.village),
            (OrgKind.GRID, places.grid),
        ):
            yield OrgSet(
                org=place.code,
                kind=kind,
                name=place.name,
                parent=parent,
                code=place.code,
                grid_kind=GridKind.COMPREHENSIVE if kind is OrgKind.GRID else None,
                valid_from=self._since,
            )
            parent = place.code

    def _groups(self) -> Iterator[OrgSet]:
        mapping, places = self.mapping, self.mapping.places
        at_county = mapping.groups.kind is OrgKind.DEPARTMENT
        parent = places.county if at_county else places.township
        for group in self.survey.groups:
            yield OrgSet(
                org=mapping.group_id(group),
                kind=mapping.groups.kind,
                name=mapping.name_of(group),
                parent=parent.code,
                code=parent.code,
                department=mapping.groups.department,
                valid_from=self._since,
            )

    def _people(self) -> Iterator[Payload]:
        mapping, since = self.mapping, self._since
        known = {identity.person: identity.ref for identity in self.identities}
        persons = [mapping.person_id(name) for name in self.survey.persons]
        for person in persons:
            yield PersonSet(person=person, identity_ref=known.get(person, ""), valid_from=since)
        if self._own_importer:
            county = mapping.places.county.code
            yield PersonSet(person=self.importer, valid_from=since)
            yield RoleSet(person=self.importer, role=Role.OPERATOR, org=county, valid_from=since)
        for (person, group), span in sorted(self.survey.acted.items()):
            yield RoleSet(
                person=mapping.person_id(person),
                role=mapping.role_in(group),
                org=mapping.group_id(group),
                valid_from=span.first,
                valid_to=span.last + _MOMENT,
            )

    def _app(self, key: PublicKey) -> AppKeySet:
        return AppKeySet(
            source=self.mapping.source,
            name=f"历史导入 {self.mapping.log}",
            public_key=base64.b64encode(key.raw).decode(),
            territories=(self.mapping.places.county.code,),
            event_types=(_HISTORY,),
            valid_from=self._since,
        )

    # --- the rows ------------------------------------------------------------------------------

    def history_events(self, *, ended: Container[str] = ()) -> Iterator[Outgoing]:
        """Yield one event a row, in the log's order; rows at fault are in the survey.

        The same log gives the same events, so importing it again changes nothing. `ended` are ids
        of rows that ended their case when they were imported: they say so again, though the log
        may have grown since.
        """
        ends = {case: row for case, (_, row) in self.survey.cases.items()}
        for row in read_rows(self.path, self.mapping):
            step = self._step(row)
            if step is not None:
                event_id = derived_id("history", self.mapping.log, step.key)
                last = ends[step.case_ref] == step.row or event_id in ended
                yield self._event(event_id, step, last=last)

    def _step(self, row: LogRow) -> Step | None:
        if row.number in self.survey.repeated or is_left_out(row, self.mapping):
            return None
        step = step_of(row, self.mapping)
        return None if isinstance(step, RowFault) else step

    def _event(self, event_id: str, step: Step, *, last: bool) -> Outgoing:
        mapping = self.mapping
        return Outgoing(
            id=event_id,
            source=mapping.source,
            data=self._data(step, last=last),
            township=mapping.places.township.code,
            time=step.at,
            acting=Acting(
                actor=mapping.person_id(step.person),
                role=str(mapping.role_in(step.group)),
                org=mapping.group_id(step.group),
                recorded_by=self.importer,
            ),
        )

    def _data(self, step: Step, *, last: bool) -> HistoryRecorded:
        responsible = self.mapping.person_id(step.responsible) if step.responsible else ""
        return HistoryRecorded(
            case_ref=step.case_ref,
            grid=self.mapping.places.grid.code,
            activity=step.activity,
            instance=step.instance,
            channel=step.channel or None,
            started_at=step.started,
            planned_end=step.planned_end,
            ended_at=step.ended,
            responsible=responsible,
            department=step.department or None,
            group=step.responsible_group or None,
            last=last,
        )
