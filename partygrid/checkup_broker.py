"""What `partygrid doctor` asks the broker."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from events.broker import OWN_TOPICS, Broker
from events.contract.registry import INBOUND_TOPICS
from events.layout import TIME, TopicsUnfit
from partygrid.adapters import broker_of
from partygrid.check import Check, ill, look, well
from partygrid.errors import Unavailable
from partygrid.settings import Settings


def examine_broker(settings: Settings) -> Iterator[Check]:
    """Look whether the broker answers, has the topics, and keeps and stamps records as it must."""
    with closing(broker_of(settings)) as broker:
        try:
            known = broker.described(OWN_TOPICS)
            yield well("broker", f"answers at {settings.kafka_bootstrap}")
            yield _topics(known, settings.partitions)
            configs = broker.configs(OWN_TOPICS)
            yield _log_time(broker, configs)
            yield _kept(broker, known, configs)
        except (Unavailable, OSError) as fault:
            told = f"{settings.kafka_bootstrap}: {fault}"
            yield ill("broker", told, "Start Kafka or correct its address and credentials.")


def _topics(known: Mapping[str, Any], partitions: int) -> Check:
    missing = sorted(set(OWN_TOPICS) - set(known))
    if missing:
        return ill("topics", f"{', '.join(missing)} missing", "Run `partygrid migrate`.")
    counts = {name: len(known[name]["partitions"]) for name in INBOUND_TOPICS}
    other = [f"{name} has {count}" for name, count in counts.items() if count != partitions]
    if other:
        told = f"{', '.join(other)} partitions instead of {partitions}"
        return ill("topics", told, "A shard is a partition: correct the setting.")
    return well("topics", f"{len(OWN_TOPICS)} there, {partitions} partitions each inbound one")


def _log_time(broker: Broker, configs: Mapping[str, Mapping[str, str]]) -> Check:
    if broker.is_embedded:
        return look(
            "log time",
            "the broker that comes along keeps no append time: the first reading counts as the"
            " decision time",
            f"Apache Kafka keeps it ({TIME}=LogAppendTime); this one cannot.",
        )
    try:
        broker.layout.check_time({name: configs.get(name, {}) for name in INBOUND_TOPICS})
    except TopicsUnfit as refusal:
        return ill("log time", str(refusal), "Run `partygrid migrate`; until then no engine works.")
    return well("log time", "the broker stamps each record when it takes it")


def _kept(
    broker: Broker, known: Mapping[str, Any], configs: Mapping[str, Mapping[str, str]]
) -> Check:
    """Look how long records are kept, and in how many copies."""
    if broker.is_embedded:
        told = "one copy, in memory, until the broker that comes along stops"
        return look("kept", told, "Use Apache Kafka for work that matters.")
    other = [
        f"{name}: {key} is {found} instead of {wanted}"
        for name, one in configs.items()
        for key, (found, wanted) in broker.layout.differing(name, one).items()
        if key != TIME
    ]
    if other:
        return ill("kept", "; ".join(other), "Run `partygrid migrate`.")
    copies = broker.layout.replication
    fewest = min((len(one["replica_nodes"]) for one in _partitions(known)), default=copies)
    if fewest < copies:
        told = f"topics have {fewest} copies instead of {copies}"
        return ill("kept", told, "Have Kafka make more: kafka-reassign-partitions.")
    behind = sum(len(one["isr_nodes"]) < len(one["replica_nodes"]) for one in _partitions(known))
    if behind:
        told = f"{behind} partitions have copies that lag behind"
        return look("kept", told, "Is a broker away? Nothing is lost while one copy is left.")
    return well("kept", f"{copies} copies, {broker.layout.min_insync} before it is acknowledged")


def _partitions(known: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for topic in known.values():
        yield from topic["partitions"]
