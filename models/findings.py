"""What a verification found: kinds, places, and the report."""

from enum import StrEnum

from msgspec import Struct


class FindingKind(StrEnum):
    """What is wrong, as exactly as the chain can tell."""

    #: a record, or a stored link or number of it, is not what was written
    EDITED = "edited"
    #: records are missing between others
    DELETED = "deleted"
    #: a record stands there that the chain does not know
    INSERTED = "inserted"
    #: genuine records stand in another place or under another number
    REORDERED = "reordered"
    #: the newest records are missing
    TAIL_CUT = "tail_cut"
    #: every record of a case is missing
    CASE_DELETED = "case_deleted"
    #: the chain fits together but is not the one that was sealed or that its head names
    RECOMPUTED = "recomputed"
    #: a seal is unreadable, wrongly signed, or does not follow from the one before
    SEAL_FORGED = "seal_forged"
    #: a seal is missing
    SEAL_DELETED = "seal_deleted"
    #: a seal fits its signature but an outside copy holds another one under its number
    SEAL_RECOMPUTED = "seal_recomputed"
    #: an outside copy itself is damaged; says nothing against the records
    COPY_DAMAGED = "copy_damaged"
    #: records that no seal covers yet
    UNSEALED = "unsealed"
    #: seals that no outside copy confirms
    UNANCHORED = "unanchored"
    #: the seals were checked with keys that came along with them
    KEYS_UNCONFIRMED = "keys_unconfirmed"
    #: a seal declares that the database was restored: what these seals were made over is lost
    RESTORED = "restored"


#: What limits the proof without speaking of tampering.
NOTES = frozenset(
    {
        FindingKind.COPY_DAMAGED,
        FindingKind.UNSEALED,
        FindingKind.UNANCHORED,
        FindingKind.KEYS_UNCONFIRMED,
        FindingKind.RESTORED,
    }
)


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was found, and where. Without a shard, the numbers are those of seals."""

    kind: FindingKind
    explanation: str
    shard: int | None = None
    seq: int | None = None
    to_seq: int | None = None
    case_id: str = ""

    @property
    def is_tampering(self) -> bool:
        """True where it contradicts what was recorded."""
        return self.kind not in NOTES

    def __str__(self) -> str:
        return f"{self.kind}: {self._place()}: {self.explanation}"

    def _place(self) -> str:
        numbers = "" if self.seq is None else f"{self.seq}"
        if self.to_seq is not None and self.to_seq != self.seq:
            numbers += f"–{self.to_seq}"
        parts = (
            f"shard {self.shard}" if self.shard is not None else "",
            f"{'record' if self.shard is not None else 'seal'} {numbers}" if numbers else "",
            f"case {self.case_id}" if self.case_id else "",
        )
        return ", ".join(part for part in parts if part) or "audit"


class CopyCompared(Struct, frozen=True, kw_only=True):
    """One outside copy, and how far it confirms the seals."""

    name: str
    seals: int
    feet: int
    #: highest number at which it agrees; the seals before it follow from that one. 0: none
    agrees_to: int


class Report(Struct, frozen=True, kw_only=True):
    """What was looked at and what was found."""

    findings: tuple[Finding, ...]
    records: int
    shards: int
    cases: int
    seals: int
    copies: tuple[CopyCompared, ...]

    @property
    def is_sound(self) -> bool:
        """True where no sign of tampering was found; notes (unsealed, unanchored) may remain."""
        return not any(finding.is_tampering for finding in self.findings)

    def kinds(self) -> set[FindingKind]:
        """Return the kinds of tampering that were found."""
        return {finding.kind for finding in self.findings if finding.is_tampering}

    def __str__(self) -> str:
        verdict = "sound" if self.is_sound else "TAMPERED WITH"
        lines = [
            f"audit {verdict}: {self.records} records, {self.cases} cases, {self.shards} shards, "
            f"{self.seals} seals",
            *(
                f"compared with {copy.name}: {copy.seals} seals, {copy.feet} feet, "
                + (f"agrees to seal {copy.agrees_to}" if copy.agrees_to else "agrees with no seal")
                for copy in self.copies
            ),
            *map(str, self.findings),
        ]
        return "\n".join(lines)
