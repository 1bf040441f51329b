"""A backup made while work flows, everything killed, restored, and gone on with by command."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psutil
import pytest

from models.restores import catching_up
from partygrid.embedded.account import server_account
from partygrid.embedded.child import running
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres, _binary
from partygrid.embedded.tansu import Tansu
from tests.acceptance.at_work import PERSON, issued, outcome, post, report
from tests.acceptance.commands import Up, run, until, up
from tests.acceptance.filling import looking
from tests.integration.notif_servers import Mailbox, mail_server
from tests.unit.workbooks import FROM, ROLE, SMALL, TOWNSHIP, fill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

#: A matter that a person must register: its report makes a notice at once.
IRRIGATION = "06-06"
SUPERVISOR = "p-supervisor"
LATER = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(hours=6)
PACK = {
    "pack.yaml": '{extends: default, version: "2027.1"}',
    # What comes by the hour of the day does not come while the test runs.
    "deadlines.yaml": "round_every: 24h\n",
    "digests.yaml": f'items: {{daily: {{at: ["{LATER:%H:%M}"]}}}}\n',
    # No night, no repeats and no bundles: every notice is a mail of its own.
    "notices.yaml": 'quiet: {start: "00:00", end: "00:00"}\nrepeat_after: 0s\nbundle_from: 1000\n',
}


class Ground(NamedTuple):
    """What outlasts the disaster: folders, the broker's log, and the mails people got."""

    home: Path
    folder: Path
    settings: dict[str, str]
    mailbox: Mailbox

    def ask(self, *arguments: str, code: int = 0) -> Any:
        done = run(self.home, *arguments, "--json", **self.settings)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def mails(self) -> Counter[str]:
        """How often each mail came, by its Message-ID."""
        contents = (one.content for one in self.mailbox.mails)
        return Counter(
            message_from_bytes(text)["Message-ID"] for text in contents if isinstance(text, bytes)
        )


@pytest.fixture
def ground(server_folder: Path) -> Iterator[Ground]:
    folder = server_folder / "backed-up"
    pack = folder / "pack"
    pack.mkdir(parents=True)
    for name, text in PACK.items():
        (pack / name).write_text(text)
    broker, mailbox = Tansu(folder / "kafka", free_port()), Mailbox()
    with running(broker.child()), mail_server(mailbox) as port:
        settings = {
            "KAFKA_BOOTSTRAP": broker.bootstrap,
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(port),
            "POLICY_DIR": str(pack),
        }
        yield Ground(folder / "home", folder, settings, mailbox)


def enter_people(one: Ground) -> None:
    people = [
        {"人员编号": person, "邮箱": f"{person}@town.example", "起": FROM}
        for person in (PERSON, SUPERVISOR)
    ]
    supervisor = {
        "人员编号": SUPERVISOR,
        "岗位": "值班长",
        "组织编号": TOWNSHIP["编号"],
        "起": FROM,
    }
    rows = {**SMALL, "人员": people, "任职": [ROLE, supervisor], "应用密钥": [], "值班表": []}
    book = fill(one.folder / "目录.xlsx", rows)
    one.ask("directory", "load", str(book), "--yes")


def reported(installation: Up, token: str, name: str) -> str:
    """Post a report; it is accepted."""
    answer = post(installation, token, report(name, category=IRRIGATION, title=name))
    assert answer.status_code == 202, answer.text
    return name


def sent(installation: Up) -> bool:
    """Is every notice sent, and nothing on its way?"""
    with looking(installation) as db:
        waiting = db.execute(
            "SELECT (SELECT count(*) FROM notices WHERE settled_at IS NULL AND held_at IS NULL)"
            " + (SELECT count(*) FROM outbox WHERE published_at IS NULL)"
        ).fetchone()
    return waiting == (0,)


def fates(installation: Up, names: list[str]) -> dict[str, str]:
    """What became of the reports that are decided."""
    with looking(installation) as db:
        rows = db.execute("SELECT event_id, fate FROM outcomes WHERE event_id = ANY(%s)", (names,))
        return dict(rows.fetchall())


