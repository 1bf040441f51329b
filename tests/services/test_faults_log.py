"""Faults of the log on the wall clock: engines come and go, records lie where and as they should
not. Whatever it is, every record ends once and the state is what the journal makes.
"""

import base64
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Producer as Librdkafka
from msgspec.structs import replace

from events.admission import ENGINE_SOURCE
from events.contract.directory import AppKeySet
from events.contract.envelope import Event
from events.contract.reports import ReportFiled, ReportSource, ReportSupplemented
from events.partitions import partition_of
from flows.conductor import Outbound
from models.keys import SigningKey
from models.policy.people import Role
from models.values import DeadLetterReason, case_id_of
from partygrid.embedded.postgres import Postgres
from partygrid.sample.draw import Draw
from partygrid.simulation.faults import FaultPlan
from partygrid.simulation.post import record_of
from partygrid.simulation.spoilt import SPOILERS, Good
from tests.services.apache import Apache
from tests.services.at_work_live import Flow
from tests.services.county_people import report as a_report
from tests.services.holding import (
    everything_holds,
    fired_over_an_unread_answer,
    repeats_of_apps,
    told,
)
from tests.services.live import PARTITIONS, SOURCE, EngineProcess, Live, live, wait_until
from tests.services.report import Report
from tests.world import GRIDS, SINCE, TOWNSHIPS, acting

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def county(postgres: Postgres, migrated: str, server_folder: Path, kafka: Apache) -> Iterator[Live]:
    """An installation of this test alone; no engine runs."""
    with live(postgres, migrated, server_folder, kafka) as one:
        yield one


# --- engines that come and go --------------------------------------------------------------------


def test_engines_join_leave_and_are_killed_while_work_flows(county: Live, report: Report) -> None:
    begun = time.monotonic()
    engines = {"e1": county.engine("e1")}
    county.found()
    flow, together = Flow(county, seed=1), set[int]()

    def joins(name: str) -> None:
        flow.file(12)
        engines[name] = county.engine(name)
        running = {name for name, engine in engines.items() if engine.runs}
        flow.until(lambda: set(county.owners().values()) == running)
        together.add(len(running))

    def goes(name: str) -> None:
        flow.file(12)
        flow.until(lambda: name not in county.owners().values())

    joins("e2")
    joins("e3")
    engines["e2"].kill()
    goes("e2")
    joins("e4")
    engines["e3"].leave()
    goes("e3")
    joins("e5")
    engines["e1"].kill()
    goes("e1")
    flow.finish()
    held = everything_holds(county)
    assert max(together) == 3
    assert fired_over_an_unread_answer(county, held) == []
    assert held.fates.keys() <= {"applied", "duplicate"}
    assert len(held.lying) >= flow.sent
    load = f"{len(flow.ids)} reports worked to their end by the wall clock"
    report.add(told("three engines joining, leaving and killed (-9)", load, held, begun))


def test_a_record_that_kills_whoever_decides_it(county: Live, report: Report) -> None:
    begun = time.monotonic()
    faults = county.home / "faults.json"
    deadly = replace(_words_about(county, case_id_of(SOURCE, "any"), 0), id="deadly")
    FaultPlan(crash=frozenset({deadly.id})).write(faults)
    mortal = ("tests.services.mortal_engine", "--faults", str(faults))
    names = (f"mortal-{number}" for number in range(20))
    engines: list[EngineProcess] = [county.engine(next(names), command=mortal) for _ in "12"]
    county.found()
    flow, deaths = Flow(county, seed=2), list[int | None]()
    limit = county.policy.limits.crash_attempts
    flow.file(20)
    county.settle()
    county.send(deadly)
    flow.file(20)

    def put_aside() -> bool:
        for engine in [one for one in engines if not one.runs]:
            deaths.append(engine.exit_code)
            engines.remove(engine)
            engines.append(county.engine(next(names), command=mortal))
        return county.reasons() == {"crashed": 1}

    flow.until(put_aside, seconds=240)
    flow.finish()
    # Once more where it first lay in a batch behind others: then nobody knows yet which one kills.
    assert deaths in ([-9] * limit, [-9] * (limit + 1))
    held = everything_holds(county)
    assert county.rows("SELECT reason, event_id FROM dead_letters") == [("crashed", deadly.id)]
    assert held.fates["dead-lettered"] == 1
    assert fired_over_an_unread_answer(county, held) == []
    load = f"{len(flow.ids)} reports worked to their end, two engines, each started again"
    report.add(told("a record that kills whoever decides it", load, held, begun))


