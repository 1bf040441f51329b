"""Records that nobody should ever send: each is put aside with its reason, and nothing stops."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from events.codec import attributes_of, data_of, headers_of
from events.contract.assignment import AssignmentAccepted
from events.contract.directory import AppKeySet
from events.contract.envelope import Event
from events.contract.reports import ReportFiled, ReportSource, ReportSupplemented
from events.signing import sign_event
from flows.conductor import Outbound
from models.keys import SigningKey
from models.policy.people import Role
from models.values import derived_id
from partygrid.embedded.postgres import Postgres
from tests.rig import Rig
from tests.rigged import found_county, raw, rigged, working
from tests.world import COUNTY, GRID, NOW, SINCE, TOWNSHIP, TOWNSHIPS, acting

REPORTS, ASSIGNMENT = "grid.reports", "grid.assignment"
MEMBER = acting(Role.GRID_MEMBER, GRID)
BRANCH, OTHER = SigningKey.generate(), SigningKey.generate()
SOURCE = "app/branch-1"
SOME_CASE = derived_id("some", "case")
TITLE = "路灯不亮"

_instants = count(1)
_ids = count(1)


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    app = AppKeySet(
        source=SOURCE,
        name="branch",
        public_key=base64.b64encode(BRANCH.public.raw).decode(),
        territories=(TOWNSHIP,),
        event_types=("grid.report.*",),
        valid_from=SINCE,
    )
    with rigged(postgres, migrated, server_folder) as rig, working(rig.engine):
        found_county(rig, app)
        yield rig


def filed(**changes: Any) -> Event:
    """A report as the branch's app would send it."""
    event = Event(
        id=f"h{next(_ids)}",
        source=SOURCE,
        type="grid.report.filed.v1",
        time=NOW,
        township=TOWNSHIP,
        acting=MEMBER,
        data=ReportFiled(grid=GRID, category="06-02", source=ReportSource.GRID_MEMBER, title=TITLE),
        key_id=BRANCH.key_id,
    )
    return replace(event, **changes)


def signed(event: Event, *, by: SigningKey = BRANCH, topic: str = REPORTS) -> Outbound:
    """An event with an app's signature."""
    return signed_as(attributes_of(event), data_of(event.data), by=by, topic=topic)


def signed_as(
    attributes: dict[str, str], data: bytes, *, by: SigningKey = BRANCH, topic: str = REPORTS
) -> Outbound:
    """Any attributes and any bytes with a genuine signature."""
    signature = sign_event(by, attributes, data)
    return raw(topic, data, dict(headers_of({**attributes, "signature": signature})))


def with_attribute(**changes: str) -> Outbound:
    """A report in which the app spelled attributes in its own way."""
    return signed_as({**attributes_of(filed()), **changes}, data_of(filed().data))


def with_data(**changes: Any) -> Outbound:
    """A report in which the app made data of its own."""
    data = {**json.loads(data_of(filed().data)), **changes}
    return signed_as(attributes_of(filed()), json.dumps(data).encode())


def structured(**changes: Any) -> Outbound:
    """A report in structured mode that nobody signed."""
    event = filed()
    told = {**attributes_of(event), "data": json.loads(data_of(event.data)), **changes}
    told.pop("keyid")
    return raw(REPORTS, json.dumps(told).encode())


def about(subject: str) -> Outbound:
    """A supplement to whatever the app calls a case."""
    data = ReportSupplemented(description="补充")
    return signed(filed(type="grid.report.supplemented.v1", data=data, subject=subject))


NESTED = b"[" * 100_000 + b"]" * 100_000

