"""The pages keep up with the code."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
import typer.main
from pydantic.fields import FieldInfo
from typer.core import TyperGroup

from events import docs as events_docs
from events.contract.assignment import AssigneeKind
from events.contract.consultation import ConsultationKind, ConsultationOutcome, Stage
from events.contract.directory import Availability
from events.contract.escalation import AccountabilityKind, UrgeKind
from events.contract.feedback import VisitResult
from events.contract.registry import EVENT_TYPES, Topic
from events.contract.reports import ReportSource, Verdict
from models.case import AskKind
from models.clocks import ClockKind
from models.findings import FindingKind
from models.handling import AssignmentState, WhistleState
from models.policy.categories import ReservedMatter, Urgency
from models.policy.clocks import RungKind
from models.policy.consultation import Base
from models.policy.people import OrgKind, Role, Scope
from models.policy.responsibility import DutyKind
from models.policy.span import SpanKind
from models.policy.whistle import WhistleKind
from models.policy.work import Satisfaction
from models.values import CaseState, DeadLetterReason, Fate, Mark, Step
from models.village import TaskState
from partygrid.cli.main import app
from partygrid.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
PAGES = sorted({*ROOT.glob("*.md"), *DOCS.rglob("*.md")})
DECISIONS = sorted({*(DOCS / "decisions").glob("*.md")} - {DOCS / "decisions" / "README.md"})

#: Enumerations whose every value people meet in events, pages or messages.
WORDS: tuple[type[StrEnum], ...] = (
    *(CaseState, Step, ReportSource, Verdict, Urgency, Mark, OrgKind, Role, Scope),
    *(SpanKind, ClockKind, RungKind, UrgeKind, WhistleKind, WhistleState, AccountabilityKind),
    *(ConsultationKind, Stage, ConsultationOutcome, Base, ReservedMatter),
    *(AssignmentState, AssigneeKind, AskKind, Availability, VisitResult, Satisfaction),
    *(TaskState, DutyKind, Fate, DeadLetterReason, FindingKind),
)

_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
_CODE_FILE = re.compile(
    r"`((?:events|flows|models|notifications|web|partygrid|policies|tests|docs|deploy|bench)"
    r"/[\w./-]+)`"
)
_COMMAND = re.compile(r"(?<![\w./-])partygrid((?: +[\w<>/.=-]+)*)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# --- settings ------------------------------------------------------------------------------------


def shown(value: Any) -> str:
    if isinstance(value, timedelta) and value and not value % timedelta(days=1):
        return f"`P{value.days}D`"
    if isinstance(value, timedelta):
        return f"`{value.total_seconds():g}` s"
    return f"`{value}`" if value not in (None, "") else ""


def row(name: str, field: FieldInfo) -> str:
    """How a setting stands in the table of docs/settings.md."""
    return f"| `PARTYGRID_{name.upper()}` | {shown(field.default)} | {field.description} |"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    page = text_of(DOCS / "settings.md")
    assert row(name, Settings.model_fields[name]) in page.splitlines()


def test_no_setting_is_documented_that_is_gone() -> None:
    page = text_of(DOCS / "settings.md")
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `PARTYGRID_")}
    assert named == {f"PARTYGRID_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_page_names_only_settings_there_are(path: Path) -> None:
    known = {f"PARTYGRID_{name.upper()}" for name in Settings.model_fields}
    known |= {"PARTYGRID_CASE_LOG", "PARTYGRID_VERSION", "PARTYGRID_DATABASE_PASSWORD"}
    named = re.findall(r"\bPARTYGRID_[A-Z_]*[A-Z]\b", text_of(path))
    assert set(named) - known == set()


# --- links and files -----------------------------------------------------------------------------


def anchors(page: str) -> set[str]:
    """Names of a page's headings, as the usual renderers make them."""
    titles = _HEADING.findall(_FENCE.sub("", page))
    plain = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
    return {title.replace(" ", "-") for title in plain}


def links(path: Path) -> Iterator[str]:
    for found in _LINK.finditer(_FENCE.sub("", text_of(path))):
        yield found[1] or found[2]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_relative_links_lead_somewhere(path: Path) -> None:
    broken = []
    for link in links(path):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = (path.parent / file) if file else path
        if not target.exists() or (anchor and anchor not in anchors(text_of(target))):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_named_in_a_page_exist(path: Path) -> None:
    """What has an ending or ends with a stroke is meant as a file or folder of the repository."""
    named = [name for name in _CODE_FILE.findall(text_of(path)) if re.search(r"\.\w+$|/$", name)]
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=name_of)
def test_the_index_lists_every_page(path: Path) -> None:
    assert path.name == "README.md" or path.name in set(links(DOCS / "README.md"))


