"""What became of an app's event, as far as it is known."""

from typing import Any

import msgspec
from msgspec import Struct

from models.ledger_store import known_hashes
from notifications.wording import Language
from web.database import Cursor
from web.languages import sentence
from web.problems import Problem

#: Not decided yet.
PENDING = "pending"


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to one event."""

    id: str
    source: str
    #: `pending`, or where it ended: applied, refused, duplicate, parked, dead-lettered
    fate: str
    #: code of the reason
    reason: str = ""
    #: the reason in the caller's language
    message: str = ""
    case_id: str = ""
    case_number: str = ""
    #: the case's version after it; -1 where it changed no case
    version: int = -1
    decided_at: str = ""


def outcome_of(cursor: Cursor, source: str, event_id: str, language: Language) -> Outcome:
    """Return what became of the event. Raises `Problem` where the app never sent it."""
    row = cursor.execute(
        "SELECT fate, reason, coalesce(case_id::text, ''), case_number, version, decided_at"
        " FROM outcomes WHERE source = %s AND event_id = %s",
        (source, event_id),
    ).fetchone()
    if row is None:
        if not _is_on_its_way(cursor, source, event_id):
            raise Problem("not_known", event_id=event_id)
        return Outcome(id=event_id, source=source, fate=PENDING)
    fate, reason, case_id, number, version, decided_at = row
    return Outcome(
        id=event_id,
        source=source,
        fate=fate,
        reason=reason,
        message=sentence(reason, language),
        case_id=case_id,
        case_number=number,
        version=version,
        decided_at=decided_at.isoformat(),
    )


def _is_on_its_way(cursor: Cursor, source: str, event_id: str) -> bool:
    waiting = cursor.execute(
        "SELECT 1 FROM outbox WHERE event_id = %s AND source = %s LIMIT 1", (event_id, source)
    ).fetchone()
    return waiting is not None or bool(known_hashes(cursor, [(source, event_id)]))


def plain(value: Struct) -> Any:
    """Return a struct as JSON values."""
    return msgspec.to_builtins(value)