HOSTILE: dict[str, tuple[Callable[[], Outbound], str]] = {
    "nothing at all": (lambda: raw(REPORTS, b""), "malformed"),
    "no text": (lambda: raw(REPORTS, b"\x00\xff\xfe"), "malformed"),
    "no object": (lambda: raw(REPORTS, b"[1, 2]"), "malformed"),
    "empty object": (lambda: raw(REPORTS, b"{}"), "malformed"),
    "nested": (lambda: raw(REPORTS, NESTED), "malformed"),
    "nested in data": (
        lambda: signed_as(attributes_of(filed()), b'{"title":' + NESTED + b"}"),
        "invalid_data",
    ),
    "headers that are no text": (
        lambda: raw(REPORTS, b"{}", {"ce_id": b"\xff\xfe", "ce_source": b"x"}),
        "malformed",
    ),
    "header with NUL": (
        lambda: raw(REPORTS, b"{}", {"ce_id": b"a\x00b", "ce_\x00": b"\x00"}),
        "malformed",
    ),
    "id with NUL": (lambda: structured(id="a\x00b"), "malformed"),
    "id too long for an index": (lambda: with_attribute(id="长" * 5000), "malformed"),
    "source with a line feed": (
        lambda: with_attribute(source="app/x\nlog: all is well"),
        "malformed",
    ),
    "attribute that is a list": (lambda: structured(subject=[1]), "malformed"),
    "no zone": (lambda: with_attribute(time="2026-03-10T09:00:00"), "malformed"),
    "before the first year": (
        lambda: with_attribute(time="0001-01-01T00:00:00+14:00"),
        "malformed",
    ),
    "no time": (lambda: with_attribute(time="yesterday"), "invalid_data"),
    "township that is no code": (lambda: with_attribute(township="330281; DROP"), "malformed"),
    "sequence of a thousand digits": (lambda: with_attribute(sequence="9" * 1000), "malformed"),
    "sequence beyond counting": (lambda: with_attribute(sequence="9" * 30), "malformed"),
    "version that is no number": (lambda: with_attribute(caseversion="new"), "malformed"),
    "unknown type": (lambda: with_attribute(type="grid.report.whispered.v1"), "unknown_type"),
    "unknown version": (lambda: with_attribute(type="grid.report.filed.v99"), "unknown_version"),
    "field missing": (lambda: with_data(grid=None), "invalid_data"),
    "unknown field": (lambda: with_data(points=5), "invalid_data"),
    "text with NUL": (lambda: with_data(title="a\x00b"), "invalid_data"),
    "half a surrogate pair": (lambda: with_data(title="\ud83d"), "malformed"),
    "subject that is no id": (lambda: about("1' OR '1'='1"), "invalid_data"),
    "no subject": (lambda: about(""), "invalid_data"),
    "too large": (lambda: with_data(description="长" * 100_000), "too_large"),
    "unsigned": (lambda: structured(), "unsigned"),
    "signed by nobody known": (
        lambda: signed(filed(key_id=OTHER.key_id), by=OTHER),
        "unknown_key",
    ),
    "signed by another": (lambda: signed(filed(), by=OTHER), "bad_signature"),
    "signature that is no text of ours": (
        lambda: replace(
            with_attribute(),
            headers=[*signed(filed()).headers[:-1], ("ce_signature", "签".encode())],
        ),
        "bad_signature",
    ),
    "changed after signing": (
        lambda: replace(signed(filed()), value=data_of(filed().data).replace(b"06-02", b"02-02")),
        "bad_signature",
    ),
    "under another's source": (lambda: signed(filed(source="app/other")), "unknown_key"),
    "as the engine": (
        lambda: signed(filed(source="partygrid/engine", key_id="engine")),
        "bad_signature",
    ),
    "as a door, signed in Chinese": (
        lambda: raw(
            REPORTS,
            b"{}",
            dict(headers_of({**attributes_of(filed(key_id="door")), "signature": "签名"})),
        ),
        "invalid_data",
    ),
    "as a door, well formed": (
        lambda: raw(
            REPORTS,
            data_of(filed().data),
            dict(headers_of({**attributes_of(filed(key_id="door")), "signature": "签名"})),
        ),
        "bad_signature",
    ),
    "a type the app may not send": (
        lambda: signed(
            filed(type="grid.assignment.accepted.v1", data=AssignmentAccepted(), subject=SOME_CASE),
            topic=ASSIGNMENT,
        ),
        "out_of_scope",
    ),
    "for another township": (
        lambda: signed(filed(township=TOWNSHIPS[1])),
        "out_of_scope",
    ),
    "as the system itself": (
        lambda: signed(filed(acting=replace(MEMBER, actor="system:directory"))),
        "out_of_scope",
    ),
    "on another step's topic": (lambda: signed(filed(), topic=ASSIGNMENT), "wrong_topic"),
    "a grid nobody knows": (lambda: with_data(grid="330281101999001"), "unknown_place"),
    "a grid of another township": (lambda: with_data(grid="330281102201001"), "unknown_place"),
    "from next year": (lambda: signed(filed(time=NOW + timedelta(days=365))), "implausible_time"),
    "from long ago": (lambda: signed(filed(time=NOW - timedelta(days=365))), "implausible_time"),
}


