"""The chain: what it covers, and that a second, naive writing of it comes to the same."""

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from models.audit_chain import (
    NOTHING,
    Act,
    AuditRecord,
    Circumstance,
    act_bytes,
    acts_digest,
    chain,
    genesis,
    read_act,
    read_circumstance,
    record_hash,
)
from models.canonical import NotCanonical
from models.commitments import commit, text_commitment
from models.hashing import HashNotHere, UnknownHash, hash_named
from tests.unit.audit_samples import START, act, circumstance, entries


def naive_chain(records: list[AuditRecord], name: str) -> list[bytes]:
    """The chain once more, from the page that describes it, with the standard library only."""

    def digest(data: bytes) -> bytes:
        return hashlib.new(name, data).digest()

    def spelled(text: str) -> bytes:
        return json.dumps(
            json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()

    hashes = []
    before = hashlib.sha256(b"partygrid-audit-1:genesis:7").digest()
    of_case: dict[str, bytes] = {}
    for record in records:
        case = json.loads(record.act).get("case_id", "")
        case_before = of_case.get(case, bytes(32)) if case else bytes(32)
        before = digest(
            b"partygrid-audit-1:"
            + name.encode()
            + b"\n"
            + before
            + case_before
            + digest(spelled(record.act))
            + digest(spelled(record.circumstance))
        )
        of_case[case] = before
        hashes.append(before)
    return hashes


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
@given(count=st.integers(1, 30), cases=st.integers(1, 6))
def test_chain_equals_its_naive_writing(algorithm: str, count: int, cases: int) -> None:
    done = chain(
        entries(count, cases=cases),
        shard=7,
        head=genesis(7),
        case_heads={},
        algorithm=algorithm,
    )
    assert [record.hash for record in done.records] == naive_chain(done.records, algorithm)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.integers(1, 19))
def test_no_hash_depends_on_where_a_batch_ends(cases: list[int], cut: int) -> None:
    told = [(act(n, f"case-{case}"), circumstance(n)) for n, case in enumerate(cases)]
    whole = chain(told, shard=1, head=genesis(1), case_heads={})
    first = chain(told[:cut], shard=1, head=genesis(1), case_heads={})
    second = chain(told[cut:], shard=1, head=first.head, case_heads=first.case_heads)
    assert first.records + second.records == whole.records
    assert second.head == whole.head
    assert first.case_heads | second.case_heads == whole.case_heads


def test_numbers_and_links() -> None:
    told = [(act(n, case), circumstance(n)) for n, case in enumerate(["a", "b", "", "a"])]
    records = chain(told, shard=2, head=genesis(2), case_heads={}).records
    assert [record.seq for record in records] == [1, 2, 3, 4]
    assert [record.case_seq for record in records] == [1, 1, 0, 2]
    assert all(after.prev_hash == before.hash for before, after in pairwise(records))
    assert [record.case_prev_hash for record in records] == [
        NOTHING,
        NOTHING,
        NOTHING,
        records[0].hash,
    ]


def test_shards_begin_differently() -> None:
    assert genesis(0) != genesis(1)
    assert genesis(0).seq == 0


OTHERS: dict[type, object] = {str: "another", int: 99, datetime: START + timedelta(days=9)}


def other_value(kind: Any) -> object:
    for known, value in OTHERS.items():
        if kind is known or known in getattr(kind, "__args__", ()):
            return value
    return ("ab",) if "tuple" in str(kind) else {"k": 1}


@pytest.mark.parametrize("field", [f.name for f in fields(Act)])
def test_every_field_of_an_act_is_covered(field: str) -> None:
    kind = next(f.type for f in fields(Act) if f.name == field)
    one, other = act(1, "a"), replace(act(1, "a"), **{field: other_value(kind)})
    assert act_bytes(one) != act_bytes(other)
    hashes = {
        chain([(said, circumstance(1))], shard=1, head=genesis(1), case_heads={}).head.hash
        for said in (one, other)
    }
    assert len(hashes) == 2


@pytest.mark.parametrize("field", [f.name for f in fields(Circumstance)])
def test_every_field_of_a_circumstance_is_covered_and_none_reaches_the_act(field: str) -> None:
    kind = next(f.type for f in fields(Circumstance) if f.name == field)
    told = [circumstance(1), replace(circumstance(1), **{field: other_value(kind)})]
    records = [
        chain([(act(1, "a"), one)], shard=1, head=genesis(1), case_heads={}).records[0]
        for one in told
    ]
    assert records[0].hash != records[1].hash
    assert records[0].act == records[1].act


