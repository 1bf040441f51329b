"""Every field of a snapshot has its column: a field without one would be forgotten silently."""

import pytest

from models.case_store import CASES, CHILDREN, TASKS, TOWNSHIPS
from models.directory_store import TABLES
from models.rows import RowMap

MAPS = [CASES, TASKS, TOWNSHIPS, *CHILDREN.values(), *TABLES.values()]


@pytest.mark.parametrize("rows", MAPS, ids=lambda rows: rows.name)
def test_every_field_has_a_column(rows: RowMap) -> None:
    assert rows.struct is not None
    hung = set(CHILDREN) if rows is CASES else set()
    assert set(rows.struct.__struct_fields__) - hung == set(rows.fields)
