"""The supervisor: order, restarts, giving up, and leaving nothing behind."""

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from partygrid.embedded.child import Child, ServerDidNotStart
from partygrid.embedded.installation import AlreadyRunning, Installation, located, sole_owner
from partygrid.embedded.servers import embedded_servers, environment_for
from partygrid.embedded.supervisor import State, Status, Supervisor, supervise
from partygrid.settings import Settings

SOON = timedelta(seconds=10)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON.total_seconds()
    while not condition():
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.02)


def stepped(supervisor: Supervisor) -> Supervisor:
    supervisor.step()
    return supervisor


def program(
    name: str, folder: Path, *, script: str = "sleep 60", needs: tuple[str, ...] = ()
) -> Child:
    """A child that is ready once it has written its pid to a file of its name."""
    mark = folder / name / "up"
    return Child(
        name=name,
        argv=("/bin/sh", "-c", f"{script.replace('MARK', 'echo $$ > up')}"),
        folder=folder / name,
        log=folder / f"{name}.log",
        ready=lambda pid: mark.exists() and mark.read_text().strip() == str(pid),
        env={"PATH": os.defpath},
        needs=needs,
    )


def test_children_start_after_those_they_need_and_stop_before_them(tmp_path: Path) -> None:
    seen: list[tuple[str, State]] = []

    def note(statuses: tuple[Status, ...]) -> None:
        seen.extend(new for s in statuses if (new := (s.name, s.state)) not in seen)

    up = "MARK; exec sleep 60"
    children = [
        program("door", tmp_path, script=up, needs=("engine", "store")),
        program("engine", tmp_path, script=up, needs=("store",)),
        program("store", tmp_path, script=up),
    ]
    supervisor = Supervisor(children, on_change=note)
    supervisor.wait_ready(SOON)
    supervisor.stop()
    ready = [name for name, state in seen if state is State.READY]
    stopped = [name for name, state in seen if state is State.STOPPED]
    assert ready == ["store", "engine", "door"]
    assert stopped == ["door", "engine", "store"]
    assert seen.index(("store", State.READY)) < seen.index(("engine", State.STARTING))


def test_no_more_start_at_once_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partygrid.embedded.supervisor.AT_ONCE", 2)
    most = 0

    def note(statuses: tuple[Status, ...]) -> None:
        nonlocal most
        most = max(most, sum(one.state is State.STARTING for one in statuses))

    script = "sleep 0.2; MARK; exec sleep 60"
    supervisor = Supervisor(
        [program(f"engine-{number}", tmp_path, script=script) for number in range(5)],
        on_change=note,
    )
    supervisor.wait_ready(SOON)
    supervisor.stop()
    assert most == 2


def test_one_that_is_long_in_coming_keeps_no_other_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partygrid.embedded.supervisor.AT_ONCE", 1)
    monkeypatch.setattr("partygrid.embedded.supervisor.KEEPS_ITS_CORE", timedelta(milliseconds=50))
    children = [
        program("slow", tmp_path, script="exec sleep 60"),
        program("quick", tmp_path, script="MARK; exec sleep 60"),
    ]
    supervisor = Supervisor(children)
    until(lambda: stepped(supervisor).statuses()[1].state is State.READY)
    assert supervisor.statuses()[0].state is State.STARTING
    supervisor.stop()


def test_a_fallen_child_is_started_again(tmp_path: Path) -> None:
    supervisor = Supervisor([program("store", tmp_path, script="MARK; exec sleep 60")])
    supervisor.wait_ready(SOON)
    before = supervisor.statuses()[0].pid
    assert before
    os.kill(before, signal.SIGKILL)
    until(lambda: stepped(supervisor).statuses()[0].state is State.FALLEN)
    supervisor.wait_ready(SOON)
    after = supervisor.statuses()[0]
    supervisor.stop()
    assert (after.starts, after.pid != before) == (2, True)