def last_letter(rig: Rig) -> tuple[str, str]:
    """Reason and detail of the newest letter."""
    reason, detail = rig.rows(
        'SELECT reason, detail FROM dead_letters ORDER BY at DESC, topic, "offset" DESC LIMIT 1'
    )[0]
    return reason, detail


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_put_aside_with_its_reason(rig: Rig, name: str) -> None:
    make, reason = HOSTILE[name]
    before = rig.rows("SELECT count(*) FROM dead_letters")[0][0]
    record = make()
    rig.at(NOW + timedelta(seconds=next(_instants)), record)
    assert rig.rows("SELECT count(*) FROM dead_letters")[0][0] == before + 1
    told, detail = last_letter(rig)
    assert told == reason
    assert TITLE not in detail
    value = rig.rows("SELECT value FROM dead_letters ORDER BY at DESC LIMIT 1")[0][0]
    assert bytes(value) == record.value


def test_all_of_it_at_once_and_an_honest_report_between(rig: Rig) -> None:
    """One batch: whatever stands around it, the honest report is applied."""
    before = rig.rows("SELECT count(*) FROM dead_letters")[0][0]
    honest = filed()
    records = [make() for make, _ in HOSTILE.values()]
    middle = len(records) // 2
    rig.at(
        NOW + timedelta(seconds=next(_instants)),
        *records[:middle],
        signed(honest),
        *records[middle:],
    )
    assert rig.rows("SELECT count(*) FROM dead_letters")[0][0] == before + len(records)
    assert rig.rows("SELECT fate FROM records WHERE event_id = %s", honest.id) == [("applied",)]


def test_only_apps_that_proved_themselves_are_answered(rig: Rig) -> None:
    answered = dict(
        rig.rows("SELECT reason, count(*) FROM outcomes WHERE fate = 'dead-lettered' GROUP BY 1")
    )
    assert {"out_of_scope", "unknown_place", "invalid_data"} <= set(answered)
    hearsay = {"unsigned", "bad_signature", "unknown_key"}
    assert not hearsay & set(answered)
    proved = {row[0] for row in rig.rows("SELECT reason FROM dead_letters WHERE proved")}
    assert not hearsay & proved
    assert {"out_of_scope", "unknown_place", "wrong_topic"} <= proved


def test_a_letter_under_a_known_id_does_not_take_its_answer(rig: Rig) -> None:
    honest = filed()
    rig.at(NOW + timedelta(seconds=next(_instants)), signed(honest))
    rig.at(NOW + timedelta(seconds=next(_instants)), signed(honest, topic=ASSIGNMENT))
    rows = rig.rows("SELECT fate FROM outcomes WHERE event_id = %s", honest.id)
    assert rows == [("applied",)]


def test_numbers_an_app_makes_up_do_not_reach_the_engine_s_own(rig: Rig) -> None:
    """Only the engine says how deep an event stands, and what caused it."""
    honest = filed()
    attributes = {**attributes_of(honest), "wave": "7", "cause": "made|up"}
    rig.at(NOW + timedelta(seconds=next(_instants)), signed_as(attributes, data_of(honest.data)))
    body = json.loads(rig.rows("SELECT body FROM journal WHERE event_id = %s", honest.id)[0][0])
    assert (body["wave"], body["cause"]) == (0, "")


def test_the_county_s_own_code_reaches_every_township(rig: Rig) -> None:
    """A county's six digits are no township's nine."""
    assert TOWNSHIP[:6] == COUNTY
    rig.at(NOW + timedelta(seconds=next(_instants)), with_attribute(township=COUNTY))
    assert last_letter(rig)[0] == "out_of_scope"
