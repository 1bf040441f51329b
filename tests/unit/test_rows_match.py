"""Every field of a snapshot has its column: a field without one would be forgotten silently."""

from typing import get_args, get_type_hints

import pytest

from models.case_store import CASES, CHILDREN, TASKS, TOWNSHIPS
from models.directory_store import TABLES
from models.rows import RowMap
from models.tokens import TOKENS

MAPS = [CASES, TASKS, TOWNSHIPS, TOKENS, *CHILDREN.values(), *TABLES.values()]


@pytest.mark.parametrize("rows", MAPS, ids=lambda rows: rows.name)
def test_every_field_has_a_column(rows: RowMap) -> None:
    assert rows.struct is not None
    hung = set(CHILDREN) if rows is CASES else set()
    assert set(rows.struct.__struct_fields__) - hung == set(rows.fields)


@pytest.mark.parametrize("rows", MAPS, ids=lambda rows: rows.name)
def test_a_column_may_be_null_only_where_the_field_may_have_no_value(rows: RowMap) -> None:
    assert rows.struct is not None
    hints = get_type_hints(rows.struct)
    may = {name for name in rows.fields if type(None) in get_args(hints[name])}
    assert {name for name in rows.fields if rows.table.columns[name].nullable} <= may
