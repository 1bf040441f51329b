"""How far an app may speak of what lies in its territories, and of what few may know."""

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from events.admission import DOOR_KEY, ENGINE_KEY
from events.contract.envelope import Event, Payload
from events.contract.registry import TYPE_OF_PAYLOAD
from events.contract.reports import ReportMarked, ReportSupplemented
from events.contract.tasks import TaskWithdrawn
from flows.decide.decision import Decision
from flows.decide.route import decide
from models.case import Case
from models.directory import App, Directory
from models.keys import SigningKey
from models.values import CaseState, Fate, Mark
from models.village import TaskState, VillageTask
from tests import world
from tests.unit import taking_in as t

KEY = SigningKey.generate()
CASE = t.case_at(CaseState.REPORTED, t.RUBBISH)
MORE = ReportSupplemented(description="token")
OTHER_VILLAGE = world.VILLAGES[1]


def registered(*territories: str, restricted: bool = False, until: datetime | None = None) -> App:
    return App(
        source="app/branch",
        key_id=KEY.key_id,
        name="支部",
        public_key=base64.b64encode(KEY.public.raw).decode(),
        territories=territories,
        event_types=("*",),
        restricted=restricted,
        valid_from=world.SINCE,
        valid_to=until,
    )


def said(
    app: App | None,
    data: Payload = MORE,
    *,
    case: Case = CASE,
    key_id: str = KEY.key_id,
    task: VillageTask | None = None,
    **fields: Any,
) -> Decision:
    """What the engine decides on an act that an app signed."""
    known = t.directory()
    desk = t.Desk(people=Directory(revision=1, entries=[*_entries(known), *([app] if app else [])]))
    event = Event(
        id="e",
        source="app/branch",
        type=TYPE_OF_PAYLOAD[type(data)].full_name,
        time=t.NOW,
        township=t.TOWNSHIP,
        subject=task.id if task else case.id,
        acting=t.MEMBER,
        data=data,
        key_id=key_id,
    )
    event = replace(event, **fields)
    return decide(case, desk.facts(), event, desk.policy, t.NOW, task=task)


def _entries(known: Directory) -> list[Any]:
    """The county's organisations, people and roles, to put an app beside them."""
    persons = list(known.persons(t.NOW))
    roles = {held for person in persons for held in known.role_spells(person.id)}
    return [*known.orgs(t.NOW), *persons, *sorted(roles, key=repr)]


@pytest.mark.parametrize(
    ("territories", "reason"),
    [
        pytest.param((t.COUNTY,), "ok", id="county"),
        pytest.param((t.TOWNSHIP,), "ok", id="township"),
        pytest.param((t.VILLAGE,), "ok", id="its village"),
        pytest.param((t.GRID,), "ok", id="its grid"),
        pytest.param((OTHER_VILLAGE, t.VILLAGE), "ok", id="one of two"),
        pytest.param((OTHER_VILLAGE,), "outside_app", id="another village"),
        pytest.param((world.GRIDS[1],), "outside_app", id="another grid"),
        pytest.param((f"{t.GRID}01",), "outside_app", id="less than where it lies"),
    ],
)
def test_an_app_speaks_of_what_lies_in_its_territories(
    territories: tuple[str, ...], reason: str
) -> None:
    decision = said(registered(*territories))
    assert decision.reason == reason
    assert (decision.fate is Fate.APPLIED) is (reason == "ok")
    if reason != "ok":
        (record,) = decision.audit
        assert (record.reason, record.detail["app"]) == ("outside_app", "app/branch")


@pytest.mark.parametrize("mark", [Mark.CONFIDENTIAL, Mark.BYPASS])
@pytest.mark.parametrize("restricted", [False, True])
def test_of_marked_cases_only_where_it_is_let(mark: Mark, restricted: bool) -> None:
    case = replace(CASE, mark=mark, circle=("d-discipline", t.GRID))
    decision = said(registered(t.COUNTY, restricted=restricted), case=case, acting=t.DISCIPLINE)
    assert decision.reason == ("ok" if restricted else "app_not_restricted")


@pytest.mark.parametrize("restricted", [False, True])
def test_only_an_app_that_is_let_marks_a_case(restricted: bool) -> None:
    marks = ReportMarked(mark=Mark.CONFIDENTIAL, reason="token")
    decision = said(registered(t.COUNTY, restricted=restricted), marks, acting=t.ACCEPTOR)
    assert decision.reason == ("ok" if restricted else "app_not_restricted")


def test_a_key_that_ended_while_its_event_waited_counts_as_it_was() -> None:
    ended = registered(OTHER_VILLAGE, until=t.NOW - timedelta(hours=1))
    assert said(ended).reason == "outside_app"


@pytest.mark.parametrize("key_id", [ENGINE_KEY, DOOR_KEY, ""])
def test_what_no_app_signed_is_asked_elsewhere(key_id: str) -> None:
    assert said(registered(OTHER_VILLAGE), key_id=key_id).reason == "ok"


@pytest.mark.parametrize(
    ("territories", "reason"),
    [
        pytest.param((t.VILLAGE,), "role_may_not", id="one of its villages: on to the right"),
        pytest.param((OTHER_VILLAGE,), "outside_app", id="none of them"),
    ],
)
def test_a_task_is_every_village_s_that_it_is_put_on(
    territories: tuple[str, ...], reason: str
) -> None:
    task = VillageTask(
        id="33333333-3333-5333-8333-333333333333",
        version=1,
        state=TaskState.REQUESTED,
        township=t.TOWNSHIP,
        asked_by="d-civil_affairs",
        villages=(t.VILLAGE, world.VILLAGES[2]),
    )
    decision = said(registered(*territories), TaskWithdrawn(reason="token"), task=task)
    assert decision.reason == reason
