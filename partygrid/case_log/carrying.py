"""`partygrid import`: a log carried into an installation that runs, and held against its file.

First the directory's lines, decided to the last before a row is sent; then the rows in their order.
Whatever is there already is left alone, so an import that was interrupted is simply begun again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct

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
    source, lines = log.directory_source, log.directory_events(at=at)
    run = DryRun(policy=policy, directory=directory, at=at, acting=None, source=source)
    events, known = run.through([Entry(data=line.data) for line in lines])
    faults = [fault for fault in run.faults if fault.gravity is Gravity.ERROR]
    if faults:
        told = "; ".join(dict.fromkeys(f"{fault.zh} / {fault.en}" for fault in faults))
        raise LogDoesNotFit(f"{LogDoesNotFit.__doc__} {told}")
    return events, known


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
    rows = sender.send(log.history_events(), on_answer=progress("rows", log.survey.imported))
    compared = compare_log(connection, log.mapping.source, log.history_events())
    return Carried(lines_known=known, lines=lines, rows=rows, compared=compared)


def _send_lines(sender: Sender, lines: Sequence[Outgoing], progress: Progress) -> Sent:
    sent = sender.send(lines, on_answer=progress("directory", len(lines)))
    if sent.denied:
        reasons = ", ".join(sorted({one.reason for one in sent.denied}))
        raise DirectoryRefused(f"{DirectoryRefused.__doc__} {len(sent.denied)} lines: {reasons}.")
    return sent
