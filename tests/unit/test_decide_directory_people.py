"""People, roles, duty rosters and app keys in the directory."""

import base64
from datetime import timedelta

import pytest

from events.contract.directory import (
    AppKeySet,
    DutyRosterSet,
    PersonSet,
    RoleSet,
    Shift,
)
from models.values import Fate
from tests.unit.assigning import NOW
from tests.unit.registry import (
    COUNTY,
    DAY,
    GRID,
    KEY,
    TOWNSHIP,
    VILLAGE,
    Registry,
    small_county,
)


@pytest.fixture
def registry() -> Registry:
    return Registry(small_county())


# --- people and roles ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"party_status": "great"}, "unknown_party_status", id="party status"),
        pytest.param({"skills": ("magic",)}, "unknown_skill", id="skill"),
        pytest.param({"grid": f"{VILLAGE}777"}, "unknown_territory", id="home grid"),
        pytest.param({"grid": f"{GRID}07"}, "ok", id="a micro-grid of a grid that is there"),
        pytest.param({"responsibility_area": (TOWNSHIP,)}, "unknown_territory", id="a township"),
        pytest.param({"responsibility_area": (VILLAGE, GRID)}, "ok", id="village and grid"),
        pytest.param({"contact_households": -1}, "negative_count", id="fewer than none"),
        pytest.param({"valid_to": NOW - DAY}, "dates_reversed", id="dates"),
    ],
)
def test_a_person(registry: Registry, fields: dict[str, object], reason: str) -> None:
    values: dict[str, object] = {"person": "p-x", "grid": GRID, "valid_from": NOW, **fields}
    assert registry.say(PersonSet(**values)).reason == reason  # type: ignore[arg-type]


def role(name: str, org: str, **fields: object) -> RoleSet:
    values: dict[str, object] = {
        "person": "p-new",
        "role": name,
        "org": org,
        "valid_from": NOW,
        **fields,
    }
    return RoleSet(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(role("checker", TOWNSHIP), "ok", id="a checker at the township"),
        pytest.param(role("wizard", TOWNSHIP), "unknown_role", id="no such role"),
        pytest.param(role("system", COUNTY), "role_not_held_there", id="the engine's"),
        pytest.param(role("checker", GRID), "role_not_held_there", id="not at a grid"),
        pytest.param(role("checker", "ghost"), "unknown_organisation", id="nowhere"),
        pytest.param(role("checker", TOWNSHIP, person="p-ghost"), "unknown_person", id="nobody"),
        pytest.param(
            role("checker", TOWNSHIP, valid_to=NOW - DAY), "dates_reversed", id="reversed"
        ),
    ],
)
def test_a_role(registry: Registry, data: RoleSet, reason: str) -> None:
    assert registry.say(data).reason == reason


@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [
        pytest.param(0, None, "incompatible_roles", id="at the same time"),
        pytest.param(-5, 5, "incompatible_roles", id="overlapping"),
        pytest.param(10, None, "ok", id="after it ended"),
        pytest.param(-5, 0, "ok", id="before it began"),
    ],
)
def test_roles_that_exclude_each_other(
    registry: Registry, begins: int, ends: int | None, reason: str
) -> None:
    registry.say(role("auditor", COUNTY, valid_to=NOW + 10 * DAY))
    data = role(
        "operator",
        COUNTY,
        valid_from=NOW + begins * DAY,
        valid_to=None if ends is None else NOW + ends * DAY,
    )
    assert registry.say(data).reason == reason


def test_a_role_is_ended_by_its_own_beginning(registry: Registry) -> None:
    registry.say(role("checker", TOWNSHIP))
    again = role("checker", TOWNSHIP, valid_from=NOW + DAY, valid_to=NOW + 2 * DAY)
    assert registry.say(again).reason == "role_held_already"
    registry.say(role("checker", TOWNSHIP, valid_to=NOW + DAY))
    assert registry.directory.holds("p-new", "checker", TOWNSHIP, NOW)
    assert not registry.directory.holds("p-new", "checker", TOWNSHIP, NOW + DAY)
    assert registry.say(again).fate is Fate.APPLIED


# --- duty ---------------------------------------------------------------------------------------


def shift(person: str, begins: int, ends: int) -> Shift:
    """Hours after now."""
    return Shift(
        person=person,
        starts_at=NOW + timedelta(hours=begins),
        ends_at=NOW + timedelta(hours=ends),
    )


