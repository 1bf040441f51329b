"""Walks the records of one shard along their chain, in one pass, and finds where it is broken.

The walk keeps the latest rows back. Where a row does not fit the one before, it waits until two
in a row fit together again and reads what it kept backwards from there.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from models.audit_chain import AuditRecord, ChainHead
from models.audit_lines import Damaged
from models.findings import Finding, FindingKind
from models.stretch import Reading, Row, Trouble, look_at, read_stretch

#: Rows kept back while all is well: a run of inserted rows up to this length is told as such.
_KEPT = 64
#: Longest broken stretch that is read in one piece.
_LONGEST = 1_000


class ShardWalk:
    """One pass over one shard: `feed` every row in its stored order, then `finish`."""

    def __init__(self, shard: int, start: ChainHead) -> None:
        self.shard = shard
        self.start_seq = start.seq
        self.troubles: list[Trouble] = []
        #: the stored numbers are no longer those that were given
        self.renumbered = False
        self._anchor = start
        self._tip = start
        self._kept: deque[Row] = deque()
        self._is_broken = False

    @property
    def last_seq(self) -> int:
        """Number of the last row fed."""
        return self._tip.seq

    def feed(self, record: AuditRecord | Damaged) -> Iterator[AuditRecord]:
        """Take the next row; yield records that have found their place, in the chain's order."""
        row = look_at(record)
        fits = row.is_whole and row.prev == self._tip.hash and row.seq == self._tip.seq + 1
        believed = self._is_broken and fits and self._kept[-1].is_whole
        self._tip = ChainHead(row.seq, row.hash)
        self._kept.append(row)
        if believed:
            yield from self._mend(behind=2)
        elif self._is_broken and len(self._kept) > _LONGEST:
            yield from self._mend(behind=1)
            self._is_broken = True
        elif not self._is_broken:
            self._is_broken = not fits
        if not self._is_broken and len(self._kept) > _KEPT:
            oldest = self._kept.popleft()
            self._anchor = ChainHead(oldest.seq, oldest.hash)
            yield from _records([oldest])

    def finish(self, head: ChainHead | None) -> Iterator[AuditRecord]:
        """Compare with the head that is stored apart from the records; yield the rest."""
        if head is not None and head.seq < self._anchor.seq and not self.renumbered:
            behind = Trouble(
                FindingKind.INSERTED,
                "the shard's head ends before them; or the head was set back",
                self.shard,
                head.seq + 1,
                self._tip.seq,
            )
            self.troubles.append(behind)
            head = None
        want, place = (head.hash, head.seq) if head else (b"", self._tip.seq)
        if self.renumbered:
            place = self._tip.seq
        yield from self._read(list(self._kept), want=want, place=place, at_end=True)

    def _mend(self, *, behind: int) -> Iterator[AuditRecord]:
        """Read all but the last `behind` rows back from the first of these."""
        rows = list(self._kept)
        stretch, rest = rows[:-behind], rows[-behind:]
        follower = rest[0]
        yield from self._read(stretch, want=follower.prev, place=follower.seq - 1, at_end=False)
        self._anchor = ChainHead(follower.seq - 1, follower.prev)
        self._kept = deque(rest)
        self._is_broken = False

    def _read(
        self, rows: list[Row], *, want: bytes, place: int, at_end: bool
    ) -> Iterator[AuditRecord]:
        reading: Reading = read_stretch(
            rows, shard=self.shard, anchor=self._anchor, want=want, place=place, at_end=at_end
        )
        self.troubles += reading.troubles
        self.renumbered |= reading.renumbered
        yield from _records(reading.placed)


def _records(rows: Iterable[Row]) -> Iterator[AuditRecord]:
    return (row.record for row in rows if isinstance(row.record, AuditRecord))


def settle(troubles: Iterable[Trouble]) -> list[Finding]:
    """Match records that are missing here and strays there; return what was found."""
    troubles = list(troubles)
    strays = {trouble.stray: trouble for trouble in troubles if trouble.stray}
    wanted = {trouble.wanted: trouble for trouble in troubles if trouble.wanted}
    findings: list[Finding] = []
    for trouble in troubles:
        finding = _finding(trouble, strays.get(trouble.wanted), wanted.get(trouble.stray))
        if findings and _joins(findings[-1], finding):
            finding = replace(finding, seq=findings.pop().seq)
        findings.append(finding)
    return findings


def _finding(trouble: Trouble, stands: Trouble | None, belongs: Trouble | None) -> Finding:
    kind, why = trouble.kind, trouble.why
    if stands is not None:
        kind = FindingKind.REORDERED
        why = f"its record stands as record {stands.seq} of shard {stands.shard}"
    elif belongs is not None:
        kind = FindingKind.REORDERED
        why = f"it belongs to the place of record {belongs.seq} of shard {belongs.shard}"
    return Finding(
        kind=kind,
        explanation=why,
        shard=trouble.shard,
        seq=trouble.seq,
        to_seq=trouble.to_seq,
        case_id=trouble.case_id,
    )


def _joins(before: Finding, after: Finding) -> bool:
    same = (before.kind, before.explanation, before.shard, before.case_id) == (
        after.kind,
        after.explanation,
        after.shard,
        after.case_id,
    )
    return same and before.to_seq is not None and after.seq == before.to_seq + 1
