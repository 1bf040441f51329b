"""Seals: every minute, one signed statement of what the audit held.

A seal names, for each shard, the range of new records, the hash of the last one and the Merkle
root over their hashes; it ties itself to the seal before it and is signed with a key that the
database does not have. Its foot, a line short enough for the end of a letter, lets every reader
of a digest bear witness.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from models.canonical import canonical_struct
from models.hashing import ALGORITHMS, SHA256, hash_named
from models.keys import PublicKey, SigningKey
from models.merkle import merkle_root
from partygrid.errors import Invalid

#: Previous hash of the first seal.
FIRST = "0" * 64

#: Hex digits of the seal's hash in a foot. 80 bits: nobody finds a second seal with the same foot.
_FOOT_DIGITS = 20
_TAG = b"partygrid-seal-1\n"


class NotASeal(Invalid):
    """The text holds no seal."""


class SealedRange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new records of one shard. Hashes are hex."""

    shard: int
    from_seq: int
    to_seq: int
    #: hash of the record `to_seq`
    head: str
    #: Merkle root over the hashes of the records, in order
    root: str


class Seal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One signed statement. Hashes and the signature are hex."""

    number: int
    previous: str
    made_at: datetime
    algorithm: str
    ranges: tuple[SealedRange, ...]
    #: Merkle root over the ranges' canonical JSON
    root: str
    key_id: str
    #: after a restore: the last seal before this one whose records are still those it was made over
    set_back_to: int | None = None
    signature: str = ""

    def signed(self) -> bytes:
        """Return what the signature covers: everything but itself."""
        return _TAG + canonical_struct(msgspec.structs.replace(self, signature=""))

    def digest(self) -> str:
        """Return the seal's hash, which the next seal names. The signature is not part of it."""
        return hash_named(self.algorithm)(self.signed()).hex()

    def to_json(self) -> bytes:
        """Return the seal as canonical JSON."""
        return canonical_struct(self)


class Foot(Struct, frozen=True):
    """What a digest's last line says of a seal."""

    number: int
    digits: str

    def __str__(self) -> str:
        groups = (self.digits[start : start + 4] for start in range(0, len(self.digits), 4))
        return f"封印 #{self.number} {' '.join(groups)}"


def sealed_range(
    *, shard: int, from_seq: int, hashes: Sequence[bytes], algorithm: str = SHA256
) -> SealedRange:
    """Return the range of the records that begin at `from_seq` and have these hashes, one at least.

    The hashes must be gapless and committed: a seal is a promise about them.
    """
    if not hashes:
        raise ValueError("a range holds one record at least")
    return SealedRange(
        shard=shard,
        from_seq=from_seq,
        to_seq=from_seq + len(hashes) - 1,
        head=hashes[-1].hex(),
        root=merkle_root(hashes, hash_named(algorithm)).hex(),
    )


def make_seal(
    ranges: Iterable[SealedRange],
    *,
    previous: Seal | None,
    key: SigningKey,
    now: datetime,
    algorithm: str = SHA256,
    set_back_to: int | None = None,
) -> Seal:
    """Return the signed seal after `previous`. Without ranges it says that nothing was new.

    With `set_back_to` it declares that the database was restored: what the seals after that number
    were made over is lost.
    """
    ordered = tuple(sorted(ranges, key=lambda new: new.shard))
    seal = Seal(
        number=previous.number + 1 if previous else 1,
        previous=previous.digest() if previous else FIRST,
        made_at=now.astimezone(UTC),
        algorithm=algorithm,
        ranges=ordered,
        root=ranges_root(ordered, algorithm),
        key_id=key.key_id,
        set_back_to=set_back_to,
    )
    return msgspec.structs.replace(seal, signature=key.sign(seal.signed()).hex())


def standing(seals: Iterable[Seal]) -> list[Seal]:
    """Return the seals, given in order, whose records no later seal declares lost."""
    found: list[Seal] = []
    for seal in seals:
        if seal.set_back_to is not None:
            found = [before for before in found if before.number <= seal.set_back_to]
        found.append(seal)
    return found


def ranges_root(ranges: Sequence[SealedRange], algorithm: str) -> str:
    """Return the Merkle root over ranges, in hex."""
    return merkle_root([canonical_struct(new) for new in ranges], hash_named(algorithm)).hex()


def read_seal(text: bytes | str) -> Seal:
    """Return the seal that is written in JSON. Raises `NotASeal`; says nothing of its signature."""
    try:
        seal = msgspec.json.decode(text, type=Seal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotASeal(f"no seal: {error}") from None
    if seal.made_at.tzinfo is None or seal.algorithm not in ALGORITHMS:
        raise NotASeal("no seal: its time has no zone, or its hash is unknown")
    return msgspec.structs.replace(seal, made_at=seal.made_at.astimezone(UTC))


def is_signed_by(seal: Seal, key: PublicKey) -> bool:
    """Tell whether `key` signed exactly this seal, and its root fits its ranges."""
    try:
        signature = bytes.fromhex(seal.signature)
        root = ranges_root(seal.ranges, seal.algorithm)
    except (ValueError, Invalid):
        return False
    return root == seal.root and key.is_genuine(signature, seal.signed())


def foot(seal: Seal) -> Foot:
    """Return the seal's foot."""
    return Foot(seal.number, seal.digest()[:_FOOT_DIGITS])


_FOOT = re.compile(rf"封印\s*#\s*([0-9]+)((?:[\s-]*[0-9a-fA-F]){{{_FOOT_DIGITS}}})")


def read_feet(text: str) -> list[Foot]:
    """Return the feet that stand in a text, e.g. in a digest somebody kept."""
    return [
        Foot(int(number), re.sub(r"[\s-]", "", digits).lower())
        for number, digits in _FOOT.findall(text)
    ]


def is_foot_of(kept: Foot, seal: Seal) -> bool:
    """Tell whether the foot belongs to this seal."""
    return kept == foot(seal)
