"""Merkle trees after RFC 6962 §2.1. Leaves and nodes are hashed apart: none passes as the other."""

from collections.abc import Sequence

from models.hashing import Hash


class MerkleTree:
    """Takes leaves one by one and knows the root so far; keeps one hash a level."""

    def __init__(self, digest: Hash) -> None:
        self._digest = digest
        # Roots of full subtrees, largest first, with their sizes.
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf (its data, not its hash)."""
        size, node = 1, self._digest(b"\x00" + leaf)
        while self._peaks and self._peaks[-1][0] == size:
            node = self._digest(b"\x01" + self._peaks.pop()[1] + node)
            size *= 2
        self._peaks.append((size, node))

    def root(self) -> bytes:
        """Return the root over the leaves so far; that of no leaves is the hash of nothing."""
        if not self._peaks:
            return self._digest(b"")
        node = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            node = self._digest(b"\x01" + peak + node)
        return node


def merkle_root(leaves: Sequence[bytes], digest: Hash) -> bytes:
    """Return the root over `leaves`."""
    tree = MerkleTree(digest)
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def inclusion_path(leaves: Sequence[bytes], index: int, digest: Hash) -> list[bytes]:
    """Return the hashes that lead from leaf `index` to the root, nearest first."""
    if len(leaves) <= 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        beside = merkle_root(leaves[split:], digest)
        return [*inclusion_path(leaves[:split], index, digest), beside]
    beside = merkle_root(leaves[:split], digest)
    return [*inclusion_path(leaves[split:], index - split, digest), beside]


def is_included(
    leaf: bytes, *, index: int, size: int, path: Sequence[bytes], root: bytes, digest: Hash
) -> bool:
    """Tell whether `path` leads from `leaf` at `index` of `size` leaves to `root`."""
    if not 0 <= index < size:
        return False
    last, node = size - 1, digest(b"\x00" + leaf)
    for beside in path:
        if last == 0:
            return False
        if index % 2 or index == last:
            node = digest(b"\x01" + beside + node)
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            node = digest(b"\x01" + node + beside)
        index, last = index >> 1, last >> 1
    return last == 0 and node == root
