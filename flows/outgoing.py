"""Outbox rows: follow-ups, updates and outcomes, vouched for by this installation."""

from datetime import datetime

from events.admission import ENGINE_KEY, ENGINE_SOURCE, vouch
from events.codec import attributes_of, data_of, text_headers_of, type_name
from events.contract.envelope import Acting, Event, Payload
from events.contract.outgoing import CaseUpdated, DeadLettered, EventOutcome
from events.contract.registry import RESTRICTED_PREFIX, TYPE_OF_PAYLOAD, Topic
from events.partitions import partition_of
from events.topics import app_topic
from flows.decide.decision import FollowUp
from models.case import Case
from models.setting import Row, Setting
from models.values import SYSTEM_PREFIX, Mark, derived_id

_ENGINE = Acting(actor=f"{SYSTEM_PREFIX}engine", role="system", org="", asserted_by="system")


def topic_of(payload: Payload, *, township: str, mark: Mark) -> str:
    """Return the topic a payload goes to; marked cases travel on the restricted twins."""
    topic = TYPE_OF_PAYLOAD[type(payload)].topic
    name = f"{topic}.{township}" if topic is Topic.CASE_UPDATES else str(topic)
    return RESTRICTED_PREFIX + name if mark is not Mark.NONE else name


class Outgoing:
    """Makes the rows of one batch."""

    def __init__(
        self, setting: Setting, *, shard: int, recorded_at: datetime, instant: datetime | None
    ) -> None:
        """Know the keys, and when it is."""
        self._setting, self._shard = setting, shard
        self._recorded_at, self._instant = recorded_at, instant

    def follow_up(
        self,
        made: FollowUp,
        *,
        cause: str,
        count: int,
        township: str,
        mark: Mark,
        wave: int,
        now: datetime,
    ) -> Row:
        """Return the row of an event that follows from `cause`."""
        name = type_name(made.data)
        event = Event(
            id=derived_id(cause, name, count),
            source=ENGINE_SOURCE,
            type=name,
            time=now,
            township=township,
            subject=made.subject,
            acting=made.acting,
            data=made.data,
            key_id=ENGINE_KEY,
            cause=cause,
            wave=wave + 1,
        )
        return self._row(event, topic_of(made.data, township=township, mark=mark), now)

    def update(self, case: Case, *, because: str, cause: str, now: datetime) -> Row:
        """Return the row that tells apps a case changed: ids, state and version only."""
        owner = case.owner
        data = CaseUpdated(
            state=str(case.state),
            version=case.version,
            because=because,
            owner=owner.org if owner else "",
            owner_role=owner.role if owner else "",
        )
        event = self._told(data, cause, now, township=case.township, subject=case.id)
        return self._row(event, topic_of(data, township=case.township, mark=case.mark), now)

    def outcome(self, data: EventOutcome, *, source: str, township: str, now: datetime) -> Row:
        """Return the row that tells an app what became of its event."""
        cause = f"{source}|{data.event_id}|{data.fate}|{data.version}"
        event = self._told(data, cause, now, township=township, subject=data.case_id)
        return self._row(event, app_topic(source), now)

    def letter(self, data: DeadLettered, *, township: str, now: datetime) -> Row:
        """Return the row that tells operators' tools of a dead letter: where it lay, and why."""
        event = self._told(data, data.letter, now, township=township, subject="")
        return self._row(event, str(Topic.DEAD_LETTERS), now)

    def forwarded(
        self,
        *,
        topic: str,
        township: str,
        headers: list[tuple[str, bytes]],
        value: bytes,
        source: str,
        event_id: str,
        now: datetime,
    ) -> Row:
        """Return the row that sends a record on to the partition where it belongs, as it came."""
        return {
            "shard": self._shard,
            "topic": topic,
            "key": township,
            "source": source,
            "event_id": event_id,
            "headers": [[name, text.decode("latin-1")] for name, text in headers],
            "value": value,
            "created_at": self._recorded_at,
            "published_at": None,
            "partition": partition_of(township, self._setting.partitions),
            "instant": now if self._instant else None,
        }

    def _told(
        self, data: Payload, cause: str, now: datetime, *, township: str, subject: str
    ) -> Event:
        name = type_name(data)
        return Event(
            id=derived_id(cause, name, subject),
            source=ENGINE_SOURCE,
            type=name,
            time=now,
            township=township,
            subject=subject,
            acting=_ENGINE,
            data=data,
            key_id=ENGINE_KEY,
        )

    def _row(self, event: Event, topic: str, now: datetime) -> Row:
        attributes, data = attributes_of(event), data_of(event.data)
        attributes["signature"] = vouch(self._setting.own_key, attributes, data)
        return {
            "shard": self._shard,
            "topic": topic,
            "key": event.township,
            "source": event.source,
            "event_id": event.id,
            "headers": text_headers_of(attributes),
            "value": data,
            "created_at": self._recorded_at,
            "published_at": None,
            "partition": -1,
            "instant": now if self._instant else None,
        }
