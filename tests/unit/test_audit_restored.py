"""A restore takes records back: a seal declares it, and every verification tells of it for good."""

import pytest
from msgspec.structs import replace

from models.audit_chain import AuditRecord, ChainHead, chain
from models.findings import FindingKind as Found
from models.seal_walk import OutsideCopy
from models.seals import Seal, foot, make_seal, sealed_range, standing
from tests.unit.audit_samples import KEY, SHARDS, START, Kept, copy_of, entries, kept

#: Twenty records a shard, sealed by sevens. The backup was made after the first seal.
LOST = kept(20)
BACKUP, GIVEN_UP = LOST.seals[:1], LOST.seals[1:]
#: Records of a shard that the backup held, and those that were decided after it was restored.
OLD, NEW = 7, 4


def restored(*, given_up: list[Seal] = GIVEN_UP, set_back_to: int | None = 1) -> Kept:
    """The database after the restore: other records in the place of the lost, one seal more."""
    records: list[AuditRecord] = []
    heads = {}
    for shard in SHARDS:
        old = [one for one in LOST.records if one.shard == shard][:OLD]
        again = [(replace(act, case_id=""), told) for act, told in entries(NEW, cases=1, first=200)]
        chained = chain(again, shard=shard, head=ChainHead(OLD, old[-1].hash), case_heads={})
        records += [*old, *chained.records]
        heads[shard] = chained.head
    seal = make_seal(
        [
            sealed_range(
                shard=shard,
                from_seq=OLD + 1,
                hashes=[one.hash for one in records if one.shard == shard][OLD:],
            )
            for shard in SHARDS
        ],
        previous=[*BACKUP, *given_up][-1],
        key=KEY,
        now=START,
        set_back_to=set_back_to,
    )
    return Kept(
        records=records,
        heads=heads,
        case_heads={
            one.case_id: ChainHead(one.case_seq, one.hash) for one in records if one.case_id
        },
        seals=[*BACKUP, *given_up, seal],
    )


def test_a_declared_restore_is_sound_and_told() -> None:
    after = restored()
    copy = copy_of(after.seals)
    report = replace(after, copies=[copy]).verify()
    assert report.is_sound
    (told,) = report.findings
    assert (told.kind, told.seq, told.to_seq) == (Found.RESTORED, 2, 3)
    assert "restored to seal 1: 26 sealed records were lost" in told.explanation
    assert report.copies[0].agrees_to == 4


def test_what_was_sealed_afterwards_is_held_to() -> None:
    """A later seal is no licence: who changes what was decided again is named."""
    after = restored()
    changed = [
        replace(one, act=one.act.replace("person-", "persona-")) if one.seq > OLD else one
        for one in after.records
    ]
    assert Found.EDITED in replace(after, records=changed).verify().kinds()
    before = [
        replace(one, act=one.act.replace("person-", "persona-")) if one.seq == 3 else one
        for one in after.records
    ]
    assert Found.EDITED in replace(after, records=before).verify().kinds()


def test_without_the_declaration_it_is_tampering() -> None:
    found = restored(set_back_to=None).verify().kinds()
    assert Found.RECOMPUTED in found
    assert Found.SEAL_FORGED in found


def test_seals_of_the_lost_database_may_be_lost_with_it() -> None:
    """Nobody had a copy: the numbers go on from the backup, and the restore is told as well."""
    report = restored(given_up=[]).verify()
    assert report.is_sound
    assert Found.RESTORED in {one.kind for one in report.findings}
    gap = restored(given_up=GIVEN_UP[1:]).verify()
    assert gap.is_sound


def test_a_copy_of_the_lost_seals_agrees_and_a_missing_one_says_nothing() -> None:
    after = restored(given_up=GIVEN_UP[1:])
    digest = OutsideCopy(name="a digest", feet=[foot(GIVEN_UP[0]), foot(GIVEN_UP[1])])
    report = replace(after, copies=[copy_of(LOST.seals), digest]).verify()
    assert report.is_sound
    assert [copy.agrees_to for copy in report.copies] == [3, 3]


def test_a_copy_that_holds_another_seal_there_is_found() -> None:
    other = make_seal([], previous=BACKUP[0], key=KEY, now=START)
    report = replace(restored(), copies=[copy_of([*BACKUP, other])]).verify()
    assert report.kinds() == {Found.SEAL_RECOMPUTED}


def test_no_seal_before_the_one_it_is_set_back_to_may_be_missing() -> None:
    later = restored(set_back_to=2)
    assert (
        Found.SEAL_DELETED
        in replace(later, seals=[later.seals[0], later.seals[3]]).verify().kinds()
    )


@pytest.mark.parametrize("number", [4, 9, -1])
def test_a_seal_cannot_be_set_back_to_one_that_is_not_before_it(number: int) -> None:
    assert Found.SEAL_FORGED in restored(set_back_to=number).verify().kinds()


def test_a_second_restore_may_go_behind_the_first() -> None:
    after = restored()
    again = make_seal([], previous=after.seals[-1], key=KEY, now=START, set_back_to=0)
    assert [one.number for one in standing([*after.seals, again])] == [5]
    within = make_seal([], previous=after.seals[-1], key=KEY, now=START, set_back_to=4)
    assert [one.number for one in standing([*after.seals, within])] == [1, 4, 5]
