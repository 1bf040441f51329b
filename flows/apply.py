"""One micro-batch: fence, load, fold, store, in one transaction of the shard's owner."""

from collections.abc import Callable
from typing import Any

import psycopg
from msgspec.structs import replace

from events.admission import Admitted, Gate, Rejected, admit
from events.codec import Decoded, Undecodable, decode
from events.partitions import partition_of
from events.texts import FreeText, redact
from flows.batch import Batch, DueFiring, RawRecord, Result
from flows.decide.decision import Firing
from flows.facts import Needs, needs_of
from flows.fold import PATIENCE, Fold
from flows.loading import load_workspace, rounds_in
from flows.scribe import Scribe
from flows.written import Written
from models import case_store, ledger_store, shard_store
from models.audit_chain import ChainHead, chain
from models.commitments import text_commitment
from models.directory import App, Directory
from models.directory_store import load_directory, lock_directory, save_entries
from models.ledger_store import ParkedEvent
from models.setting import Setting
from models.shard_store import ShardState
from models.values import DeadLetterReason, Step

Cursor = psycopg.Cursor[Any]


class Directories:
    """The directory as last loaded; loaded again when another shard recorded something."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known = Directory()

    def at(self, cursor: Cursor, revision: int) -> Directory:
        """Return the directory at `revision`."""
        if self._known.revision != revision:
            self._known = load_directory(cursor, revision)
        return self._known

    def forget(self) -> None:
        """Load again next time: what was recorded in memory was rolled back."""
        self._known = Directory(revision=-1)


def apply_batch(
    cursor: Cursor, state: ShardState, batch: Batch, setting: Setting, directories: Directories
) -> tuple[ShardState, Result]:
    """Decide a batch and write everything that follows, as the shard's owner.

    Raises `ShardLost` where another engine owns the shard; the caller commits or rolls back.
    """
    held = shard_store.fence(cursor, state, batch.positions)
    revision = held.directory_revision
    if batch.step is Step.DIRECTORY and batch.records:
        revision = lock_directory(cursor)
    directory = directories.at(cursor, revision)
    opened = _open_records(batch, setting, directory)
    with cursor.connection.pipeline():
        known = ledger_store.ask_hashes(cursor, _identities(opened))
        work = load_workspace(
            cursor,
            batch.shard,
            _needs(batch, opened, setting),
            rounds_in(_to_fire(batch)),
            setting,
            directory,
        )
    fold = Fold(setting, work, batch, seq=held.seq, revision=revision)
    _fold_records(cursor, fold, opened, known())
    _fold_firings(cursor, fold, batch.firings)
    return store(cursor, fold, held, batch), _result(fold.scribe)


#: How a batch is carried out: `apply_batch`, or what wraps it.
Apply = Callable[[Cursor, ShardState, Batch, Setting, Directories], tuple[ShardState, Result]]

Opening = tuple[RawRecord, Admitted | Rejected, list[FreeText]]
Opened = list[Opening]
_UNSEEN = Rejected(reason=DeadLetterReason.CRASHED, detail="reading it was tried, in vain")


def _open_records(batch: Batch, setting: Setting, directory: Directory) -> Opened:
    """Decode, check and take the words out of each record."""
    gate = _gate(setting, directory)
    if batch.unseen:
        return [(raw, _UNSEEN, []) for raw in batch.records]
    return [_open(raw, gate, setting) for raw in batch.records]


def _gate(setting: Setting, directory: Directory) -> Gate:
    return Gate(
        directory=directory,
        policy=setting.shelf.current,
        own_key=setting.own_key,
        older_own_keys=setting.older_own_keys,
        sign_ins=setting.sign_ins,
    )


def _open(
    raw: RawRecord, gate: Gate, setting: Setting
) -> tuple[RawRecord, Admitted | Rejected, list[FreeText]]:
    read: Decoded | Undecodable
    if len(raw.value) > gate.policy.limits.event_bytes:
        read = Undecodable(
            DeadLetterReason.TOO_LARGE,
            f"{len(raw.value)} bytes, at most {gate.policy.limits.event_bytes}",
        )
    else:
        read = decode(raw.value, raw.headers)
    verdict = admit(gate, read, raw.at.topic, len(raw.value), raw.now)
    if isinstance(verdict, Rejected):
        return raw, verdict, []
    event = verdict.event

    def commit(field: str, words: str) -> str:
        return text_commitment(
            setting.text_key, source=event.source, event_id=event.id, field=field, text=words
        )

    data, texts = redact(event.data, commit)
    return raw, replace(verdict, event=replace(event, data=data)), texts


def _needs(batch: Batch, opened: Opened, setting: Setting) -> list[Needs]:
    needs = [
        needs_of(verdict.event, "case", setting, raw.now)
        for raw, verdict, _ in opened
        if isinstance(verdict, Admitted)
    ]
    return needs + [
        needs_of(_firing(due), due.timer.subject_kind, setting, due.timer.clock.due_at)
        for due in _to_fire(batch)
        if due.timer.subject_kind != "parked"
    ]


def _to_fire(batch: Batch) -> tuple[DueFiring, ...]:
    """Return the firings to decide. For one that is put aside nothing is read: that may kill."""
    return batch.firings if batch.aside is None else ()


def _firing(due: DueFiring) -> Firing:
    return Firing(subject=due.timer.subject, township=due.timer.township, clock=due.timer.clock)


def _identities(opened: Opened) -> list[tuple[str, str]]:
    return [
        (verdict.event.source, verdict.event.id)
        for _, verdict, _ in opened
        if isinstance(verdict, Admitted)
    ]


def _fold_records(
    cursor: Cursor, fold: Fold, opened: Opened, known: dict[tuple[str, str], str]
) -> None:
    """Fold records in their order; each ends in exactly one place.

    `known` holds the content hashes of those that were decided before.
    """
    for first_look in opened:
        raw, verdict, texts = _with_new_keys(cursor, fold, first_look, known)
        if isinstance(verdict, Rejected):
            _reject(fold, raw, verdict)
            continue
        event = verdict.event
        identity = (event.source, event.id)
        if fold.batch.aside is not None:
            fold.letters.of_event(raw, fold.batch.aside, "tried alone, in vain", event)
        elif partition_of(event.township, fold.setting.partitions) != raw.at.partition:
            fold.forward(raw, event)
        elif identity not in known:
            known[identity] = event.content_hash
            fold.event(raw, verdict, texts)
        elif known[identity] == event.content_hash:
            fold.duplicate(raw, event)
        else:
            fold.letters.of_event(
                raw, DeadLetterReason.ID_CONFLICT, "another content under this id", event
            )


def _with_new_keys(
    cursor: Cursor, fold: Fold, opened: Opening, known: dict[tuple[str, str], str]
) -> Opening:
    """Look at a record again where keys of apps changed since its batch was opened.

    A key that is entered, or withdrawn, counts from the next record on, wherever a batch ends.
    """
    if not any(isinstance(entry, App) for _, entry in fold.scribe.written.entries):
        return opened
    again = _open(opened[0], _gate(fold.setting, fold.work.directory), fold.setting)
    if isinstance(again[1], Admitted):
        event = again[1].event
        known |= ledger_store.known_hashes(cursor, [(event.source, event.id)])
    return again


def _reject(fold: Fold, raw: RawRecord, verdict: Rejected) -> None:
    fold.letters.of_record(
        raw,
        verdict.reason,
        verdict.detail,
        source=verdict.source,
        event_id=verdict.event_id,
        event_type=verdict.event_type,
        township=verdict.township,
        answer=verdict.proved,
    )


def _fold_firings(cursor: Cursor, fold: Fold, firings: tuple[DueFiring, ...]) -> None:
    if fold.batch.aside is not None:
        for due in firings:
            fold.letters.of_firing(due, fold.batch.aside, "tried alone, in vain")
        return
    parked_ids = [due.timer.subject for due in firings if due.timer.clock.key == PATIENCE]
    parked: dict[str, ParkedEvent] = (
        ledger_store.load_parked_by_id(cursor, parked_ids) if parked_ids else {}
    )
    for waiting in parked.values():
        if fold.waiting(waiting.id) is None:
            fold.work.parked.setdefault(waiting.case_id, []).append(waiting)
    written = fold.scribe.written
    for number, due in enumerate(firings):
        if fold.batch.instant is None and written.rings_before(due.timer.clock.due_at):
            # A timer that was set just now comes first; these are looked up again.
            written.unfired += [left.name for left in firings[number:]]
            return
        if due.timer.clock.key != PATIENCE:
            fold.firing(due)
        else:
            fold.patience(due)


def store(
    cursor: Cursor, fold: Fold, held: ShardState, batch: Batch, *, with_topics: bool = True
) -> ShardState:
    """Write everything in bulk, in one round trip; returns how the shard stands then.

    Without topics (a rebuild) nothing is written that concerns records or would be published.
    """
    scribe = fold.scribe
    with cursor.connection.pipeline():
        head = _write(cursor, fold, held, batch, with_topics=with_topics)
        after = replace(held, seq=scribe.seq, head=head, directory_revision=scribe.revision)
        shard_store.advance(cursor, after)
    return after


def _write(
    cursor: Cursor, fold: Fold, held: ShardState, batch: Batch, *, with_topics: bool
) -> ChainHead:
    """Write the batch's rows; returns the head of the shard's audit chain."""
    written, work = fold.scribe.written, fold.work
    ledger_store.append_journal(cursor, written.journal)
    chained = chain(
        written.audit,
        shard=batch.shard,
        head=held.head,
        case_heads=work.heads,
        algorithm=fold.setting.algorithm,
    )
    ledger_store.append_audit(cursor, chained.records)
    heads = {**work.heads, **chained.case_heads}
    changed = work.changes()
    named = {case.id for _, case in changed}
    changed += [
        (work.before[subject], work.before[subject])
        for subject in chained.case_heads
        if subject in work.before and subject not in named
    ]
    case_store.save_cases(cursor, changed, shard=batch.shard, heads=heads, replaced=work.replaced)
    tasks = work.changed_tasks | {one for one in chained.case_heads if one in work.tasks}
    case_store.save_tasks(
        cursor, [work.tasks[one] for one in sorted(tasks)], shard=batch.shard, heads=heads
    )
    case_store.save_townships(
        cursor,
        [work.townships[one] for one in sorted(work.changed_townships)],
        shard=batch.shard,
    )
    ledger_store.save_numbers(
        cursor, batch.shard, {key: work.numbers[key] for key in sorted(work.changed_numbers)}
    )
    save_entries(cursor, written.entries, recorded_at=batch.recorded_at)
    if with_topics:
        _store_topics(cursor, written)
    _store_rows(cursor, written)
    if batch.last is not None:
        last = batch.last.at
        shard_store.forget_attempts(
            cursor, topic_id=last.topic_id, partition=last.partition, upto=last.offset
        )
    return chained.head


def _store_topics(cursor: Cursor, written: Written) -> None:
    ledger_store.RECORDS.append(cursor, written.records)
    ledger_store.change_fates(cursor, written.fates)
    ledger_store.OUTBOX.append(cursor, written.outbox)
    if written.outbox:
        cursor.execute("SELECT pg_notify('partygrid_outbox', '')")


def _store_rows(cursor: Cursor, written: Written) -> None:
    ledger_store.OUTCOMES.insert_new(cursor, list(written.first_outcomes.values()))
    ledger_store.OUTCOMES.upsert(cursor, list(written.outcomes.values()))
    ledger_store.remove_parked(cursor, written.unparked)
    ledger_store.PARKED.append(cursor, written.parked)
    ledger_store.DEAD_LETTERS.append(cursor, written.dead_letters)
    ledger_store.save_timers(cursor, written.stopped_timers, list(written.running_timers.values()))
    shard_store.forget_firings(cursor, written.unfired)
    ledger_store.append_texts(cursor, written.texts)
    ledger_store.append_notices(cursor, written.notices)
    if written.notices:
        cursor.execute("SELECT pg_notify('partygrid_notices', '')")


def _result(scribe: Scribe) -> Result:
    written = scribe.written
    return Result(
        lines=tuple(scribe.lines.shown),
        follow_ups=len(written.outbox),
        dead_letters=len(written.dead_letters),
    )
