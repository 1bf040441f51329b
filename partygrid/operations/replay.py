"""`partygrid dead-letters replay`: send again what was put aside, once its cause is gone.

The replay is a new record with an id of its own, vouched for by this installation, and stands in
the place of the old one: the same case, and the same answer to the app under the id it knows. The
operator who sends it is on the letter, and in the audit where he wrote down what stands in it.
"""

from datetime import datetime
from typing import Any

import msgspec
import psycopg
from msgspec import Struct
from msgspec.structs import replace

from events.admission import ENGINE_KEY, ENGINE_SOURCE
from events.codec import STRUCTURED, Undecodable, decode
from events.contract.envelope import Event
from events.contract.registry import TYPE_OF_PAYLOAD, Origin
from events.topics import tells_of_marked
from flows.decide.decision import Firing
from models.clocks import ClockKind
from models.directory_store import load_directory
from models.ledger_store import TIMERS
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.schema import Policy
from models.shard_store import directory_revision
from models.values import SYSTEM_PREFIX, DeadLetterReason, Fate, derived_id
from partygrid.errors import Invalid, Refused
from partygrid.operations.letters import Letter, NotReadable, read_letter
from partygrid.operations.put_out import put_out

Cursor = psycopg.Cursor[Any]

#: Source of a replay whose first sender nobody proved.
OPERATORS = "partygrid/operator"
#: Letters of events that had been admitted: they are the engine's own where they say so.
_ADMITTED = frozenset(
    {
        DeadLetterReason.POISON,
        DeadLetterReason.CRASHED,
        DeadLetterReason.PARKED_TOO_LONG,
        DeadLetterReason.PARKED_TOO_MANY,
        DeadLetterReason.UNPUBLISHABLE,
    }
)


class MayNotReplay(Refused):
    """This person holds no role that may send dead letters again. Look at the directory."""


class ReplayedAlready(Refused):
    """The letter was replayed, and the replay was not put aside."""


class NotForPeople(Refused):
    """Only the engine may say this. Edit who acts, or what is said."""


class NoClockLeft(Refused):
    """The timer's clock does not run any more: somebody answered it, or the case is settled."""


class Replayed(Struct, frozen=True, kw_only=True):
    """What was sent again."""

    letter: str
    #: id of the new event; of a timer its subject and key
    event_id: str
    source: str
    type: str


def replay(
    cursor: Cursor,
    letter: Letter,
    *,
    by: str,
    policy: Policy,
    own_key: bytes,
    partitions: int,
    now: datetime,
    edited: bytes | None = None,
) -> Replayed:
    """Send a letter's event again; `edited` is the event as it should have been, structured.

    Raises `MayNotReplay`, `ReplayedAlready`, `NotReadable`, `NotForPeople`, `NoClockLeft`.
    """
    _check_right(cursor, policy, by, now)
    attempt = _attempt(cursor, letter)
    if letter.is_firing:
        made = _timer_again(cursor, letter)
    else:
        event = _event(cursor, letter, by=by, attempt=attempt, edited=edited)
        marked = letter.restricted or tells_of_marked(event.data, policy)
        put_out(cursor, event, own_key=own_key, partitions=partitions, now=now, marked=marked)
        made = Replayed(letter=letter.id, event_id=event.id, source=event.source, type=event.type)
    cursor.execute(
        "UPDATE dead_letters SET replayed_as = %s, replayed_by = %s, replayed_at = %s"
        " WHERE id = %s AND replayed_as = %s",
        (made.event_id, by, now, letter.id, letter.replayed_as),
    )
    if cursor.rowcount != 1:
        raise ReplayedAlready("Somebody else replayed the letter at this moment.")
    return made


def _check_right(cursor: Cursor, policy: Policy, person: str, now: datetime) -> None:
    directory = load_directory(cursor, directory_revision(cursor))
    held = {Role(one.role) for one in directory.roles_of(person, now) if one.role in set(Role)}
    if not any(policy.roles.scopes(role, Action.DEAD_LETTER_RESEND) for role in held):
        raise MayNotReplay(person=person)


def _attempt(cursor: Cursor, letter: Letter) -> int:
    """Return which replay of the letter this is. Raises `ReplayedAlready`."""
    if not letter.replayed_as:
        return 1
    fate = _fate_of_replay(cursor, letter)
    if fate not in (Fate.DEAD_LETTERED, Fate.REFUSED):
        raise ReplayedAlready(
            f"The letter was replayed by {letter.replayed_by} and "
            + (f"the replay was {fate}." if fate else "the replay is not decided yet.")
        )
    attempt = 1
    while replay_id(letter.id, attempt) != letter.replayed_as and attempt < 1000:
        attempt += 1
    return attempt + 1


