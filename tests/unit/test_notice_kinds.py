"""Every kind of notice has its params and its words; no words are left without a kind."""

import re
from pathlib import Path

import pytest

from models.notices import SendState, SkipReason
from models.values import PersonId
from notifications.notice import KIND_PARAMS, Notice, NoticeKind, Person, instant
from notifications.wording import TEMPLATES, Language
from tests.notifying import NOON, PARAMS

FORMS = {"subject.txt", "body.txt", "body.html", "sms.txt"}
SHARED = {"layouts", "bundle", "discreet"}


def test_every_kind_declares_its_params() -> None:
    assert set(KIND_PARAMS) == set(NoticeKind)


def test_every_declared_param_has_a_sample() -> None:
    assert set(PARAMS) == set().union(*KIND_PARAMS.values())


@pytest.mark.parametrize("language", Language)
def test_templates_and_kinds_are_the_same_list(language: Language) -> None:
    folders = {path.name for path in (TEMPLATES / language).iterdir() if path.is_dir()}
    assert folders - SHARED == {str(kind) for kind in NoticeKind}


@pytest.mark.parametrize("language", Language)
def test_every_kind_has_every_form_and_nothing_else(language: Language) -> None:
    for kind in NoticeKind:
        assert {path.name for path in (TEMPLATES / language / kind).iterdir()} == FORMS, kind


@pytest.mark.parametrize("kind", NoticeKind)
def test_what_a_kind_declares_is_what_its_words_use(kind: NoticeKind) -> None:
    declared = KIND_PARAMS[kind] - {"digest"}
    for language in Language:
        texts = "".join(path.read_text("utf-8") for path in (TEMPLATES / language / kind).iterdir())
        for name in declared - {"link_code"}:
            assert re.search(rf"\b{name}\b", texts), f"{language} says nothing of {name}"


@pytest.mark.parametrize("kind", [kind for kind in NoticeKind if KIND_PARAMS[kind]])
def test_a_forgotten_param_is_found_at_once(kind: NoticeKind) -> None:
    params = {name: PARAMS[name] for name in sorted(KIND_PARAMS[kind])[1:]}
    with pytest.raises(TypeError, match=sorted(KIND_PARAMS[kind])[0]):
        Notice(kind=kind, recipient=Person(PersonId("p")), dedup_key="k", params=params)


def test_instants_travel_in_utc() -> None:
    assert instant(NOON) == "2026-03-09T04:00:00+00:00"


@pytest.mark.parametrize("code", [*SendState, *SkipReason])
def test_every_state_and_reason_is_explained_to_operators(code: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "notifications.md"
    assert f"| `{code}` |" in page.read_text("utf-8")
