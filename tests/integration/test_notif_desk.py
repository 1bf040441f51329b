"""What people do: telephone, find out about the unknown."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from models.notices import ChannelName
from models.values import OrgId, PersonId, RoleName
from notifications import desk
from notifications.addresses import Contact
from notifications.channels import Failed, Unknown
from notifications.inbox import Reader, mark_read
from notifications.notice import NoticeKind, Person, Reporter, RoleAt
from notifications.retention import forget
from tests.integration.notif_office import TOWN, Office, office
from tests.notifying import NOON, NUMBER, ScriptedChannel, notice

SMS, MAIL = ChannelName.SMS, ChannelName.MAIL
PHONE, OFFICE = "13800000000", "office@town.example"


def troubles(one: Office, township: str | None = TOWN) -> list[desk.Trouble]:
    with one.engine.connect() as connection:
        return desk.troubles(connection, township=township, limit=10)


def test_what_did_not_arrive_is_shown(database_url: str) -> None:
    sms = ScriptedChannel(Unknown("no_answer"))
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(
            notice(),
            notice(recipient=RoleAt(RoleName("visitor"), OrgId("v"))),
            notice(recipient=Person(PersonId("stranger"))),
        )
        one.send()
        shown = troubles(one)
        assert sorted((one.state, str(one.reason)) for one in shown) == [
            ("skipped", "no_address"),
            ("skipped", "role_held_by_nobody"),
            ("unknown", "no_answer"),
        ]
        assert {line.case_number for line in shown} == {NUMBER}
        assert PHONE not in str(shown)
        assert troubles(one, "330281999") == []
        assert len(troubles(one, None)) == 3


def test_what_another_channel_delivered_is_no_trouble(database_url: str) -> None:
    sms = ScriptedChannel(Failed("gone", retry=False))
    with office(database_url, {SMS: sms, MAIL: ScriptedChannel()}) as one:
        one.reach("p-1", sms=PHONE, mail=OFFICE)
        one.post(notice())
        one.send()
        assert troubles(one) == []


@pytest.mark.parametrize("arrived", [True, False], ids=["it arrived", "send again"])
def test_a_person_settles_what_is_unknown(database_url: str, arrived: bool) -> None:
    sms = ScriptedChannel(Unknown("no_answer"))
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice())
        one.send()
        (trouble,) = troubles(one)
        later = NOON + timedelta(hours=1)
        with one.engine.begin() as connection:
            desk.settle_unknown(connection, trouble.send_id, arrived=arrived, now=later)
        one.send(later)
        (send,) = one.sends()
        assert (send["state"], send["sent_at"]) == ("sent", later)
        assert send["settled_at"] is not None
        assert len(sms.taken) == (1 if arrived else 2)
        assert len(set(sms.keys)) == 1
        with one.engine.begin() as connection, pytest.raises(desk.NotWaiting):
            desk.settle_unknown(connection, trouble.send_id, arrived=arrived, now=later)


@pytest.mark.parametrize(
    ("reached", "expected"), [(True, ("sent", None)), (False, ("failed", "not_reached"))]
)
def test_a_call_is_recorded_by_who_made_it(
    database_url: str, reached: bool, expected: tuple[str, str | None]
) -> None:
    with office(database_url) as one:
        one.vault.contacts["ref"] = Contact(None)
        one.post(notice(NoticeKind.CASE_CLOSED, Reporter("ref")))
        one.send()
        with one.engine.begin() as connection:
            (call,) = desk.calls_to_make(connection, township=TOWN, limit=10)
            assert desk.calls_to_make(connection, township="330281999", limit=10) == []
            desk.record_call(connection, call, reached=reached, now=NOON)
            assert desk.calls_to_make(connection, township=TOWN, limit=10) == []
        (send,) = (send for send in one.sends() if send["channel"] == "call")
        assert (send["state"], send["reason"]) == expected
        assert send["settled_at"] == NOON
        with one.engine.begin() as connection, pytest.raises(desk.NotWaiting):
            desk.record_call(connection, call, reached=True, now=NOON)


def test_old_notices_are_forgotten_and_open_ones_are_not(database_url: str) -> None:
    sms = ScriptedChannel(Failed("busy", retry=True))
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice(dedup_key="still open"))
        one.send()
        one.post(notice(dedup_key="a"), notice(dedup_key="b"))
        one.send()
        one.post(notice(dedup_key="younger"), now=NOON + timedelta(days=1))
        with one.engine.begin() as connection:
            mark_read(connection, Reader("p-1"), [one.sends()[1]["notice_id"]], now=NOON)
            until = NOON + timedelta(days=1)
            assert forget(connection, before=until, limit=1) == 1
            assert forget(connection, before=until, limit=9) == 1
            assert forget(connection, before=until, limit=9) == 0
            kept = connection.execute(text("select dedup_key from notices order by created_at"))
            assert [key.partition("|")[2] for key in kept.scalars()] == ["still open", "younger"]
