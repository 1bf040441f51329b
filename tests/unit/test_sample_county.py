"""The sample county: large enough, whole, lawful, and the same for the same seed."""

import base64
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import combinations

import pytest
from shapely import Point as ShapelyPoint
from shapely import Polygon

from events.admission import Admitted, Gate, admit
from events.codec import attributes_of, data_of, decode, encode
from events.contract.directory import (
    AppKeySet,
    DutyRosterSet,
    GridKind,
    OrgSet,
    PersonSet,
    RoleSet,
)
from events.contract.envelope import Acting
from events.contract.reports import ReportFiled, ReportSource
from events.outgoing_event import Outgoing
from events.signing import sign_event
from models.policy.check import check_policy
from models.policy.load import default_pack_folder, load_policy
from models.policy.people import OrgKind, Role
from models.policy.schema import Policy
from partygrid.sample.apps import branch_app
from partygrid.sample.county import Sample, sample_county
from tests.unit.directory_folds import Folded, fold

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = (datetime(2026, 3, 2, 1, tzinfo=UTC), datetime(2026, 3, 9, 1, tzinfo=UTC))


@cache
def policy() -> Policy:
    return load_policy(default_pack_folder())


@cache
def sample() -> Sample:
    return sample_county(1, since=SINCE, duty=WEEK)


@cache
def folded() -> Folded:
    return fold(sample().events, policy())


def of_kind(kind: OrgKind) -> list[OrgSet]:
    return [e for e in sample().entries if isinstance(e, OrgSet) and e.kind is kind]


@pytest.mark.parametrize(
    ("kind", "fewest"),
    [
        (OrgKind.TOWNSHIP, 3),
        (OrgKind.VILLAGE, 36),
        (OrgKind.GRID, 150),
        (OrgKind.MICRO_GRID, 150),
        (OrgKind.DEPARTMENT, 12),
        (OrgKind.TOWNSHIP_ORGAN, 3),
        (OrgKind.PARTY_COMMITTEE, 4),
        (OrgKind.PARTY_GENERAL_BRANCH, 36),
        (OrgKind.GRID_BRANCH, 100),
        (OrgKind.PARTY_GROUP, 36),
        (OrgKind.HUB_HOUSEHOLD, 150),
        (OrgKind.VOLUNTEER_TEAM, 36),
        (OrgKind.SOCIAL_ORGANISATION, 3),
    ],
)
def test_is_as_large_as_a_county_shall_be(kind: OrgKind, fewest: int) -> None:
    assert len(of_kind(kind)) >= fewest


def test_has_some_exclusive_grids_on_villages_and_on_townships() -> None:
    exclusive = [grid for grid in of_kind(OrgKind.GRID) if grid.grid_kind is GridKind.EXCLUSIVE]
    assert {len(grid.parent) for grid in exclusive} == {9, 12}


def test_has_at_least_1200_party_members_in_their_units() -> None:
    members = [p for p in sample().entries if isinstance(p, PersonSet) and p.party_status]
    assert len(members) >= 1200
    assert {p.person for p in members} == {m for g in sample().grids for m in sample().members(g)}
    assert {skill for p in members for skill in p.skills} == set(policy().matching.skills)
    assert {p.availability for p in members} == {"available", "away", "not_available"}


def test_the_real_decisions_refuse_nothing_and_find_nothing_odd() -> None:
    assert [(e.data, d.reason) for e, d in folded().refused] == []
    too_few_yet = {"too_few_full_members"}
    odd = [(e.data, w) for e, w in folded().warnings if w not in too_few_yet]
    assert odd == []


def test_every_branch_has_its_full_members_in_the_end() -> None:
    wanted = policy().organisation.kinds[OrgKind.GRID_BRANCH].full_members
    directory = folded().directory
    for branch in of_kind(OrgKind.GRID_BRANCH):
        people = [
            directory.person(p, SINCE)
            for p in directory.holders(Role.PARTY_MEMBER, branch.org, SINCE)
        ]
        assert sum(p is not None and p.party_status == "full" for p in people) >= wanted


