"""From settings to what speaks with the outside: broker, relay, channels."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

from events.accounts import Accounts
from events.broker import Broker, client_settings
from events.consumer import ShardConsumer
from events.relay import Relay
from models.notices import ChannelName
from models.policy.schema import Policy
from notifications.addresses import AddressBook
from notifications.channels import Channel
from notifications.chat import ChatChannel
from notifications.mail import MailChannel, MailServer, Protection
from notifications.render import Letterhead
from notifications.reporters import ReporterContacts
from notifications.sender import Outside, Sender
from partygrid.clock import Clock
from partygrid.errors import Invalid
from partygrid.keyring import Keyring
from partygrid.settings import Settings

#: Connections that a process may have for a moment beyond those that it keeps.
_BESIDE = 3
#: Seconds for which a free connection is waited for.
_POOL_WAIT = 5
#: Consumer group of all engines of an installation.
GROUP = "partygrid"


class RetentionTooShort(Invalid):
    """Kafka would forget records that somebody may still have to read."""


def client_of(settings: Settings) -> dict[str, Any]:
    """Return what every Kafka client of this installation connects with."""
    return client_settings(settings, settings.address("kafka_bootstrap"))


def administered(settings: Settings) -> Settings:
    """Return the settings with the brokers' administrator as their account, where one is named."""
    if settings.kafka_admin_username is None:
        return settings
    return settings.changed(
        kafka_username=settings.kafka_admin_username,
        kafka_password=settings.kafka_admin_password,
    )


def accounts_of(settings: Settings) -> Accounts:
    """Return the brokers' accounts. Raises `Unavailable`, and `NoRightsKept` of the embedded."""
    mechanism = settings.kafka_sasl_mechanism
    hashed = mechanism if mechanism not in (None, "PLAIN") else "SCRAM-SHA-512"
    return Accounts(client_of(administered(settings)), hashed)


def broker_of(settings: Settings, *, time_lapse: bool = False) -> Broker:
    """Return the topics' keeper; it connects at the first question."""
    return Broker(
        client_of(settings),
        partitions=settings.partitions,
        replication=settings.kafka_replication,
        min_insync=settings.kafka_min_insync,
        retention=settings.kafka_retention,
        time_lapse=time_lapse,
    )


def check_retention(settings: Settings, policy: Policy) -> None:
    """Raise `RetentionTooShort` where records may be gone before their last reader comes."""
    longest, kept = policy.deadlines.occurred_at_most_before, settings.kafka_retention
    if kept < longest:
        raise RetentionTooShort(
            f"PARTYGRID_KAFKA_RETENTION is {kept.days} days, and an app may send for"
            f" {longest / timedelta(days=1):g} days what it recorded offline"
            " (deadlines.yaml, occurred_at_most_before): set it to as many at least."
        )


def consumer_of(settings: Settings, *, alone: bool = False, whole: bool = False) -> ShardConsumer:
    """Join the engines' group, or own every shard without one. Raises `Unavailable`.

    With `whole` one member of the group has all shards.
    """
    return ShardConsumer(
        client_of(settings),
        group=GROUP,
        fetch_wait_ms=int(settings.poll_wait / timedelta(milliseconds=1)),
        alone=settings.partitions if alone else 0,
        whole=whole,
    )


def relay_of(
    settings: Settings,
    connect: Callable[[], psycopg.Connection[Any]],
    broker: Broker,
    clock: Clock,
    kind: type[Relay] = Relay,
) -> Relay:
    """Return the publisher of the outbox. Raises `Unavailable`."""
    return kind(connect, client_of(settings), broker, partitions=settings.partitions, clock=clock)


@contextmanager
def pool_of(settings: Settings) -> Iterator[Engine]:
    """Give SQLAlchemy's pool for the cold paths; closed after."""
    url = make_url(settings.address("database_url")).set(drivername="postgresql+psycopg")
    pool = create_engine(
        url,
        pool_size=settings.database_pool,
        # Who sends notices holds one connection for all the while, and needs others beside it.
        max_overflow=_BESIDE,
        # A request is told to come again before its sender gives up.
        pool_timeout=_POOL_WAIT,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "options": "-c timezone=UTC"},
    )
    try:
        yield pool
    finally:
        pool.dispose()


def channels_of(settings: Settings, clock: Clock) -> Mapping[ChannelName, Channel]:
    """Return the channels this installation has; chat groups need no server of ours."""
    channels: dict[ChannelName, Channel] = {ChannelName.CHAT: ChatChannel()}
    if settings.smtp_host is not None:
        channels[ChannelName.MAIL] = MailChannel(_mail_server(settings), now=clock.now)
    if settings.sms_gateway_url is not None:
        channels[ChannelName.SMS] = _sms_channel(settings)
    return channels


def _mail_server(settings: Settings) -> MailServer:
    password = settings.smtp_password
    return MailServer(
        host=settings.address("smtp_host"),
        port=settings.smtp_port,
        sender=settings.smtp_from,
        protection=Protection(settings.smtp_security),
        user=settings.smtp_user,
        password=password.get_secret_value() if password else None,
    )


def _sms_channel(settings: Settings) -> Channel:
    # Its client takes a fifth of a second to load, for which no other process should wait.
    from notifications.sms import SmsChannel, SmsGateway  # noqa: PLC0415

    token = settings.sms_token
    return SmsChannel(
        SmsGateway(
            url=settings.address("sms_gateway_url"),
            signature=settings.sms_signature,
            token=token.get_secret_value() if token else None,
        )
    )


def letterhead_of(settings: Settings) -> Letterhead:
    """Return what stands around every notice; without a public address it links nowhere."""
    if settings.public_url is None:
        return Letterhead(sender=settings.notice_sender)
    site = settings.public_url.rstrip("/")
    return Letterhead(
        sender=settings.notice_sender,
        case_url=f"{site}/cases/",
        evaluation_url=f"{site}/e/",
    )


def sender_of(settings: Settings, policy: Policy, pool: Engine, clock: Clock) -> Sender:
    """Return who brings notices to people."""
    keys = Keyring(settings)
    outside = Outside(
        channels=channels_of(settings, clock),
        book=AddressBook(keys.addresses()),
        vault=ReporterContacts(pool, keys.vault()),
        letterhead=letterhead_of(settings),
    )
    return Sender(pool, outside, rules=policy.notices, zone=policy.calendar.zone)
