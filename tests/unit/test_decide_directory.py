"""Organisations in the directory, and who may change what, where."""

import pytest
from msgspec.structs import replace

from events.contract.directory import (
    AppKeySet,
    Availability,
    GridKind,
    OrgSet,
    PersonSet,
    RoleSet,
)
from events.contract.envelope import Acting, Payload
from models.directory import Directory
from models.policy.people import OrgKind, Role
from models.values import Fate
from tests import world
from tests.unit.assigning import NOW
from tests.unit.registry import (
    ADMIN,
    COUNTY,
    DAY,
    ENGINE,
    GRID,
    KEY,
    OTHER_TOWNSHIP,
    SECRETARY,
    SINCE,
    TOWN_ADMIN,
    TOWNSHIP,
    VILLAGE,
    Registry,
    small_county,
)


@pytest.fixture
def registry() -> Registry:
    return Registry(small_county())


def grid(**fields: object) -> OrgSet:
    values: dict[str, object] = {
        "org": f"{VILLAGE}009",
        "kind": OrgKind.GRID,
        "name": "第九网格",
        "parent": VILLAGE,
        "code": f"{VILLAGE}009",
        "grid_kind": GridKind.COMPREHENSIVE,
        "households": 300,
        "valid_from": NOW,
        **fields,
    }
    return OrgSet(**values)  # type: ignore[arg-type]


def branch(**fields: object) -> OrgSet:
    values: dict[str, object] = {
        "org": "b-new",
        "kind": OrgKind.GRID_BRANCH,
        "name": "支部",
        "parent": GRID,
        "code": GRID,
        "serves": GRID,
        "valid_from": NOW,
        **fields,
    }
    return OrgSet(**values)  # type: ignore[arg-type]


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "acting", "reason"),
    [
        pytest.param(grid(), ADMIN, "ok", id="the county's administrator"),
        pytest.param(grid(), TOWN_ADMIN, "ok", id="the township's, in the township"),
        pytest.param(
            grid(
                org=f"{world.VILLAGES[2]}009",
                code=f"{world.VILLAGES[2]}009",
                parent=world.VILLAGES[2],
            ),
            TOWN_ADMIN,
            "outside_territory",
            id="the township's, in the next one",
        ),
        pytest.param(grid(), SECRETARY, "role_may_not", id="a village secretary"),
        pytest.param(
            grid(), replace(ADMIN, actor="p-somebody"), "role_not_held", id="a role not held"
        ),
        pytest.param(grid(), ENGINE, "ok", id="the bootstrap"),
        pytest.param(
            grid(), replace(ENGINE, asserted_by="app"), "role_may_not", id="an app that says so"
        ),
        pytest.param(
            grid(),
            replace(ENGINE, actor="system:intake"),
            "role_may_not",
            id="another step of the engine",
        ),
        pytest.param(
            PersonSet(person="p-x", grid=GRID, valid_from=NOW),
            SECRETARY,
            "ok",
            id="a secretary enters a member of the village",
        ),
        pytest.param(
            PersonSet(person="p-x", grid=world.GRIDS[2], valid_from=NOW),
            SECRETARY,
            "outside_scope",
            id="not one of the next village",
        ),
        pytest.param(
            PersonSet(person=f"p-m1-{world.GRIDS[4]}", grid=GRID, valid_from=NOW),
            TOWN_ADMIN,
            "outside_territory",
            id="a person of the next township is not taken over",
        ),
        pytest.param(
            PersonSet(person="p-cadre", valid_from=NOW), TOWN_ADMIN, "ok", id="without a home grid"
        ),
        pytest.param(
            RoleSet(person="p-new", role=Role.CHECKER, org=OTHER_TOWNSHIP, valid_from=NOW),
            TOWN_ADMIN,
            "outside_territory",
            id="a role in the next township",
        ),
        pytest.param(
            RoleSet(person="p-town-admin", role=Role.CHECKER, org=TOWNSHIP, valid_from=NOW),
            TOWN_ADMIN,
            "own_role",
            id="nobody gives themselves a role",
        ),
        pytest.param(
            AppKeySet(
                source="app/x",
                name="x",
                public_key=KEY,
                territories=(TOWNSHIP,),
                event_types=("grid.report.*",),
                valid_from=NOW,
            ),
            SECRETARY,
            "role_may_not",
            id="apps are the administrator's",
        ),
    ],
)
def test_who_may_change_what(
    registry: Registry, data: Payload, acting: Acting, reason: str
) -> None:
    decision = registry.say(data, acting)
    assert decision.reason == reason
    assert (decision.entries == (data,)) is (reason == "ok")
    assert decision.audit


def test_everybody_says_themselves_whether_they_are_available(registry: Registry) -> None:
    me = world.acting(Role.PARTY_MEMBER, world.branch_of(GRID), actor=f"p-m2-{GRID}")
    known = registry.directory.person(me.actor, NOW)
    assert known is not None
    says = PersonSet(
        person=me.actor,
        party_status=known.party_status,
        skills=known.skills,
        grid=known.grid,
        availability=Availability.AWAY,
        valid_from=NOW,
    )
    assert registry.say(says, me).fate is Fate.APPLIED
    assert registry.say(replace(says, contact_households=9), me).fate is Fate.REFUSED
    neighbour = world.acting(Role.PARTY_MEMBER, world.branch_of(GRID), actor=f"p-m3-{GRID}")
    assert registry.say(says, neighbour).fate is Fate.REFUSED


