"""What an account may do at the brokers follows from what is registered, and from nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from events.contract.registry import INBOUND_TOPICS, RESTRICTED_PREFIX
from events.grants import Right, account_of, rights_of_app, rights_of_engine, topics_of_app
from models.directory import App, Directory

SINCE = datetime(2024, 1, 1, tzinfo=UTC)
TOWNSHIPS = ("330281101", "330281102", "330282101")


def app(
    *event_types: str,
    source: str = "app/branch-1",
    territories: tuple[str, ...] = ("330281101",),
    restricted: bool = False,
) -> App:
    return App(
        source=source,
        key_id=f"key-{source}",
        name="x",
        public_key="",
        territories=territories,
        event_types=event_types,
        restricted=restricted,
        valid_from=SINCE,
    )


def names(rights: frozenset[Right], operation: str, kind: str = "topic") -> set[str]:
    return {
        right.name + ("*" if right.prefix else "")
        for right in rights
        if (right.operation, right.kind) == (operation, kind)
    }


@pytest.mark.parametrize(
    ("registered", "written"),
    [
        (app("grid.escalation.*", "grid.task.*"), {"grid.escalation", "grid.tasks"}),
        (app("grid.report.filed"), {"grid.reports", "restricted.grid.reports"}),
        (app("grid.report.supplemented"), {"grid.reports"}),
        (app("grid.feedback.*"), {"grid.feedback"}),
        (
            app("grid.feedback.*", restricted=True),
            {"grid.feedback", "restricted.grid.feedback"},
        ),
        (app("case.*"), set()),
        (app("grid.nothing.*"), set()),
    ],
    ids=[
        "department",
        "reporting page",
        "no reports",
        "plain",
        "named for marks",
        "engine",
        "none",
    ],
)
def test_an_app_writes_the_topics_of_what_it_may_send(registered: App, written: set[str]) -> None:
    assert names(rights_of_app([registered]), "write") == written


@pytest.mark.parametrize(
    ("territories", "heard"),
    [
        (("330281101",), {"case.updates.330281101"}),
        (("330281101201",), {"case.updates.330281101"}),
        (("330281",), {"case.updates.330281*"}),
        (("330281101", "330281102"), {"case.updates.330281101", "case.updates.330281102"}),
    ],
    ids=["township", "village", "county", "two"],
)
def test_an_app_reads_its_own_outcomes_and_its_townships(
    territories: tuple[str, ...], heard: set[str]
) -> None:
    rights = rights_of_app([app("grid.report.*", territories=territories)])
    assert names(rights, "read") == {"app.outcomes.app.branch-1"} | heard
    assert names(rights, "read", "group") == {"app.branch-1"}
    assert {right.operation for right in rights} == {"read", "write"}


def test_a_second_key_adds_to_what_an_app_may_do() -> None:
    keys = [app("grid.report.*"), app("grid.task.*", territories=("330281102",))]
    rights = rights_of_app(keys)
    assert {"grid.reports", "grid.tasks"} <= names(rights, "write")
    assert {"case.updates.330281101", "case.updates.330281102"} <= names(rights, "read")


@pytest.mark.parametrize("restricted", [False, True])
def test_no_app_reads_what_few_may_know(restricted: bool) -> None:
    rights = rights_of_app([app("*", territories=("33",), restricted=restricted)])
    read = names(rights, "read")
    assert not any(name.startswith((RESTRICTED_PREFIX, "grid.")) for name in read)


def test_what_an_app_reads_is_there_before_it_asks() -> None:
    assert topics_of_app([app(territories=("330281",))], TOWNSHIPS) == {
        "app.outcomes.app.branch-1",
        "case.updates.330281101",
        "case.updates.330281102",
    }
    assert topics_of_app([app(territories=("330281101201",))], TOWNSHIPS) == {
        "app.outcomes.app.branch-1",
        "case.updates.330281101",
    }


def test_two_sources_never_share_an_account() -> None:
    sources = ["app/branch-1", "app/branch-10", "app/branch.1", "app/支部", "app/a/b"]
    assert len({account_of(source) for source in sources}) == len(sources)
    assert account_of("app/branch-1") == "app.branch-1"


def test_the_engines_reach_every_inbound_topic_and_change_none() -> None:
    rights = rights_of_engine("partygrid")
    prefixes = {right.name for right in rights if right.prefix and right.operation == "read"}
    assert all(any(topic.startswith(prefix) for prefix in prefixes) for topic in INBOUND_TOPICS)
    assert {right.operation for right in rights} == {
        *("read", "write", "create", "describe_configs")
    }
    assert names(rights, "read", "group") == {"partygrid"}


def test_only_keys_that_are_valid_now_count() -> None:
    ended = app("grid.task.*")
    directory = Directory(
        entries=[
            replace(ended, valid_to=SINCE + timedelta(days=1)),
            replace(ended, key_id="second", event_types=("grid.report.*",)),
        ]
    )
    assert len(directory.apps(SINCE)) == 2
    assert [one.key_id for one in directory.apps(SINCE + timedelta(days=2))] == ["second"]