def test_parents_come_before_their_children_and_what_is_named_before_what_names_it() -> None:
    known: set[str] = set()
    for entry in sample().entries:
        match entry:
            case OrgSet():
                assert not entry.parent or entry.parent in known
                known.add(entry.org)
            case PersonSet():
                known.add(entry.person)
            case RoleSet():
                assert {entry.person, entry.org} <= known
            case DutyRosterSet():
                assert {entry.org, *(shift.person for shift in entry.shifts)} <= known


def test_nobody_is_missing_for_what_policy_wants_done() -> None:
    found = check_policy(policy(), held=sample().held())
    assert [finding for finding in found if finding.code == "role_not_held"] == []
    assert found == check_policy(policy())


def wanted_places() -> Iterator[tuple[Role, str, int]]:
    """Every organisation of the first kind at which a wanted role is held."""
    for role, rule in policy().roles.roles.items():
        for org in of_kind(rule.at[0]) if rule.wanted else ():
            if role is not Role.DISCIPLINE_OFFICER or org.department == "discipline":
                yield role, org.org, rule.wanted


def test_every_wanted_role_is_held_at_each_of_its_organisations() -> None:
    short = [
        (role, org)
        for role, org, wanted in wanted_places()
        if len(folded().directory.holders(role, org, SINCE)) < wanted
    ]
    assert short == []


def test_every_unit_that_policy_routes_to_exists() -> None:
    departments = {org.department for org in of_kind(OrgKind.DEPARTMENT)}
    organs = {(org.parent, org.department) for org in of_kind(OrgKind.TOWNSHIP_ORGAN)}
    units = {u for route in policy().routes.values() for u in (route.owner, *route.helpers)}
    assert {unit.kind for unit in units if unit.level is OrgKind.DEPARTMENT} <= departments
    wanted = {unit.kind for unit in units if unit.level is OrgKind.TOWNSHIP_ORGAN}
    assert {(t.code, kind) for t in sample().townships for kind in wanted} <= organs
    assert set(policy().organisation.departments) == departments


def test_incompatible_roles_are_held_by_different_persons() -> None:
    roles: dict[str, set[str]] = {}
    for entry in sample().entries:
        if isinstance(entry, RoleSet):
            roles.setdefault(entry.person, set()).add(entry.role)
    for rule in policy().roles.incompatible:
        assert [p for p, held in roles.items() if {rule.one, rule.other} <= held] == []


@pytest.mark.parametrize("role", [Role.DUTY_LEADER, Role.DUTY_SUPERVISOR])
def test_somebody_is_on_duty_at_every_hour_of_the_week(role: Role) -> None:
    hour = WEEK[0]
    while hour < WEEK[1]:
        for township in sample().townships:
            duties = folded().directory.duty_spells(township.code, role)
            assert sum(duty.holds(hour) for duty in duties) == 1, (township.code, hour)
        hour += timedelta(hours=1)


def test_outlines_tile_without_overlap_and_fill_what_they_belong_to() -> None:
    shapes = {org.org: Polygon(org.outline[0]) for org in of_kind(OrgKind.GRID)}
    for village in sample().villages.values():
        outline = next(o for o in of_kind(OrgKind.VILLAGE) if o.org == village.code).outline[0]
        whole = Polygon(outline)
        parts = [shapes[grid.code] for grid in village.grids]
        assert all(part.is_valid for part in parts)
        assert sum(part.area for part in parts) == pytest.approx(whole.area, rel=1e-3)
        for one, other in combinations(parts, 2):
            assert one.intersection(other).area < 1e-3 * one.area


@pytest.mark.parametrize(("across", "along"), [(0.0, 0.0), (0.5, 0.5), (0.02, 0.98), (0.9, 0.1)])
def test_a_place_in_a_grid_lies_in_its_outline(across: float, along: float) -> None:
    for grid in sample().grids.values():
        place = ShapelyPoint(sample().point(grid.code, across, along))
        assert Polygon(grid.ring).distance(place) < 1e-5


