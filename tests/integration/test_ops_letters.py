"""Dead letters are listed, read, mended and sent again; the app is answered under its own id."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from events.codec import attributes_of, data_of, headers_of
from events.contract.directory import AppKeySet
from events.contract.envelope import Event
from events.contract.reports import ReportFiled, ReportSource, ReportSupplemented
from events.signing import sign_event
from flows.conductor import Outbound
from flows.decide.route import HANDLERS, TIMERS
from models.clocks import ClockKind
from models.keys import SigningKey
from models.policy.people import Role
from models.values import Mark, case_id_of
from partygrid.embedded.postgres import Postgres
from tests.rig import Rig
from tests.rigged import command, found_county, raw, rigged, working
from tests.world import COUNTY, GRID, GRIDS, NOW, SINCE, TOWNSHIP, acting, person

MEMBER = acting(Role.GRID_MEMBER, GRID)
OPERATOR = person(Role.OPERATOR, COUNTY)
BRANCH = SigningKey.generate()
SOURCE = "app/branch-1"

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
        restricted=True,
        valid_from=SINCE,
    )
    with rigged(postgres, migrated, server_folder) as rig, working(rig.engine):
        found_county(rig, app)
        yield rig


def filed(**changes: Any) -> Event:
    event = Event(
        id=f"l{next(_ids)}",
        source=SOURCE,
        type="grid.report.filed.v1",
        time=NOW,
        township=TOWNSHIP,
        acting=MEMBER,
        data=ReportFiled(grid=GRID, source=ReportSource.GRID_MEMBER, title="路灯不亮"),
        key_id=BRANCH.key_id,
    )
    return replace(event, **changes)


def signed(event: Event, *, data: bytes = b"", topic: str = "grid.reports") -> Outbound:
    content = data or data_of(event.data)
    attributes = attributes_of(event)
    signature = sign_event(BRANCH, attributes, content)
    return raw(topic, content, dict(headers_of({**attributes, "signature": signature})))


def step(rig: Rig, *events: Event | Outbound) -> None:
    """Let the next instant come."""
    rig.at(NOW + timedelta(minutes=next(_instants)), *events)


def letter_of(rig: Rig, event_id: str) -> str:
    """Id of the newest letter of an event."""
    rows = rig.rows(
        "SELECT id::text FROM dead_letters WHERE event_id = %s ORDER BY at DESC LIMIT 1", event_id
    )
    return str(rows[0][0])


def outcome(rig: Rig, source: str, event_id: str) -> tuple[str, str, str]:
    (row,) = rig.rows(
        "SELECT fate, reason, coalesce(case_id::text, '') FROM outcomes"
        " WHERE source = %s AND event_id = %s",
        source,
        event_id,
    )
    return row[0], row[1], row[2]


def replayed(rig: Rig, letter: str, *options: str) -> dict[str, Any]:
    done = command(rig, "dead-letters", "replay", letter, "--as", OPERATOR, "--json", *options)
    assert done.exit_code == 0, done.output
    step(rig)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def refused(rig: Rig, letter: str, *options: str, by: str = OPERATOR) -> tuple[int, str]:
    done = command(rig, "dead-letters", "replay", letter, "--as", by, *options)
    return done.exit_code, done.output


def mended(rig: Rig, tmp_path: Path, letter: str, **changes: Any) -> str:
    """A file with the letter's event as an operator would correct it."""
    done = command(rig, "dead-letters", "show", letter, "--event")
    told = json.loads(done.stdout)
    told["data"] |= changes.pop("data", {})
    file = tmp_path / f"{letter}.json"
    file.write_text(json.dumps(told | changes))
    return str(file)


def test_data_that_did_not_fit_is_mended_and_opens_the_case_its_app_expects(
    rig: Rig, tmp_path: Path
) -> None:
    event = filed()
    bad = json.dumps({**json.loads(data_of(event.data)), "source": "wechat"}).encode()
    supplement = filed(
        type="grid.report.supplemented.v1",
        data=ReportSupplemented(description="又亮了一半"),
        subject=case_id_of(SOURCE, event.id),
    )
    step(rig, signed(event, data=bad), signed(supplement))
    assert outcome(rig, SOURCE, event.id)[:2] == ("dead-lettered", "invalid_data")
    letter = letter_of(rig, event.id)
    file = mended(rig, tmp_path, letter, data={"source": "villager"})
    made = replayed(rig, letter, "--edit", file)
    case_id = case_id_of(SOURCE, event.id)
    assert outcome(rig, SOURCE, event.id) == ("applied", "ok", case_id)
    assert outcome(rig, SOURCE, made["event_id"]) == ("applied", "ok", case_id)
    assert outcome(rig, SOURCE, supplement.id) == ("applied", "ok", case_id)
    assert rig.case(case_id).source == "villager"
    acts = rig.rows(
        "SELECT act::jsonb->>'recorded_by', act::jsonb->>'actor' FROM audit WHERE case_id = %s"
        " AND act::jsonb->>'action' = 'report.file'",
        case_id,
    )
    assert acts == [(OPERATOR, MEMBER.actor)]


