"""The audit's records and the chain that ties them together.

A record has two halves. The `Act` says who did what and why: it follows from the journal, so a
rebuilt installation has equal acts. The `Circumstance` says how this machine came to write it
(coordinates, flow run, time of recording). One hash covers both halves and the record before it,
in its shard and in its case; the place in the order is the chain itself, not a number in it.
Layout and reasons: docs/audit.md.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from models.canonical import NotCanonical, canonical, canonical_struct
from models.hashing import SHA256, hash_named

#: Stands before the first record of a case and where a record belongs to no case.
NOTHING = bytes(32)

_TAG = b"partygrid-audit-1:"


class Act(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was done, by whom, why: the half that is equal after a rebuild.

    A default is left out of the hashed form, so a new field with a default changes no old hash.
    Only "", None, () and {} may be defaults: the encoder knows a default by identity, and these
    alone are the same objects however they came about.
    """

    #: what was done
    action: str
    #: decision time
    decided_at: datetime
    #: the person, `system:<step>`, or an app's own name
    actor: str
    #: `app`, `person` (a signed-in person's assertion came with it) or `system`
    asserted_by: str
    #: reason code, `ok` where nothing needs explaining
    reason: str
    #: the role acted in, and the organisation it is held at
    acting_role: str = ""
    acting_org: str = ""
    on_behalf_of: str = ""
    recorded_by: str = ""
    #: the case, or the village task, whose own chain this record continues
    case_id: str = ""
    case_version: int | None = None
    before: str = ""
    after: str = ""
    #: organisation the work lies with after it
    org: str = ""
    #: commitment to the words given as reason; the words are erasable, this is not
    words: str = ""
    policy: str = ""
    rule: str = ""
    evidence: tuple[str, ...] = ()
    #: more that explains it: codes, whole numbers, times as text; never free text
    detail: dict[str, Any] = {}
    #: what the app says of when it happened
    occurred_at: datetime | None = None
    #: the event that caused it
    source: str = ""
    event_id: str = ""
    event_type: str = ""
    event_hash: str = ""
    #: key and signature it came with
    app: str = ""
    key_id: str = ""
    signature: str = ""


class Circumstance(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How this installation came to write the record: the half that may differ after a rebuild."""

    recorded_at: datetime
    engine: str = ""
    flow_run: str = ""
    #: number of the journal entry in its shard
    entry: int | None = None
    topic: str = ""
    topic_id: str = ""
    partition: int | None = None
    offset: int | None = None


class AuditRecord(Struct, frozen=True):
    """One record with its place and its hash. Its fields are the columns of its row, in order."""

    shard: int
    #: gapless in the shard, from 1
    seq: int
    #: as in the act
    case_id: str
    #: gapless in the case, from 1; 0 where there is no case
    case_seq: int
    algorithm: str
    #: canonical JSON of the `Act`, hashed as it stands
    act: str
    #: canonical JSON of the `Circumstance`
    circumstance: str
    prev_hash: bytes
    case_prev_hash: bytes
    hash: bytes


class ChainHead(Struct, frozen=True):
    """Number and hash of the last record of a chain."""

    seq: int
    hash: bytes


_NO_RECORD = ChainHead(0, NOTHING)


class Chained(Struct, frozen=True):
    """Newly chained records, and the heads after them."""

    records: list[AuditRecord]
    head: ChainHead
    #: the cases among them → their heads
    case_heads: dict[str, ChainHead]


def genesis(shard: int) -> ChainHead:
    """Return the head of a shard that has no record yet. The same whatever hash is used later."""
    return ChainHead(0, hash_named(SHA256)(_TAG + b"genesis:%d" % shard))


def chain(
    entries: Iterable[tuple[Act, Circumstance]],
    *,
    shard: int,
    head: ChainHead,
    case_heads: Mapping[str, ChainHead],
    algorithm: str = SHA256,
) -> Chained:
    """Chain `entries` in this order behind `head`; the caller holds the shard's ownership row.

    `case_heads` holds the head of every case named that has records already.
    Raises `NotCanonical` for a detail that cannot be hashed.
    """
    seq, prev = head.seq, head.hash
    moved: dict[str, ChainHead] = {}
    records = []
    for act, circumstance in entries:
        seq, case = seq + 1, act.case_id
        before = (moved.get(case) or case_heads.get(case) or _NO_RECORD) if case else _NO_RECORD
        case_seq = before.seq + 1 if case else 0
        said = act_bytes(act)
        told = circumstance_bytes(circumstance)
        own = link_hash(said, told, prev_hash=prev, case_prev_hash=before.hash, algorithm=algorithm)
        records.append(
            AuditRecord(
                *(shard, seq, case, case_seq, algorithm, said.decode(), told.decode()),
                *(prev, before.hash, own),
            )
        )
        prev = own
        if case:
            moved[case] = ChainHead(case_seq, own)
    return Chained(records, ChainHead(seq, prev), moved)


def link_hash(
    act: bytes, circumstance: bytes, *, prev_hash: bytes, case_prev_hash: bytes, algorithm: str
) -> bytes:
    """Return the hash that ties both halves of a record to the records before it."""
    digest = hash_named(algorithm)
    return digest(
        b"%s%s\n%s%s%s%s"
        % (
            _TAG,
            algorithm.encode(),
            prev_hash,
            case_prev_hash,
            digest(act),
            digest(circumstance),
        )
    )


def record_hash(record: AuditRecord) -> bytes:
    """Return the hash the record should have by what stands in it.

    Raises `UnknownHash` or `HashNotHere` where none can be made.
    """
    return link_hash(
        record.act.encode(),
        record.circumstance.encode(),
        prev_hash=record.prev_hash,
        case_prev_hash=record.case_prev_hash,
        algorithm=record.algorithm,
    )


def act_bytes(act: Act) -> bytes:
    """Return the canonical JSON of an act; the same moment in another zone gives the same bytes.

    Raises `NotCanonical` for a detail outside the small domain and for a time without its zone.
    """
    if act.detail:
        canonical(act.detail)
    occurred = act.occurred_at
    if act.decided_at.tzinfo is not UTC or (occurred and occurred.tzinfo is not UTC):
        act = msgspec.structs.replace(
            act, decided_at=_utc(act.decided_at), occurred_at=occurred and _utc(occurred)
        )
    return canonical_struct(act)


def circumstance_bytes(circumstance: Circumstance) -> bytes:
    """Return the canonical JSON of a circumstance."""
    if circumstance.recorded_at.tzinfo is not UTC:
        circumstance = msgspec.structs.replace(
            circumstance, recorded_at=_utc(circumstance.recorded_at)
        )
    return canonical_struct(circumstance)


read_act = msgspec.json.Decoder(Act).decode
read_circumstance = msgspec.json.Decoder(Circumstance).decode


def acts_digest(acts: Iterable[str], *, algorithm: str = SHA256) -> str:
    """Return one hash over acts in this order: equal for two runs that decided alike.

    Compare case by case: the order of cases among each other may differ between runs.
    """
    digest, folded = hash_named(algorithm), NOTHING
    for act in acts:
        folded = digest(folded + digest(act.encode()))
    return folded.hex()


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise NotCanonical("no canonical form: a time without its zone")
    return moment.astimezone(UTC)
