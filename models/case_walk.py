"""Follows the chain of every case while the shards are walked."""

from collections.abc import Mapping, Set
from typing import NamedTuple

from models.audit_chain import NOTHING, AuditRecord, ChainHead
from models.findings import Finding, FindingKind

_NO_RECORD = ChainHead(0, NOTHING)


class _Break(NamedTuple):
    case_id: str
    finding: Finding


class CaseWalk:
    """Knows the last record seen of every case: one small entry a case."""

    def __init__(self, *, from_the_beginning: bool) -> None:
        """`from_the_beginning`: no case can have earlier records than those that will be fed."""
        self._from_the_beginning = from_the_beginning
        self._seen: dict[str, ChainHead] = {}
        self._breaks: list[_Break] = []

    @property
    def count(self) -> int:
        """How many cases were seen."""
        return len(self._seen)

    def feed(self, record: AuditRecord) -> None:
        """Take the next record of the shard's chain."""
        if not record.case_id:
            if record.case_seq or record.case_prev_hash != NOTHING:
                self._tell(record, FindingKind.EDITED, "it has a place in a case but no case")
            return
        before = self._seen.get(record.case_id)
        if before is None and not self._from_the_beginning:
            before = ChainHead(record.case_seq - 1, record.case_prev_hash)
        before = before or _NO_RECORD
        is_next = record.case_prev_hash == before.hash
        # The link tells the true number; the stored one may have been changed.
        number = before.seq + 1 if is_next else record.case_seq
        self._seen[record.case_id] = ChainHead(number, record.hash)
        if is_next and record.case_seq == number:
            return
        if not is_next and record.case_seq > before.seq + 1:
            missing = f"records {before.seq + 1} to {record.case_seq - 1} of the case are missing"
            self._tell(record, FindingKind.DELETED, f"before this record, {missing}")
        else:
            why = "it does not continue its case as it says"
            self._tell(record, FindingKind.EDITED, why)

    def _tell(self, record: AuditRecord, kind: FindingKind, why: str) -> None:
        finding = Finding(
            kind=kind,
            explanation=why,
            shard=record.shard,
            seq=record.seq,
            to_seq=record.seq,
            case_id=record.case_id,
        )
        self._breaks.append(_Break(record.case_id, finding))

    def findings(
        self, heads: Mapping[str, ChainHead], *, explained: Set[str], is_cut: bool
    ) -> list[Finding]:
        """Return what is wrong with cases beyond what was `explained` by findings on them.

        `heads` are stored apart from the records; `is_cut`: the end of a shard is missing.
        """
        found = [broken.finding for broken in self._breaks if broken.case_id not in explained]
        for case_id, head in heads.items():
            finding = self._compare(case_id, head, is_cut=is_cut)
            if finding is not None and case_id not in explained:
                found.append(finding)
        return found

    def _compare(self, case_id: str, head: ChainHead, *, is_cut: bool) -> Finding | None:
        seen = self._seen.get(case_id, _NO_RECORD)
        if head.seq == seen.seq and (head.seq == 0 or head.hash == seen.hash):
            return None
        if seen.seq == 0:
            kind, why = FindingKind.CASE_DELETED, f"all {head.seq} records of the case are missing"
        elif seen.seq < head.seq:
            kind = FindingKind.TAIL_CUT if is_cut else FindingKind.DELETED
            why = f"records {seen.seq + 1} to {head.seq} of the case are missing"
        elif seen.seq > head.seq:
            kind = FindingKind.INSERTED
            why = f"records {head.seq + 1} to {seen.seq} of the case stand behind its head"
        else:
            kind = FindingKind.RECOMPUTED
            why = "its last record is not the one the case's head names"
        return Finding(kind=kind, explanation=why, case_id=case_id)