def test_the_app_hears_on_its_topic_what_became_of_its_own_event(rig: Rig) -> None:
    event = filed()
    step(rig, signed(event, topic="grid.assignment"))
    replayed(rig, letter_of(rig, event.id))
    told = [
        json.loads(bytes(row[0]))["fate"]
        for row in rig.rows(
            "SELECT value FROM outbox WHERE topic = 'app.outcomes.app.branch-1'"
            " AND published_at IS NOT NULL ORDER BY id"
        )
        if json.loads(bytes(row[0]))["event_id"] == event.id
    ]
    assert told == ["dead-lettered", "applied"]


def test_what_waited_in_vain_is_sent_again_with_its_words(rig: Rig) -> None:
    report = filed()
    early = filed(
        type="grid.report.supplemented.v1",
        data=ReportSupplemented(description="井盖又丢了"),
        subject=case_id_of(SOURCE, report.id),
    )
    step(rig, signed(early))
    (until,) = rig.rows("SELECT patience_until FROM parked WHERE event_id = %s", early.id)[0]
    while (due := rig.conductor.next_due()) is not None and due <= until:
        rig.at(due)
    assert outcome(rig, SOURCE, early.id)[:2] == ("dead-lettered", "parked_too_long")
    while NOW + timedelta(minutes=next(_instants)) < until:
        pass
    step(rig, signed(replace(report, time=until)))
    letter = letter_of(rig, early.id)
    shown = json.loads(command(rig, "dead-letters", "show", letter, "--event").stdout)
    assert shown["data"]["description"] == "井盖又丢了"
    made = replayed(rig, letter)
    assert outcome(rig, SOURCE, early.id)[0] == "applied"
    words = rig.rows("SELECT words FROM free_texts WHERE event_id = %s", made["event_id"])
    assert words == [("井盖又丢了",)]


def test_an_id_that_is_taken_becomes_an_event_of_its_own(rig: Rig) -> None:
    event = filed(time=late())
    step(rig, signed(event))
    other = replace(event, data=replace(event.data, title="完全是另一件事"))
    step(rig, signed(other))
    made = replayed(rig, letter_of(rig, event.id))
    first, second = case_id_of(SOURCE, event.id), case_id_of(SOURCE, made["event_id"])
    assert outcome(rig, SOURCE, event.id) == ("applied", "ok", first)
    assert outcome(rig, SOURCE, made["event_id"]) == ("applied", "ok", second)


def test_what_nobody_proved_is_the_operator_s_own(rig: Rig) -> None:
    event = filed(time=late())
    forged = signed(event)
    forged = replace(forged, headers=[h for h in forged.headers if h[0] != "ce_signature"])
    step(rig, forged)
    made = replayed(rig, letter_of(rig, event.id))
    assert made["source"] == "partygrid/operator"
    assert outcome(rig, "partygrid/operator", made["event_id"])[0] == "applied"
    assert not rig.rows("SELECT 1 FROM outcomes WHERE event_id = %s", event.id)


def test_nobody_becomes_the_engine_by_a_replay(rig: Rig, tmp_path: Path) -> None:
    event = filed(time=late(), acting=replace(MEMBER, actor="system:intake"))
    step(rig, signed(event))
    letter = letter_of(rig, event.id)
    assert refused(rig, letter)[0] == 3
    file = mended(rig, tmp_path, letter, actor="system:directory")
    assert refused(rig, letter, "--edit", file)[0] == 3
    file = mended(rig, tmp_path, letter, actor=MEMBER.actor)
    assert replayed(rig, letter, "--edit", file)
    assert outcome(rig, SOURCE, event.id)[0] == "applied"


def test_what_cannot_be_read_must_be_written_anew(rig: Rig, tmp_path: Path) -> None:
    step(rig, raw("grid.reports", b"\xff\xfe not even text"))
    letter = letter_of(rig, "")
    code, told = refused(rig, letter)
    assert (code, "--edit" in told) == (2, True)
    file = tmp_path / "new.json"
    file.write_text("{}")
    assert refused(rig, letter, "--edit", str(file))[0] == 2
    event = filed(time=late())
    told_event = {**attributes_of(event), "data": json.loads(data_of(event.data))}
    file.write_text(json.dumps(told_event))
    assert replayed(rig, letter, "--edit", str(file))["source"] == "partygrid/operator"


