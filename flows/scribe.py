"""Writes down what was decided: the rows of journal, records, audit, outcomes and timers."""

from datetime import datetime
from typing import Any

import msgspec

from events.admission import ENGINE_SOURCE
from events.codec import ATTRIBUTE_LIMIT, to_journal
from events.contract.envelope import Event
from events.contract.outgoing import EventOutcome
from events.texts import FreeText
from flows.batch import Batch, Coordinate, RawRecord
from flows.decide.decision import Audit, Decision, Firing
from flows.lines import Lines
from flows.outgoing import Outgoing
from flows.workspace import Workspace
from flows.written import Written
from models.audit_chain import Act, Circumstance
from models.case import Case
from models.clocks import Clock
from models.deadlines import Deadline
from models.policy.schema import Policy
from models.setting import Row, Setting
from models.values import Fate, Mark, derived_id
from models.village import Township, VillageTask
from notifications.addressees import notice_rows


def cause_of(given: Event | Firing) -> str:
    """Return the id that everything made because of this input is derived from."""
    if isinstance(given, Event):
        return f"{given.source}|{given.id}"
    clock = given.clock
    return f"timer|{given.subject}|{clock.key}|{clock.generation}|{clock.due_at.isoformat()}"


class Scribe:
    """Makes the rows of one batch."""

    def __init__(
        self, setting: Setting, work: Workspace, batch: Batch, *, seq: int, revision: int
    ) -> None:
        """Start behind journal entry `seq`, with the directory at `revision`."""
        self.setting, self.work, self.batch = setting, work, batch
        self.seq, self.revision = seq, revision
        self.written = Written()
        self.lines = Lines(setting, work, batch)
        self.outgoing = Outgoing(
            setting, shard=batch.shard, recorded_at=batch.recorded_at, instant=batch.instant
        )

    def policy_of(self, case: Case) -> Policy:
        """Return the pack a case is decided by: the one it was registered under."""
        return self.setting.shelf.pack_of(case)

    # --- journal and records -------------------------------------------------------------------

    def journal_event(
        self, event: Event, kind: str, subject: str, now: datetime, signature: str
    ) -> None:
        """Enter a decided event; its words are not in it."""
        self._entry(
            kind=kind,
            source=event.source,
            event_id=event.id,
            event_type=event.type,
            content_hash=event.content_hash,
            subject=subject,
            township=event.township,
            now=now,
            body=to_journal(event),
            signature=signature,
            sequence=event.sequence,
        )

    def journal_firing(self, firing: Firing, now: datetime) -> None:
        """Enter a firing."""
        clock = firing.clock
        self._entry(
            kind="firing",
            source="timer",
            event_id=f"{firing.subject}|{clock.key}|{clock.generation}|{clock.due_at.isoformat()}",
            event_type=f"timer:{clock.key.partition(':')[0]}",
            content_hash="",
            subject=firing.subject,
            township=firing.township,
            now=now,
            body=msgspec.json.encode(firing).decode(),
            signature="",
        )

    def _entry(self, *, now: datetime, sequence: int = -1, **columns: str) -> None:
        self.seq += 1
        self.written.journal.append(
            {
                **columns,
                "shard": self.batch.shard,
                "seq": self.seq,
                "sequence": sequence,
                "decided_at": now,
                "directory_revision": self.revision,
                "policy_version": self.setting.shelf.current.version,
                "calendar_version": self.setting.shelf.calendar.version,
            }
        )

    def texts(self, event: Event, texts: list[FreeText], subject: str) -> None:
        """Keep the words that were taken out of an event."""
        self.written.texts += [
            {
                "token": text.token,
                "source": event.source,
                "event_id": event.id,
                "field": text.field,
                "subject": subject,
                "words": text.words,
                "kept_since": event.time,
            }
            for text in texts
        ]

    def record(self, raw: RawRecord, fate: Fate, reason: str, event: Event, subject: str) -> None:
        """Enter where a record ended."""
        self.record_row(raw.at, fate, reason, event.source, event.id, event.type)
        self.lines.of_event(event, subject, fate, reason)

    def record_row(
        self, at: Coordinate, fate: Fate, reason: str, source: str, event_id: str, kind: str
    ) -> None:
        """Enter the fate of a coordinate."""
        source, event_id, kind = shown(source), shown(event_id), shown(kind)
        self.written.records.append(
            {
                "topic_id": at.topic_id,
                "partition": at.partition,
                "offset": at.offset,
                "topic": at.topic,
                "shard": self.batch.shard,
                "fate": str(fate),
                "reason": reason,
                "source": source,
                "event_id": event_id,
                "event_type": kind,
                "recorded_at": self.batch.recorded_at,
            }
        )

    # --- timers --------------------------------------------------------------------------------

    def timers(
        self,
        before: Case | VillageTask | Township | None,
        after: Case | VillageTask | Township,
        kind: str,
        depth: int,
    ) -> None:
        """Write the difference of a subject's clocks."""
        old: dict[str, Clock] = {clock.key: clock for clock in before.clocks} if before else {}
        new = {clock.key: clock for clock in after.clocks}
        for key in old.keys() - new.keys():
            self.written.stop_timer(after.id, key)
        township = after.id if isinstance(after, Township) else after.township
        for key, clock in new.items():
            if clock is not old.get(key):
                self.timer(
                    after.id,
                    key,
                    kind,
                    township,
                    clock.due_at,
                    generation=clock.generation,
                    deadline=clock.deadline,
                    depth=depth,
                )

    def timer(
        self,
        subject: str,
        key: str,
        kind: str,
        township: str,
        due_at: datetime,
        *,
        generation: int,
        depth: int,
        deadline: Deadline | None = None,
    ) -> None:
        """Set one timer."""
        self.written.run_timer(
            {
                "subject": subject,
                "key": key,
                "shard": self.batch.shard,
                "subject_kind": kind,
                "township": township,
                "generation": generation,
                "due_at": due_at,
                "deadline": deadline,
                "set_at": self.batch.instant,
                "wave": depth + 1,
                "attempts": 0,
            }
        )

    # --- audit ---------------------------------------------------------------------------------

    def audit(
        self,
        decision: Decision,
        given: Event | Firing,
        subject: str,
        now: datetime,
        at: Coordinate | None,
        signature: str,
    ) -> None:
        """Enter every act of a decision; the chain is made when the batch is stored."""
        for audit in decision.audit:
            circumstance = Circumstance(
                recorded_at=self.batch.recorded_at,
                engine=self.setting.engine,
                flow_run=self.batch.flow_run,
                entry=self.seq,
                topic=at.topic if at else "",
                topic_id=at.topic_id if at else "",
                partition=at.partition if at else None,
                offset=at.offset if at else None,
            )
            self.written.audit.append(
                (self._act(audit, given, subject, now, signature), circumstance)
            )

    def _act(
        self, audit: Audit, given: Event | Firing, subject: str, now: datetime, signature: str
    ) -> Act:
        case, task = self.work.cases.get(subject), self.work.tasks.get(subject)
        known = case if case is not None and case.version > 0 else task
        acting = audit.acting
        event = given if isinstance(given, Event) else None
        told = {} if event is None else _told(event, signature)
        return Act(
            action=audit.action,
            decided_at=now,
            actor=acting.actor,
            asserted_by=acting.asserted_by,
            reason=audit.reason,
            acting_role=acting.role,
            acting_org=acting.org,
            on_behalf_of=acting.on_behalf_of,
            recorded_by=acting.recorded_by,
            case_id=subject if known is not None else "",
            case_version=known.version if known is not None else None,
            before=audit.before,
            after=audit.after,
            org=audit.org,
            words=audit.words,
            policy=self.policy_of(self.work.case(subject)).version,
            rule=audit.rule,
            evidence=audit.evidence,
            detail=_detail(audit, given),
            **told,
        )

    # --- what is told --------------------------------------------------------------------------

    def emit(
        self, decision: Decision, given: Event | Firing, subject: str, now: datetime, depth: int
    ) -> None:
        """Put follow-ups, updates and notices out."""
        case, cause = self.work.case(subject), cause_of(given)
        township = case.township or given.township
        because = given.type if isinstance(given, Event) else f"timer:{given.clock.kind}"
        for changed in (decision.case, decision.other):
            if changed is not None:
                told = f"{cause}|{changed.version}"
                self.written.outbox.append(
                    self.outgoing.update(changed, because=because, cause=told, now=now)
                )
        for count, made in enumerate(decision.follow_ups):
            self.written.outbox.append(
                self.outgoing.follow_up(
                    made,
                    cause=cause,
                    count=count,
                    township=township,
                    mark=self.work.case(made.subject).mark,
                    wave=depth,
                    now=now,
                )
            )
        fallback = [str(told.role) for told in self.policy_of(case).ladders.duty_owners]
        for position, notice in enumerate(decision.notices):
            self.written.notices += notice_rows(
                notice,
                cause=f"{cause}|{case.version}",
                position=position,
                shard=self.batch.shard,
                township=township,
                directory=self.work.directory,
                fallback=fallback,
                now=now,
            )

    def outcome(
        self,
        source: str,
        event_id: str,
        event_type: str,
        fate: Fate,
        reason: str,
        *,
        subject: str,
        township: str,
        now: datetime,
        settles: bool = True,
    ) -> None:
        """Answer an app: what became of its event.

        What does not settle an event leaves the answer standing that it had: another record
        under its id was put aside.
        """
        if source == ENGINE_SOURCE:
            return
        case = self.work.cases.get(subject)
        known = case if case is not None and case.version > 0 else None
        if known is not None and known.mark is not Mark.NONE and fate is not Fate.APPLIED:
            known = None  # whoever is refused learns nothing of a marked case
        data = EventOutcome(
            event_id=event_id,
            fate=str(fate),
            reason=reason,
            case_id=known.id if known else "",
            case_number=known.number if known and known.mark is Mark.NONE else "",
            version=known.version if known else -1,
        )
        if fate is not Fate.DUPLICATE:
            rows = self.written.outcomes if settles else self.written.first_outcomes
            rows[source, event_id] = {
                "source": source,
                "event_id": event_id,
                "fate": data.fate,
                "reason": reason,
                "case_id": known.id if known else None,
                "case_number": data.case_number,
                "version": data.version,
                "event_type": event_type,
                "decided_at": now,
            }
        self.written.outbox.append(
            self.outgoing.outcome(data, source=source, township=township, now=now)
        )


def _detail(audit: Audit, given: Event | Firing) -> dict[str, Any]:
    """Return what explains an act; a firing that did not wait for unread topics says so."""
    if isinstance(given, Firing) and given.stalled:
        return {**audit.detail, "stalled": given.stalled}
    return dict(audit.detail)


def _told(event: Event, signature: str) -> Row:
    """Return what an act keeps of the event that caused it."""
    return {
        "occurred_at": event.time,
        "source": event.source,
        "event_id": event.id,
        "event_type": event.type,
        "event_hash": event.content_hash,
        "app": event.source if signature else "",
        "key_id": event.key_id,
        "signature": signature,
    }


def shown(text: str) -> str:
    """Return what a row can hold of a hostile text: no NUL, not too long for an index."""
    return text[:ATTRIBUTE_LIMIT].replace("\0", "?")


def parked_id(event: Event) -> str:
    """Return the id under which an event waits."""
    return derived_id("parked", event.source, event.id)