# --- place --------------------------------------------------------------------------------------


def _words_about(county: Live, subject: str, number: int) -> Event:
    grid = GRIDS[number % len(GRIDS)]
    words = ReportSupplemented(description=f"补充{number}")
    who = acting(Role.GRID_MEMBER, grid)
    return county.event(words, who, subject=subject, township=grid[:9])


def _value(one: Event | Outbound) -> str:
    return one.id if isinstance(one, Event) else one.value.hex()


def test_records_where_librdkafka_puts_them(county: Live, report: Report) -> None:
    """Its partitioner takes CRC32 of the key; the Java clients and ours take murmur2."""
    begun = time.monotonic()
    county.engine("e1")
    county.engine("e2")
    county.found()
    events, draw = [], Draw(4)
    for number in range(120):
        data, who, township = a_report(draw, number)
        events.append(county.event(data, who, township=township))
    # Shards that change hands meanwhile may have what is sent on lie there twice.
    wait_until(lambda: set(county.owners().values()) == {"e1", "e2"}, otherwise=county.what_lacks)
    _as_librdkafka(county, [county.signed(event) for event in events])
    # Where it belongs the same record is known already.
    county.send(*events[:10])
    ids = [case_id_of(SOURCE, event.id) for event in events]
    wait_until(lambda: len(county.cases(ids)) == len(ids), otherwise=county.what_lacks)
    county.settle()
    held = everything_holds(county)
    ours = {event.id for event in events}
    lying = [place for place, one in held.lying.items() if one.event_id in ours]
    # Each lies astray and where it belongs; the relay may have sent one on twice.
    assert held.fates["forwarded"] == len(events)
    assert repeats_of_apps(county) == len(lying) - 2 * len(events) >= 10
    home = {township: partition_of(township, PARTITIONS) for township in TOWNSHIPS}
    astray = {partition for _, partition, _ in lying}
    assert not astray <= set(home.values())
    wrong = county.rows(
        "SELECT shard, township FROM journal WHERE township = ANY(%s) GROUP BY 1, 2",
        list(TOWNSHIPS),
    )
    assert {township: shard for shard, township in wrong} == home
    assert len(wrong) == len(home)
    load = f"{len(events)} reports written by confluent-kafka, 10 of them again by ours"
    report.add(told("records where librdkafka's partitioner puts them", load, held, begun))


def _as_librdkafka(county: Live, records: list[Outbound]) -> None:
    settings = county.settings
    producer = Librdkafka(
        {
            "bootstrap.servers": settings.address("kafka_bootstrap"),
            "security.protocol": settings.kafka_security_protocol,
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_username,
            "sasl.password": settings.address("kafka_password"),
            "ssl.ca.location": str(settings.kafka_ca_file),
        }
    )
    for one in records:
        producer.produce(one.topic, one.value, one.key.encode(), headers=[*one.headers])
    assert producer.flush(60) == 0


# --- content -------------------------------------------------------------------------------------


