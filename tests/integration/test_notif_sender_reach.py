"""Whom the sender reaches: villagers through the vault, addresses that change, broken channels."""

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import text

from models.notices import AddresseeKind, SendState
from models.values import OrgId
from notifications.addresses import Contact, Owner
from notifications.channels import Outcome, Sent, Unknown
from notifications.notice import NoticeKind, Org, Reporter
from notifications.wording import Language
from tests.integration.notif_office import PERSON, office
from tests.integration.test_notif_sender import LATER, MAIL, NEVER, OFFICE, PHONE, SMS, to
from tests.notifying import NOON, NUMBER, RULES, ScriptedChannel, notice


@pytest.mark.parametrize(
    ("contact", "states"),
    [
        pytest.param(Contact("13900000000"), [("sms", "sent", None)], id="mobile"),
        pytest.param(
            Contact(None),
            [("call", "pending", None), ("sms", "skipped", "called_instead")],
            id="no mobile: a person calls",
        ),
    ],
)
def test_a_villager_is_reached_through_the_vault(
    database_url: str, contact: Contact, states: list[tuple[str, str, str | None]]
) -> None:
    sms = ScriptedChannel()
    with office(database_url, {SMS: sms}) as one:
        one.vault.contacts["ref-1"] = contact
        one.post(notice(NoticeKind.CASE_CLOSED, Reporter("ref-1")))
        one.send()
        assert one.states() == states
        assert [address for address, _, _ in sms.taken] == [contact.mobile] * len(sms.taken)
        with one.engine.connect() as connection:
            rows = connection.execute(
                text("select n::text, s::text from notices n, notice_sends s")
            )
            assert "13900000000" not in str(rows.all())


def test_a_villager_reads_the_language_the_vault_names(database_url: str) -> None:
    sms = ScriptedChannel()
    with office(database_url, {SMS: sms}) as one:
        one.vault.contacts["ref-1"] = Contact("13900000000", Language.EN)
        one.post(notice(NoticeKind.CASE_CLOSED, Reporter("ref-1")))
        one.send()
    assert "settled" in sms.taken[0][1].sms


def test_while_the_vault_is_away_villagers_wait(database_url: str) -> None:
    with office(database_url) as one:
        one.vault.contacts["ref-1"] = Contact("13900000000")
        one.vault.away = True
        one.post(notice(NoticeKind.CASE_CLOSED, Reporter("ref-1")))
        assert one.send().retried == 1
        assert one.states() == [("sms", "pending", "vault_unavailable")]
        one.vault.away = False
        assert one.send(NOON + timedelta(minutes=1)).sent == 1


def test_without_a_gateway_villagers_are_called(database_url: str) -> None:
    with office(database_url, {MAIL: ScriptedChannel()}) as one:
        one.post(notice(NoticeKind.CASE_CLOSED, Reporter("ref-1")))
        one.send()
        assert one.states() == [("call", "pending", None)]


def test_a_notice_that_is_too_old_is_not_sent(database_url: str) -> None:
    with office(database_url) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice())
        late = NOON + RULES.stale_after
        assert one.send(late + timedelta(seconds=1)).sent == 0
        assert one.states() == [("sms", "skipped", "stale")]
        one.post(notice(dedup_key="other"))
        assert one.send(late).sent == 1


def test_an_address_that_changed_meanwhile_is_the_one_used(database_url: str) -> None:
    sms = ScriptedChannel(LATER)
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice())
        one.send()
        one.reach("p-1", sms="13811111111")
        one.send(NOON + timedelta(minutes=1))
        assert [address for address, _, _ in sms.taken] == [PHONE, "13811111111"]


def test_an_address_that_ended_meanwhile_is_not_used(database_url: str) -> None:
    sms, mail = ScriptedChannel(LATER), ScriptedChannel()
    with office(database_url, {SMS: sms, MAIL: mail}) as one:
        one.reach("p-1", sms=PHONE, mail=OFFICE)
        one.post(notice())
        one.send()
        with one.engine.begin() as connection:
            one.book.end(connection, Owner(PERSON, "p-1"), SMS, now=NOON)
        one.send(NOON + timedelta(minutes=1))
        assert one.states() == [("mail", "sent", None), ("sms", "skipped", "address_ended")]


def test_an_office_and_a_person_of_the_same_id_are_two(database_url: str) -> None:
    mail = ScriptedChannel()
    with office(database_url, {MAIL: mail}) as one:
        one.reach("same", kind=AddresseeKind.ORG, mail=OFFICE)
        one.reach("same", mail="person@town.example")
        one.post(notice(recipient=Org(OrgId("same"))))
        one.send()
        assert [address for address, _, _ in mail.taken] == [OFFICE]


def test_one_that_cannot_be_put_into_words_stops_nobody(database_url: str) -> None:
    with office(database_url) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice(dedup_key="a"))
        with one.engine.begin() as connection:
            connection.execute(text("update notices set kind = 'of_an_older_release'"))
        one.post(notice(dedup_key="b"))
        counts = one.send()
        assert (counts.sent, counts.failed) == (1, 1)
        assert ("sms", "failed", "no_words:ValueError") in one.states()


class BrokenChannel:
    def send(self, address: str, rendered: object, *, key: str) -> Outcome:
        raise RuntimeError(address)


def test_a_channel_that_breaks_stops_no_other(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    mail = ScriptedChannel()
    with office(database_url, {SMS: BrokenChannel(), MAIL: mail}) as one:
        one.reach("p-1", sms=PHONE)
        one.reach("p-2", mail=OFFICE)
        one.post(notice(), notice(recipient=to("p-2")))
        counts = one.send()
        assert (counts.sent, counts.unknown) == (1, 1)
        assert "RuntimeError" in caplog.text
        assert PHONE not in caplog.text


def test_a_marked_case_leaves_without_its_content(database_url: str) -> None:
    sms = ScriptedChannel()
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice(discreet=True))
        one.send()
    said = sms.taken[0][1]
    assert NUMBER in said.sms
    assert "垃圾" not in said.subject + said.text + said.html + said.sms


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_channels_answer_everything_settles_and_nothing_is_said_again(
    database_url: str, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - a repeatable script, not a secret
    answers: list[Outcome] = [Sent("r"), LATER, NEVER, Unknown("lost")]
    script = random.choices(answers, k=60)
    sms, mail = ScriptedChannel(*script[:30]), ScriptedChannel(*script[30:])
    with office(database_url, {SMS: sms, MAIL: mail}) as one:
        for person in range(12):
            one.reach(f"p-{person}", sms=PHONE, mail=OFFICE)
        one.post(*(notice(recipient=to(f"p-{person}")) for person in range(12)))
        for minute in range(6):
            one.send(NOON + timedelta(minutes=minute))
        final = {SendState.SENT, SendState.FAILED, SendState.UNKNOWN}
        assert {send["state"] for send in one.sends()} <= final
        assert all(send["settled_at"] for send in one.sends())
        tries = {str(send["id"]): send["attempts"] for send in one.sends()}
        handed = [*sms.keys, *mail.keys]
        assert {key: handed.count(key) for key in set(handed)} == tries
        assert max(tries.values()) <= RULES.attempts