# --- decisions -----------------------------------------------------------------------------------


def test_the_index_lists_every_decision_once() -> None:
    listed = [link for link in links(DOCS / "decisions" / "README.md") if "/" not in link]
    assert sorted(listed) == [path.name for path in DECISIONS]


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_a_decision_says_what_holds_it(path: Path) -> None:
    page = text_of(path)
    assert "**Decided" in page
    assert "**Held by**" in page


# --- glossary ------------------------------------------------------------------------------------


def glossary_tables() -> dict[str, list[str]]:
    """The words in the tables of the glossary, by the enumeration their heading names."""
    tables: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text_of(DOCS / "glossary.md").splitlines():
        if line.startswith("#"):
            named = re.search(r"`(\w+)`$", line)
            current = tables.setdefault(named[1], []) if named else None
        elif current is not None and (found := re.match(r"\| [^|]+ \| `([^`]+)` \|", line)):
            current.append(found[1])
    return tables


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_the_glossary_has_every_word_once(kind: type[StrEnum]) -> None:
    assert sorted(glossary_tables()[kind.__name__]) == sorted(kind)


def test_the_glossary_names_no_other_enumeration() -> None:
    assert set(glossary_tables()) == {kind.__name__ for kind in WORDS}


# --- commands ------------------------------------------------------------------------------------


class Named(NamedTuple):
    """A command as a page writes it."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: partygrid {' '.join(self.words)}"


def code_of(page: str) -> Iterator[str]:
    """Fenced blocks and inline code: where a page writes commands."""
    for block in _FENCE.finditer(page):
        yield block[0].replace("\\\n", " ")
    yield from re.findall(r"`([^`\n]+)`", _FENCE.sub("", page))


def commands(path: Path) -> Iterator[Named]:
    for code in code_of(text_of(path)):
        for found in _COMMAND.finditer(code):
            yield Named(name_of(path), tuple(found[1].split()))


def options_of(command: Any) -> set[str]:
    given = [(*option.opts, *option.secondary_opts) for option in command.params]
    return {"-h", "--help", *(name for names in given for name in names)}


def unknown_in(words: tuple[str, ...]) -> str:
    """Return the first word that the command line does not know; empty where it knows all."""
    here: Any = typer.main.get_command(app)
    for word in words:
        if word.startswith("-") and word != "-":
            if word.partition("=")[0] not in options_of(here):
                return word
        elif isinstance(here, TyperGroup):
            if word not in here.commands:
                return word
            here = here.commands[word]
    return ""


NAMED = sorted({named for path in PAGES for named in commands(path)})


@pytest.mark.parametrize("named", NAMED, ids=str)
def test_a_command_that_a_page_names_exists(named: Named) -> None:
    assert unknown_in(named.words) == ""


@pytest.mark.parametrize(
    ("words", "unknown"),
    [
        (("up", "--no-prefect"), ""),
        (("policy", "check", "our-county"), ""),
        (("fly",), "fly"),
        (("up", "--sideways"), "--sideways"),
        (("policy", "burn"), "burn"),
    ],
)
def test_the_check_for_commands_sees(words: tuple[str, ...], unknown: str) -> None:
    assert unknown_in(words) == unknown


@pytest.mark.parametrize("path", READMES, ids=name_of)
def test_the_readme_shows_every_command(path: Path) -> None:
    """People look there first; a command nobody can find there is not finished."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    shown_there = {named.words[0] for named in commands(path) if named.words}
    hidden = {name for name, one in root.commands.items() if one.hidden}
    assert set(root.commands) - shown_there - hidden == set()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_make_target_that_a_page_names_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {
        word
        for code in code_of(text_of(path))
        for word in re.findall(r"^ *(?:\$ )?make ([a-z-]+)", code, re.MULTILINE)
    }
    assert named - targets - {"can"} == set()


# --- generated -----------------------------------------------------------------------------------


def test_generated_pages_are_fresh() -> None:
    assert events_docs.main(["--check"]) == 0


def test_they_do_not_hang_on_which_module_was_imported_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = json.dumps(events_docs.asyncapi())
    kinds = EVENT_TYPES.items()
    turned = {n: kind for topic in reversed(Topic) for n, kind in kinds if kind.topic is topic}
    monkeypatch.setattr(events_docs, "EVENT_TYPES", turned)
    assert list(turned) != [name for name, _ in kinds]
    assert json.dumps(events_docs.asyncapi()) == before
