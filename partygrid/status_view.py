"""How an installation stands, for people: tables in a terminal."""

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table

from models.values import SETTLED_STATES, CaseState
from partygrid.status import ShardLine, Standing, Waiting

_SETTLED = {str(state) for state in SETTLED_STATES}
_ORDER = {str(state): place for place, state in enumerate(CaseState)}


def view(standing: Standing) -> RenderableType:
    """Return everything there is to see, the processes first."""
    parts: list[RenderableType] = []
    if standing.processes:
        parts += ["Processes", _processes(standing)]
    cases = f"Cases: {standing.open_cases} open, {standing.overdue_cases} overdue"
    parts += ["Shards", _shards(standing), cases, _cases(standing)]
    return Group(*parts, _waiting(standing))


def ago(moment: datetime | None, now: datetime) -> str:
    """Write how long ago something was, in its largest unit."""
    if moment is None:
        return ""
    passed = max(now - moment, timedelta())
    for name, unit in (("d", 86400), ("h", 3600), ("m", 60)):
        if passed.total_seconds() >= unit:
            return f"{passed.total_seconds() / unit:.0f} {name}"
    return f"{passed.total_seconds():.0f} s"


def _table(*columns: str) -> Table:
    table = Table(header_style="")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _processes(standing: Standing) -> Table:
    table = _table("process", "state", "pid", "starts")
    for one in standing.processes:
        style = "" if one.state == "ready" else "yellow"
        pid = str(one.pid) if one.pid else ""
        table.add_row(one.name, one.state, pid, str(one.starts), style=style)
    return table


def _shards(standing: Standing) -> Table:
    table = _table("shard", "engine", "since", "journal", "unread")
    for one in standing.shards:
        since = ago(one.taken_at, standing.at)
        table.add_row(str(one.shard), one.owner or "nobody", since, str(one.journal), _unread(one))
    return table


def _unread(line: ShardLine) -> str:
    if line.lag is None:
        return "broker away"
    topics = ", ".join(f"{topic} {count}" for topic, count in line.lag.items())
    return topics or "0"


def _cases(standing: Standing) -> Table:
    table = _table("state", "cases")
    for state in sorted(standing.cases, key=lambda one: _ORDER.get(one, len(_ORDER))):
        style = "dim" if state in _SETTLED else ""
        table.add_row(state, str(standing.cases[state]), style=style)
    return table


def _waiting(standing: Standing) -> Table:
    table = _table("what waits", "count", "the first since")
    lines: tuple[tuple[str, Waiting], ...] = (
        (f"timers due (of {standing.timers})", standing.timers_due),
        ("outbox", standing.outbox),
        ("parked events", standing.parked),
        ("dead letters", standing.dead_letters),
        ("notices", standing.notices),
        ("digests", standing.digests_due),
        ("notices held after a restore", standing.notices_held),
    )
    for name, waiting in lines:
        if waiting.count or waiting is not standing.notices_held:
            table.add_row(name, str(waiting.count), ago(waiting.since, standing.at))
    table.add_row("sends to be settled by a person", str(standing.notices_unknown), "")
    seal = f"audit records after seal {standing.seal}"
    table.add_row(seal, str(standing.unsealed.count), ago(standing.unsealed.since, standing.at))
    sound = {None: "never", True: "sound", False: "NOT SOUND"}[standing.verified_sound]
    table.add_row(f"audit verified: {sound}", "", ago(standing.verified_at, standing.at))
    return table
