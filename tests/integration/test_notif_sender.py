"""What becomes of every notice: sent once, or a reason that a person can see."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from models.notices import ChannelName
from models.policy.people import Role
from models.values import OrgId, PersonId, RoleName
from notifications.channels import Failed, Unknown
from notifications.mail import MailChannel, MailServer
from notifications.notice import NoticeKind, Org, Person, Reporter, RoleAt, Urgency
from tests.integration.notif_office import office
from tests.integration.notif_servers import Mailbox, mail_server
from tests.notifying import NIGHT, NOON, RULES, ScriptedChannel, notice

CHAT, SMS, MAIL = ChannelName.CHAT, ChannelName.SMS, ChannelName.MAIL
PHONE, OFFICE = "13800000000", "office@town.example"
MORNING = datetime(2026, 3, 9, 23, 0, tzinfo=UTC)
LATER = Failed("busy", retry=True)
NEVER = Failed("refused", retry=False)


def to(person: str) -> Person:
    return Person(PersonId(person))


def test_a_notice_reaches_a_real_mailbox_once(database_url: str) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        server = MailServer(host="127.0.0.1", port=port, sender="grid@town.example")
        mail = MailChannel(server, now=lambda: NOON)
        with office(database_url, {MAIL: mail}) as one:
            one.reach("p-1", mail=OFFICE)
            one.post(notice())
            assert one.send().sent == 1
            assert one.send().sent == 0
            (send,) = one.sends()
    assert (send["state"], send["attempts"], send["sent_at"]) == ("sent", 1, NOON)
    assert send["settled_at"] == NOON
    (envelope,) = mailbox.mails
    assert f"Message-ID: <{send['id']}@town.example>".encode() in (envelope.original_content or b"")


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        pytest.param(to("stranger"), "no_address", id="no address"),
        pytest.param(Org(OrgId("village")), "no_address", id="office without address"),
        pytest.param(to("only-chat"), "channel_not_configured", id="channel not there"),
        pytest.param(RoleAt(RoleName("visitor"), OrgId("x")), "role_held_by_nobody", id="nobody"),
        pytest.param(Reporter("unheard-of"), "anonymous", id="anonymous reporter"),
    ],
)
def test_who_cannot_be_reached_is_skipped_with_the_reason(
    database_url: str, recipient: Person, reason: str
) -> None:
    with office(database_url) as one:
        one.reach("only-chat", chat="wecombot://abcdefgh")
        one.post(notice(recipient=recipient))
        assert one.send().sent == 0
        (send,) = one.sends()
        assert (send["state"], send["reason"]) == ("skipped", reason)
        assert send["settled_at"] == NOON


def test_at_night_only_what_is_urgent_goes_out(database_url: str) -> None:
    sms = ScriptedChannel()
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice(dedup_key="a"), now=NIGHT)
        one.post(
            notice(NoticeKind.EMERGENCY_ALERT, urgency=Urgency.URGENT, dedup_key="b"),
            now=NIGHT + timedelta(seconds=1),
        )
        counts = one.send(NIGHT + timedelta(seconds=2))
        assert (counts.sent, counts.postponed) == (1, 1)
        assert [rendered.kind for _, rendered, _ in sms.taken] == ["emergency_alert"]
        waiting = one.sends()[0]
        assert (waiting["state"], waiting["reason"]) == ("pending", "quiet_hours")
        assert waiting["next_attempt_at"] == MORNING
        assert one.send(MORNING - timedelta(seconds=1)).sent == 0
        assert one.send(MORNING).sent == 1


def test_the_same_is_not_said_twice_within_the_window(database_url: str) -> None:
    window = RULES.repeat_after
    with office(database_url) as one:
        one.reach("p-1", sms=PHONE)
        one.reach("p-2", sms="13800000001")
        said_at = [NOON, NOON + window / 2, NOON + window, NOON + window * 1.5]
        for now in said_at:
            one.post(notice(), now=now)
            one.send(now)
        one.post(notice(recipient=to("p-2")), notice(dedup_key="other"), now=NOON + window)
        one.send(NOON + window)
        mine = [send["reason"] for send in one.sends() if send["addressee"] == "p-1"]
        assert sorted(mine, key=str) == [None, None, None, "repeat", "repeat"]
        assert [send["state"] for send in one.sends() if send["addressee"] == "p-2"] == ["sent"]


def test_repeats_in_one_batch_are_found_too(database_url: str) -> None:
    with office(database_url) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice(), notice(), notice())
        assert one.send().sent == 1
        assert sorted(state for _, state, _ in one.states()) == ["sent", "skipped", "skipped"]


def test_a_person_may_prefer_a_channel_and_an_emergency_takes_all(database_url: str) -> None:
    sms, mail = ScriptedChannel(), ScriptedChannel()
    with office(database_url, {SMS: sms, MAIL: mail}) as one:
        one.reach("p-1", sms=PHONE, mail=OFFICE, preferred=MAIL)
        one.post(notice())
        one.send()
        assert one.states() == [("mail", "sent", None), ("sms", "skipped", "prefers_other_channel")]
        alert = notice(NoticeKind.EMERGENCY_ALERT, urgency=Urgency.URGENT, dedup_key="alert")
        one.post(alert)
        one.send()
        assert len(mail.taken) == 2
        assert len(sms.taken) == 1


def test_a_role_may_have_its_own_channels(database_url: str) -> None:
    rules = RULES.model_copy(update={"channels_by_role": {Role.DUTY_LEADER: ("mail",)}})
    sms, mail = ScriptedChannel(), ScriptedChannel()
    with office(database_url, {SMS: sms, MAIL: mail}, rules=rules) as one:
        one.reach("p-1", sms=PHONE, mail=OFFICE)
        one.post(notice())
        with one.engine.begin() as connection:
            connection.execute(text("update notices set role = 'duty_leader'"))
        one.send()
        assert (len(mail.taken), len(sms.taken)) == (1, 0)


def test_a_passing_failure_is_tried_again_with_doubling_pauses(database_url: str) -> None:
    sms = ScriptedChannel(LATER, LATER)
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice())
        assert one.send().retried == 1
        assert one.states() == [("sms", "pending", "busy")]
        assert one.send(NOON + timedelta(seconds=29)).retried == 0
        assert one.send(NOON + timedelta(seconds=30)).retried == 1
        assert one.send(NOON + timedelta(seconds=89)).sent == 0
        assert one.send(NOON + timedelta(seconds=90)).sent == 1
        assert one.sends()[0]["attempts"] == 3
        assert len(set(sms.keys)) == 1


def test_after_the_last_try_the_next_channel_has_its_turn(database_url: str) -> None:
    sms, mail = ScriptedChannel(LATER, LATER, LATER), ScriptedChannel(NEVER)
    with office(database_url, {SMS: sms, MAIL: mail}) as one:
        one.reach("p-1", sms=PHONE, mail=OFFICE)
        (posted,) = one.post(notice())
        for minutes in range(5):
            one.send(NOON + timedelta(minutes=minutes))
        assert one.states() == [("mail", "failed", "refused"), ("sms", "failed", "busy")]
        assert (len(sms.taken), len(mail.taken)) == (3, 1)
        assert all(send["settled_at"] for send in one.sends())
        assert {send["notice_id"] for send in one.sends()} == {posted}


def test_a_passed_over_channel_is_used_when_the_preferred_one_fails(database_url: str) -> None:
    sms, mail = ScriptedChannel(), ScriptedChannel(NEVER)
    with office(database_url, {SMS: sms, MAIL: mail}) as one:
        one.reach("p-1", sms=PHONE, mail=OFFICE, preferred=MAIL)
        one.post(notice())
        one.send()
        assert one.states() == [("mail", "failed", "refused"), ("sms", "sent", None)]


def test_what_may_have_arrived_is_never_sent_again_by_itself(database_url: str) -> None:
    sms, mail = ScriptedChannel(Unknown("no_answer")), ScriptedChannel()
    with office(database_url, {SMS: sms, MAIL: mail}) as one:
        one.reach("p-1", sms=PHONE, mail=OFFICE)
        one.post(notice())
        assert one.send().unknown == 1
        for days in range(1, 9):
            one.send(NOON + timedelta(days=days))
        assert one.states() == [("sms", "unknown", "no_answer")]
        assert (len(sms.taken), len(mail.taken)) == (1, 0)


def test_many_at_once_become_one_message(database_url: str) -> None:
    sms = ScriptedChannel()
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.reach("p-2", sms="13800000001")
        keys = [f"k{n}" for n in range(4)]
        one.post(*(notice(dedup_key=key) for key in keys), now=NIGHT)
        one.post(notice(recipient=to("p-2")), notice(NoticeKind.CASE_URGED, to("p-2")), now=NIGHT)
        one.send(NIGHT)
        counts = one.send(MORNING)
        assert counts.sent == 6
        by_phone = sorted((address, rendered.kind) for address, rendered, _ in sms.taken)
        assert by_phone == [
            (PHONE, "bundle"),
            ("13800000001", "case_urged"),
            ("13800000001", "check_requested"),
        ]
        (bundle,) = (rendered for address, rendered, _ in sms.taken if address == PHONE)
        assert bundle.text.count("\n- ") == 4


def test_what_lies_far_apart_is_not_bundled(database_url: str) -> None:
    sms = ScriptedChannel()
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        for hours in range(3):
            one.post(notice(dedup_key=str(hours)), now=NOON + timedelta(hours=hours))
        with one.engine.begin() as connection:
            # As if spread when made, while the sending itself stood still.
            connection.execute(text("update notices set spread_at = created_at"))
            connection.execute(
                text(
                    "insert into notice_sends (id, notice_id, channel, language, state, attempts,"
                    " next_attempt_at, changed_at) select gen_random_uuid(), id, 'sms', 'zh',"
                    " 'pending', 0, created_at, created_at from notices"
                )
            )
        assert one.send(NOON + timedelta(hours=3)).sent == 3
        assert len(sms.taken) == 3


def test_a_bundle_that_fails_is_tried_again_under_the_same_key(database_url: str) -> None:
    sms = ScriptedChannel(LATER)
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(*(notice(dedup_key=key) for key in "abc"))
        assert one.send().retried == 3
        assert one.send(NOON + timedelta(seconds=30)).sent == 3
        assert len(sms.taken) == 2
        assert len(set(sms.keys)) == 1
