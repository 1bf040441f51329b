"""Whose word the audit names: the app's, or the signed-in person's own."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from events.admission import DOOR_KEY, Admitted, Gate, admit, vouch
from events.assertions import issue_assertion
from events.codec import Decoded, attributes_of, data_of, decode, encode, type_name
from events.contract.envelope import Event
from events.contract.reports import ReportFiled, ReportSource
from models.keys import SigningKey
from tests.unit.packs import default_pack
from tests.world import GRID, NOW, TOWNSHIP, acting, directory

SIGN_IN, STRANGER = SigningKey.generate(), SigningKey.generate()
OWN_KEY = b"k" * 32


def filed() -> Event:
    """A report as it comes through the door."""
    data = ReportFiled(grid=GRID, source=ReportSource.GRID_MEMBER, title="路灯坏了")
    return Event(
        id="e1",
        source="app/test",
        type=type_name(data),
        time=NOW,
        township=TOWNSHIP,
        acting=acting("grid_member", GRID),
        data=data,
        key_id=DOOR_KEY,
    )


def asserted(event: Event, assertion: str) -> str:
    """Return who stands for the event, admitted with this assertion."""
    mark = vouch(OWN_KEY, attributes_of(event), data_of(event.data))
    encoded = encode(event, signature=mark, assertion=assertion)
    read = decode(encoded.value, encoded.headers)
    assert isinstance(read, Decoded)
    gate = Gate(
        directory=directory(("discipline",)),
        policy=default_pack(),
        own_key=OWN_KEY,
        sign_ins={SIGN_IN.key_id: SIGN_IN.public},
    )
    verdict = admit(gate, read, "grid.reports", len(encoded.value), NOW)
    assert isinstance(verdict, Admitted)
    return verdict.event.acting.asserted_by


def token(
    event: Event,
    *,
    key: SigningKey = SIGN_IN,
    person: str = "",
    event_id: str = "",
    issued: timedelta = timedelta(),
) -> str:
    """Return an assertion; by default the actor's own for this event."""
    return issue_assertion(
        key,
        issuer="sign-in",
        person=person or event.acting.actor,
        source=event.source,
        event_id=event_id or event.id,
        now=NOW + issued,
        lifetime=timedelta(minutes=15),
    )


def test_the_persons_own_assertion_counts() -> None:
    event = filed()
    assert asserted(event, token(event)) == "person"


def test_it_counts_at_the_time_it_happened_however_late_it_is_heard() -> None:
    event = replace(filed(), time=NOW - timedelta(hours=5))
    assert asserted(event, token(event, issued=timedelta(hours=-5))) == "person"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"person": "p-somebody-else"}, id="somebody else's"),
        pytest.param({"event_id": "e2"}, id="another event's"),
        pytest.param({"key": STRANGER}, id="a stranger's sign-in"),
        pytest.param({"issued": timedelta(days=-1)}, id="stale"),
    ],
)
def test_any_other_leaves_it_the_apps_word(changed: dict[str, object]) -> None:
    event = filed()
    assert asserted(event, token(event, **changed)) == "app"  # type: ignore[arg-type]


@pytest.mark.parametrize("assertion", ["", "no token at all"])
def test_without_one_it_is_the_apps_word(assertion: str) -> None:
    assert asserted(filed(), assertion) == "app"