@pytest.mark.parametrize("kind", [Act, Circumstance])
def test_only_defaults_that_are_always_the_same_object(kind: type[Act | Circumstance]) -> None:
    defaults = [f.default for f in fields(kind) if not f.required and f.default is not None]
    assert all(value in ("", ()) or str(value) == "NODEFAULT" for value in defaults)


def test_acts_of_two_runs_compare_although_circumstances_differ() -> None:
    runs = []
    for engine in ("engine-1", "engine-9"):
        told = [(act(n, "a"), replace(circumstance(n), engine=engine)) for n in range(5)]
        runs.append(chain(told, shard=1, head=genesis(1), case_heads={}).records)
    assert runs[0][-1].hash != runs[1][-1].hash
    assert acts_digest(r.act for r in runs[0]) == acts_digest(r.act for r in runs[1])
    assert acts_digest(r.act for r in runs[0]) != acts_digest(r.act for r in runs[0][1:])


def test_same_moment_in_another_zone_is_the_same_act() -> None:
    here = timezone(timedelta(hours=8))
    one = act(1, occurred_at=START)
    other = replace(
        one, decided_at=one.decided_at.astimezone(here), occurred_at=START.astimezone(here)
    )
    assert act_bytes(one) == act_bytes(other)
    assert read_act(act_bytes(other)).decided_at.tzinfo is UTC


REFUSED: dict[str, dict[str, object]] = {
    "fraction": {"detail": {"share": 0.5}},
    "key beyond ASCII": {"detail": {"期限": 1}},
    "time without a zone": {"decided_at": datetime(2026, 1, 1)},  # noqa: DTZ001
}


@pytest.mark.parametrize("wrong", REFUSED.values(), ids=REFUSED)
def test_acts_that_cannot_be_hashed_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(NotCanonical):
        chain(
            [(replace(act(1), **wrong), circumstance(1))], shard=1, head=genesis(1), case_heads={}
        )


def test_both_halves_read_back() -> None:
    record = chain(
        [(act(4, "a"), circumstance(4))], shard=1, head=genesis(1), case_heads={}
    ).records[0]
    assert read_act(record.act) == act(4, "a")
    assert read_circumstance(record.circumstance) == circumstance(4)
    assert record_hash(record) == record.hash


def test_unknown_hash_is_refused() -> None:
    with pytest.raises(UnknownHash):
        chain([(act(1), circumstance(1))], shard=1, head=genesis(1), case_heads={}, algorithm="md5")


def test_missing_sm3_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashlib, "algorithms_available", {"sha256"})
    with pytest.raises(HashNotHere, match="OpenSSL"):
        hash_named("sm3")


def test_chaining_keeps_up_with_thousands_of_records_a_second() -> None:
    told = list(entries(2_000, cases=200))
    spent = min(_seconds(told) for _ in range(5))
    # Measured about 5 µs a record; the bound leaves room for a busy machine.
    assert spent / len(told) < 50e-6


def _seconds(told: list[tuple[Act, Circumstance]]) -> float:
    began = time.process_time()
    chain(told, shard=1, head=genesis(1), case_heads={})
    return time.process_time() - began


def test_commitment_depends_on_everything_but_reveals_nothing() -> None:
    place = {"source": "app/a", "event_id": "1", "field": "reason", "text": "请尽快处理"}
    own = text_commitment(b"k" * 32, **place)
    assert own == text_commitment(b"k" * 32, **place)
    assert "处理" not in own
    assert len(own) == 64
    others = [text_commitment(b"j" * 32, **place)]
    others += [text_commitment(b"k" * 32, **(place | {name: "x"})) for name in place]
    assert len({own, *others}) == 6


def test_parts_of_a_place_cannot_run_together() -> None:
    one = text_commitment(b"k", source="a", event_id="bc", field="f", text="t")
    other = text_commitment(b"k", source="ab", event_id="c", field="f", text="t")
    assert one != other


def test_commitment_can_be_checked_with_its_salt() -> None:
    assert commit(b"salt", "text") == commit(b"salt", "text") != commit(b"salt2", "text")