def test_a_child_that_never_comes_up_is_given_up_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partygrid.embedded.supervisor.FIRST_PAUSE", timedelta(milliseconds=1))
    supervisor = Supervisor([program("store", tmp_path, script="echo the disk is full; exit 3")])
    with pytest.raises(ServerDidNotStart, match=r"store ended with code 3.*\n.*disk is full"):
        supervisor.wait_ready(SOON)
    supervisor.stop()
    assert supervisor.statuses()[0].starts == 5


def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    script = "sleep 60 & echo $! > helper; MARK; wait"
    supervisor = Supervisor([program("store", tmp_path, script=script)])
    supervisor.wait_ready(SOON)
    helper = psutil.Process(int((tmp_path / "store" / "helper").read_text()))
    supervisor.stop()
    until(lambda: not helper.is_running() or helper.status() == psutil.STATUS_ZOMBIE)


def test_ctrl_c_stops_everything_and_returns(tmp_path: Path) -> None:
    last: list[tuple[Status, ...]] = []

    def interrupt_when_ready(statuses: tuple[Status, ...]) -> None:
        last.append(statuses)
        if all(s.state is State.READY for s in statuses):
            os.kill(os.getpid(), signal.SIGINT)

    supervise(
        [program("store", tmp_path, script="MARK; exec sleep 60")],
        on_change=interrupt_when_ready,
    )
    assert [s.state for s in last[-1]] == [State.STOPPED]


PARENT = """
import pathlib, sys
from partygrid.embedded.child import running
from partygrid.embedded.postgres import Postgres
with running(Postgres(pathlib.Path(sys.argv[1]), durable=False).child()) as process:
    print(process.pid, flush=True)
    sys.stdin.read()
"""


def test_children_die_with_a_parent_that_was_killed(server_folder: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(server_folder / "orphan")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_home_has_one_owner_and_tells_where_things_are(tmp_path: Path) -> None:
    settings, children = embedded_servers(Settings(home=tmp_path, http_port=0, partitions=3))
    assert [child.name for child in children] == ["postgres", "kafka", "prefect"]
    assert Installation.read(tmp_path) is None
    with sole_owner(tmp_path):
        Installation.of(settings).write(tmp_path)
        assert (tmp_path / "installation.json").stat().st_mode & 0o077 == 0
        found = located(Settings(home=tmp_path))
        for name in ("database_url", "kafka_bootstrap", "prefect_api_url", "prefect_api_auth"):
            assert getattr(found, name) == getattr(settings, name)
        assert found.partitions == 3
        assert located(Settings(home=tmp_path, partitions=5)).partitions == 5
        with pytest.raises(AlreadyRunning), sole_owner(tmp_path):
            pass
    assert Installation.read(tmp_path) is None


def test_a_full_disk_leaves_what_was_told_before_and_ends_nothing(tmp_path: Path) -> None:
    settings, _ = embedded_servers(Settings(home=tmp_path, http_port=0, partitions=3))
    with sole_owner(tmp_path):
        unfinished = tmp_path / "installation.json.new"
        unfinished.symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space left"):  # nobody would ever find it
            Installation.of(settings).write(tmp_path)
        unfinished.unlink()
        Installation.of(settings).write(tmp_path)
        unfinished.symlink_to("/dev/full")
        Installation.of(settings.changed(partitions=5)).write(tmp_path)
        told = Installation.read(tmp_path)
        assert told is not None
        assert told.partitions == 3


def test_a_process_of_ours_gets_the_settled_settings(tmp_path: Path) -> None:
    settings, _ = embedded_servers(Settings(home=tmp_path, partitions=3))
    program = "from partygrid.settings import Settings; print(Settings().environment())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment_for(settings),
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert ast.literal_eval(done.stdout) == settings.environment()


def test_servers_of_ones_own_are_not_started_again(tmp_path: Path) -> None:
    own = Settings(
        home=tmp_path,
        database_url=SecretStr("postgresql://db/partygrid"),
        kafka_bootstrap="kafka:9092",
        prefect_api_url="http://prefect:4200/api",
    )
    assert embedded_servers(own) == (own, ())