def test_the_same_seed_gives_the_same_county_and_another_seed_another() -> None:
    again = sample_county(1, since=SINCE, duty=WEEK)
    other = sample_county(2, since=SINCE, duty=WEEK)
    assert again.events == sample().events
    assert again.identities == sample().identities
    assert {s: k.key_id for s, k in again.keys.items()} == {
        s: k.key_id for s, k in sample().keys.items()
    }
    persons = {e.person for e in other.entries if isinstance(e, PersonSet)}
    assert persons.isdisjoint({e.person for e in sample().entries if isinstance(e, PersonSet)})


def test_every_event_has_an_id_of_its_own_and_goes_to_the_county_in_one_order() -> None:
    events = sample().events
    assert Counter(event.id for event in events).most_common(1)[0][1] == 1
    assert {(event.township, event.source) for event in events} == {("990101", "directory/sample")}


def test_the_code_is_nobodys_and_who_the_persons_are_stands_in_no_event() -> None:
    identities = sample().identities
    persons = [entry for entry in sample().entries if isinstance(entry, PersonSet)]
    assert all(org.code.startswith("99") for kind in OrgKind for org in of_kind(kind))
    assert {(p.person, p.identity_ref) for p in persons} == {(i.person, i.ref) for i in identities}
    assert len({identity.name for identity in identities}) == len(persons)
    told = b"".join(data_of(entry) for entry in sample().entries).decode()
    for shape in (r"样例人员\d", r"\b0000\d{7}\b", r"@sample"):
        assert re.search(shape, "".join(map(str, identities)))
        assert not re.search(shape, told)


def test_apps_are_registered_with_the_keys_that_are_handed_out() -> None:
    registered = {
        app.source: base64.b64decode(app.public_key)
        for app in sample().entries
        if isinstance(app, AppKeySet)
    }
    assert registered == {source: key.public.raw for source, key in sample().keys.items()}


def test_a_report_signed_with_a_branch_apps_key_is_admitted_from_its_township_only() -> None:
    own, other = sample().townships[:2]
    grid = own.villages[0].grids[0].code
    assert isinstance(admitted(grid, branch_app(own.code)), Admitted)
    assert not isinstance(admitted(grid, branch_app(other.code)), Admitted)


def admitted(grid: str, source: str) -> object:
    """Send a report about `grid` through an app to what the engine checks first."""
    key = sample().keys[source]
    member = sample().holders(Role.GRID_MEMBER, grid)[0]
    sent = Outgoing(
        id="1",
        source=source,
        data=ReportFiled(grid=grid, source=ReportSource.GRID_MEMBER, title="路灯不亮"),
        township=grid[:9],
        time=WEEK[0],
        acting=Acting(actor=member, role=Role.GRID_MEMBER, org=grid),
    ).event(key.key_id)
    signature = sign_event(key, attributes_of(sent), data_of(sent.data))
    encoded = encode(sent, signature=signature)
    gate = Gate(directory=folded().directory, policy=policy(), own_key=b"own")
    read = decode(encoded.value, encoded.headers)
    return admit(gate, read, "grid.reports", len(encoded.value), WEEK[0])


def test_look_ups_agree_with_the_directory() -> None:
    directory = folded().directory
    grid = next(iter(sample().grids.values()))
    unit = sample().unit(grid.code)
    assert unit is not None
    assert set(sample().members(grid.code)) == set(
        directory.holders(Role.PARTY_MEMBER, unit.org, SINCE)
    )
    assert unit.secretary in sample().holders(Role.BRANCH_SECRETARY, unit.org)
    assert len(sample().households(grid.code)) == grid.households
    for township in sample().townships:
        assert set(sample().holders(Role.CHECKER, township.code)) == set(
            directory.holders(Role.CHECKER, township.code, SINCE)
        )
