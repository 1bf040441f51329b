"""Checks seals among themselves, against outside copies, and against the records they cover."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from models.findings import CopyCompared, Finding, FindingKind
from models.hashing import hash_named
from models.keys import PublicKey
from models.merkle import MerkleTree
from models.seals import FIRST, Foot, NotASeal, Seal, SealedRange, is_signed_by, read_seal, standing


class OutsideCopy(Struct, frozen=True, kw_only=True):
    """Seals as somebody else kept them: lines of JSON (file, topic), feet of digests, or both."""

    name: str
    lines: Iterable[bytes | str] = ()
    feet: Iterable[Foot] = ()


class SealsRead(NamedTuple):
    """The database's own seals."""

    seals: list[Seal]
    findings: list[Finding]
    #: number → hash of the seal
    digests: dict[int, str]

    def is_given_up(self, number: int) -> bool:
        """Does a later seal declare the records lost that a seal of this number was made over?"""
        return any(
            seal.set_back_to is not None and seal.set_back_to < number < seal.number
            for seal in self.seals
        )


def read_seals(
    lines: Iterable[bytes | str], *, keys: Mapping[str, PublicKey], from_the_beginning: bool
) -> SealsRead:
    """Read seals in the order of their numbers and check that they follow from each other."""
    told = [_read(line) for line in lines]
    # Which were given up is said by later ones.
    read = SealsRead([one for one in told if isinstance(one, Seal)], [], {})
    last: Seal | None = None
    number, digest = 0, FIRST
    ends: dict[int, int] = {}
    signers = _Signers()
    for seal in told:
        if isinstance(seal, NotASeal):
            number, digest = number + 1, ""
            read.findings.append(_about_seals(FindingKind.SEAL_FORGED, str(seal), number))
            continue
        is_first = last is None and number == 0 and not from_the_beginning
        if seal.set_back_to is not None:
            before, ends = ends, _ends(standing(_up_to(read.seals, seal))[:-1])
            read.findings.append(_declared(seal, seal.set_back_to, before, ends))
        if seal.number > number + 1 and not is_first:
            read.findings.extend(_missing(read, number + 1, seal.number - 1))
            digest = ""
        why = _forged(seal, keys, number, "" if is_first else digest) or signers.odd(seal)
        unjoined = _unjoined(seal, ends)
        if why or (unjoined and not read.is_given_up(seal.number)):
            why = why or unjoined
            read.findings.append(_about_seals(FindingKind.SEAL_FORGED, why, seal.number))
        last, number, digest = seal, seal.number, seal.digest()
        read.digests[number] = digest
    return read


def _read(line: bytes | str) -> Seal | NotASeal:
    try:
        return read_seal(line)
    except NotASeal as error:
        return error


def _up_to(seals: Sequence[Seal], seal: Seal) -> Iterator[Seal]:
    for one in seals:
        yield one
        if one is seal:
            return


def _forged(seal: Seal, keys: Mapping[str, PublicKey], last: int, previous: str) -> str:
    """Say why the seal cannot be what it says it is, or nothing."""
    key = keys.get(seal.key_id)
    if key is None:
        return "its key is not known"
    if not is_signed_by(seal, key):
        return "its signature is not genuine"
    if seal.number <= last:
        return "its number was there before"
    if seal.set_back_to is not None and not 0 <= seal.set_back_to < seal.number:
        return "it is set back to a seal that cannot be before it"
    if previous and seal.previous != previous:
        return "it names another seal before it"
    return ""


class _Signers:
    """Which keys signed, one after the other: one that was replaced does not come back."""

    def __init__(self) -> None:
        self._now, self._before = "", set[str]()

    def odd(self, seal: Seal) -> str:
        """Say why this key cannot have signed here, or nothing; take note of it."""
        if seal.key_id in self._before:
            return "its key was replaced before"
        if seal.key_id != self._now:
            self._before.add(self._now)
            self._now = seal.key_id
        return ""


def _unjoined(seal: Seal, ends: dict[int, int]) -> str:
    """Say why its ranges do not join those before, or nothing; note the new ends."""
    why = ""
    for new in seal.ranges:
        end = ends.get(new.shard)
        if new.to_seq < new.from_seq or (end is not None and new.from_seq != end + 1):
            why = f"its range of shard {new.shard} does not join the one before"
        ends[new.shard] = new.to_seq
    return why


def _ends(seals: Iterable[Seal]) -> dict[int, int]:
    return {new.shard: new.to_seq for seal in seals for new in seal.ranges}


def _missing(read: SealsRead, first: int, last: int) -> list[Finding]:
    """Name missing seals; those of a database that was lost may have been lost with it."""
    missing = [number for number in range(first, last + 1) if not read.is_given_up(number)]
    if not missing:
        return []
    return [_about_seals(FindingKind.SEAL_DELETED, "missing", missing[0], missing[-1])]