def test_one_record_in_a_hundred_is_malformed_forged_or_replayed(
    county: Live, report: Report
) -> None:
    begun, draw = time.monotonic(), Draw(5)
    county.engine("e1")
    county.engine("e2")
    narrow = SigningKey.generate()
    county.found(_branch_app(narrow))
    filed = []
    for number in range(60):
        data, who, township = a_report(draw, number)
        filed.append(county.event(data, who, township=township))
    county.send(*filed)
    honest = [
        _words_about(county, case_id_of(SOURCE, event.id), GRIDS.index(event.acting.org))
        for event in filed
        for _ in range(40)
    ]
    spoilt = _spoilt(county, narrow, filed)
    expected = Counter(reason for _, reason in spoilt)
    said: list[Event | Outbound] = [*honest, *(record for record, _ in spoilt)]
    said.sort(key=lambda one: draw.digest("order", _value(one)))
    county.send(*said)
    county.settle()
    held = everything_holds(county)
    assert 0.008 < len(spoilt) / len(said) < 0.012
    assert fired_over_an_unread_answer(county, held) == []
    repeats = expected.pop("")
    assert county.reasons() == expected
    assert held.fates["dead-lettered"] == expected.total()
    assert repeats_of_apps(county) == repeats
    assert held.fates.keys() == {"applied", "duplicate", "dead-lettered"}
    assert len(county.cases(case_id_of(SOURCE, event.id) for event in filed)) == len(filed)
    load = f"{len(filed) + len(said)} events, {len(spoilt)} of them spoilt, two engines"
    reasons = ", ".join(sorted(expected))
    report.add(told(f"malformed, hostile, forged, replayed ({reasons})", load, held, begun))


def _branch_app(key: SigningKey) -> AppKeySet:
    """Return an app that may report in one township, and nothing else."""
    return AppKeySet(
        source="app/branch",
        name="branch",
        public_key=base64.b64encode(key.public.raw).decode(),
        territories=(TOWNSHIPS[0],),
        event_types=("grid.report.*",),
        valid_from=SINCE,
    )


def _spoilt(county: Live, narrow: SigningKey, filed: Sequence[Event]) -> list[tuple[Outbound, str]]:
    """Return records with the reason each is put aside for; none where it is a mere repeat."""
    grid = next(grid for grid in GRIDS if grid.startswith(TOWNSHIPS[0]))
    data = ReportFiled(grid=grid, category="06-02", source=ReportSource.GRID_MEMBER, title="坏了")
    who = acting(Role.GRID_MEMBER, grid)
    made = []
    for reason, makers in SPOILERS.items():
        for number, make in enumerate(makers):
            if reason is DeadLetterReason.PARKED_TOO_LONG:
                continue
            event = replace(
                county.event(data, who, event_id=f"spoilt-{reason}-{number}"),
                source="app/branch",
                key_id=narrow.key_id,
                sequence=-1,
            )
            good = Good(
                event=event,
                data=data,
                key=narrow,
                stranger=SigningKey.generate(),
                policy=county.policy,
            )
            made.append((make(good), str(reason)))
    first, second, third, fourth = (county.signed(event) for event in filed[:4])
    thief = SigningKey.generate()
    other = replace(filed[4], data=replace(data, title="另一件"))
    bare = Outbound(topic=first.topic, key=first.key, headers=[], value=b"")
    made += [
        # forged
        (record_of(replace(filed[5], id="forged"), thief), "bad_signature"),
        (replace(second, value=first.value), "bad_signature"),
        (record_of(replace(filed[6], id="as engine", source=ENGINE_SOURCE), thief), "unknown_key"),
        # replayed
        (first, ""),
        (replace(second, topic="grid.feedback"), "wrong_topic"),
        (record_of(other, county.key), "id_conflict"),
        (third, ""),
        (fourth, ""),
        # no event at all
        (bare, "malformed"),
        (replace(bare, value=b"\x00\xff\xfe"), "malformed"),
        (replace(bare, value=b"[" * 100_000), "malformed"),
        (
            replace(bare, value=b"{}", headers=[("ce_id", b"\xff"), ("ce_source", b"x")]),
            "malformed",
        ),
    ]
    return made
