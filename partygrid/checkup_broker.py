"""What `partygrid doctor` asks the broker."""

from collections.abc import Iterator
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from events.away import away
from events.broker import OWN_TOPICS
from events.clients import Admin
from events.contract.registry import INBOUND_TOPICS
from partygrid.adapters import client_of
from partygrid.check import Check, ill, look, well
from partygrid.settings import Settings

_TIMESTAMPS = "message.timestamp.type"


def examine_broker(settings: Settings) -> Iterator[Check]:
    """Look whether the broker answers, has the topics, and stamps records with its own time."""
    admin, client = None, client_of(settings)
    try:
        admin = Admin(**client)
        known = {str(one["name"]): one for one in admin.describe_topics()}
        yield well("broker", f"answers at {settings.kafka_bootstrap}")
        yield _topics(known, settings.partitions)
        if INBOUND_TOPICS[0] in known:
            yield _timestamps(admin)
    except (KafkaError, OSError) as fault:
        told = f"{settings.kafka_bootstrap}: {away(client, fault)}"
        yield ill("broker", told, "Start Kafka or correct its address and credentials.")
    finally:
        if admin is not None:
            admin.close()


def _topics(known: dict[str, Any], partitions: int) -> Check:
    missing = sorted(set(OWN_TOPICS) - set(known))
    if missing:
        return ill("topics", f"{', '.join(missing)} missing", "Run `partygrid migrate`.")
    counts = {name: len(known[name]["partitions"]) for name in INBOUND_TOPICS}
    other = [f"{name} has {count}" for name, count in counts.items() if count != partitions]
    if other:
        told = f"{', '.join(other)} partitions instead of {partitions}"
        return ill("topics", told, "A shard is a partition: correct the setting.")
    return well("topics", f"{len(OWN_TOPICS)} there, {partitions} partitions each inbound one")


def _timestamps(admin: Admin) -> Check:
    resource = ConfigResource(ConfigResourceType.TOPIC, INBOUND_TOPICS[0], configs=[_TIMESTAMPS])
    try:
        told = str(admin.describe_configs([resource], config_filter="all"))
    except KafkaError:  # the broker that comes along does not know the question
        told = ""
    if "LogAppendTime" in told:
        return well("log time", "the broker stamps each record when it takes it")
    return look(
        "log time",
        "the broker keeps no append time: the first reading counts as the decision time",
        f"Apache Kafka does with {_TIMESTAMPS}=LogAppendTime; the broker that comes along cannot.",
    )
