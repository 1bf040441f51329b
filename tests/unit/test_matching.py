"""Who fits, why, and the joint choice of a round: tables, a brute-force oracle, shuffled inputs."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from events.contract.assignment import AssigneeKind
from flows.decide.decision import OpenWork
from flows.decide.matching import (
    FULL,
    Member,
    handlers_needed,
    members,
    reasons,
    why_unfit,
)
from flows.decide.matching_round import choose, match_round
from models.case import Case
from models.directory import Person
from models.handling import Assignment, AssignmentState
from models.policy.work import MatchFilter
from models.values import Mark
from tests import world
from tests.unit.assigning import (
    DIRECTORY,
    GRID,
    LAMP,
    NOW,
    POLICY,
    QUARREL,
    TOWNSHIP,
    VILLAGE,
    registered,
)

SINCE = datetime(2024, 1, 1, tzinfo=UTC)
IDLE = OpenWork(open_tasks=0, recent_tasks=0, last_offered_at=None)
WAITING = Assignment(id="a", state=AssignmentState.WAITING, org=VILLAGE, requested_at=NOW)


def somebody(name: str = "p", *, desk: OpenWork | None = IDLE, **fields: object) -> Member:
    values: dict[str, object] = {"id": name, "grid": GRID, "valid_from": SINCE, **fields}
    return Member(
        person=Person(**values),  # type: ignore[arg-type]
        kind=AssigneeKind.PARTY_MEMBER,
        orgs=frozenset({world.branch_of(GRID)}),
        work=desk,
    )


def waiting(category: str = LAMP, *, name: str = "one", **fields: object) -> Case:
    return replace(registered(category, name=name, **fields), assignment=WAITING)  # type: ignore[arg-type]


# --- hard conditions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "case", "work", "failed"),
    [
        pytest.param(somebody(), waiting(), {}, None, id="fits"),
        pytest.param(
            somebody(availability="away"), waiting(), {}, MatchFilter.AVAILABLE, id="away"
        ),
        pytest.param(
            somebody(availability="not_available"),
            waiting(),
            {},
            MatchFilter.AVAILABLE,
            id="not available, and nobody asks why",
        ),
        pytest.param(somebody(), waiting("07-02"), {}, MatchFilter.NOT_ENFORCEMENT, id="enforcing"),
        pytest.param(
            somebody(), waiting(), {"kept_out": ("p",)}, MatchFilter.NOT_SUBJECT, id="about them"
        ),
        pytest.param(
            somebody(), waiting(), {"recused": ("p",)}, MatchFilter.NOT_RECUSED, id="recused"
        ),
        pytest.param(
            somebody(desk=replace(IDLE, open_tasks=3)),
            waiting(),
            {},
            MatchFilter.BELOW_CAP,
            id="three open tasks",
        ),
        pytest.param(
            somebody(desk=replace(IDLE, open_tasks=2)), waiting(), {}, None, id="two open tasks"
        ),
        pytest.param(
            somebody(desk=None), waiting(), {}, None, id="by hand: how much they have is not known"
        ),
        pytest.param(
            somebody(),
            waiting(mark=Mark.CONFIDENTIAL),
            {},
            MatchFilter.IN_CIRCLE,
            id="outside the circle",
        ),
        pytest.param(
            somebody(),
            waiting(mark=Mark.CONFIDENTIAL, circle=(world.branch_of(GRID),)),
            {},
            None,
            id="in the circle",
        ),
        pytest.param(
            somebody(), waiting(), {"declined": ("p",)}, MatchFilter.NOT_DECLINED, id="said no"
        ),
    ],
)
def test_hard_condition(
    member: Member, case: Case, work: dict[str, tuple[str, ...]], failed: MatchFilter | None
) -> None:
    assert why_unfit(case, replace(WAITING, **work), member, POLICY) is failed


def test_the_round_tells_how_many_were_left_out_and_why() -> None:
    pool = [
        somebody("a", availability="away"),
        somebody("b", desk=replace(IDLE, open_tasks=3)),
        somebody("c", availability="away", desk=replace(IDLE, open_tasks=3)),
        somebody("d"),
    ]
    found = match_round([waiting()], pool, policy=POLICY)["case-one"]
    assert found.left_out == {"available": 2, "below_cap": 1}
    assert [candidate.assignee for candidate in found.candidates] == ["d"]


def test_nobody_is_recommended_for_enforcement() -> None:
    found = match_round([waiting("07-02")], [somebody("a"), somebody("b")], policy=POLICY)
    assert found["case-one"].candidates == ()
    assert found["case-one"].left_out == {"not_enforcement": 2}


def test_the_pool_is_the_townships_people_whose_role_may_be_recommended() -> None:
    pool = members(DIRECTORY, TOWNSHIP, {}, policy=POLICY, on=NOW)
    ids = {member.person.id for member in pool}
    assert "p-m1-" + GRID in ids
    assert world.person("grid_member", GRID) in ids
    assert world.person("grid_head", GRID) not in ids
    assert all(member.person.grid[:9] == TOWNSHIP for member in pool)


# --- score --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "case", "reason", "points"),
    [
        pytest.param(somebody(), waiting(LAMP), "skill", 0, id="no electrician"),
        pytest.param(
            somebody(skills=("electrician",)), waiting(LAMP), "skill", 3000, id="an electrician"
        ),
        pytest.param(somebody(), waiting("06-01"), "skill", 3000, id="no skill is asked for"),
        pytest.param(
            somebody(skills=("mediation",)), waiting("01-03"), "skill", 1500, id="one skill of two"
        ),
        pytest.param(somebody(), waiting(), "proximity", 2000, id="the very grid"),
        pytest.param(
            somebody(grid=GRID + "01"), waiting(), "proximity", 1500, id="a micro-grid of it"
        ),
        pytest.param(
            somebody(grid=GRID + "01", contact_households=8),
            waiting(),
            "proximity",
            2000,
            id="contact households in it",
        ),
        pytest.param(
            somebody(grid=world.GRIDS[1]), waiting(), "proximity", 1000, id="same village"
        ),
        pytest.param(
            somebody(grid=world.GRIDS[2]), waiting(), "proximity", 500, id="same township"
        ),
        pytest.param(somebody(grid=world.GRIDS[4]), waiting(), "proximity", 0, id="elsewhere"),
        pytest.param(
            somebody(desk=replace(IDLE, open_tasks=1)), waiting(), "free_load", 1333, id="one task"
        ),
        pytest.param(
            somebody(responsibility_area=(GRID,)), waiting(), "area", 1500, id="responsible"
        ),
        pytest.param(
            somebody(responsibility_area=(VILLAGE,)), waiting(), "area", 1500, id="for the village"
        ),
        pytest.param(
            somebody(responsibility_area=(world.GRIDS[1],)), waiting(), "area", 0, id="next door"
        ),
        pytest.param(
            somebody(desk=replace(IDLE, recent_tasks=2)),
            waiting(),
            "fairness",
            500,
            id="two lately",
        ),
    ],
)
def test_what_a_reason_is_worth(member: Member, case: Case, reason: str, points: int) -> None:
    assert reasons(case, member, POLICY)[reason] == points


def test_half_the_nearness_at_policys_distance() -> None:
    member = somebody(grid=world.GRIDS[1])
    north = POLICY.matching.half_distance / 111_320
    near = Member(
        person=member.person, kind=member.kind, orgs=member.orgs, work=IDLE, home=(120.0, 30.0)
    )
    case = waiting(lon=120.0, lat=30.0 + north)
    assert reasons(case, near, POLICY)["proximity"] == 1000


@given(
    open_tasks=st.integers(0, 5),
    recent=st.integers(0, 50),
    skills=st.sets(st.sampled_from(["electrician", "mediation", "law"])),
    grid=st.sampled_from(world.GRIDS),
)
def test_a_score_is_the_sum_of_its_reasons_and_never_above_the_whole(
    open_tasks: int, recent: int, skills: set[str], grid: str
) -> None:
    desk = OpenWork(open_tasks=open_tasks, recent_tasks=recent, last_offered_at=None)
    found = reasons(waiting(), somebody(desk=desk, skills=tuple(skills), grid=grid), POLICY)
    assert set(found) == {"skill", "proximity", "free_load", "area", "fairness"}
    assert all(points >= 0 for points in found.values())
    assert 0 <= sum(found.values()) <= FULL


# --- ties ---------------------------------------------------------------------------------------


def test_ties_fall_to_who_was_asked_longest_ago_then_to_the_id() -> None:
    asked = [None, NOW - timedelta(days=9), NOW - timedelta(days=2)]
    pool = [
        somebody("c", desk=replace(IDLE, last_offered_at=asked[0])),
        somebody("a", desk=replace(IDLE, last_offered_at=asked[2])),
        somebody("b", desk=replace(IDLE, last_offered_at=asked[1])),
        somebody("d", desk=replace(IDLE, last_offered_at=asked[0])),
    ]
    found = match_round([waiting()], pool, policy=POLICY)["case-one"]
    assert [candidate.assignee for candidate in found.candidates] == ["c", "d", "b", "a"]


# --- the joint choice ---------------------------------------------------------------------------

SCORES = st.dictionaries(st.integers(0, 4), st.integers(0, FULL), max_size=5)
#: Few different scores make many ties.
TIED = st.dictionaries(st.integers(0, 4), st.sampled_from([0, 5000, FULL]), max_size=5)


def worth(picked: list[int | None], scores: list[dict[int, int]]) -> tuple[int, int, int]:
    """How many tasks get somebody, the sum of scores, and of places in the order of ties."""
    pairs = [(row, person) for row, person in enumerate(picked) if person is not None]
    return (
        len(pairs),
        sum(scores[row][person] for row, person in pairs),
        -sum(person for _, person in pairs),
    )


def best_by_trying_all(scores: list[dict[int, int]]) -> tuple[int, int, int]:
    options = [[None, *sorted(row)] for row in scores]
    found = (0, 0, 0)
    for picked in product(*options):
        persons = [person for person in picked if person is not None]
        if len(persons) == len(set(persons)):
            found = max(found, worth(list(picked), scores))
    return found


@given(st.lists(st.one_of(SCORES, TIED), max_size=5))
@settings(max_examples=200, deadline=None)
def test_the_joint_choice_is_the_best_there_is(scores: list[dict[int, int]]) -> None:
    picked = choose(scores)
    persons = [person for person in picked if person is not None]
    assert len(persons) == len(set(persons))
    assert all(person is None or person in scores[row] for row, person in enumerate(picked))
    assert worth(picked, scores) == best_by_trying_all(scores)


def test_the_joint_choice_gives_up_a_first_choice_for_the_whole() -> None:
    # one alone would take the first person for both tasks
    assert choose([{0: 9000, 1: 8000}, {0: 8500}]) == [1, 0]


@given(
    st.permutations(range(6)),
    st.permutations(range(4)),
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
    st.lists(st.sampled_from([None, 1, 5]), min_size=6, max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_no_outcome_hangs_on_the_order_of_inputs(
    people: list[int], tasks: list[int], load: list[int], idle: list[int | None]
) -> None:
    pool = [
        somebody(
            f"p{n}",
            grid=world.GRIDS[n % 3],
            desk=OpenWork(
                open_tasks=load[n],
                recent_tasks=load[n],
                last_offered_at=None if days is None else NOW - timedelta(days=days),
            ),
        )
        for n, days in enumerate(idle)
    ]
    cases = [waiting([LAMP, QUARREL, "06-01", "10-06"][n], name=f"c{n}") for n in range(4)]
    one = match_round(cases, pool, policy=POLICY)
    other = match_round([cases[n] for n in tasks], [pool[n] for n in people], policy=POLICY)
    assert one == other


def test_each_person_is_first_choice_once_and_disputes_get_two() -> None:
    pool = [somebody(f"p{n}") for n in range(4)]
    cases = [waiting(QUARREL, name="quarrel"), waiting(name="lamp"), waiting(name="road")]
    found = match_round(cases, pool, policy=POLICY)
    assert handlers_needed(cases[0], POLICY) == 2
    pair = [candidate.assignee for candidate in found["case-quarrel"].candidates[:2]]
    first = [found[f"case-{name}"].candidates[0].assignee for name in ("lamp", "road")]
    assert len({*pair, *first}) == 4


def test_urgent_tasks_get_somebody_before_all_others() -> None:
    pool = [somebody("only")]
    cases = [waiting(name="a"), waiting("10-06", name="z")]
    found = match_round(cases, pool, policy=POLICY)
    assert found["case-z"].candidates[0].assignee == "only"
    # nobody is left, yet the other's list shows who fits: the secretary decides
    assert [candidate.assignee for candidate in found["case-a"].candidates] == ["only"]


def test_no_more_are_shown_than_policy_says() -> None:
    pool = [somebody(f"p{n}") for n in range(20)]
    found = match_round([waiting()], pool, policy=POLICY)["case-one"]
    assert len(found.candidates) == POLICY.matching.shown


def test_a_long_list_is_solved_in_parts_without_asking_anybody_twice() -> None:
    pool = [somebody(f"p{n:03}") for n in range(180)]
    cases = [waiting(name=f"{n:03}") for n in range(170)]
    found = match_round(cases, pool, policy=POLICY)
    first = [found[case.id].candidates[0].assignee for case in cases]
    assert len(set(first)) == 170


def test_quarrels_are_two_peoples_work() -> None:
    assert handlers_needed(waiting(LAMP), POLICY) == 1
    assert handlers_needed(waiting(LAMP, disputed=True), POLICY) == 2