# --- organisations ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(grid(parent="ghost"), "unknown_parent", id="parent not there"),
        pytest.param(grid(valid_from=SINCE - DAY), "unknown_parent", id="parent not there yet"),
        pytest.param(grid(parent=COUNTY), "parent_not_fitting", id="a grid under the county"),
        pytest.param(
            grid(parent=world.VILLAGES[1]), "code_outside_parent", id="code of another village"
        ),
        pytest.param(grid(code=f"{VILLAGE}09"), "code_shape", id="fourteen digits"),
        pytest.param(grid(code=GRID), "code_taken", id="another grid's code"),
        pytest.param(
            grid(grid_kind=GridKind.COMPREHENSIVE, parent=TOWNSHIP),
            "grid_needs_village",
            id="comprehensive under the township",
        ),
        pytest.param(
            grid(grid_kind=None, parent=TOWNSHIP), "grid_needs_village", id="no type says the same"
        ),
        pytest.param(
            grid(grid_kind=GridKind.EXCLUSIVE, parent=TOWNSHIP), "ok", id="exclusive may hang there"
        ),
        pytest.param(grid(valid_to=NOW), "dates_reversed", id="ends as it begins"),
        pytest.param(grid(department="fire"), "field_not_for_kind", id="a grid is no department"),
        pytest.param(grid(serves=VILLAGE), "field_not_for_kind", id="a grid serves nobody"),
        pytest.param(branch(grid_kind=GridKind.EXCLUSIVE), "field_not_for_kind", id="no grid type"),
        pytest.param(branch(), "ok", id="a grid's branch"),
        pytest.param(branch(serves="ghost"), "unknown_territory", id="serves what is not there"),
        pytest.param(branch(serves=world.GRIDS[1]), "code_not_of_served", id="serves another grid"),
        pytest.param(
            OrgSet(
                org="d-x",
                kind=OrgKind.DEPARTMENT,
                name="x",
                parent=COUNTY,
                code=COUNTY,
                department="magic",
                valid_from=NOW,
            ),
            "unknown_department",
            id="a department of no kind",
        ),
        pytest.param(
            OrgSet(
                org="d-x",
                kind=OrgKind.DEPARTMENT,
                name="x",
                parent=COUNTY,
                code=COUNTY,
                valid_from=NOW,
            ),
            "field_not_for_kind",
            id="a department without a kind",
        ),
        pytest.param(
            OrgSet(
                org=TOWNSHIP,
                kind=OrgKind.VILLAGE,
                name="x",
                parent=TOWNSHIP,
                code=f"{TOWNSHIP}999",
                valid_from=NOW,
            ),
            "kind_changed",
            id="a township becomes no village",
        ),
        pytest.param(
            OrgSet(
                org=VILLAGE,
                kind=OrgKind.VILLAGE,
                name="x",
                parent=TOWNSHIP,
                code=VILLAGE,
                valid_from=NOW,
                valid_to=NOW + DAY,
            ),
            "still_has_parts",
            id="a village with grids is not dissolved",
        ),
        pytest.param(
            OrgSet(
                org=GRID,
                kind=OrgKind.GRID,
                name="renamed",
                parent=VILLAGE,
                code=GRID,
                valid_from=NOW,
            ),
            "ok",
            id="renamed",
        ),
        pytest.param(
            grid(outline=(((0, 0), (1, 1), (1, 0), (0, 1), (0, 0)),)),
            "outline_faulty",
            id="an outline that crosses itself",
        ),
    ],
)
def test_an_organisation(registry: Registry, data: OrgSet, reason: str) -> None:
    assert registry.say(data).reason == reason


@pytest.mark.parametrize(
    ("households", "warning"), [(300, None), (149, "households_out_of_range"), (0, None)]
)
def test_a_grid_of_an_odd_size_is_entered_with_a_warning(
    registry: Registry, households: int, warning: str | None
) -> None:
    decision = registry.say(grid(households=households))
    assert decision.fate is Fate.APPLIED
    assert decision.audit[0].detail.get("warning") == warning


def test_a_branch_with_too_few_full_members_is_warned_of(registry: Registry) -> None:
    founded = registry.say(branch())
    assert founded.audit[0].detail["warning"] == "too_few_full_members"
    warnings = []
    for n in range(1, 4):
        decision = registry.say(
            RoleSet(person=f"p-m{n}-{GRID}", role=Role.PARTY_MEMBER, org="b-new", valid_from=NOW)
        )
        warnings.append(decision.audit[0].detail.get("warning"))
    assert warnings == ["too_few_full_members", "too_few_full_members", None]


# --- from nothing -------------------------------------------------------------------------------


def test_an_empty_directory_is_filled_from_the_top_by_the_bootstrap() -> None:
    registry = Registry(Directory())
    steps: list[Payload] = [
        OrgSet(org=COUNTY, kind=OrgKind.COUNTY, name="县", code=COUNTY, valid_from=SINCE),
        OrgSet(
            org=TOWNSHIP,
            kind=OrgKind.TOWNSHIP,
            name="镇",
            parent=COUNTY,
            code=TOWNSHIP,
            valid_from=SINCE,
        ),
        PersonSet(person="p-admin", valid_from=SINCE),
        RoleSet(person="p-admin", role=Role.DIRECTORY_ADMIN, org=COUNTY, valid_from=SINCE),
    ]
    assert registry.say(steps[1], ENGINE).reason == "unknown_parent", "order matters"
    for step in steps:
        assert registry.say(step, ENGINE).fate is Fate.APPLIED
    admin = Acting(actor="p-admin", role=Role.DIRECTORY_ADMIN, org=COUNTY)
    village = OrgSet(
        org=VILLAGE,
        kind=OrgKind.VILLAGE,
        name="村",
        parent=TOWNSHIP,
        code=VILLAGE,
        valid_from=NOW,
    )
    assert registry.say(village, admin).fate is Fate.APPLIED
