"""Dead letters: what can never be applied as it is, kept whole for an operator."""

from datetime import datetime

import msgspec

from events.contract.envelope import Event
from events.contract.outgoing import DeadLettered
from flows.batch import DueFiring, RawRecord
from flows.decide.decision import Firing
from flows.scribe import Scribe, cause_of, shown
from models.ledger_store import ParkedEvent
from models.values import DeadLetterReason, Fate, derived_id


class Letters:
    """Makes the letters of one batch, and tells the apps."""

    def __init__(self, scribe: Scribe) -> None:
        """Write into the scribe's rows."""
        self._scribe = scribe

    def of_event(self, raw: RawRecord, reason: DeadLetterReason, detail: str, event: Event) -> None:
        """Put aside a record whose event was admitted and still cannot be applied."""
        self.of_record(
            raw,
            reason,
            detail,
            source=event.source,
            event_id=event.id,
            event_type=event.type,
            township=event.township,
            answer=True,
        )

    def of_record(
        self,
        raw: RawRecord,
        reason: DeadLetterReason,
        detail: str,
        *,
        source: str,
        event_id: str,
        event_type: str,
        township: str,
        answer: bool,
    ) -> None:
        """Put a record aside, as it came. `answer` only where its sender is proved."""
        at = raw.at
        self._keep(
            derived_id("letter", at.topic_id, at.partition, at.offset),
            reason=str(reason),
            detail=detail,
            source=source,
            event_id=event_id,
            event_type=event_type,
            township=township,
            value=raw.value,
            now=raw.now,
            raw=raw,
            proved=answer,
        )
        scribe = self._scribe
        scribe.record_row(at, Fate.DEAD_LETTERED, str(reason), source, event_id, event_type)
        if answer and event_id:
            scribe.outcome(
                source,
                event_id,
                event_type,
                Fate.DEAD_LETTERED,
                str(reason),
                subject="",
                township=township,
                now=raw.now,
                settles=False,
            )

    def of_firing(self, due: DueFiring, reason: DeadLetterReason, detail: str) -> None:
        """Put aside a firing that cannot be decided; its clock still stands on its subject."""
        clock = due.timer.clock
        firing = Firing(subject=due.timer.subject, township=due.timer.township, clock=clock)
        self._scribe.written.stop_timer(firing.subject, clock.key)
        tried = self._scribe.batch.recorded_at.isoformat()
        self._keep(
            derived_id("letter", cause_of(firing), tried),
            reason=str(reason),
            detail=detail,
            source="timer",
            event_id=f"{firing.subject}|{clock.key}",
            event_type=f"timer:{clock.kind}",
            township=firing.township,
            value=msgspec.json.encode(firing),
            now=clock.due_at,
        )

    def of_parked(
        self,
        parked: ParkedEvent,
        event: Event,
        why: DeadLetterReason,
        detail: str,
        now: datetime,
    ) -> None:
        """Put aside an event that waited in vain. Its words stay where they were taken to."""
        self._keep(
            derived_id("letter", parked.id),
            reason=str(why),
            detail=detail,
            source=event.source,
            event_id=event.id,
            event_type=event.type,
            township=event.township,
            value=parked.body.encode(),
            now=now,
        )
        for event_id in answered(event):
            self._scribe.outcome(
                event.source,
                event_id,
                event.type,
                Fate.DEAD_LETTERED,
                str(why),
                subject="",
                township=event.township,
                now=now,
            )

    def _keep(
        self,
        letter: str,
        *,
        reason: str,
        detail: str,
        source: str,
        event_id: str,
        event_type: str,
        township: str,
        value: bytes,
        now: datetime,
        raw: RawRecord | None = None,
        proved: bool = True,
    ) -> None:
        at = raw.at if raw is not None else None
        headers = raw.headers if raw is not None else []
        source, event_id, event_type = shown(source), shown(event_id), shown(event_type)
        told = DeadLettered(
            letter=letter,
            reason=reason,
            topic=at.topic if at else "",
            partition=at.partition if at else -1,
            offset=at.offset if at else -1,
            source=source if proved else "",
            event_id=event_id if proved else "",
        )
        self._scribe.written.outbox.append(
            self._scribe.outgoing.letter(told, township=township, now=now)
        )
        self._scribe.written.dead_letters.append(
            {
                "id": letter,
                "shard": self._scribe.batch.shard,
                "reason": reason,
                "detail": detail,
                "topic": at.topic if at else "",
                "topic_id": at.topic_id if at else "",
                "partition": at.partition if at else -1,
                "offset": at.offset if at else -1,
                "source": source,
                "event_id": event_id,
                "event_type": event_type,
                "township": township,
                "proved": proved,
                "key": raw.key if raw is not None else None,
                "headers": [[shown(name), _without_nul(text)] for name, text in headers],
                "value": value,
                "at": now,
                "replayed_as": "",
                "replayed_by": "",
                "replayed_at": None,
            }
        )
        self._scribe.lines.of_letter(event_type, reason)


def answered(event: Event) -> tuple[str, ...]:
    """Return the ids an answer is given under: its own, and the one its app knows it by."""
    return tuple(dict.fromkeys((event.id, event.known_as)))


def _without_nul(text: bytes) -> str:
    return text.replace(b"\0", b"?").decode("latin-1")
