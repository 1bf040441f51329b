"""Which processes make an installation, and how the command tells what went wrong."""

import socket
from pathlib import Path

import pytest
import typer

from partygrid.cli import main as command
from partygrid.errors import Invalid, PartygridError, Refused, Unavailable
from partygrid.processes.up import PortTaken, planned
from partygrid.settings import Settings


def settings(home: Path, **fields: object) -> Settings:
    return Settings.model_validate({"home": home, "http_port": 0, "engines": 2} | fields)


def test_by_default_everything_comes_along(tmp_path: Path) -> None:
    plan = planned(settings(tmp_path))
    names = [child.name for child in plan.children]
    assert names == [
        *("postgres", "kafka", "prefect"),
        *("engine-1", "engine-2", "office", "http", "digests"),
    ]
    ours = plan.children[3:]
    assert {child.needs for child in ours} == {("postgres", "kafka")}, "nobody waits for Prefect"
    assert all(child.env["PREFECT_API_URL"] == plan.settings.prefect_api_url for child in ours)


def test_without_prefect_nothing_knows_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://somewhere/api")
    plan = planned(settings(tmp_path, prefect_api_url="http://somewhere/api"), prefect=False)
    assert not {"prefect", "digests"} & {child.name for child in plan.children}
    assert plan.settings.prefect_api_url is None
    assert not any("PREFECT_API_URL" in child.env for child in plan.children[2:])
    assert not any("PARTYGRID_PREFECT_API_URL" in child.env for child in plan.children[2:])


def test_servers_of_ones_own_are_not_started_nor_their_topics_deleted(tmp_path: Path) -> None:
    own = settings(
        tmp_path,
        database_url="postgresql://db/partygrid",
        kafka_bootstrap="kafka:9092",
        prefect_api_url="http://prefect:4200/api",
    )
    plan = planned(own)
    assert [child.name for child in plan.children] == [
        *("engine-1", "engine-2", "office", "http", "digests")
    ]
    assert not any("--topics-anew" in child.argv for child in plan.children)
    embedded = planned(settings(tmp_path))
    assert [c.name for c in embedded.children if "--topics-anew" in c.argv] == ["office"]


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTaken, match="PARTYGRID_HTTP_PORT"):
            planned(settings(tmp_path, http_port=other.getsockname()[1]))


@pytest.mark.parametrize(
    ("error", "code"),
    [(Invalid("bad"), 2), (Refused("no"), 3), (Unavailable("away"), 4), (PartygridError(), 1)],
    ids=["invalid", "refused", "unavailable", "none of them"],
)
def test_who_must_act_is_in_the_exit_code(error: PartygridError, code: int) -> None:
    assert command.exit_code(error) == code


@pytest.mark.parametrize("name", command.MODULES)
def test_every_listed_module_has_subcommands(name: str) -> None:
    module = __import__(f"partygrid.cli.{name}", fromlist=["app"])
    assert isinstance(module.app, typer.Typer)
    assert module.app.registered_commands
