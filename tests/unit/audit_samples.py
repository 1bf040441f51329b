"""A small kept audit for the tests of the proof: records, heads, seals, and what others hold."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from msgspec import Struct

from models.audit_chain import Act, AuditRecord, ChainHead, Circumstance, chain, genesis
from models.findings import Report
from models.keys import SigningKey
from models.seal_walk import OutsideCopy
from models.seals import Seal, make_seal, sealed_range
from models.verify import verify

START = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
KEY = SigningKey.generate()
SHARDS = (0, 3)


class Kept(Struct, frozen=True, kw_only=True):
    """What an installation stores, and what it is verified with."""

    records: list[AuditRecord]
    heads: dict[int, ChainHead]
    case_heads: dict[str, ChainHead]
    seals: list[Seal]
    copies: list[OutsideCopy] = []

    def verify(self) -> Report:
        return verify(
            self.records,
            keys={KEY.key_id: KEY.public},
            seals=[seal.to_json() for seal in self.seals],
            copies=self.copies,
            heads=self.heads,
            case_heads=self.case_heads,
        )


def act(number: int, case_id: str = "", **fields: object) -> Act:
    told: dict[str, object] = {
        "action": "report.register",
        "decided_at": START + timedelta(seconds=number),
        "actor": f"person-{number % 7}",
        "asserted_by": "person",
        "reason": "ok",
        "case_id": case_id,
        "detail": {"n": number, "due": "2026-02-01T00:00:00Z", "urgent": number % 2 == 0},
    }
    return Act(**(told | fields))  # type: ignore[arg-type]


def circumstance(number: int) -> Circumstance:
    return Circumstance(
        recorded_at=START + timedelta(hours=1, seconds=number),
        engine="engine-1",
        flow_run=f"run-{number // 5}",
        entry=number,
        topic="grid.reports",
        topic_id="t-1",
        partition=3,
        offset=1000 + number,
    )


def entries(count: int, *, cases: int, first: int = 0) -> Iterator[tuple[Act, Circumstance]]:
    for number in range(first, first + count):
        # Every sixth record belongs to no case.
        case_id = "" if number % 6 == 5 else f"case-{number % cases}"
        yield act(number, case_id), circumstance(number)


def kept(count: int = 40, *, cases: int = 4, per_seal: int = 7, algorithm: str = "sha256") -> Kept:
    """Chain `count` records in each of two shards and seal them piece by piece."""
    records: list[AuditRecord] = []
    heads: dict[int, ChainHead] = {}
    case_heads: dict[str, ChainHead] = {}
    for shard in SHARDS:
        chained = chain(
            ((act_of_shard(done, shard), told) for done, told in entries(count, cases=cases)),
            shard=shard,
            head=genesis(shard),
            case_heads={},
            algorithm=algorithm,
        )
        records += chained.records
        heads[shard] = chained.head
        case_heads |= chained.case_heads
    return Kept(
        records=records,
        heads=heads,
        case_heads=case_heads,
        seals=seal(records, per_seal=per_seal, algorithm=algorithm),
    )


def act_of_shard(done: Act, shard: int) -> Act:
    return act(int(done.detail["n"]), done.case_id and f"{shard}/{done.case_id}")


def seal(
    records: Sequence[AuditRecord],
    *,
    per_seal: int,
    algorithm: str = "sha256",
    key: SigningKey = KEY,
) -> list[Seal]:
    """Return the seals that a minute after minute would have made."""
    seals: list[Seal] = []
    longest = max(record.seq for record in records)
    for start in range(0, longest, per_seal):
        ranges = []
        for shard, own in groupby(records, key=lambda record: record.shard):
            hashes = [record.hash for record in own if start < record.seq <= start + per_seal]
            if hashes:
                ranges.append(
                    sealed_range(
                        shard=shard, from_seq=start + 1, hashes=hashes, algorithm=algorithm
                    )
                )
        seals.append(
            make_seal(
                ranges,
                previous=seals[-1] if seals else None,
                key=key,
                now=START + timedelta(minutes=len(seals)),
                algorithm=algorithm,
            )
        )
    return seals


def copy_of(seals: Sequence[Seal], name: str = "seal file") -> OutsideCopy:
    return OutsideCopy(name=name, lines=[seal.to_json() for seal in seals])
