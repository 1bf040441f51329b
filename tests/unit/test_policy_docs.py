"""What docs/policy.md shows works as it stands there."""

import re
from pathlib import Path

import pytest

from models.calendar_file import load_override
from models.policy.check import check_policy
from models.policy.load import SECTIONS, load_policy

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_county_of_the_page_loads_and_has_no_finding(tmp_path: Path) -> None:
    folder = tmp_path / "our-county"
    folder.mkdir()
    named = [re.match(r"# our-county/(\w+\.yaml)\n", block) for block in BLOCKS]
    for block, name in zip(BLOCKS, named, strict=True):
        if name:
            (folder / name[1]).write_text(block, encoding="utf-8")
    policy = load_policy(folder)
    assert check_policy(policy) == []
    assert policy.region == "330281"
    assert policy.category("06-05") is None
    assert str(policy.deadlines.visit) == "3wd"


def test_the_calendar_file_of_the_page_is_read(tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if block.startswith("# calendar file"))
    path = tmp_path / "calendar.yaml"
    path.write_text(block, encoding="utf-8")
    assert load_override(path).complete_years == (2027,)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_file_of_a_pack_is_explained(section: str) -> None:
    assert f"`{section}.yaml`" in PAGE
