"""Verifies an audit, from a database or from an export alike: what was changed, and where.

Every source that the records can be held against is optional; the report says which were there.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from itertools import chain as joined

from models.audit_chain import AuditRecord, ChainHead, genesis
from models.audit_lines import Damaged
from models.case_walk import CaseWalk
from models.chain_walk import ShardWalk, settle
from models.findings import CopyCompared, Finding, FindingKind, Report
from models.keys import PublicKey
from models.seal_walk import (
    OutsideCopy,
    Promise,
    RangeCheck,
    compare_copy,
    promises_by_shard,
    read_seals,
)
from models.seals import Seal, standing


def verify(
    records: Iterable[AuditRecord | Damaged],
    *,
    keys: Mapping[str, PublicKey],
    seals: Iterable[bytes | str] = (),
    copies: Iterable[OutsideCopy] = (),
    heads: Mapping[int, ChainHead] | None = None,
    case_heads: Mapping[str, ChainHead] | None = None,
    start: Mapping[int, ChainHead] | None = None,
) -> Report:
    """Return what was found.

    `records` come in the order of their numbers in each shard; one snapshot holds them, the
    `heads` and the `case_heads` (number and hash of the last record, as stored apart from the
    audit). `keys` are the public keys of seals by key id, from a source one trusts. `seals` are
    the database's own, as JSON, in order. `start` is where each shard begins, if older records
    were put away.
    """
    own = read_seals(seals, keys=keys, from_the_beginning=start is None)
    compared = [compare_copy(copy, own, keys=keys) for copy in copies]
    sources = [standing(own.seals), *(told.others for told in compared)]
    audit = _Audit(sources, heads=heads or {}, start=start)
    count = audit.walk(records)
    findings = [
        *audit.findings(case_heads or {}),
        *own.findings,
        *(finding for told in compared for finding in told.findings),
        *_unanchored(own.seals, [told.copy for told in compared]),
    ]
    return Report(
        findings=tuple(findings),
        records=count,
        shards=len(audit.shards),
        cases=audit.cases.count,
        seals=len(own.seals),
        copies=tuple(told.copy for told in compared),
    )


class _Shard:
    def __init__(self, walk: ShardWalk, checks: list[RangeCheck]) -> None:
        self.walk = walk
        self.checks = checks

    def take(self, placed: Iterable[AuditRecord], cases: CaseWalk) -> None:
        for record in placed:
            cases.feed(record)
            for check in self.checks:
                check.feed(record.seq, record.hash)


class _Audit:
    """All shards of one verification. Each of `sources` is a list of seals to hold them against."""

    def __init__(
        self,
        sources: Sequence[list[Seal]],
        *,
        heads: Mapping[int, ChainHead],
        start: Mapping[int, ChainHead] | None,
    ) -> None:
        self._promises = [promises_by_shard(seals) for seals in sources]
        self._heads = heads
        self._start = start or {}
        self.shards: dict[int, _Shard] = {}
        self.cases = CaseWalk(from_the_beginning=start is None)

    def walk(self, records: Iterable[AuditRecord | Damaged]) -> int:
        count = 0
        for record in records:
            count += 1
            shard = self._shard(record.shard)
            shard.take(shard.walk.feed(record), self.cases)
        for number in sorted({*self._heads, *joined.from_iterable(self._promises)}):
            self._shard(number)
        for number, shard in self.shards.items():
            head = self._heads.get(number)
            if head is not None and head.seq == 0:
                head = genesis(number)
            shard.take(shard.walk.finish(head), self.cases)
            for check in shard.checks:
                check.finish()
        return count

    def _shard(self, number: int) -> _Shard:
        shard = self.shards.get(number)
        if shard is None:
            start = self._start.get(number) or genesis(number)
            checks = [
                RangeCheck([said for said in promises.get(number, ()) if _is_after(said, start)])
                for promises in self._promises
            ]
            shard = self.shards[number] = _Shard(ShardWalk(number, start), checks)
        return shard

    def findings(self, case_heads: Mapping[str, ChainHead]) -> list[Finding]:
        shards = [self.shards[number] for number in sorted(self.shards)]
        found = settle(trouble for shard in shards for trouble in shard.walk.troubles)
        found += [told for shard in shards for told in _broken_promises(shard, found)]
        explained = {finding.case_id for finding in found if finding.case_id}
        is_cut = any(finding.kind is FindingKind.TAIL_CUT for finding in found)
        found += self.cases.findings(case_heads, explained=explained, is_cut=is_cut)
        return found + [note for shard in shards for note in _unsealed(shard)]


def _is_after(said: Promise, start: ChainHead) -> bool:
    return said.range.from_seq > start.seq


class _Spans:
    """Answers quickly whether a finding lies in a range of one shard's records."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        ordered = sorted((told.seq, told.to_seq or told.seq) for told in findings if told.seq)
        self._starts = [first for first, _ in ordered]
        self._ends = list(accumulate((last for _, last in ordered), max))

    def touch(self, first: int, last: int) -> bool:
        index = bisect_right(self._starts, last) - 1
        return index >= 0 and self._ends[index] >= first


def _broken_promises(shard: _Shard, known: Iterable[Finding]) -> list[Finding]:
    """Return where records differ from what was sealed, unless the chain itself explains it."""
    if shard.walk.renumbered:
        return []
    spans = _Spans(finding for finding in known if finding.shard == shard.walk.shard)
    broken = [
        said
        for check in shard.checks
        for said in check.broken
        if not spans.touch(said.range.from_seq, said.range.to_seq)
    ]
    last = shard.walk.last_seq
    cut = [said for said in broken if said.range.to_seq > last]
    changed = [said for said in broken if said.range.to_seq <= last]
    found = []
    if changed:
        nearest = min(changed, key=lambda said: said.range.from_seq)
        why = f"seal {nearest.number} was made over other records: the chain was computed anew"
        if len(changed) > 1:
            why += ", here and behind"
        span = nearest.range
        found.append(_about(shard, FindingKind.RECOMPUTED, why, span.from_seq, span.to_seq))
    if cut:
        furthest = max(cut, key=lambda said: said.range.to_seq)
        first = max(last + 1, min(said.range.from_seq for said in cut))
        why = f"seal {furthest.number} covers them, but they are missing"
        found.append(_about(shard, FindingKind.TAIL_CUT, why, first, furthest.range.to_seq))
    return found


def _about(shard: _Shard, kind: FindingKind, why: str, first: int, last: int) -> Finding:
    return Finding(kind=kind, explanation=why, shard=shard.walk.shard, seq=first, to_seq=last)


def _unsealed(shard: _Shard) -> list[Finding]:
    sealed_to = max([shard.walk.start_seq, *(check.sealed_to for check in shard.checks)])
    last = shard.walk.last_seq
    if last <= sealed_to:
        return []
    return [_about(shard, FindingKind.UNSEALED, "no seal covers them yet", sealed_to + 1, last)]


def _unanchored(seals: Sequence[Seal], copies: Sequence[CopyCompared]) -> list[Finding]:
    last = seals[-1].number if seals else 0
    agreed = max((copy.agrees_to for copy in copies), default=0)
    if last <= agreed:
        return []
    why = "no outside copy confirms them" if copies else "no outside copy was compared"
    return [
        Finding(
            kind=FindingKind.UNANCHORED,
            explanation=why,
            seq=max(agreed + 1, seals[0].number),
            to_seq=last,
        )
    ]