def _fate_of_replay(cursor: Cursor, letter: Letter) -> str:
    if letter.is_firing:
        return str(Fate.DEAD_LETTERED)
    rows = cursor.execute(
        "SELECT fate FROM records WHERE event_id = %s AND fate NOT IN ('duplicate', 'forwarded')",
        (letter.replayed_as,),
    ).fetchall()
    return str(rows[0][0]) if rows else ""


def replay_id(letter: str, attempt: int) -> str:
    """Return the id of a letter's replay: known before it is sent, another one each time."""
    return derived_id("replay", letter, attempt)


def _event(cursor: Cursor, letter: Letter, *, by: str, attempt: int, edited: bytes | None) -> Event:
    event = _edited(edited) if edited is not None else _as_it_was(cursor, letter)
    proved = letter.proved and letter.source != ""
    admitted = proved and letter.reason in _ADMITTED
    engines_own = admitted and letter.source == ENGINE_SOURCE and edited is None
    is_taken = letter.reason == DeadLetterReason.ID_CONFLICT
    _check_speaker(event, engines_own=engines_own)
    wrote_it = edited is not None or not proved
    acting = replace(event.acting, recorded_by=by) if wrote_it else event.acting
    return replace(
        event,
        id=replay_id(letter.id, attempt),
        source=letter.source if proved else OPERATORS,
        acting=replace(acting, asserted_by="app"),
        key_id=ENGINE_KEY,
        content_hash="",
        cause=event.cause if engines_own else "",
        wave=0,
        replay_of=letter.event_id if proved and not is_taken else "",
    )


def _as_it_was(cursor: Cursor, letter: Letter) -> Event:
    read = read_letter(cursor, letter)
    if isinstance(read, Event):
        return read
    if isinstance(read, Undecodable):
        raise NotReadable(f"{read.detail}. Write the event down anew: --edit FILE.")
    if TYPE_OF_PAYLOAD[type(read.event.data)].step is None:
        raise NotForPeople("Nobody reads this topic in: there is nothing to replay.")
    return read.event


def _edited(value: bytes) -> Event:
    read = decode(value, [("content-type", STRUCTURED.encode())])
    if isinstance(read, Undecodable):
        raise Invalid(f"The edited event cannot be read: {read.detail}.")
    if TYPE_OF_PAYLOAD[type(read.event.data)].step is None:
        raise NotForPeople
    return read.event


def _check_speaker(event: Event, *, engines_own: bool) -> None:
    """Vouching lets much pass: nobody may become the engine by it."""
    if engines_own:
        return
    origin = TYPE_OF_PAYLOAD[type(event.data)].origin
    if origin is Origin.ENGINE or event.acting.actor.startswith(SYSTEM_PREFIX):
        raise NotForPeople


def _timer_again(cursor: Cursor, letter: Letter) -> Replayed:
    """Set a timer again whose firing broke: it rings with the next look of its shard's owner."""
    firing = msgspec.json.decode(letter.value, type=Firing)
    kind, shard = _subject_of(cursor, firing)
    timer = {
        "subject": firing.subject,
        "key": firing.clock.key,
        "shard": shard,
        "subject_kind": kind,
        "township": firing.township,
        "generation": firing.clock.generation,
        "due_at": firing.clock.due_at,
        "deadline": firing.clock.deadline,
        "set_at": None,
        "wave": 1,
        "attempts": 0,
    }
    TIMERS.upsert(cursor, [timer])
    return Replayed(
        letter=letter.id, event_id=letter.event_id, source="timer", type=letter.event_type
    )


def _subject_of(cursor: Cursor, firing: Firing) -> tuple[str, int]:
    """Return the kind and the shard of what a timer still belongs to. Raises `NoClockLeft`."""
    if firing.clock.kind is ClockKind.PATIENCE:
        row = cursor.execute(
            "SELECT shard FROM parked WHERE id::text = %s", (firing.subject,)
        ).fetchone()
        if row is None:
            raise NoClockLeft
        return "parked", row[0]
    for kind, table in (("case", "cases"), ("task", "village_tasks"), ("township", "townships")):
        row = cursor.execute(
            f"SELECT shard FROM {table} WHERE id::text = %s"  # noqa: S608 - our own three tables
            " AND clocks @> jsonb_build_array(jsonb_build_object("
            "'key', %s::text, 'generation', %s::bigint))",
            (firing.subject, firing.clock.key, firing.clock.generation),
        ).fetchone()
        if row is not None:
            return kind, row[0]
    raise NoClockLeft