def test_only_who_may_resend_replays_and_each_letter_once(rig: Rig) -> None:
    event = filed(time=late())
    step(rig, signed(event, topic="grid.assignment"))
    letter = letter_of(rig, event.id)
    assert refused(rig, letter, by=MEMBER.actor)[0] == 3
    assert refused(rig, letter, by="p-nobody")[0] == 3
    assert command(rig, "dead-letters", "replay", letter, "--as", OPERATOR).exit_code == 0
    code, told = refused(rig, letter)
    assert (code, "not decided yet" in told) == (3, True)
    step(rig)
    code, told = refused(rig, letter)
    assert (code, "was applied" in told) == (3, True)
    (row,) = rig.rows("SELECT replayed_by FROM dead_letters WHERE id = %s", letter)
    assert row == (OPERATOR,)


def test_a_replay_that_breaks_again_may_be_tried_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt has an id of its own."""
    event = filed(time=late())
    spoil(monkeypatch, HANDLERS, ReportFiled)
    step(rig, signed(event))
    letter = letter_of(rig, event.id)
    first = replayed(rig, letter)
    assert outcome(rig, SOURCE, first["event_id"])[:2] == ("dead-lettered", "poison")
    monkeypatch.undo()
    second = replayed(rig, letter)
    assert first["event_id"] != second["event_id"]
    assert outcome(rig, SOURCE, event.id)[0] == "applied"


def test_a_timer_that_broke_rings_after_its_replay(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = filed(time=late())
    step(rig, signed(event))
    case = rig.case(case_id_of(SOURCE, event.id))
    (clock,) = [one for one in case.clocks if one.kind is ClockKind.PROPOSAL]
    spoil(monkeypatch, TIMERS, ClockKind.PROPOSAL)
    rig.at(clock.due_at)
    monkeypatch.undo()
    (letter,) = [
        row[0]
        for row in rig.rows("SELECT id::text, event_id FROM dead_letters WHERE source = 'timer'")
        if row[1].startswith(case.id)
    ]
    assert rig.case(case.id).clock("proposal") == clock
    done = command(rig, "dead-letters", "replay", letter, "--as", OPERATOR)
    assert done.exit_code == 0, done.output
    rig.at(clock.due_at + timedelta(seconds=1))
    rung = rig.rows(
        "SELECT 1 FROM audit WHERE case_id = %s AND act::jsonb->>'action' LIKE 'timer:proposal%%'",
        case.id,
    )
    assert rung
    assert refused(rig, letter)[0] == 3  # its clock does not run any more


def test_letters_of_marked_cases_are_counted_and_shown_on_demand_only(rig: Rig) -> None:
    event = filed(time=late(), data=replace(filed().data, mark=Mark.CONFIDENTIAL, grid=GRIDS[-1]))
    step(rig, signed(event, topic="restricted.grid.reports"))
    plain = command(rig, "dead-letters", "list", "--json")
    told = json.loads(plain.stdout)
    assert told["restricted"] == 1
    assert event.id not in plain.stdout
    assert "1 more are restricted" in command(rig, "dead-letters", "list").stdout
    every = command(rig, "dead-letters", "list", "--json", "--unrestricted", "--all")
    assert event.id in every.stdout
    letter = letter_of(rig, event.id)
    assert command(rig, "dead-letters", "show", letter).exit_code == 3
    assert command(rig, "dead-letters", "show", letter, "--unrestricted").exit_code == 0


def test_a_list_shows_no_words_and_a_letter_is_found_by_its_beginning(rig: Rig) -> None:
    event = filed(time=late())
    step(rig, signed(event, topic="grid.assignment"))
    letter = letter_of(rig, event.id)
    listed = command(rig, "dead-letters", "list", "--reason", "wrong_topic", "--json").stdout
    assert event.id in listed
    assert "路灯不亮" not in listed
    shown = command(rig, "dead-letters", "show", letter[:13], "--json")
    assert json.loads(shown.stdout)["id"] == letter
    assert command(rig, "dead-letters", "show", "ffffffff-0000").exit_code == 2
    assert command(rig, "dead-letters", "show", "%").exit_code == 2


def late() -> Any:
    """When what is sent next happens."""
    return NOW + timedelta(minutes=next(_instants))


def spoil(monkeypatch: pytest.MonkeyPatch, table: dict[Any, Any], key: object) -> None:
    """Put a handler with a bug into its place."""

    def fault(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(table, key, fault)
