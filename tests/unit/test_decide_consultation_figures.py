"""Quorum and passing at their exact boundaries, against fractions computed another way."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contract.consultation import ConsultationConcluded, ConsultationOutcome
from flows.decide.consultation_figures import Figures, impossible, passing_check, quorum_check
from models.policy.consultation import Base, Threshold
from tests.unit.consulting import WATCHER, council, tally
from tests.unit.packs import default_pack

SIZES = range(1, 61)


def enough(op: str, share: Fraction, count: int, of: int) -> bool:
    if of == 0:
        return False
    return Fraction(count, of) > share if op == ">" else Fraction(count, of) >= share


#: From domain.md section 4: quorum of the eligible, passing of the base named.
RULES = {
    "council": ((">=", Fraction(1, 2), Base.ELIGIBLE), (">", Fraction(1, 2), Base.PRESENT)),
    "representatives": ((">=", Fraction(2, 3), Base.ELIGIBLE), (">", Fraction(1, 2), Base.PRESENT)),
    "villagers": ((">", Fraction(1, 2), Base.ELIGIBLE), (">", Fraction(1, 2), Base.PRESENT)),
    "party_members": ((">=", Fraction(2, 3), Base.ELIGIBLE), (">", Fraction(1, 2), Base.ELIGIBLE)),
    "collective_assembly": ((">=", Fraction(2, 3), Base.ALL), (">=", Fraction(2, 3), Base.ALL)),
    "collective_representatives": (
        (">=", Fraction(2, 3), Base.ALL),
        (">=", Fraction(2, 3), Base.ALL),
    ),
}


@pytest.mark.parametrize("key", RULES)
def test_every_body_of_up_to_sixty_at_every_count(key: str) -> None:
    body = default_pack().consultation.body(key)
    (q_op, q_share, _), (p_op, p_share, base) = RULES[key]
    for size in SIZES:
        for present in range(size + 1):
            full = Figures(size, present, present, 0, 0, size)
            quorum = quorum_check(full, body.quorums[0].share)
            assert quorum is not None
            assert quorum.met is enough(q_op, q_share, present, size)
            for in_favour in range(present + 1):
                figures = Figures(size, present, in_favour, 0, 0, size)
                passing = passing_check(figures, body.passing)
                assert passing is not None
                of = present if base is Base.PRESENT else size
                assert passing.met is enough(p_op, p_share, in_favour, of)


@pytest.mark.parametrize(
    ("op", "num", "den", "of", "first"),
    [
        pytest.param(">", 1, 2, 10, 6, id="over half of ten is six"),
        pytest.param(">", 1, 2, 11, 6, id="over half of eleven is six"),
        pytest.param(">=", 1, 2, 10, 5, id="half of ten is five"),
        pytest.param(">=", 1, 2, 11, 6, id="half of eleven is six"),
        pytest.param(">=", 2, 3, 9, 6, id="two thirds of nine is six"),
        pytest.param(">=", 2, 3, 10, 7, id="two thirds of ten is seven"),
        pytest.param(">", 2, 3, 9, 7, id="over two thirds of nine is seven"),
        pytest.param(">=", 2, 3, 1, 1, id="two thirds of one is one"),
        pytest.param(">", 1, 2, 1, 1, id="over half of one is one"),
        pytest.param(">", 1, 2, 2, 2, id="over half of two is both"),
    ],
)
def test_the_first_count_that_is_enough(op: str, num: int, den: int, of: int, first: int) -> None:
    share = Threshold.model_validate({"base": "eligible", "op": op, "num": num, "den": den})
    assert [share.met(count, of) for count in range(of + 1)] == [n >= first for n in range(of + 1)]


def test_out_of_nobody_nothing_is_enough() -> None:
    share = Threshold(base=Base.ELIGIBLE, op=">=", num=0, den=1)
    assert not share.met(0, 0)


def test_struck_members_count_among_all_and_not_among_the_eligible() -> None:
    figures = Figures(eligible=6, present=6, in_favour=6, against=0, abstained=0, members=10)
    of_all = Threshold(base=Base.ALL, op=">=", num=2, den=3)
    of_eligible = Threshold(base=Base.ELIGIBLE, op=">=", num=2, den=3)
    met_all, met_eligible = passing_check(figures, of_all), passing_check(figures, of_eligible)
    assert met_all is not None
    assert met_eligible is not None
    assert (met_all.met, met_eligible.met) == (False, True)
    assert met_all.detail == {
        "threshold": "passing",
        "base": "all",
        "count": 6,
        "of": 10,
        "op": ">=",
        "share": "2/3",
    }


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        pytest.param((9, 9, 5, 3, 1, 9), None, id="all came and voted"),
        pytest.param((9, 0, 0, 0, 0, 9), None, id="nobody came"),
        pytest.param((9, 8, 0, 0, 0, 9), None, id="no vote was taken"),
        pytest.param((9, 10, 0, 0, 0, 9), "present_above_eligible", id="more came than could"),
        pytest.param((9, 8, 5, 3, 1, 9), "votes_above_present", id="more voted than came"),
        pytest.param((9, 8, 5, 3, 0, 8), "eligible_above_members", id="more eligible than all"),
    ],
)
def test_sheets_that_cannot_be(figures: tuple[int, ...], reason: str | None) -> None:
    refusal = impossible(Figures(*figures))
    assert (refusal.code if refusal else None) == reason


@given(
    size=st.integers(1, 60),
    figures=st.tuples(*(st.integers(0, 61) for _ in range(4))),
    outcome=st.sampled_from([ConsultationOutcome.AGREED, ConsultationOutcome.NO_AGREEMENT]),
)
def test_the_council_says_what_its_figures_say(
    size: int, figures: tuple[int, int, int, int], outcome: ConsultationOutcome
) -> None:
    present, in_favour, against, abstained = figures
    voted = in_favour + against + abstained
    talk = council(size)
    if present > size or voted > present:
        from_sheet = "present_above_eligible" if present > size else "votes_above_present"
        assert talk.refused(tally(size, *figures), WATCHER) == from_sheet
        return
    talk.counted(size, *figures)
    quorate = enough(">=", Fraction(1, 2), present, size)
    passed = enough(">", Fraction(1, 2), in_favour, present)
    said = ConsultationConcluded(outcome=outcome)
    if not quorate:
        assert talk.refused(said) == "quorum_missed"
    elif outcome is ConsultationOutcome.AGREED and not passed and voted:
        assert talk.refused(said) == "vote_failed"
    elif outcome is ConsultationOutcome.NO_AGREEMENT and passed:
        assert talk.refused(said) == "vote_passed"
    else:
        talk.done(said)
        assert talk.talk.outcome == outcome
