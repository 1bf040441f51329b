"""`partygrid up`: everything in one command, stopped by Ctrl-C, going on at the next start."""

import json
import re

import httpx
import psutil
import pytest

from models.policy.people import OrgKind
from models.seals import read_seal
from tests.acceptance.commands import Up, run, until, up
from tests.acceptance.conftest import Made
from tests.acceptance.telling import COUNTY, organisations, tell_organisation

OURS = ["postgres", "kafka", "engine-1", "office", "http"]
TOWN = f"{COUNTY}101"


def learns(one: Up, code: str, kind: OrgKind, *, parent: str = "") -> None:
    """Tell it of an organisation and wait until the engine has decided."""
    url = one.installation.database_url
    tell_organisation(url, one.home, code, kind, parent=parent)
    until(lambda: code in organisations(url), seconds=60, what="nothing was decided")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_one_command_brings_everything_up_and_ctrl_c_ends_it(made: Made) -> None:
    with up(made.home, "--no-prefect") as one:
        assert httpx.get(f"{one.installation.http_url}/health", timeout=30).status_code == 200
        assert re.search(rf"HTTP doors +{one.installation.http_url}", one.output)
        described = re.search(r"described at (\S+)", one.output)
        assert described
        assert httpx.get(described[1], timeout=30).status_code == 200
        learns(one, COUNTY, OrgKind.COUNTY)

        told = json.loads(run(made.home, "status", "--json").stdout)
        assert [(p["name"], p["state"]) for p in told["processes"]] == [
            (name, "ready") for name in OURS
        ]
        assert {shard["owner"] for shard in told["shards"]} == {"engine-1"}
        assert [shard["lag"] for shard in told["shards"]] == [{}, {}]

        doctor = run(made.home, "doctor", "--json")
        ill = [line for line in json.loads(doctor.stdout) if line["verdict"] == "ill"]
        assert (doctor.returncode, ill) == (0, [])

        second = run(made.home, "up", "--no-prefect")
        assert (second.returncode, "already runs" in second.stderr) == (3, True)

        pids = [child.pid for child in one.installation.children]
        assert one.interrupt() == 0
    assert not any(psutil.pid_exists(pid) for pid in pids if pid is not None)
    assert one.output.rstrip().endswith("stopped")

    # What was decided last was sealed before everything stopped.
    seals = (made.home / "seals.jsonl").read_bytes().splitlines()
    sealed = sum(new.to_seq - new.from_seq + 1 for seal in seals for new in read_seal(seal).ranges)
    assert sealed >= 1

    with up(made.home, "--no-prefect") as again:
        assert organisations(again.installation.database_url) == {COUNTY}
        learns(again, TOWN, OrgKind.TOWNSHIP, parent=COUNTY)
        assert again.interrupt() == 0
