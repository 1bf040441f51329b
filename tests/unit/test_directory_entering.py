"""Who answers for what a file says, and under which county it travels."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from events.contract.envelope import Acting
from models.directory import Directory, Org, RoleHeld, Spell
from models.policy.load import default_pack_folder, load_policy
from partygrid.directory_files.entering import (
    AdministratorNeeded,
    NotAnAdministrator,
    acting_of,
    refuse_founder,
)
from partygrid.directory_files.reading import read_directory_files
from tests.unit.workbooks import PERSON, ROLE, SMALL, fill

SINCE, NOW = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
HISTORY = Org(id="990101", kind="county", name="历史导入", code="990101", valid_from=SINCE)
COUNTY = Org(id="990202", kind="county", name="甲县", code="990202", valid_from=SINCE)
TOWNSHIP = Org(
    id="t", kind="township", name="乙镇", parent="990202", code="990202101", valid_from=SINCE
)


def held(org: str, role: str = "directory_admin", *, until: datetime | None = None) -> RoleHeld:
    return RoleHeld(person="p-1", role=role, org=org, valid_from=SINCE, valid_to=until)


def directory(*entries: Spell) -> Directory:
    return Directory(entries=[HISTORY, COUNTY, TOWNSHIP, *entries])


def test_an_administrator_acts_in_the_widest_territory() -> None:
    acting = acting_of(directory(held("t"), held("990202")), "p-1", NOW)
    assert acting == Acting(actor="p-1", role="directory_admin", org="990202")


@pytest.mark.parametrize(
    "entries",
    [(), (held("t", "auditor"),), (held("t", until=NOW),), (held("nowhere"),)],
    ids=["nobody", "another role", "no longer", "of nothing that is there"],
)
def test_nobody_else_is_an_administrator(entries: tuple[Spell, ...]) -> None:
    with pytest.raises(NotAnAdministrator):
        acting_of(directory(*entries), "p-1", NOW)


def test_the_founder_rests_as_soon_as_there_is_an_administrator() -> None:
    refuse_founder(directory(held("t", "auditor"), held("t", until=NOW)), NOW)
    with pytest.raises(AdministratorNeeded, match="--by"):
        refuse_founder(directory(held("t")), NOW)


@pytest.mark.parametrize(
    "sheets",
    [
        {"组织": SMALL["组织"]},
        {
            "人员": [PERSON],
            "任职": [{**ROLE, "组织编号": "t", "岗位": "受理员"}],
        },
    ],
    ids=["organisations", "people and their roles"],
)
def test_changes_travel_under_the_county_they_are_about(
    tmp_path: Path, sheets: dict[str, list[dict[str, object]]]
) -> None:
    """Not under whichever county is known first: an imported log has one of its own."""
    loaded = read_directory_files(
        [fill(tmp_path / "目录.xlsx", sheets)],
        policy=load_policy(default_pack_folder()),
        at=NOW,
        known=directory(),
    )
    assert loaded.events
    assert {event.township for event in loaded.events} == {"990202"}