def roster(*shifts: Shift, role: str = "duty_leader", org: str = TOWNSHIP) -> DutyRosterSet:
    return DutyRosterSet(org=org, role=role, shifts=shifts)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(roster(shift("p-new", 0, 8)), "ok", id="a shift"),
        pytest.param(roster(), "no_shifts", id="empty"),
        pytest.param(roster(shift("p-new", 8, 8)), "dates_reversed", id="no length"),
        pytest.param(roster(shift("p-ghost", 0, 8)), "unknown_person", id="nobody"),
        pytest.param(
            roster(shift("p-new", 0, 8), shift("p-new", 7, 9)), "shift_overlaps", id="twice at once"
        ),
        pytest.param(
            roster(shift("p-new", 0, 8), shift("p-new", 8, 9)), "ok", id="one after another"
        ),
        pytest.param(
            roster(shift("p-new", 0, 8), shift("p-town-admin", 0, 8)), "ok", id="two on duty"
        ),
        pytest.param(
            roster(shift("p-new", 0, 8), role="checker"), "role_not_held_there", id="no duty role"
        ),
        pytest.param(
            roster(shift("p-new", 0, 8), org=VILLAGE), "role_not_held_there", id="at a village"
        ),
        pytest.param(roster(shift("p-new", 0, 8), org="x"), "unknown_organisation", id="nowhere"),
    ],
)
def test_a_roster(registry: Registry, data: DutyRosterSet, reason: str) -> None:
    assert registry.say(data).reason == reason


def on_duty(registry: Registry, hour: int) -> set[str]:
    at = NOW + timedelta(hours=hour)
    spells = registry.directory.duty_spells(TOWNSHIP, "duty_supervisor")
    return {duty.person for duty in spells if duty.holds(at)}


def test_a_later_roster_takes_the_place_of_what_it_overlaps(registry: Registry) -> None:
    registry.say(roster(shift("p-new", 0, 24), role="duty_supervisor"))
    registry.say(roster(shift("p-town-admin", 8, 16), role="duty_supervisor"))
    assert [on_duty(registry, hour) for hour in (0, 7, 8, 15, 16, 23, 24)] == [
        {"p-new"},
        {"p-new"},
        {"p-town-admin"},
        {"p-town-admin"},
        {"p-new"},
        {"p-new"},
        set(),
    ]


def test_a_shift_is_corrected_by_its_own_beginning(registry: Registry) -> None:
    registry.say(roster(shift("p-new", 0, 24), role="duty_supervisor"))
    registry.say(roster(shift("p-new", 0, 8), role="duty_supervisor"))
    assert on_duty(registry, 7) == {"p-new"}
    assert on_duty(registry, 8) == set()


def test_a_shift_wholly_covered_is_gone(registry: Registry) -> None:
    registry.say(roster(shift("p-new", 4, 8), role="duty_supervisor"))
    registry.say(roster(shift("p-town-admin", 0, 24), role="duty_supervisor"))
    assert on_duty(registry, 5) == {"p-town-admin"}


# --- apps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({}, "ok", id="a key"),
        pytest.param({"event_types": ("*",)}, "ok", id="everything"),
        pytest.param({"public_key": "not base64!"}, "bad_public_key", id="no base64"),
        pytest.param({"public_key": KEY[:-4]}, "bad_public_key", id="too short"),
        pytest.param(
            {"public_key": base64.b64encode(bytes(33)).decode()}, "bad_public_key", id="too long"
        ),
        pytest.param({"territories": ()}, "app_without_reach", id="nowhere"),
        pytest.param({"event_types": ()}, "app_without_reach", id="nothing"),
        pytest.param({"territories": ("3302",)}, "outside_scope", id="more than the county"),
        pytest.param({"territories": (f"{COUNTY}1",)}, "code_shape", id="seven digits"),
        pytest.param({"event_types": ("grid.wish.*",)}, "unknown_event_type", id="no such type"),
        pytest.param(
            {"event_types": ("grid.assignment.recommended",)},
            "unknown_event_type",
            id="the engine's own type",
        ),
        pytest.param({"valid_to": NOW}, "dates_reversed", id="dates"),
    ],
)
def test_an_app(registry: Registry, fields: dict[str, object], reason: str) -> None:
    values: dict[str, object] = {
        "source": "app/x",
        "name": "x",
        "public_key": KEY,
        "territories": (TOWNSHIP,),
        "event_types": ("grid.report.*",),
        "valid_from": NOW,
        **fields,
    }
    assert registry.say(AppKeySet(**values)).reason == reason  # type: ignore[arg-type]
