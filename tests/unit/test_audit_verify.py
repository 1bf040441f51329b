"""Every kind of tampering is found, told apart and placed."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.audit_chain import (
    AuditRecord,
    ChainHead,
    chain,
    genesis,
)
from models.audit_lines import Damaged
from models.findings import FindingKind as Found
from models.seal_walk import OutsideCopy
from models.seals import foot
from models.verify import verify
from tests.unit.audit_samples import KEY, act, circumstance, copy_of, kept
from tests.unit.audit_tampering import (
    COUNT,
    WHOLE,
    changed,
    places,
    rechained,
    renumbered,
    with_own_hash,
)

FIRST_SHARD = [record for record in WHOLE.records if record.shard == 0]

# A position inside the first shard, as index into all records. Its ends are tested by name.
inside = st.integers(1, COUNT - 3)


def test_untouched_audit_is_sound_and_says_what_it_was_compared_with() -> None:
    feet = [foot(made) for made in WHOLE.seals[:2]]
    digest = OutsideCopy(name="a digest", feet=feet)
    report = replace(WHOLE, copies=[copy_of(WHOLE.seals), digest]).verify()
    assert report.findings == ()
    assert (report.records, report.shards, report.cases, report.seals) == (80, 2, 8, 6)
    assert [(copy.name, copy.agrees_to) for copy in report.copies] == [
        ("seal file", 6),
        ("a digest", 2),
    ]


def test_sm3_audit_is_sound() -> None:
    assert kept(12, algorithm="sm3").verify().is_sound


CHANGES: dict[str, Callable[[AuditRecord], dict[str, object]]] = {
    "actor": lambda one: {"act": one.act.replace("person-", "persona-")},
    "spelling": lambda one: {"act": one.act.replace('"n":', '"n": ')},
    "no JSON": lambda one: {"act": one.act[:-1]},
    "engine": lambda one: {"circumstance": one.circumstance.replace("engine-1", "engine-2")},
    "own hash": lambda one: {"hash": bytes(32)},
    "short hash": lambda one: {"hash": b""},
    "link": lambda one: {"prev_hash": bytes(32)},
    "case link": lambda one: {"case_prev_hash": b"\1" * 32},
    "case column": lambda one: {"case_id": "0/case-x"},
    "case number": lambda one: {"case_seq": one.case_seq + 1},
    "hash name": lambda one: {"algorithm": "sm3"},
    "unknown hash": lambda one: {"algorithm": "md5"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@given(index=st.integers(0, COUNT - 1))
@settings(max_examples=40)
def test_one_changed_field(change: Callable[[AuditRecord], dict[str, object]], index: int) -> None:
    record = WHOLE.records[index]
    report = replace(WHOLE, records=changed(WHOLE.records, index, **change(record))).verify()
    assert report.kinds() == {Found.EDITED}
    assert places(report, Found.EDITED) == {(0, index + 1)}


@given(index=inside, case_too=st.booleans())
def test_record_rewritten_with_its_hash(index: int, case_too: bool) -> None:
    record = WHOLE.records[index]
    other = act(900, "0/case-1" if case_too else record.case_id)
    said = chain([(other, circumstance(900))], shard=0, head=genesis(0), case_heads={}).records[0]
    rewritten = with_own_hash(replace(record, act=said.act, case_id=said.case_id))
    report = replace(
        WHOLE, records=[*WHOLE.records[:index], rewritten, *WHOLE.records[index + 1 :]]
    ).verify()
    assert places(report, Found.EDITED) == {(0, index + 1)}
    if not case_too:
        assert report.kinds() == {Found.EDITED}


def test_last_record_rewritten_with_its_hash() -> None:
    rewritten = with_own_hash(changed(WHOLE.records, COUNT - 1, act='{"action":"x"}')[COUNT - 1])
    rewritten = with_own_hash(replace(rewritten, case_id=""))
    records = [*WHOLE.records[: COUNT - 1], rewritten, *WHOLE.records[COUNT:]]
    assert (0, COUNT) in places(replace(WHOLE, records=records).verify(), Found.RECOMPUTED)


@given(index=inside, length=st.integers(1, 5))
def test_deleted_rows(index: int, length: int) -> None:
    length = min(length, COUNT - 1 - index)
    report = replace(
        WHOLE, records=WHOLE.records[:index] + WHOLE.records[index + length :]
    ).verify()
    assert report.kinds() == {Found.DELETED}
    gone = {(0, number) for number in range(index + 1, index + length + 1)}
    assert gone <= places(report, Found.DELETED)
    # Beyond the gap itself, only cases that miss a record are named.
    for finding in report.findings:
        if finding.kind is Found.DELETED and not finding.case_id:
            assert finding.seq is not None
            assert {(0, n) for n in range(finding.seq, (finding.to_seq or 0) + 1)} == gone


def test_deleted_first_row() -> None:
    report = replace(WHOLE, records=WHOLE.records[1:]).verify()
    assert report.kinds() == {Found.DELETED}
    assert (0, 1) in places(report, Found.DELETED)


@given(index=inside)
def test_deleted_row_with_the_rest_renumbered(index: int) -> None:
    rest = renumbered(WHOLE.records[index + 1 :], -1)
    report = replace(WHOLE, records=WHOLE.records[:index] + rest).verify()
    assert not report.is_sound
    near = places(report, Found.EDITED) | places(report, Found.DELETED)
    assert {(0, index), (0, index + 1)} & near


@pytest.mark.parametrize("case_row_too", [False, True], ids=["case row left", "case row gone"])
@given(case=st.integers(0, 3))
def test_deleted_case(case_row_too: bool, case: int) -> None:
    case_id = f"0/case-{case}"
    records = [record for record in WHOLE.records if record.case_id != case_id]
    gone = {(0, record.seq) for record in WHOLE.records if record.case_id == case_id}
    case_heads = dict(WHOLE.case_heads)
    if case_row_too:
        del case_heads[case_id]
    report = replace(WHOLE, records=records, case_heads=case_heads).verify()
    assert gone == places(report, Found.DELETED) | places(report, Found.TAIL_CUT)
    named = {finding.case_id for finding in report.findings if finding.case_id}
    assert named == (set() if case_row_too else {case_id})
    assert (Found.CASE_DELETED in report.kinds()) is not case_row_too


HEADS_BACK = "heads set back too"
SEALS_BACK = "seals cut too"


@pytest.mark.parametrize("covered", ["rows only", HEADS_BACK, SEALS_BACK])
@given(left=st.integers(0, COUNT - 1))
def test_cut_tail(covered: str, left: int) -> None:
    cut = WHOLE.records[:left] + WHOLE.records[COUNT:]
    tampered = replace(WHOLE, records=cut)
    if covered != "rows only":
        tampered = replace(rechained(cut), seals=WHOLE.seals)
    if covered == SEALS_BACK:
        honest = [made for made in WHOLE.seals if made.ranges[0].to_seq <= left]
        tampered = replace(tampered, seals=honest, copies=[copy_of(WHOLE.seals)])
    report = tampered.verify()
    gone = {(0, number) for number in range(left + 1, COUNT + 1)}
    assert places(report, Found.TAIL_CUT) == gone
    expected = {Found.TAIL_CUT}
    if covered == SEALS_BACK:
        expected.add(Found.SEAL_DELETED)
    if covered == "rows only":
        lost = {record.case_id for record in FIRST_SHARD[left:]} - {""}
        kept_cases = {record.case_id for record in FIRST_SHARD[:left]}
        if lost - kept_cases:
            expected.add(Found.CASE_DELETED)
    assert report.kinds() == expected


def forged(after: AuditRecord, *, number: int) -> AuditRecord:
    head = ChainHead(after.seq, after.hash)
    return chain([(act(number), circumstance(number))], shard=0, head=head, case_heads={}).records[
        0
    ]


@given(index=inside)
def test_inserted_row_with_the_rest_renumbered(index: int) -> None:
    before = WHOLE.records[index]
    records = [
        *WHOLE.records[: index + 1],
        forged(before, number=900),
        *renumbered(WHOLE.records[index + 1 :], 1),
    ]
    report = replace(WHOLE, records=records).verify()
    assert report.kinds() == {Found.INSERTED}
    assert places(report, Found.INSERTED) == {(0, index + 2)}


@given(index=inside, length=st.integers(2, 6))
def test_inserted_run_that_fits_together(index: int, length: int) -> None:
    run = [WHOLE.records[index]]
    for number in range(length):
        run.append(forged(run[-1], number=900 + number))
    rest = renumbered(WHOLE.records[index + 1 :], length)
    report = replace(WHOLE, records=[*WHOLE.records[:index], *run, *rest]).verify()
    assert report.kinds() == {Found.INSERTED}
    assert places(report, Found.INSERTED) == {(0, index + 2 + n) for n in range(length)}


@given(index=inside, first=st.booleans(), own=st.booleans())
def test_inserted_row_under_a_number_that_is_taken(index: int, first: bool, own: bool) -> None:
    stranger = WHOLE.records[index] if own else forged(WHOLE.records[index - 1], number=900)
    pair = [stranger, WHOLE.records[index]] if first else [WHOLE.records[index], stranger]
    records = [*WHOLE.records[:index], *pair, *WHOLE.records[index + 1 :]]
    report = replace(WHOLE, records=records).verify()
    assert report.kinds() == {Found.INSERTED}
    assert places(report, Found.INSERTED) == {(0, index + 1)}


@pytest.mark.parametrize("length", [1, 3, 200])
def test_inserted_behind_the_head(length: int) -> None:
    run = [WHOLE.records[COUNT - 1]]
    for number in range(length):
        run.append(forged(run[-1], number=900 + number))
    records = [*WHOLE.records[: COUNT - 1], *run, *WHOLE.records[COUNT:]]
    report = replace(WHOLE, records=records).verify()
    assert report.kinds() == {Found.INSERTED}
    assert places(report, Found.INSERTED) == {(0, COUNT + 1 + n) for n in range(length)}


@given(pair=st.lists(st.integers(0, COUNT - 1), min_size=2, max_size=2, unique=True))
def test_two_swapped_rows(pair: list[int]) -> None:
    one, two = pair
    records = list(WHOLE.records)
    records[one] = replace(WHOLE.records[two], seq=one + 1)
    records[two] = replace(WHOLE.records[one], seq=two + 1)
    report = replace(WHOLE, records=records).verify()
    assert report.kinds() == {Found.REORDERED}
    assert places(report, Found.REORDERED) == {(0, one + 1), (0, two + 1)}


@given(index=st.integers(0, COUNT - 2))
def test_two_swapped_lines(index: int) -> None:
    records = list(WHOLE.records)
    records[index], records[index + 1] = records[index + 1], records[index]
    report = replace(WHOLE, records=records).verify()
    assert report.kinds() == {Found.REORDERED}


def test_rows_swapped_between_shards() -> None:
    records = list(WHOLE.records)
    here, there = 10, COUNT + 20
    records[here] = replace(WHOLE.records[there], shard=0, seq=11)
    records[there] = replace(WHOLE.records[here], shard=3, seq=21)
    report = replace(WHOLE, records=records).verify()
    assert report.kinds() == {Found.REORDERED}
    assert places(report, Found.REORDERED) == {(0, 11), (3, 21)}


def test_numbers_moved_up_without_a_missing_record() -> None:
    records = WHOLE.records[:10] + renumbered(WHOLE.records[10:], 1)
    report = replace(WHOLE, records=records).verify()
    assert report.kinds() == {Found.REORDERED}
    assert (0, 12) in places(report, Found.REORDERED) or (0, 11) in places(report, Found.REORDERED)


def test_every_record_edited() -> None:
    records = [replace(one, act=one.act.replace("person-", "persona-")) for one in WHOLE.records]
    report = replace(WHOLE, records=records).verify()
    assert report.kinds() == {Found.EDITED}
    assert len(places(report, Found.EDITED)) == 2 * COUNT


def test_long_broken_stretch_is_read_in_pieces() -> None:
    long = kept(2500)
    records = [
        replace(one, act=one.act.replace("person-", "persona-")) if one.seq % 2 else one
        for one in long.records
    ]
    report = replace(long, records=records).verify()
    assert report.kinds() == {Found.EDITED}
    assert len(places(report, Found.EDITED)) == 2500


def test_two_faults_far_apart_are_both_named() -> None:
    records = changed(WHOLE.records, 5, act="{}")
    report = replace(WHOLE, records=records[:30] + records[31:]).verify()
    assert places(report, Found.EDITED) == {(0, 6)}
    assert (0, 31) in places(report, Found.DELETED)


def test_damaged_line_is_an_edited_record() -> None:
    records: list[AuditRecord | Damaged] = [*WHOLE.records]
    records[4] = Damaged(0, 5, "no JSON")
    report = verify(records, keys={KEY.key_id: KEY.public}, heads=WHOLE.heads)
    assert (0, 5) in places(report, Found.EDITED)


def test_case_head_that_differs() -> None:
    heads = WHOLE.case_heads | {"0/case-1": ChainHead(3, bytes(32))}
    report = replace(WHOLE, case_heads=heads).verify()
    assert {finding.case_id for finding in report.findings if finding.is_tampering} == {"0/case-1"}


def test_verifying_from_a_later_start() -> None:
    start = {shard: ChainHead(0, bytes(32)) for shard in (0, 3)}
    records = []
    for record in WHOLE.records:
        if record.seq <= 14:
            start[record.shard] = ChainHead(record.seq, record.hash)
        else:
            records.append(record)
    report = verify(
        records,
        keys={KEY.key_id: KEY.public},
        seals=[made.to_json() for made in WHOLE.seals[2:]],
        heads=WHOLE.heads,
        case_heads=WHOLE.case_heads,
        start=start,
    )
    assert report.is_sound
    cut = verify(records[1:], keys={}, heads=WHOLE.heads, start=start)
    assert (0, 15) in places(cut, Found.DELETED)


def test_report_reads_as_text() -> None:
    report = replace(WHOLE, records=WHOLE.records[:5] + WHOLE.records[6:]).verify()
    text = str(report)
    assert "TAMPERED" in text
    assert "deleted: shard 0, record 6" in text
    assert "sound" in str(WHOLE.verify())
