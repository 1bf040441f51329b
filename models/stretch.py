"""Reads a stretch of records backwards along the chain and says what does not belong. Pure.

Each record names the hash that stands before it. Beginning from a record that is believed, what
is found under the wanted hash is genuine wherever it stands; what is not found was deleted or
rewritten; what nobody asked for was inserted.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from models.audit_chain import AuditRecord, ChainHead, record_hash
from models.audit_lines import Damaged
from models.findings import FindingKind
from models.hashing import UnknownHash

_Key = TypeVar("_Key", bytes, int)
_MISSING = "missing"


class Row(NamedTuple):
    """A stored record and whether it gives the hash that stands in it."""

    record: AuditRecord | Damaged
    seq: int
    prev: bytes
    hash: bytes
    case_id: str
    is_whole: bool


class _Named(Struct):
    case_id: str = ""


_read_case = msgspec.json.Decoder(_Named).decode


def look_at(record: AuditRecord | Damaged) -> Row:
    """Look at one stored record by itself."""
    if isinstance(record, Damaged):
        return Row(record, record.seq, b"", b"", "", is_whole=False)
    is_whole = _gives_its_hash(record)
    if is_whole and (case_id := _case_of(record.act)) != record.case_id:
        # The column is for finding a case's records; the act is what counts.
        record, is_whole = replace(record, case_id=case_id), False
    return Row(
        *(record, record.seq, record.prev_hash, record.hash, record.case_id), is_whole=is_whole
    )


def _gives_its_hash(record: AuditRecord) -> bool:
    try:
        return record_hash(record) == record.hash
    except (UnknownHash, UnicodeEncodeError):
        return False


def _case_of(act: str) -> str:
    try:
        return _read_case(act).case_id
    except msgspec.DecodeError:
        return ""


class Trouble(NamedTuple):
    """Something wrong at one place, before moved records are matched over distances."""

    kind: FindingKind
    why: str
    shard: int
    seq: int
    to_seq: int
    case_id: str = ""
    #: hash of the record that should stand here, where it is known
    wanted: bytes = b""
    #: hash of the record that stands here and should not
    stray: bytes = b""


class Reading(NamedTuple):
    """What a stretch came to."""

    #: the rows that belong, in the chain's order, edited ones among them
    placed: list[Row]
    troubles: list[Trouble]
    #: the numbers from here on are not those that were given
    renumbered: bool


def read_stretch(
    rows: Sequence[Row], *, shard: int, anchor: ChainHead, want: bytes, place: int, at_end: bool
) -> Reading:
    """Read `rows` back from the hash `want` at number `place` to `anchor`.

    An empty `want` means that nothing is known of the end. `at_end`: nothing follows the stretch.
    """
    stretch = _Stretch(rows, shard, anchor, at_end=at_end)
    stretch.read_back(want, place)
    return stretch.reading(place)


class _Stretch:
    def __init__(self, rows: Sequence[Row], shard: int, anchor: ChainHead, *, at_end: bool) -> None:
        self._rows = rows
        self._shard = shard
        self._anchor = anchor
        self._at_end = at_end
        self._by_hash: dict[bytes, list[int]] = {}
        self._by_seq: dict[int, list[int]] = {}
        for index, row in enumerate(rows):
            self._by_hash.setdefault(row.hash, []).append(index)
            self._by_seq.setdefault(row.seq, []).append(index)
        self._unused = set(range(len(rows)))
        #: indices of the rows that belong, last first until the reading
        self._chain: list[int] = []
        self._troubles: list[Trouble] = []
        self._has_gaps = False

    def read_back(self, want: bytes, place: int) -> None:
        while want != self._anchor.hash:
            found = self._unused_of(self._by_hash, want)
            is_named = found is not None
            if found is None and place > self._anchor.seq:
                found = self._unused_of(self._by_seq, place)
                if found is None:
                    place, want = self._miss(place, want), b""
                    continue
            if found is None:
                break
            row = self._rows[found]
            is_believed = row.is_whole and (is_named or not want)
            if not is_believed:
                self._tell_changed(row, want, is_named=is_named)
            self._unused.remove(found)
            self._chain.append(found)
            place, want = row.seq - 1, self._before(row, is_believed=is_believed)

    def reading(self, place: int) -> Reading:
        self._chain.reverse()
        for index in sorted(self._unused):
            row = self._rows[index]
            self._tell(
                FindingKind.INSERTED, "no record of the chain follows it", row, stray=row.hash
            )
        self._check_order()
        renumbered = self._check_numbers(place)
        self._troubles.sort(key=lambda trouble: trouble.seq)
        return Reading([self._rows[index] for index in self._chain], self._troubles, renumbered)

    def _unused_of(self, places: dict[_Key, list[int]], key: _Key) -> int | None:
        return next((index for index in places.get(key, ()) if index in self._unused), None)

    def _before(self, row: Row, *, is_believed: bool) -> bytes:
        # What a changed row says of its predecessor counts only where such a record exists.
        is_known = row.prev == self._anchor.hash or row.prev in self._by_hash
        return row.prev if is_believed or is_known else b""

    def _miss(self, place: int, want: bytes) -> int:
        """Tell that records up to `place` are missing; return the number to go on at."""
        self._has_gaps = True
        is_tail = self._at_end and not self._chain
        kind = FindingKind.TAIL_CUT if is_tail else FindingKind.DELETED
        below = (self._rows[index].seq for index in self._unused)
        lower = max((seq for seq in below if seq < place), default=0)
        lower = max(lower, self._anchor.seq)
        # The last one is known by its hash and may turn up elsewhere.
        self._troubles.append(Trouble(kind, _MISSING, self._shard, place, place, wanted=want))
        if lower + 1 < place:
            self._troubles.append(Trouble(kind, _MISSING, self._shard, lower + 1, place - 1))
        return lower

    def _tell_changed(self, row: Row, want: bytes, *, is_named: bool) -> None:
        kind, why = FindingKind.EDITED, "it does not give its hash"
        if row.is_whole:
            why = "it was rewritten with its hash; the record behind it names another one"
            if self._at_end and not self._chain:
                kind = FindingKind.RECOMPUTED
                why = "the chain's head names another record; it and maybe others were rewritten"
        if is_named or not want:
            self._tell(kind, why, row)
        else:
            self._tell(kind, why, row, wanted=want, stray=row.hash)

    def _tell(
        self, kind: FindingKind, why: str, row: Row, *, wanted: bytes = b"", stray: bytes = b""
    ) -> None:
        self._troubles.append(
            Trouble(kind, why, self._shard, row.seq, row.seq, row.case_id, wanted, stray)
        )

    def _check_order(self) -> None:
        for index, in_order in zip(self._chain, sorted(self._chain), strict=True):
            if index != in_order:
                why = "the chain has it at another place among its neighbours"
                self._tell(FindingKind.REORDERED, why, self._rows[index])

    def _check_numbers(self, place: int) -> bool:
        """Tell whether numbers were changed; say so where nothing else explains it."""
        numbers = sorted(self._rows[index].seq for index in self._chain)
        given = list(range(place - len(numbers) + 1, place + 1))
        if self._has_gaps or (numbers == given and place - len(numbers) == self._anchor.seq):
            return False
        if not self._unused:
            meant = enumerate(numbers, start=self._anchor.seq + 1)
            first = next((seq for number, seq in meant if seq != number), place)
            why = "the numbers jump from here on, though no record is missing"
            self._troubles.append(Trouble(FindingKind.REORDERED, why, self._shard, first, first))
        return True
