"""The digest's figures, computed a second way over the same rows."""

from collections.abc import Sequence

import pytest

from flows.digest_figures import STEP_OF_STATE, daily_figures
from models.case import Case
from models.case_store import save_cases
from models.policy.load import default_pack_folder, load_policy
from models.policy.work import Satisfaction
from models.values import SETTLED_STATES, CaseState, Mark
from notifications.daily import Figure
from partygrid import bootstrap
from tests.integration import digest_rows
from tests.integration.digest_rows import HERE, SINCE, UNTIL, drawn

# Not the default's: "basically satisfied" counts less, so that nobody can mistake it for a whole.
VALUES = {
    Satisfaction.SATISFIED: 1.0,
    Satisfaction.BASICALLY_SATISFIED: 0.6,
    Satisfaction.DISSATISFIED: 0.0,
}
Told = tuple[float | None, float | None, float | None]


def figures(database_url: str, cases: Sequence[Case], *townships: str) -> dict[str, Figure]:
    """Store the cases and read the figures of the townships."""
    with bootstrap.connected(database_url) as connection, connection.cursor() as cursor:
        save_cases(cursor, [(None, case) for case in cases], shard=0, heads={})
        connection.commit()
        return daily_figures(
            cursor, townships=townships or (HERE,), since=SINCE, until=UNTIL, values=VALUES
        )


def told(figure: Figure) -> Told:
    return figure.value, figure.numerator, figure.denominator


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_second_way_of_counting_finds_the_same(database_url: str, seed: int) -> None:
    cases = drawn(seed, 700)
    found = {name: told(one) for name, one in figures(database_url, cases).items()}
    wanted = digest_rows.counted(cases, {str(key): value for key, value in VALUES.items()})
    assert found.keys() == wanted.keys()
    assert {name: pytest.approx(one) for name, one in wanted.items()} == found
    assert all(one[1] for one in wanted.values()), "every figure has something to count"


def test_nothing_to_divide_by_is_no_value(database_url: str) -> None:
    found = figures(database_url, [])
    rates = {name: told(one) for name, one in found.items() if one.unit == "share"}
    assert rates == dict.fromkeys(("on_time", "satisfaction", "coverage"), (None, 0, 0))
    assert {one.value for one in found.values() if one.unit == "count"} == {0}


def test_marked_cases_and_other_townships_change_no_figure(database_url: str) -> None:
    cases = drawn(4, 300)
    kept = [case for case in cases if case.mark is Mark.NONE and case.township == HERE]
    assert len(kept) < len(cases)
    assert figures(database_url, cases) == figures(database_url, kept)


def test_every_open_state_belongs_to_a_step() -> None:
    open_states = set(CaseState) - SETTLED_STATES - {CaseState.STUB}
    assert set(STEP_OF_STATE) == open_states


def test_the_values_of_answers_come_from_the_policy() -> None:
    assert set(load_policy(default_pack_folder()).feedback.values) == set(VALUES)
