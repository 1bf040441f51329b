"""Dead letters as an operator reads them: listed, looked at, made readable again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from msgspec import Struct
from msgspec.structs import replace

from events.codec import Decoded, Undecodable, attributes_of, decode, from_journal
from events.contract.envelope import Event
from events.contract.registry import RESTRICTED_PREFIX
from events.outbox import marked_cases
from events.texts import erasable_fields, restore
from events.topics import tells_of_marked
from models.policy.schema import Policy
from models.values import is_id
from partygrid.errors import Invalid, Refused

Cursor = psycopg.Cursor[Any]

#: What stands in place of words that were erased meanwhile.
ERASED = "［已删除］"
_TIMER = "timer:"
#: How a report says that few may know of it.
_WORDS_OF_MARKS = (b"bypass", b"confidential", b"concerns_minor")


class NoSuchLetter(Invalid):
    """There is no such dead letter. `partygrid dead-letters list` shows them."""


class LetterIsRestricted(Refused):
    """The letter is about a marked case. Say --unrestricted if you are in its circle."""


class NotReadable(Invalid):
    """No event can be read in this letter. Write it down anew: --edit FILE."""


class Letter(Struct, frozen=True, kw_only=True):
    """One dead letter. Its value and headers may hold people's words."""

    id: str
    shard: int
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    source: str
    event_id: str
    event_type: str
    township: str
    #: was its sender proved? Else source and id are hearsay
    proved: bool
    at: datetime
    replayed_as: str
    replayed_by: str
    replayed_at: datetime | None
    #: few may know: it travelled on a twin for marked cases, or is about one, or reports one
    restricted: bool
    headers: list[tuple[str, str]]
    value: bytes

    @property
    def is_firing(self) -> bool:
        """Is it a timer that could not be fired?"""
        return self.event_type.startswith(_TIMER)

    @property
    def is_journal_body(self) -> bool:
        """Does it hold an event as the journal keeps it? Then it waited in vain."""
        return not self.topic and not self.is_firing


_SELECT = """
SELECT d.id::text, d.shard, d.reason, d.detail, d.topic, d.partition, d."offset", d.source,
 d.event_id, d.event_type, d.township, d.proved, d.at, d.replayed_as, d.replayed_by, d.replayed_at,
 d.topic LIKE %(restricted)s OR EXISTS (SELECT FROM records r WHERE r.source = d.source
  AND r.event_id = d.event_id AND r.topic LIKE %(restricted)s) AS restricted,
 d.headers::text, d.value
FROM dead_letters d
"""
_LIST = """
WHERE (%(every)s OR d.replayed_at IS NULL) AND (%(reason)s = '' OR d.reason = %(reason)s)
ORDER BY d.at DESC, d.id LIMIT %(limit)s
"""


def list_letters(
    cursor: Cursor, *, policy: Policy, reason: str = "", every: bool = False, limit: int = 100
) -> list[Letter]:
    """Return the newest letters first; with `every` also those that were replayed."""
    values = {"every": every, "reason": reason, "limit": limit}
    return _letters(cursor, _SELECT + _LIST, values, policy)


def find_letter(cursor: Cursor, name: str, *, policy: Policy) -> Letter:
    """Return the letter of this id, or whose id begins so. Raises `NoSuchLetter`."""
    if not name.replace("-", "").isalnum():
        raise NoSuchLetter
    query = _SELECT + "WHERE d.id::text LIKE %(begins)s LIMIT 2"
    found = _letters(cursor, query, {"begins": f"{name}%"}, policy)
    if len(found) > 1:
        raise NoSuchLetter(f"Several dead letters begin with {name}. Give more of the id.")
    if not found:
        raise NoSuchLetter(letter=name)
    return found[0]


def _letters(cursor: Cursor, query: str, values: dict[str, Any], policy: Policy) -> list[Letter]:
    values["restricted"] = f"{RESTRICTED_PREFIX}%"
    rows = cursor.execute(query.encode(), values).fetchall()
    letters = [_letter(row) for row in rows]
    subjects = {letter.id: subject_of_letter(cursor, letter) for letter in letters}
    marked = marked_cases(cursor, subjects.values())
    return [
        replace(letter, restricted=True)
        if subjects[letter.id] in marked or _tells_of_marked(cursor, letter, policy)
        else letter
        for letter in letters
    ]


def _tells_of_marked(cursor: Cursor, letter: Letter, policy: Policy) -> bool:
    """Look into a letter that came openly; one that cannot be read is taken at its words."""
    if letter.is_firing:
        return False
    read = read_letter(cursor, letter)
    if isinstance(read, Undecodable):
        return any(word in letter.value for word in _WORDS_OF_MARKS)
    return tells_of_marked((read if isinstance(read, Event) else read.event).data, policy)


def _letter(row: Sequence[Any]) -> Letter:
    *plain, headers, value = row
    fields = dict(zip(Letter.__struct_fields__, plain, strict=False))
    told = msgspec.json.decode(headers or "[]", type=list[tuple[str, str]])
    return Letter(**fields, headers=told, value=bytes(value))


def read_letter(cursor: Cursor, letter: Letter) -> Decoded | Undecodable | Event:
    """Return what can be read in a letter: an `Event` where it had been admitted before."""
    if letter.is_journal_body:
        return _with_words(cursor, from_journal(letter.value))
    headers = [(name, text.encode("latin-1", "replace")) for name, text in letter.headers]
    return decode(letter.value, headers)


def _with_words(cursor: Cursor, event: Event) -> Event:
    """Put the words back that were taken out when the event was parked."""
    rows = cursor.execute(
        "SELECT field, words FROM free_texts WHERE source = %s AND event_id = %s",
        (event.source, event.id),
    ).fetchall()
    kept = dict(rows)
    data = event.data
    words = {
        name: kept.get(name, ERASED) for name in erasable_fields(type(data)) if getattr(data, name)
    }
    return msgspec.structs.replace(event, data=restore(data, words))


def as_cloudevent(cursor: Cursor, letter: Letter) -> bytes:
    """Return the letter as a CloudEvent in structured mode, to be looked at or edited.

    What cannot be read stands under `unreadable`, as text.
    """
    if letter.is_firing:
        return msgspec.json.format(letter.value)
    read = read_letter(cursor, letter)
    if isinstance(read, Event):
        told: dict[str, Any] = {**attributes_of(read), "data": read.data}
    elif isinstance(read, Decoded):
        told = {**attributes_of(read.event), "data": read.event.data}
    else:
        told = {**read.attributes, **_data_or_text(read.data or letter.value)}
    return msgspec.json.format(msgspec.json.encode(told), indent=2)


def _data_or_text(data: bytes) -> dict[str, Any]:
    try:
        return {"data": msgspec.json.decode(data)}
    except (ValueError, RecursionError):
        return {"data": {}, "unreadable": data[:2000].decode("utf-8", "replace")}


def subject_of_letter(cursor: Cursor, letter: Letter) -> str:
    """Return the case or task a letter is about; empty where none can be read."""
    if letter.is_firing:
        return letter.event_id.partition("|")[0]
    read = read_letter(cursor, letter)
    if isinstance(read, Undecodable):
        subject = read.attributes.get("subject", "")
    else:
        subject = (read if isinstance(read, Event) else read.event).subject
    return subject if is_id(subject) else ""
