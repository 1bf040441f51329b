"""Folding: one input after another through `decide`, in memory, collecting what will be written.

No database in here. A decision that raises is a poison event: it is dead-lettered and the batch
goes on, as what it wrote stood on a sheet that is thrown away.
"""

import logging
from datetime import datetime

import msgspec

from events.admission import ENGINE_SOURCE, Admitted
from events.codec import from_journal, to_journal
from events.contract.envelope import Event
from events.contract.outgoing import EventOutcome
from events.texts import FreeText
from flows.batch import Batch, Coordinate, DueFiring, Line, RawRecord
from flows.decide.decision import Audit, Decision, Facts, Firing
from flows.decide.route import decide
from flows.entries import entries_of
from flows.facts import facts_for, subject_of
from flows.outgoing import Outgoing
from flows.workspace import Workspace
from flows.written import Written
from models.audit_chain import Act, Circumstance
from models.case import Case, Clock, Township, VillageTask
from models.ledger_store import ParkedEvent
from models.policy.schema import Policy
from models.rows import to_json
from models.setting import Row, Setting
from models.values import DeadLetterReason, Fate, Mark, derived_id
from notifications.addressees import notice_rows

log = logging.getLogger(__name__)

#: Key of the timer that a parked event's patience runs on.
PATIENCE = "patience"