def caught_up(installation: Up) -> bool:
    with looking(installation) as db, db.cursor() as cursor:
        return catching_up(cursor) is None


def back_up(installation: Up, ground: Ground) -> datetime:
    """Copy the running server's data folder; returns when the copy was complete."""
    copy = ground.folder / "copy"
    subprocess.run(
        (
            str(_binary("pg_basebackup")),
            *("--host", str(Postgres(ground.home / "postgres").socket_folder)),
            *("--username", "postgres", "--pgdata", str(copy), "--checkpoint", "fast"),
        ),
        check=True,
        capture_output=True,
    )
    return datetime.now(UTC)


def kill_everything(installation: Up) -> None:
    pids = [child.pid for child in installation.installation.children if child.pid]
    for pid in (installation.process.pid, *pids):
        os.kill(pid, signal.SIGKILL)
    installation.process.wait()
    until(lambda: not any(map(psutil.pid_exists, pids)), seconds=30, what="something lives on")


def restore(ground: Ground) -> None:
    """Put the copy in the place of the data folder, and nothing else."""
    data = ground.home / "postgres" / "data"
    shutil.rmtree(data)
    (ground.folder / "copy").rename(data)
    account = server_account()
    if account:
        for path in (data, *data.rglob("*")):
            shutil.chown(path, account, account)


def test_nobody_hears_twice_and_nothing_is_lost(ground: Ground) -> None:
    names: list[str] = []
    with up(ground.home, "--no-prefect", seconds=120, **ground.settings) as one:
        enter_people(ground)
        token = issued(one, "app/page")
        copied = Event()

        def work() -> None:
            while not copied.wait(0.3):
                names.append(reported(one, token, f"r-{len(names)}"))

        working = Thread(target=work)
        working.start()
        until(lambda: len(names) > 5, seconds=30, what="no work flows")
        taken_at = back_up(one, ground)
        copied.set()
        working.join()
        names += [reported(one, token, f"after-{n}") for n in range(5)]
        until(lambda: len(fates(one, names)) == len(names), seconds=60, what="not all is decided")
        assert set(fates(one, names).values()) == {"applied"}
        until(lambda: sent(one), seconds=60, what="mails are still to be sent")
        before = ground.mails()
        assert set(before.values()) == {1}
        assert len(before) >= len(names)
        kill_everything(one)
    restore(ground)
    declared = ("--no-prefect", "--restored-at", taken_at.isoformat())
    with up(ground.home, *declared, seconds=120, **ground.settings) as one:
        assert re.search(r"^held +\d+ notices", one.output, re.MULTILINE), one.output
        until(lambda: caught_up(one), seconds=120, what="it does not catch up")
        assert fates(one, names) == dict.fromkeys(names, "applied")
        new = reported(one, token, "new")
        case = outcome(one, token, new)["case_id"]
        until(lambda: sent(one), seconds=60, what="mails are still to be sent")
        after = ground.mails()
        assert set(after.values()) == {1}
        assert set(before) < set(after)
        with looking(one) as db:
            notices = db.execute(
                "SELECT count(*) FILTER (WHERE held_at IS NULL), count(*) FILTER (WHERE held_at"
                " IS NULL AND case_id = %s), count(*) FROM notices WHERE addressee_kind = 'person'"
                " AND created_at > %s",
                (case, taken_at),
            ).fetchone()
        assert notices
        assert notices[0] == notices[1] > 0, "others than the new case's were let go"
        assert ground.ask("reconcile")["gaps"] == []
        verified = ground.ask("audit", "verify")
        assert verified["sound"]
        assert "restored" in {finding["kind"] for finding in verified["findings"]}
        assert ground.ask("notices", "drop", "--yes")["notices"] > 0
        assert one.interrupt() == 0
    assert ground.mails() == after
