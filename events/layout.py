"""How the installation's topics are laid out: copies, retention, and whose time a record bears."""

from collections.abc import Mapping
from datetime import timedelta

from kafka.admin import NewTopic
from msgspec import Struct

from events.contract.registry import INBOUND_TOPICS, Topic
from partygrid.errors import Refused, Unavailable

TIME = "message.timestamp.type"
#: The log stamps a record when it takes it; or it keeps what its writer told.
APPENDED, TOLD = "LogAppendTime", "CreateTime"
RETENTION = "retention.ms"
MIN_INSYNC = "min.insync.replicas"
_FOR_EVER = "-1"


class TopicsUnfit(Refused):
    """The topics cannot be used as they are. `partygrid doctor` names them."""


class TooFewBrokers(Unavailable):
    """Kafka has fewer brokers than each topic is to have copies."""


class Layout(Struct, frozen=True, kw_only=True):
    """What an installation wants of its topics."""

    #: of each inbound topic: a partition is a shard
    partitions: int
    #: copies of each topic
    replication: int = 1
    #: copies that must have a record before its writer is told that it is there
    min_insync: int = 1
    #: how long a record is kept; None: as long as the brokers do
    retention: timedelta | None = None
    #: a rehearsal's conductor tells the times, which may lie years back
    time_lapse: bool = False

    def new(self, name: str) -> NewTopic:
        """Return a topic as it is to be made."""
        return NewTopic(
            name=name,
            num_partitions=self.partitions if name in INBOUND_TOPICS else 1,
            replication_factor=self.replication,
            topic_configs=self.configs(name),
        )

    def configs(self, name: str) -> dict[str, str]:
        """Return what a topic is to be set to; the brokers' own defaults hold for the rest."""
        wanted = {
            TIME: TOLD if self.time_lapse else APPENDED,
            MIN_INSYNC: str(self.min_insync),
            "cleanup.policy": "delete",
        }
        if self.time_lapse or name == Topic.AUDIT_SEALS:  # seals are compared for years
            wanted[RETENTION] = _FOR_EVER
        elif self.retention is not None:
            wanted[RETENTION] = str(int(self.retention / timedelta(milliseconds=1)))
        return wanted

    def differing(self, name: str, found: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """Return the settings of a topic that are otherwise: name → (what it is, what it is to be).

        What keeps more than is asked for is well.
        """
        return {
            key: (found[key], value)
            for key, value in self.configs(name).items()
            if key in found and not _suffices(key, found[key], value)
        }

    def check_time(self, found: Mapping[str, Mapping[str, str]]) -> None:
        """Raise `TopicsUnfit` where an inbound topic bears times that nothing may hang on."""
        wanted = TOLD if self.time_lapse else APPENDED
        wrong = [name for name, one in found.items() if one.get(TIME, wanted) != wanted]
        if not wrong:
            return
        named = wrong[0] if len(wrong) == 1 else f"{wrong[0]} and {len(wrong) - 1} more topics"
        if self.time_lapse:
            raise TopicsUnfit(
                f"{named} would stamp a rehearsal's records with today ({TIME}={APPENDED}):"
                " give the rehearsal topics of its own."
            )
        raise TopicsUnfit(
            f"{named} bear the time that a writer tells ({TIME}={TOLD}), and the log's own decides"
            f" what was heard in time. Run `partygrid migrate`, which sets {APPENDED}."
        )


def _suffices(key: str, found: str, wanted: str) -> bool:
    if key == RETENTION and found != wanted:
        return found == _FOR_EVER or (wanted != _FOR_EVER and int(found) >= int(wanted))
    return int(found) >= int(wanted) if key == MIN_INSYNC else found == wanted
