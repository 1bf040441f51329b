"""What the chain alone cannot tell: seals tell it, and outside copies tell it of seals."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.findings import FindingKind as Found
from models.keys import SigningKey
from models.seal_walk import OutsideCopy
from models.seals import Seal, foot, make_seal
from models.verify import verify
from tests.unit.audit_samples import KEY, START, Kept, copy_of, seal
from tests.unit.audit_tampering import COUNT, WHOLE, changed, places, rechained


def recomputed(index: int) -> Kept:
    done = WHOLE.records[index].act.replace("person-", "persona-")
    return rechained(changed(WHOLE.records, index, act=done))


def sealed_piece(index: int) -> range:
    start = index // 7 * 7
    return range(start + 1, min(start + 7, COUNT) + 1)


@given(index=st.integers(0, COUNT - 1))
def test_recomputed_chain_is_found_by_its_seals(index: int) -> None:
    report = recomputed(index).verify()
    assert report.kinds() == {Found.RECOMPUTED}
    assert places(report, Found.RECOMPUTED) == {(0, number) for number in sealed_piece(index)}


@given(index=st.integers(0, COUNT - 1))
def test_recomputed_seals_are_found_by_an_outside_copy(index: int) -> None:
    tampered = recomputed(index)
    tampered = replace(tampered, seals=seal(tampered.records, per_seal=7))
    assert tampered.verify().is_sound, "without a copy nobody can tell"
    report = replace(tampered, copies=[copy_of(WHOLE.seals)]).verify()
    assert report.kinds() == {Found.SEAL_RECOMPUTED, Found.RECOMPUTED}
    assert places(report, Found.RECOMPUTED) == {(0, number) for number in sealed_piece(index)}
    first = index // 7 + 1
    assert min(places(report, Found.SEAL_RECOMPUTED), key=lambda p: p[1]) == (None, first)
    assert report.copies[0].agrees_to == first - 1


def test_recomputed_seals_are_found_by_one_foot() -> None:
    tampered = recomputed(3)
    tampered = replace(tampered, seals=seal(tampered.records, per_seal=7))
    digest = OutsideCopy(name="a digest", feet=[foot(WHOLE.seals[-1])])
    assert replace(tampered, copies=[digest]).verify().kinds() == {Found.SEAL_RECOMPUTED}


def test_seals_made_with_another_key() -> None:
    tampered = recomputed(3)
    seals = seal(tampered.records, per_seal=7, key=SigningKey.generate())
    assert replace(tampered, seals=seals).verify().kinds() == {Found.SEAL_FORGED}


def resigned(made: Seal, **fields: object) -> Seal:
    other = replace(made, signature="", **fields)
    return replace(other, signature=KEY.sign(other.signed()).hex())


SEAL_CHANGES: dict[str, Callable[[Seal], Seal]] = {
    "time": lambda made: replace(made, made_at=made.made_at + timedelta(seconds=1)),
    "signature": lambda made: replace(made, signature="00" * 64),
    "no signature": lambda made: replace(made, signature=""),
    "signature no hex": lambda made: replace(made, signature="zz"),
    "root, signed again": lambda made: resigned(made, root="00" * 32),
    "predecessor, signed again": lambda made: resigned(made, previous="00" * 32),
    "no ranges, signed again": lambda made: make_seal((), previous=None, key=KEY, now=START),
}


@pytest.mark.parametrize("change", SEAL_CHANGES.values(), ids=SEAL_CHANGES)
@given(index=st.integers(1, 4))
@settings(max_examples=5)
def test_changed_seal(change: Callable[[Seal], Seal], index: int) -> None:
    seals = [*WHOLE.seals[:index], change(WHOLE.seals[index]), *WHOLE.seals[index + 1 :]]
    report = replace(WHOLE, seals=seals, copies=[copy_of(WHOLE.seals)]).verify()
    assert Found.SEAL_FORGED in report.kinds()
    alone = replace(WHOLE, seals=seals).verify()
    assert Found.SEAL_FORGED in alone.kinds()


def test_unreadable_seal_is_named() -> None:
    lines = [made.to_json() for made in WHOLE.seals]
    report = verify(
        WHOLE.records, keys={KEY.key_id: KEY.public}, seals=[lines[0], b"{", *lines[2:]]
    )
    assert (None, 2) in places(report, Found.SEAL_FORGED)


def test_deleted_seal() -> None:
    report = replace(WHOLE, seals=WHOLE.seals[:2] + WHOLE.seals[3:]).verify()
    assert (None, 3) in places(report, Found.SEAL_DELETED)


def test_damaged_copy_says_nothing_against_the_records() -> None:
    copy = copy_of(WHOLE.seals)
    torn = OutsideCopy(name="torn", lines=[*copy.lines, b'{"number":7,'])
    report = replace(WHOLE, copies=[torn]).verify()
    assert report.is_sound
    assert [finding.kind for finding in report.findings] == [Found.COPY_DAMAGED]


def test_missing_proof_is_noted() -> None:
    report = replace(WHOLE, seals=WHOLE.seals[:5], copies=[copy_of(WHOLE.seals[:3])]).verify()
    assert report.is_sound
    notes = {
        (finding.kind, finding.shard, finding.seq, finding.to_seq) for finding in report.findings
    }
    assert notes == {
        (Found.UNSEALED, 0, 36, 40),
        (Found.UNSEALED, 3, 36, 40),
        (Found.UNANCHORED, None, 4, 5),
    }


def test_fault_does_not_hide_a_recomputed_end() -> None:
    tampered = recomputed(30)
    records = changed(tampered.records, 2, act=tampered.records[2].act.replace("ok", "no"))
    report = replace(tampered, records=records).verify()
    assert report.kinds() == {Found.EDITED, Found.RECOMPUTED}
    assert places(report, Found.RECOMPUTED) == {(0, number) for number in sealed_piece(30)}


def test_a_key_that_was_replaced_does_not_come_back() -> None:
    """Whoever stole it can sign nothing behind the first seal of the new one."""
    new, seals = SigningKey.generate(), WHOLE.seals[:2]
    seals.append(make_seal([], previous=seals[-1], key=new, now=START))
    keys = {key.key_id: key.public for key in (KEY, new)}
    lines = [made.to_json() for made in seals]
    assert verify(WHOLE.records, keys=keys, seals=lines).kinds() == set()
    stolen = make_seal([], previous=seals[-1], key=KEY, now=START)
    report = verify(WHOLE.records, keys=keys, seals=[*lines, stolen.to_json()])
    assert places(report, Found.SEAL_FORGED) == {(None, 4)}
