"""A branch app without a network: what it sends is signed, kept, numbered, and refused if bad."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from events.codec import Decoded, decode
from events.contract.assignment import AssignmentAccepted
from events.contract.envelope import Acting
from events.contract.outgoing import CaseUpdated
from events.contract.reports import Datum, Place, ReportFiled, ReportMarked, ReportSource
from events.positions import to_gcj02
from events.producer import NotAnEvent, Producer
from events.signing import is_signed
from events.spool import FILE, Spool, SpoolBroken, SpoolOfAnother
from models.keys import SigningKey
from models.values import Mark, derived_id
from partygrid.clock import SetClock
from partygrid.errors import Invalid, Unavailable

SOURCE = "app/branch-330281101"
KEY = SigningKey.generate()
ACTING = Acting(actor="p-1", role="grid_member", org="330281101201001")
REPORT = ReportFiled(grid="330281101201001", source=ReportSource.GRID_MEMBER, title="路灯不亮")
CASE = derived_id("a case")
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
#: Nothing listens there.
NOWHERE = "127.0.0.1:1"


def producer(folder: Path, **changes: object) -> Producer:
    given: dict[str, object] = {
        "bootstrap": NOWHERE,
        "folder": folder,
        "client": {"bootstrap_timeout_ms": 50},
        "clock": SetClock(NOON),
    }
    return Producer(SOURCE, KEY, **{**given, **changes})  # type: ignore[arg-type]


def sent(folder: Path) -> list[Decoded]:
    """What lies in the spool, read as the engine will read it."""
    spool = Spool(folder, SOURCE)
    try:
        spooled = [one.sealed for one in spool.due(datetime(2100, 1, 1, tzinfo=UTC), 100)]
    finally:
        spool.close()
    read = [decode(one.value, one.headers) for one in spooled]
    assert all(isinstance(one, Decoded) for one in read)
    return [one for one in read if isinstance(one, Decoded)]


def test_an_event_is_kept_signed_and_numbered_without_a_network(tmp_path: Path) -> None:
    one = producer(tmp_path)
    ids = [
        one.send(
            REPORT,
            township="330281101",
            acting=ACTING,
            occurred=NOON - timedelta(hours=2),
            case_version=3,
        )
        for _ in range(3)
    ]
    one.close()
    read = sent(tmp_path)
    assert [event.event.id for event in read] == ids
    assert [event.event.sequence for event in read] == [1, 2, 3]
    first = read[0]
    assert first.event == replace(
        first.event,
        source=SOURCE,
        time=NOON - timedelta(hours=2),
        case_version=3,
        key_id=KEY.key_id,
        acting=ACTING,
        data=REPORT,
        township="330281101",
    )
    assert all(
        is_signed(KEY.public, one.attributes, one.data, signature=one.signature) for one in read
    )


def test_numbers_go_on_after_a_restart_and_after_everything_was_answered(tmp_path: Path) -> None:
    one = producer(tmp_path)
    event_id = one.send(REPORT, township="330281101", acting=ACTING)
    one.close()
    spool = Spool(tmp_path, SOURCE)
    spool.give_up(1, "unpublishable")
    assert spool.dismiss(event_id)
    spool.close()
    again = producer(tmp_path)
    assert again.signed_out() == 1
    again.send(REPORT, township="330281101", acting=ACTING)
    assert again.signed_out() == 2
    again.close()
    assert [event.event.sequence for event in sent(tmp_path)] == [2]


def test_without_a_network_the_pump_says_so_and_keeps_everything(tmp_path: Path) -> None:
    one = producer(tmp_path)
    one.send(REPORT, township="330281101", acting=ACTING)
    with pytest.raises(Unavailable):
        one.pump()
    status = one.status()
    assert (status.waiting, status.parked, status.oldest_waiting) == (1, 0, NOON)
    assert status.fault
    one.close()


def test_the_thread_outlives_the_network(tmp_path: Path) -> None:
    with producer(tmp_path) as one:
        one.send(REPORT, township="330281101", acting=ACTING)
    assert len(sent(tmp_path)) == 1


@pytest.mark.parametrize(
    ("payload", "changes", "said"),
    [
        pytest.param(replace(REPORT, grid="33028110120100x"), {}, "grid", id="grid"),
        pytest.param(replace(REPORT, title="长" * 4001), {}, "title", id="long-text"),
        pytest.param(replace(REPORT, title="a\0b"), {}, "NUL", id="nul"),
        pytest.param(replace(REPORT, title="\ud800"), {}, "half", id="half-a-character"),
        pytest.param(REPORT, {"township": "33028"}, "township", id="township"),
        pytest.param(REPORT, {"township": ""}, "township", id="no-township"),
        pytest.param(REPORT, {"occurred": datetime(2026, 3, 10)}, "zone", id="no-zone"),  # noqa: DTZ001
        pytest.param(
            REPORT,
            {"acting": Acting(actor="system:x", role="r", org="o")},
            "only the engine",
            id="us",
        ),
        pytest.param(AssignmentAccepted(), {}, "subject", id="no-subject"),
        pytest.param(AssignmentAccepted(), {"subject": "case-1"}, "subject", id="no-id"),
        pytest.param(
            CaseUpdated(state="x", version=1, because="y"),
            {"subject": "c"},
            "only the engine",
            id="own",
        ),
        pytest.param(REPORT, {"subject": "\0"}, "unprintable", id="nul-in-an-attribute"),
    ],
)
def test_what_can_never_be_applied_is_refused_before_it_is_signed(
    payload: ReportFiled, changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    one = producer(tmp_path)
    given = {"township": "330281101", "acting": ACTING, **changes}
    with pytest.raises(Invalid, match=said):
        one.send(payload, **given)  # type: ignore[arg-type]
    assert one.signed_out() == 0
    assert one.status().waiting == 0
    one.close()


def test_the_policys_size_is_kept_where_it_is_told(tmp_path: Path) -> None:
    one = producer(tmp_path, event_bytes=400)
    one.send(replace(REPORT, description="短"), township="330281101", acting=ACTING)
    with pytest.raises(NotAnEvent, match="at most 400"):
        one.send(replace(REPORT, description="长" * 200), township="330281101", acting=ACTING)
    assert one.signed_out() == 1
    one.close()


@pytest.mark.parametrize(
    ("payload", "marked", "topic"),
    [
        pytest.param(REPORT, False, "grid.reports", id="plain"),
        pytest.param(REPORT, True, "restricted.grid.reports", id="told"),
        pytest.param(
            replace(REPORT, mark=Mark.BYPASS), False, "restricted.grid.reports", id="bypass"
        ),
        pytest.param(
            replace(REPORT, concerns_minor=True), False, "restricted.grid.reports", id="minor"
        ),
        pytest.param(
            ReportMarked(mark=Mark.CONFIDENTIAL, reason="涉及未成年人"),
            False,
            "restricted.grid.reports",
            id="marking",
        ),
    ],
)
def test_what_few_may_know_travels_apart(
    payload: ReportFiled, marked: bool, topic: str, tmp_path: Path
) -> None:
    one = producer(tmp_path)
    one.send(payload, township="330281101", acting=ACTING, subject=CASE, marked=marked)
    one.close()
    spool = Spool(tmp_path, SOURCE)
    (spooled,) = spool.due(NOON, 10)
    spool.close()
    assert spooled.sealed.topic == topic
    assert spooled.sealed.key == "330281101"


def test_a_place_from_a_phone_is_converted_before_it_is_signed(tmp_path: Path) -> None:
    lon, lat = to_gcj02(121.5, 29.87)
    one = producer(tmp_path)
    one.send(
        replace(REPORT, place=Place(lon=lon, lat=lat, datum=Datum.GCJ02)),
        township="330281101",
        acting=ACTING,
    )
    one.close()
    data = sent(tmp_path)[0].event.data
    assert isinstance(data, ReportFiled)
    assert data.place == Place(lon=121.5, lat=29.87)


def test_an_assertion_is_made_for_the_events_own_id(tmp_path: Path) -> None:
    one = producer(tmp_path)
    event_id = one.send(
        REPORT, township="330281101", acting=ACTING, assertion=lambda event_id: f"for-{event_id}"
    )
    one.close()
    assert sent(tmp_path)[0].assertion == f"for-{event_id}"


def test_the_spool_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    producer(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600


def test_a_folder_serves_one_source(tmp_path: Path) -> None:
    producer(tmp_path).close()
    with pytest.raises(SpoolOfAnother):
        Spool(tmp_path, "app/other")


def test_a_damaged_spool_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(SpoolBroken):
        Spool(tmp_path, SOURCE)


_UNTIL_KILLED = """
import os, signal, sys
from pathlib import Path
from events.contract.envelope import Acting
from events.contract.reports import ReportFiled, ReportSource
from events.producer import Producer
from models.keys import SigningKey
one = Producer("app/branch-330281101", SigningKey.generate(), bootstrap="127.0.0.1:1",
               folder=Path(sys.argv[1]))
acting = Acting(actor="p-1", role="grid_member", org="330281101201001")
report = ReportFiled(grid="330281101201001", source=ReportSource.GRID_MEMBER, title="x")
for _ in range(5):
    print(one.send(report, township="330281101", acting=acting), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_sent_survives_a_killed_process(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _UNTIL_KILLED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == -9
    assert [event.event.id for event in sent(tmp_path)] == done.stdout.split()
