"""Ways to tamper with the sample audit, shared by the tests of its proof."""

from msgspec.structs import replace

from models.audit_chain import (
    AuditRecord,
    ChainHead,
    chain,
    genesis,
    read_act,
    read_circumstance,
    record_hash,
)
from models.findings import FindingKind as Found
from models.findings import Report
from tests.unit.audit_samples import Kept, kept

COUNT = 40
WHOLE = kept(COUNT)


def changed(records: list[AuditRecord], index: int, **fields: object) -> list[AuditRecord]:
    return [*records[:index], replace(records[index], **fields), *records[index + 1 :]]


def with_own_hash(record: AuditRecord) -> AuditRecord:
    return replace(record, hash=record_hash(record))


def renumbered(records: list[AuditRecord], by: int) -> list[AuditRecord]:
    return [replace(one, seq=one.seq + by) if one.shard == 0 else one for one in records]


def rechained(records: list[AuditRecord]) -> Kept:
    """What somebody makes who may write everywhere and knows the code, but has no seal key."""
    remade: list[AuditRecord] = []
    heads: dict[int, ChainHead] = {}
    case_heads: dict[str, ChainHead] = {}
    for shard in (0, 3):
        own = [one for one in records if one.shard == shard]
        done = chain(
            ((read_act(one.act), read_circumstance(one.circumstance)) for one in own),
            shard=shard,
            head=genesis(shard),
            case_heads={},
        )
        remade += done.records
        heads[shard] = done.head
        case_heads |= done.case_heads
    return replace(WHOLE, records=remade, heads=heads, case_heads=case_heads)


def places(report: Report, kind: Found) -> set[tuple[int | None, int]]:
    return {
        (finding.shard, number)
        for finding in report.findings
        if finding.kind is kind and finding.seq is not None
        for number in range(finding.seq, (finding.to_seq or finding.seq) + 1)
    }