def _declared(
    seal: Seal, back_to: int, before: Mapping[int, int], after: Mapping[int, int]
) -> Finding:
    """Tell of a restore that a seal declares; whoever reads it must know of that restore."""
    lost = {shard: end - after.get(shard, 0) for shard, end in before.items()}
    why = (
        f"seal {seal.number}, made {seal.made_at:%Y-%m-%d %H:%M} UTC, declares that the database"
        f" was restored to seal {back_to}: {sum(lost.values())} sealed records were lost, what"
        " stands in their place was decided again and is covered by later seals. Do you know of"
        " this restore?"
    )
    return _about_seals(FindingKind.RESTORED, why, back_to + 1, max(seal.number - 1, back_to + 1))


class Compared(NamedTuple):
    """What an outside copy told."""

    copy: CopyCompared
    findings: list[Finding]
    #: genuine seals of the copy that the database does not have
    others: list[Seal]


def compare_copy(copy: OutsideCopy, read: SealsRead, *, keys: Mapping[str, PublicKey]) -> Compared:
    """Compare an outside copy with the database's seals.

    A seal that only the copy has is no finding where a later one declares its database lost.
    """
    digests = read.digests
    damaged, others, agreed = 0, [], 0
    missing: list[int] = []
    differing: list[int] = []
    seals = feet = 0
    for line in copy.lines:
        seal = genuine(line, keys)
        if seal is None:
            damaged += 1
            continue
        seals += 1
        own = digests.get(seal.number)
        if own == seal.digest():
            agreed = max(agreed, seal.number)
        elif own is not None or not read.is_given_up(seal.number):
            (missing if own is None else differing).append(seal.number)
            others.append(seal)
    for kept in copy.feet:
        feet += 1
        own = digests.get(kept.number)
        if own is not None and own.startswith(kept.digits):
            agreed = max(agreed, kept.number)
        elif own is not None or not read.is_given_up(kept.number):
            (missing if own is None else differing).append(kept.number)
    findings = _told(copy.name, damaged=damaged, missing=missing, differing=differing)
    compared = CopyCompared(name=copy.name, seals=seals, feet=feet, agrees_to=agreed)
    return Compared(compared, findings, others)


def genuine(line: bytes | str, keys: Mapping[str, PublicKey]) -> Seal | None:
    """Return the seal in a line, if one of the keys signed it."""
    try:
        seal = read_seal(line)
    except NotASeal:
        return None
    key = keys.get(seal.key_id)
    return seal if key is not None and is_signed_by(seal, key) else None


def _told(
    name: str, *, damaged: int, missing: Sequence[int], differing: Sequence[int]
) -> list[Finding]:
    findings = []
    if damaged:
        why = f"{name} holds {damaged} lines that are no genuine seals"
        findings.append(Finding(kind=FindingKind.COPY_DAMAGED, explanation=why))
    if missing:
        why = f"{name} holds seals that are missing here"
        first, last = min(missing), max(missing)
        findings.append(_about_seals(FindingKind.SEAL_DELETED, why, first, last))
    if differing:
        why = f"{name} holds another seal under the same number: seals were made anew"
        first, last = min(differing), max(differing)
        findings.append(_about_seals(FindingKind.SEAL_RECOMPUTED, why, first, last))
    return findings


def _about_seals(kind: FindingKind, why: str, number: int, to: int | None = None) -> Finding:
    return Finding(kind=kind, explanation=why, seq=number, to_seq=to or number)


class Promise(NamedTuple):
    """A range that a seal covers."""

    number: int
    algorithm: str
    range: SealedRange


def promises_by_shard(seals: Iterable[Seal]) -> dict[int, list[Promise]]:
    """Return what seals say of each shard, in order."""
    promised: dict[int, list[Promise]] = {}
    for seal in seals:
        for new in seal.ranges:
            promised.setdefault(new.shard, []).append(Promise(seal.number, seal.algorithm, new))
    for promises in promised.values():
        promises.sort(key=lambda promise: (promise.range.from_seq, promise.number))
    return promised


class RangeCheck:
    """Compares the records of one shard, as they pass, with what seals say of them."""

    def __init__(self, promises: Sequence[Promise]) -> None:
        self.broken: list[Promise] = []
        self.sealed_to = max((promise.range.to_seq for promise in promises), default=0)
        self._waiting = list(reversed(promises))
        self._tree: MerkleTree | None = None

    def feed(self, seq: int, own: bytes) -> None:
        """Take the next record's number and hash."""
        while self._waiting and seq > self._waiting[-1].range.to_seq:
            self._fail()
        if not self._waiting or seq < self._waiting[-1].range.from_seq:
            return
        promise = self._waiting[-1]
        if self._tree is None:
            self._tree = MerkleTree(hash_named(promise.algorithm))
        self._tree.add(own)
        if seq == promise.range.to_seq:
            if self._tree.root().hex() != promise.range.root or own.hex() != promise.range.head:
                self._fail()
            else:
                self._waiting.pop()
                self._tree = None

    def finish(self) -> None:
        """Take note that no record follows."""
        while self._waiting:
            self._fail()

    def _fail(self) -> None:
        self.broken.append(self._waiting.pop())
        self._tree = None
