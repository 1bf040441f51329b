"""Merkle trees against the recursive definition and the known values of RFC 6962's tests."""

from hypothesis import given
from hypothesis import strategies as st

from models.hashing import hash_named
from models.merkle import inclusion_path, is_included, merkle_root

sha256 = hash_named("sha256")
leaf_lists = st.lists(st.binary(max_size=8), max_size=40)

KNOWN = [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43"]
KNOWN_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
}


def defined_root(leaves: list[bytes]) -> bytes:
    """The definition, word for word."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + defined_root(leaves[:split]) + defined_root(leaves[split:]))


def test_known_roots() -> None:
    for size, root in KNOWN_ROOTS.items():
        assert merkle_root(KNOWN[:size], sha256).hex() == root


@given(leaf_lists)
def test_root_is_the_defined_one(leaves: list[bytes]) -> None:
    assert merkle_root(leaves, sha256) == defined_root(leaves)


@given(leaf_lists.filter(len), st.data())
def test_path_proves_its_leaf_and_no_other_place(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.integers(-1, len(leaves)))
    path, root = inclusion_path(leaves, index, sha256), merkle_root(leaves, sha256)

    def proves(leaf: bytes, place: int, size: int = len(leaves)) -> bool:
        return is_included(leaf, index=place, size=size, path=path, root=root, digest=sha256)

    assert proves(leaves[index], index)
    assert not proves(leaves[index] + b"x", index)
    if other != index:
        assert not proves(leaves[index] + b"x", other)


def test_a_node_does_not_pass_as_a_leaf() -> None:
    inner = sha256(b"\x00a") + sha256(b"\x00b")
    assert merkle_root([b"a", b"b"], sha256) != merkle_root([inner], sha256)