class Fold:
    """Folds the inputs of one batch over a workspace."""

    def __init__(
        self, setting: Setting, work: Workspace, batch: Batch, *, seq: int, revision: int
    ) -> None:
        """Start behind journal entry `seq`, with the directory at `revision`."""
        self.setting, self.work, self.batch = setting, work, batch
        self.seq, self.revision = seq, revision
        self.written = Written()
        self.outgoing = Outgoing(
            setting, shard=batch.shard, recorded_at=batch.recorded_at, instant=batch.instant
        )

    # --- records -------------------------------------------------------------------------------

    def event(self, raw: RawRecord, admitted: Admitted, texts: list[FreeText]) -> None:
        """Decide an event that is new; its words were taken out already."""
        event = admitted.event
        subject = subject_of(event)
        try:
            decision = self._decide(event, subject, raw.now)
        except Exception as fault:  # a poison event must not stop the others; its place is recorded
            log.exception("deciding %s failed", event.type)
            self.dead(raw, DeadLetterReason.POISON, type(fault).__name__, admitted)
            return
        self._journal(event, admitted.kind, subject, raw.now)
        self._texts(event, texts, subject)
        self._take(decision, event, subject, raw.now, at=raw.at, signature=admitted.signature)
        self._record(raw, decision.fate, decision.reason, event)
        if decision.fate is Fate.PARKED:
            self._park(event, subject, decision.reason, raw)
        self._answer(event, admitted.kind, decision, subject, raw.now)
        if decision.fate is Fate.APPLIED and decision.case is not None:
            self._wake(subject, raw.now)

    def duplicate(self, raw: RawRecord, event: Event) -> None:
        """Count a record whose event was decided before; answer its app once more."""
        self._record(raw, Fate.DUPLICATE, "", event)
        if event.source != ENGINE_SOURCE:
            self.written.outbox.append(
                self.outgoing.outcome(
                    EventOutcome(event_id=event.id, fate=str(Fate.DUPLICATE)),
                    source=event.source,
                    township=event.township,
                    now=raw.now,
                )
            )

    def forward(self, raw: RawRecord, event: Event) -> None:
        """Send a record on that lay in another township's partition."""
        self.written.outbox.append(
            self.outgoing.forwarded(
                topic=raw.at.topic,
                township=event.township,
                headers=raw.headers,
                value=raw.value,
                source=event.source,
                event_id=event.id,
                now=raw.now,
            )
        )
        self._record(raw, Fate.FORWARDED, "", event)

    def dead(
        self,
        raw: RawRecord,
        reason: DeadLetterReason,
        detail: str,
        known: Admitted | None = None,
        *,
        source: str = "",
        event_id: str = "",
        event_type: str = "",
        township: str = "",
        answer: bool = False,
    ) -> None:
        """Put a record aside, as it came, with the reason."""
        if known is not None:
            event = known.event
            source, event_id, event_type = event.source, event.id, event.type
            township, answer = event.township, known.kind == "external"
        at = raw.at
        self.written.dead_letters.append(
            {
                **_NO_LETTER,
                "id": derived_id("letter", at.topic_id, at.partition, at.offset),
                "shard": self.batch.shard,
                "reason": str(reason),
                "detail": detail,
                "topic": at.topic,
                "topic_id": at.topic_id,
                "partition": at.partition,
                "offset": at.offset,
                "source": source,
                "event_id": event_id,
                "event_type": event_type,
                "township": township,
                "key": raw.key,
                "headers": to_json([[name, text.decode("latin-1")] for name, text in raw.headers]),
                "value": raw.value,
                "at": raw.now,
            }
        )
        self._record_row(at, Fate.DEAD_LETTERED, str(reason), source, event_id, event_type)
        self.written.lines.append(
            Line(number="", event=event_type, fate=str(Fate.DEAD_LETTERED), reason=str(reason))
        )
        if answer and event_id:
            self._outcome(
                source,
                event_id,
                event_type,
                Fate.DEAD_LETTERED,
                str(reason),
                None,
                raw.now,
                township,
            )

    # --- firings -------------------------------------------------------------------------------

    def firing(self, due: DueFiring) -> None:
        """Fire a timer: `now` is its due time."""
        timer = due.timer
        firing = Firing(
            subject=timer.subject,
            township=timer.township,
            clock=self._clock_of(due),
            stalled=due.stalled,
        )
        now = timer.clock.due_at
        self.written.stop_timer(timer.subject, timer.clock.key)
        self._journal_firing(firing, now)
        subject = timer.subject
        self._forget_clock(timer.subject, timer.subject_kind, timer.clock.key)
        decision = self._decide(firing, subject, now, kind=timer.subject_kind)
        self._take(decision, firing, subject, now, wave=due.wave)
        self.written.lines.append(
            Line(
                number=self._number(subject),
                event=f"timer:{timer.clock.key}",
                fate=str(decision.fate),
                reason=decision.reason,
            )
        )
        if decision.case is not None:
            self._wake(subject, now)

    def patience_over(self, due: DueFiring, parked: ParkedEvent) -> None:
        """Dead-letter an event that waited longer than its patience."""
        now = due.timer.clock.due_at
        event = from_journal(parked.body)
        reason = str(DeadLetterReason.PARKED_TOO_LONG)
        firing = Firing(subject=parked.id, township=due.timer.township, clock=due.timer.clock)
        self._journal_firing(firing, now)
        self.written.stop_timer(parked.id, PATIENCE)
        self._unpark(parked, Fate.DEAD_LETTERED, reason)
        self.written.dead_letters.append(
            {
                **_NO_LETTER,
                "id": derived_id("letter", parked.id),
                "shard": self.batch.shard,
                "reason": reason,
                "detail": event.type,
                "topic": "",
                "source": event.source,
                "event_id": event.id,
                "event_type": event.type,
                "township": event.township,
                "headers": "[]",
                "value": parked.body.encode(),
                "at": now,
            }
        )
        if event.source != ENGINE_SOURCE:
            self._outcome(
                event.source,
                event.id,
                event.type,
                Fate.DEAD_LETTERED,
                reason,
                None,
                now,
                event.township,
            )

    # --- deciding ------------------------------------------------------------------------------

    def _decide(
        self, given: Event | Firing, subject: str, now: datetime, *, kind: str = "case"
    ) -> Decision:
        case = self.work.case(subject)
        policy = self._policy(case)
        facts = facts_for(given, self.work, self.setting, policy, now)
        township = given.township
        return decide(
            case,
            facts,
            given,
            policy,
            now,
            task=self.work.tasks.get(subject),
            township=self.work.township(township) if kind != "task" else None,
        )

    def _policy(self, case: Case) -> Policy:
        return self.setting.shelf.pack(case.policy_version or self.setting.shelf.current.version)

    def _take(
        self,
        decision: Decision,
        given: Event | Firing,
        subject: str,
        now: datetime,
        *,
        at: Coordinate | None = None,
        signature: str = "",
        wave: int | None = None,
    ) -> None:
        """Take over what follows from a decision."""
        known = self.work.case(subject)
        depth = given.wave if isinstance(given, Event) else wave or 0
        if decision.case is not None:
            self._keep(known, decision.case, depth)
            if known.version == 0 and decision.case.number:
                self.work.take_number(decision.case.grid[:15], self.setting.shelf.local_day(now))
        if decision.other is not None:
            self._keep(self.work.case(decision.other.id), decision.other, depth)
        if decision.task is not None and decision.task is not self.work.tasks.get(subject):
            before = self.work.tasks.get(decision.task.id)
            self.work.put_task(decision.task)
            self._timers(before, decision.task, "task", depth)
        if decision.township is not None:
            before_town = self.work.township(decision.township.id)
            if decision.township is not before_town:
                self.work.put_township(decision.township)
                self._timers(before_town, decision.township, "township", depth)
        for payload in decision.entries:
            self.revision += 1
            for entry in entries_of(payload):
                self.work.directory.record(entry)
                self.written.entries.append((self.revision, entry))
        if decision.entries:
            self.work.directory.revision = self.revision
        self._audit(decision, given, subject, now, at, signature)
        self._emit(decision, given, subject, now, depth)

    def _keep(self, before: Case, case: Case, depth: int) -> None:
        self.work.put(case)
        self._timers(before, case, "case", depth)

    def _timers(
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
        for key, clock in new.items():
            if clock is not old.get(key):
                township = after.id if isinstance(after, Township) else after.township
                self.written.run_timer(
                    {
                        "subject": after.id,
                        "key": key,
                        "shard": self.batch.shard,
                        "subject_kind": kind,
                        "township": township,
                        "generation": clock.generation,
                        "due_at": clock.due_at,
                        "deadline": to_json(clock.deadline),
                        "set_at": self.batch.instant,
                        "wave": depth + 1,
                    }
                )

    def _clock_of(self, due: DueFiring) -> Clock:
        """Return the subject's own clock, which knows its deadline."""
        subject, key = due.timer.subject, due.timer.clock.key
        holder = (
            self.work.tasks.get(subject)
            if due.timer.subject_kind == "task"
            else self.work.cases.get(subject)
        )
        return (holder.clock(key) if holder is not None else None) or due.timer.clock

    def _forget_clock(self, subject: str, kind: str, key: str) -> None:
        """A clock that rang no longer runs, whatever the decision does next."""
        holders = {
            "case": self.work.cases,
            "task": self.work.tasks,
            "township": self.work.townships,
        }
        holder = holders[kind].get(subject)  # type: ignore[attr-defined]
        if holder is None:
            return
        left = tuple(clock for clock in holder.clocks if clock.key != key)
        rung = msgspec.structs.replace(holder, clocks=left)
        if kind == "case":
            self.work.put(rung)
        elif kind == "task":
            self.work.put_task(rung)
        else:
            self.work.put_township(rung)

    # --- waiting -------------------------------------------------------------------------------

    def _park(self, event: Event, subject: str, reason: str, raw: RawRecord) -> None:
        policy = self.setting.shelf.current
        patience = policy.intake.patience.get(raw.at.topic.removeprefix("restricted."))
        until = raw.now + (patience or policy.deadlines.offline)
        parked_id = derived_id("parked", event.source, event.id)
        waiting = ParkedEvent(
            id=parked_id,
            seq=self.seq,
            case_id=subject,
            source=event.source,
            event_id=event.id,
            body=to_journal(event),
            topic_id=raw.at.topic_id,
            partition=raw.at.partition,
            offset=raw.at.offset,
        )
        self.work.parked.setdefault(subject, []).append(waiting)
        self.written.parked.append(
            {
                **{name: getattr(waiting, name) for name in waiting.__struct_fields__},
                "shard": self.batch.shard,
                "event_type": event.type,
                "reason": reason,
                "parked_at": raw.now,
                "patience_until": until,
            }
        )
        self.written.run_timer(
            {
                "subject": parked_id,
                "key": PATIENCE,
                "shard": self.batch.shard,
                "subject_kind": "parked",
                "township": event.township,
                "generation": self.seq,
                "due_at": until,
                "deadline": None,
                "set_at": self.batch.instant,
                "wave": event.wave + 1,
            }
        )

    def _wake(self, subject: str, now: datetime) -> None:
        """Decide again what waits for a case, in the order it came, until nothing more moves."""
        moved = True
        while moved:
            moved = False
            for parked in list(self.work.parked.get(subject, ())):
                event = from_journal(parked.body)
                decision = self._decide(event, subject, now)
                if decision.fate is Fate.PARKED:
                    continue
                at = Coordinate(
                    topic="",
                    topic_id=parked.topic_id,
                    partition=parked.partition,
                    offset=parked.offset,
                )
                self._unpark(parked, decision.fate, decision.reason)
                self.written.stop_timer(parked.id, PATIENCE)
                self._take(decision, event, subject, now, at=at)
                kind = "follow_up" if event.source == ENGINE_SOURCE else "external"
                self._answer(event, kind, decision, subject, now)
                moved = decision.fate is Fate.APPLIED
                if moved:
                    break

    def _unpark(self, parked: ParkedEvent, fate: Fate, reason: str) -> None:
        waiting = self.work.parked.get(parked.case_id, [])
        self.work.parked[parked.case_id] = [one for one in waiting if one.id != parked.id]
        self.written.parked = [row for row in self.written.parked if row["id"] != parked.id]
        self.written.unparked.append(parked.id)
        for row in self.written.records:
            if (row["topic_id"], row["partition"], row["offset"]) == (
                parked.topic_id,
                parked.partition,
                parked.offset,
            ):
                row["fate"], row["reason"] = str(fate), reason
                return
        self.written.fates.append(
            (parked.topic_id, parked.partition, parked.offset, str(fate), reason)
        )

    # --- what is written down and told ---------------------------------------------------------

    def _journal(self, event: Event, kind: str, subject: str, now: datetime) -> None:
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
        )

    def _journal_firing(self, firing: Firing, now: datetime) -> None:
        clock = firing.clock
        self._entry(
            kind="firing",
            source="timer",
            event_id=f"{firing.subject}|{clock.key}|{clock.generation}|{clock.due_at.isoformat()}",
            event_type=f"timer:{clock.kind}",
            content_hash="",
            subject=firing.subject,
            township=firing.township,
            now=now,
            body=msgspec.json.encode(firing).decode(),
        )

    def _entry(self, *, now: datetime, **columns: str) -> None:
        self.seq += 1
        self.written.journal.append(
            {
                **columns,
                "shard": self.batch.shard,
                "seq": self.seq,
                "decided_at": now,
                "directory_revision": self.revision,
                "policy_version": self.setting.shelf.current.version,
            }
        )

    def _texts(self, event: Event, texts: list[FreeText], subject: str) -> None:
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

    def _record(self, raw: RawRecord, fate: Fate, reason: str, event: Event) -> None:
        self._record_row(raw.at, fate, reason, event.source, event.id, event.type)
        self.written.lines.append(
            Line(
                number=self._number(subject_of(event)),
                event=event.type,
                fate=str(fate),
                reason=reason,
            )
        )

    def _record_row(
        self, at: Coordinate, fate: Fate, reason: str, source: str, event_id: str, kind: str
    ) -> None:
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

    def _number(self, subject: str) -> str:
        case = self.work.cases.get(subject)
        if case is None:
            return ""
        return case.number if case.mark is Mark.NONE else "restricted"

    def _audit(
        self,
        decision: Decision,
        given: Event | Firing,
        subject: str,
        now: datetime,
        at: Coordinate | None,
        signature: str,
    ) -> None:
        for audit in decision.audit:
            self.written.audit.append(
                (
                    self._act(audit, given, subject, now, signature),
                    Circumstance(
                        recorded_at=self.batch.recorded_at,
                        engine=self.setting.engine,
                        flow_run=self.batch.flow_run,
                        entry=self.seq,
                        topic=at.topic if at else "",
                        topic_id=at.topic_id if at else "",
                        partition=at.partition if at else None,
                        offset=at.offset if at else None,
                    ),
                )
            )

    def _act(
        self, audit: Audit, given: Event | Firing, subject: str, now: datetime, signature: str
    ) -> Act:
        case, task = self.work.cases.get(subject), self.work.tasks.get(subject)
        event = given if isinstance(given, Event) else None
        acting = audit.acting
        known = case if case is not None and case.version > 0 else task
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
            policy=self._policy(self.work.case(subject)).version,
            rule=audit.rule,
            evidence=audit.evidence,
            detail=dict(audit.detail),
            occurred_at=event.time if event is not None else None,
            source=event.source if event is not None else "timer",
            event_id=event.id if event is not None else "",
            event_type=event.type if event is not None else "",
            event_hash=event.content_hash if event is not None else "",
            app=event.source if event is not None and signature else "",
            key_id=event.key_id if event is not None else "",
            signature=signature,
        )

    def _emit(
        self, decision: Decision, given: Event | Firing, subject: str, now: datetime, depth: int
    ) -> None:
        case = self.work.case(subject)
        cause = cause_of(given)
        because = given.type if isinstance(given, Event) else f"timer:{given.clock.kind}"
        for changed in (decision.case, decision.other):
            if changed is not None:
                self.written.outbox.append(
                    self.outgoing.update(
                        changed, because=because, cause=f"{cause}|{changed.version}", now=now
                    )
                )
        for count, made in enumerate(decision.follow_ups):
            self.written.outbox.append(
                self.outgoing.follow_up(
                    made,
                    cause=cause,
                    count=count,
                    township=case.township or given.township,
                    mark=self.work.case(made.subject).mark,
                    wave=depth,
                    now=now,
                )
            )
        for position, notice in enumerate(decision.notices):
            self.written.notices += notice_rows(
                notice,
                cause=f"{cause}|{case.version}",
                position=position,
                shard=self.batch.shard,
                township=case.township or given.township,
                directory=self.work.directory,
                fallback=[str(told.role) for told in self._policy(case).ladders.duty_owners],
                now=now,
            )

    def _answer(
        self, event: Event, kind: str, decision: Decision, subject: str, now: datetime
    ) -> None:
        if kind != "external":
            return
        case = self.work.cases.get(subject)
        self._outcome(
            event.source,
            event.id,
            event.type,
            decision.fate,
            decision.reason,
            case,
            now,
            event.township,
        )

    def _outcome(
        self,
        source: str,
        event_id: str,
        event_type: str,
        fate: Fate,
        reason: str,
        case: Case | None,
        now: datetime,
        township: str,
    ) -> None:
        known = case if case is not None and case.version > 0 else None
        row: Row = {
            "source": source,
            "event_id": event_id,
            "fate": str(fate),
            "reason": reason,
            "case_id": known.id if known else None,
            "case_number": known.number if known else "",
            "version": known.version if known else -1,
            "event_type": event_type,
            "decided_at": now,
        }
        self.written.outcomes[source, event_id] = row
        self.written.outbox.append(
            self.outgoing.outcome(
                EventOutcome(
                    event_id=event_id,
                    fate=str(fate),
                    reason=reason,
                    case_id=known.id if known else "",
                    case_number=known.number if known else "",
                    version=known.version if known else -1,
                ),
                source=source,
                township=township,
                now=now,
            )
        )


_NO_LETTER: Row = {
    "topic_id": "",
    "partition": -1,
    "offset": -1,
    "key": None,
    "replayed_as": "",
    "replayed_by": "",
    "replayed_at": None,
}


def cause_of(given: Event | Firing) -> str:
    """Return the id that everything made because of this input is derived from."""
    if isinstance(given, Event):
        return f"{given.source}|{given.id}"
    clock = given.clock
    return f"timer|{given.subject}|{clock.key}|{clock.generation}|{clock.due_at.isoformat()}"


__all__ = ["PATIENCE", "Facts", "Fold", "cause_of"]
