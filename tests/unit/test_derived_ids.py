"""Derived ids are UUIDs of version 5 as the standard library makes them, and are told as ids."""

from uuid import NAMESPACE_DNS, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values import NAMESPACE, derived_id, is_id


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.integers(), max_size=4))
def test_as_the_standard_library_makes_them(parts: list[str | int]) -> None:
    made = derived_id(*parts)
    assert made == str(uuid5(NAMESPACE, "|".join(str(part) for part in parts)))
    assert is_id(made)


def test_an_id_once_given_never_changes() -> None:
    assert derived_id("case", "app/one", 7) == "e1167e92-7cf4-5577-af5b-12fcb3e65ba4"


ID = str(uuid5(NAMESPACE_DNS, "x"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "case",
        ID.upper(),
        ID.replace("-", ""),
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        ID + "\n",
        ID[:-1],
    ],
)
def test_other_words_and_spellings_are_no_ids(text: str) -> None:
    assert is_id(ID)
    assert not is_id(text)
