"""The pages keep up with the code."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from partygrid.settings import Settings

ROOT = Path(__file__).parent.parent


def shown(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"`{value.total_seconds():g}` s"
    return f"`{value}`" if value not in (None, "") else ""


def row(name: str, field: FieldInfo) -> str:
    """How a setting stands in the table of docs/settings.md."""
    return f"| `PARTYGRID_{name.upper()}` | {shown(field.default)} | {field.description} |"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert row(name, Settings.model_fields[name]) in page.splitlines()


def test_no_setting_is_documented_that_is_gone() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `PARTYGRID_")}
    assert named == {f"PARTYGRID_{name.upper()}" for name in Settings.model_fields}
