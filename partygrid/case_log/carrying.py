"""`partygrid import`: a log carried into an installation that runs, and held against its file.

First the directory's lines, decided to the last before a row is sent; then the rows in their order.
Whatever is there already is left alone, so an import that was interrupted is simply begun again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct

from events.contract.directory import RoleSet
from events.contract.envelope import Payload
from events.outgoing_event import Outgoing
from models.directory import Directory
from models.policy.schema import Policy
from partygrid.case_log.comparing import Compared, compare_log
from partygrid.case_log.importing import CaseLog
from partygrid.directory_files.dry_run import DryRun
from partygrid.directory_files.fault import Gravity
from partygrid.directory_files.payloads import Entry
from partygrid.errors import Invalid, Refused
from partygrid.sending import Sender, Sent

Connection = psycopg.Connection[Any]


class LogDoesNotFit(Invalid):
    """What the log needs in the directory would be refused; nothing was sent."""


class DirectoryRefused(Refused):
    """Not all that the log needs is in the directory; none of its rows was sent."""


#: Begins a piece of the work, of so many events; what it returns hears how many more are done.
Progress = Callable[[str, int], Callable[[int], None]]


class Carried(Struct, frozen=True, kw_only=True):
    """What an import did."""

    #: directory lines that were there already
    lines_known: int
    lines: Sent
    rows: Sent
    compared: Compared


def directory_lines(
    log: CaseLog, directory: Directory, *, policy: Policy, at: datetime
) -> tuple[list[Outgoing], int]:
    """Return the lines that are still missing, entered `at`, and how many are there.

    They are decided on a copy as the engine will. Raises `LogDoesNotFit`, `LogEmpty`.
    """
    source, lines = log.directory_source, [line.data for line in log.directory_events(at=at)]
    wanted = [data for data in lines if not _is_covered(directory, data)]
    run = DryRun(policy=policy, directory=directory, at=at, acting=None, source=source)
    events, known = run.through([Entry(data=data) for data in wanted])
    faults = [fault for fault in run.faults if fault.gravity is Gravity.ERROR]
    if faults:
        told = "; ".join(dict.fromkeys(f"{fault.zh} / {fault.en}" for fault in faults))
        raise LogDoesNotFit(f"{LogDoesNotFit.__doc__} {told}")
    return events, known + len(lines) - len(wanted)


def _is_covered(directory: Directory, data: Payload) -> bool:
    """Is it a role whose time lies within one that is known? A shorter log takes no role away."""
    if not isinstance(data, RoleSet):
        return False
    return any(
        (held.role, held.org) == (data.role, data.org)
        and held.valid_from <= data.valid_from
        and data.valid_to is not None
        and (held.valid_to is None or data.valid_to <= held.valid_to)
        for held in directory.role_spells(data.person)
    )


def carry(
    log: CaseLog,
    *,
    sender: Sender,
    connection: Connection,
    policy: Policy,
    at: datetime,
    progress: Progress,
    introduce: Callable[[], None],
) -> Carried:
    """Import a log. `introduce` tells the vault who its persons are, once they are known.

    Raises `LogDoesNotFit`, `DirectoryRefused`, `Unavailable`.
    """
    for source in (log.directory_source, log.mapping.source):
        sender.settle(source)
    missing, known = directory_lines(log, sender.directory(), policy=policy, at=at)
    lines = _send_lines(sender, missing, progress)
    introduce()
    events = log.history_events(ended=_ended(connection, log.mapping.source))
    rows = sender.send(events, on_answer=progress("rows", log.survey.imported))
    compared = compare_log(connection, log.mapping.source, log.history_events())
    return Carried(lines_known=known, lines=lines, rows=rows, compared=compared)


def _ended(connection: Connection, source: str) -> frozenset[str]:
    """Return the ids of rows that were imported as the last of their cases."""
    rows = connection.execute(
        "SELECT event_id FROM journal WHERE source = %s AND body::jsonb->'data'->>'last' = 'true'",
        (source,),
    ).fetchall()
    return frozenset(row[0] for row in rows)


def _send_lines(sender: Sender, lines: Sequence[Outgoing], progress: Progress) -> Sent:
    sent = sender.send(lines, on_answer=progress("directory", len(lines)))
    if sent.denied:
        reasons = ", ".join(sorted({one.reason for one in sent.denied}))
        raise DirectoryRefused(f"{DirectoryRefused.__doc__} {len(sent.denied)} lines: {reasons}.")
    return sent
