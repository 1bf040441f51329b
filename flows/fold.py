"""Folding: one input after another through `decide`, in memory, collecting what will be written.

No database in here. A decision that raises is a poison event: it is dead-lettered and the batch
goes on, as what it wrote stood on a sheet that is thrown away.
"""

import logging
from datetime import datetime
from typing import TypeVar

import msgspec

from events.admission import Admitted
from events.codec import from_journal
from events.contract.envelope import Event
from events.contract.registry import TYPE_OF_PAYLOAD
from events.texts import FreeText
from events.topics import topic_onward
from flows.batch import Batch, Coordinate, DueFiring, RawRecord
from flows.decide.decision import Decision, Firing
from flows.decide.route import CASE_MERGED, decide
from flows.entries import entries_of
from flows.facts import facts_for, subject_of
from flows.heard import claims_to_be_late, contradicted, heard
from flows.letters import Letters, answered
from flows.scribe import Scribe, parked_id
from flows.workspace import Workspace
from models.case import Case
from models.clocks import Clock
from models.ledger_store import ParkedEvent
from models.setting import Setting
from models.values import DeadLetterReason, Fate
from models.village import Township, VillageTask

log = logging.getLogger(__name__)

Holder = TypeVar("Holder", Case, VillageTask, Township)

#: Key of the timer that a parked event's patience runs on.
PATIENCE = "patience"


class Fold:
    """Folds the inputs of one batch over a workspace."""

    def __init__(
        self, setting: Setting, work: Workspace, batch: Batch, *, seq: int, revision: int
    ) -> None:
        """Start behind journal entry `seq`, with the directory at `revision`."""
        self.setting, self.work, self.batch = setting, work, batch
        self.scribe = Scribe(setting, work, batch, seq=seq, revision=revision)
        self.letters = Letters(self.scribe)

    def _about(self, given: Event | Firing, subject: str) -> dict[str, dict[str, object]]:
        return self.scribe.lines.about(given, subject)

    # --- records -------------------------------------------------------------------------------

    def event(self, raw: RawRecord, admitted: Admitted, texts: list[FreeText]) -> None:
        """Decide an event that is new; its words were taken out already."""
        event, scribe = self._judged(admitted.event, raw.now), self.scribe
        subject = subject_of(event)
        try:
            decision = self._decide(event, subject, raw.now)
        except Exception as fault:  # a poison event must not stop the others; its place is recorded
            log.exception("deciding %s failed", event.type, extra=self._about(event, subject))
            self.letters.of_event(raw, DeadLetterReason.POISON, type(fault).__name__, event)
            return
        if decision.fate is Fate.PARKED and self._is_full(subject, event.source):
            self.letters.of_event(raw, DeadLetterReason.PARKED_TOO_MANY, event.type, event)
            return
        scribe.journal_event(event, admitted.kind, subject, raw.now, admitted.signature)
        self._keep_in_mind(event, raw.now)
        scribe.texts(event, texts, subject)
        self._take(decision, event, subject, raw.now, at=raw.at, signature=admitted.signature)
        scribe.record(raw, decision.fate, decision.reason, event, subject)
        if decision.fate is Fate.PARKED:
            self._park(event, subject, decision.reason, raw, admitted.signature)
        self._answer(event, decision, subject, raw.now)
        if decision.fate is Fate.APPLIED and decision.case is not None:
            self._wake(subject, raw.now)
            if decision.other is not None:
                self._wake(decision.other.id, raw.now)

    def _judged(self, event: Event, now: datetime) -> Event:
        """Say whether the time an app tells fits what it told before.

        It stands in the journal: an event that waits was not told any later for that.
        """
        limits = self.setting.shelf.current.deadlines
        if not claims_to_be_late(event, now, skew=limits.clock_skew, offline=limits.offline):
            return event
        before = self.work.heard.get(event.source, ())
        wrong = contradicted(event, before, now, skew=limits.clock_skew)
        return msgspec.structs.replace(event, out_of_order=wrong)

    def _keep_in_mind(self, event: Event, now: datetime) -> None:
        if event.sequence >= 0 and event.source in self.work.heard:
            self.work.heard[event.source].append(heard(event, now))

    def duplicate(self, raw: RawRecord, event: Event) -> None:
        """Count a record whose event was decided before; answer its app once more."""
        subject = subject_of(event)
        self.scribe.record(raw, Fate.DUPLICATE, "", event, subject)
        self.scribe.outcome(
            event.source,
            event.id,
            event.type,
            Fate.DUPLICATE,
            "",
            subject=subject,
            township=event.township,
            now=raw.now,
        )

    def forward(self, raw: RawRecord, event: Event) -> None:
        """Send a record on that lay in another township's partition."""
        self.scribe.written.outbox.append(
            self.scribe.outgoing.forwarded(
                topic=topic_onward(raw.at.topic, event.data, self.setting.shelf.current),
                township=event.township,
                headers=raw.headers,
                value=raw.value,
                source=event.source,
                event_id=event.id,
                now=raw.now,
            )
        )
        self.scribe.record(raw, Fate.FORWARDED, "", event, "")

    # --- firings -------------------------------------------------------------------------------

    def firing(self, due: DueFiring) -> None:
        """Fire a timer: `now` is its due time.

        One that was stopped or set anew since it was looked up does not fire: a decision of this
        batch came before it.
        """
        timer = due.timer
        clock = self._clock_of(due)
        if clock is None or clock.generation != timer.clock.generation:
            if clock is None:
                self.scribe.written.stop_timer(timer.subject, timer.clock.key)
            return
        firing = Firing(
            subject=timer.subject,
            township=timer.township,
            clock=clock,
            stalled=due.stalled,
        )
        now, subject = timer.clock.due_at, timer.subject
        self.scribe.written.stop_timer(subject, timer.clock.key)
        try:
            decision = self._decide(firing, subject, now, kind=timer.subject_kind)
        except Exception as fault:  # a timer that breaks deciding must not hold up all the others
            log.exception("firing %s failed", timer.clock.key, extra=self._about(firing, subject))
            self.letters.of_firing(due, DeadLetterReason.POISON, type(fault).__name__)
            return
        decision = self._rung_off(decision, timer.subject_kind, subject, firing.clock)
        self.scribe.journal_firing(firing, now)
        self._take(decision, firing, subject, now, wave=due.wave)
        self.scribe.lines.of_firing(firing, decision.fate, decision.reason)
        if decision.case is not None:
            self._wake(subject, now)

    def patience(self, due: DueFiring) -> None:
        """Dead-letter an event that waited longer than its patience, if it still waits."""
        parked = self.waiting(due.timer.subject)
        if parked is None:
            self.scribe.written.stop_timer(due.timer.subject, PATIENCE)
            return
        now = due.timer.clock.due_at
        firing = Firing(subject=parked.id, township=due.timer.township, clock=due.timer.clock)
        self.scribe.journal_firing(firing, now)
        event = from_journal(parked.body)
        self._waited_in_vain(
            parked, event, DeadLetterReason.PARKED_TOO_LONG, detail=event.type, now=now
        )

    def _waited_in_vain(
        self,
        parked: ParkedEvent,
        event: Event,
        why: DeadLetterReason,
        *,
        detail: str,
        now: datetime,
    ) -> None:
        self.scribe.written.stop_timer(parked.id, PATIENCE)
        self._unpark(parked, Fate.DEAD_LETTERED, str(why))
        self.letters.of_parked(parked, event, why, detail, now)

    # --- deciding ------------------------------------------------------------------------------

    def _decide(
        self, given: Event | Firing, subject: str, now: datetime, *, kind: str = "case"
    ) -> Decision:
        case = self.work.case(subject)
        policy = self.scribe.policy_of(case)
        return decide(
            case,
            facts_for(given, case, self.work, self.setting, policy, now),
            given,
            policy,
            now,
            task=self.work.tasks.get(subject),
            township=self.work.township(given.township) if kind != "task" else None,
        )

    def _take(
        self,
        decision: Decision,
        given: Event | Firing,
        subject: str,
        now: datetime,
        *,
        at: Coordinate | None = None,
        signature: str = "",
        wave: int = 0,
    ) -> None:
        """Take over what follows from a decision."""
        depth = given.wave if isinstance(given, Event) else wave
        known = self.work.case(subject)
        for before, after in (
            (known, decision.case),
            (self.work.case(decision.other.id) if decision.other else None, decision.other),
        ):
            if after is not None:
                self.work.put(after)
                self.scribe.timers(before, after, "case", depth)
        if decision.case is not None and known.version == 0 and decision.case.number:
            self.work.take_number(decision.case.grid[:15], self.setting.shelf.local_day(now))
        self._take_others(decision, depth)
        self._take_entries(decision)
        self.scribe.audit(decision, given, subject, now, at, signature)
        self.scribe.emit(decision, given, subject, now, depth)

    def _take_others(self, decision: Decision, depth: int) -> None:
        task, township = decision.task, decision.township
        if task is not None and task is not self.work.tasks.get(task.id):
            before = self.work.tasks.get(task.id)
            self.work.put_task(task)
            self.scribe.timers(before, task, "task", depth)
        if township is not None and township is not self.work.townships.get(township.id):
            known = self.work.township(township.id)
            if township != known:
                self.work.put_township(township)
                self.scribe.timers(known, township, "township", depth)

    def _take_entries(self, decision: Decision) -> None:
        for payload in decision.entries:
            self.scribe.revision += 1
            for entry in entries_of(payload):
                self.work.directory.record(entry)
                self.scribe.written.entries.append((self.scribe.revision, entry))
        if decision.entries:
            self.work.directory.revision = self.scribe.revision

    def _clock_of(self, due: DueFiring) -> Clock | None:
        """Return the subject's own clock, which knows its deadline; None where it runs no more."""
        subject, key = due.timer.subject, due.timer.clock.key
        work = self.work
        holder: Case | VillageTask | Township | None = (
            work.cases.get(subject) or work.tasks.get(subject) or work.townships.get(subject)
        )
        clocks = holder.clocks if holder is not None else ()
        return next((clock for clock in clocks if clock.key == key), None)

    def _rung_off(self, decision: Decision, kind: str, subject: str, rang: Clock) -> Decision:
        """A clock that rang no longer runs, whatever was decided; one set anew meanwhile does."""
        work = self.work
        if kind == "case" and decision.case is not None:
            return msgspec.structs.replace(decision, case=_without(decision.case, rang))
        if kind == "case" and subject in work.cases:
            work.put(_without(work.cases[subject], rang))
        elif kind == "task" and decision.task is not None:
            return msgspec.structs.replace(decision, task=_without(decision.task, rang))
        elif kind == "township" and decision.township is not None:
            return msgspec.structs.replace(decision, township=_without(decision.township, rang))
        return decision

    # --- waiting -------------------------------------------------------------------------------

    def waiting(self, parked_id: str) -> ParkedEvent | None:
        """Return an event that waits, if this batch knows of it."""
        every = (one for queue in self.work.parked.values() for one in queue)
        return next((one for one in every if one.id == parked_id), None)

    def _is_full(self, subject: str, source: str) -> bool:
        """Tell whether a source has as much waiting for a case as the policy allows."""
        waiting = sum(one.source == source for one in self.work.parked.get(subject, ()))
        return waiting >= self.setting.shelf.current.limits.parked_per_case

    def _park(
        self, event: Event, subject: str, reason: str, raw: RawRecord, signature: str
    ) -> None:
        policy = self.setting.shelf.current
        patience = policy.intake.patience.get(TYPE_OF_PAYLOAD[type(event.data)].topic)
        until = raw.now + (patience or policy.deadlines.offline)
        entry = self.scribe.written.journal[-1]
        waiting = ParkedEvent(
            id=parked_id(event),
            seq=self.scribe.seq,
            case_id=subject,
            source=event.source,
            event_id=event.id,
            body=entry["body"],
            signature=signature,
            topic_id=raw.at.topic_id,
            partition=raw.at.partition,
            offset=raw.at.offset,
        )
        self.work.parked.setdefault(subject, []).append(waiting)
        self.scribe.written.parked.append(
            {
                **{name: getattr(waiting, name) for name in waiting.__struct_fields__},
                "shard": self.batch.shard,
                "event_type": event.type,
                "reason": reason,
                "parked_at": raw.now,
                "patience_until": until,
            }
        )
        self.scribe.timer(
            waiting.id,
            PATIENCE,
            "parked",
            event.township,
            until,
            generation=self.scribe.seq,
            depth=event.wave,
        )

    def _wake(self, subject: str, now: datetime) -> None:
        """Decide again what waits for a case, in the order it came, until nothing more moves."""
        moved = True
        while moved:
            moved = any(
                self._wake_one(parked, subject, now)
                for parked in list(self.work.parked.get(subject, ()))
            )

    def _wake_one(self, parked: ParkedEvent, subject: str, now: datetime) -> bool:
        """Decide a waiting event again; returns whether it changed the case."""
        event = from_journal(parked.body)
        try:
            decision = self._decide(event, subject, now)
        except Exception as fault:  # what waits must not spoil the event that woke it
            log.exception("deciding %s failed", event.type, extra=self._about(event, subject))
            self._waited_in_vain(
                parked, event, DeadLetterReason.POISON, detail=type(fault).__name__, now=now
            )
            return False
        if decision.fate is Fate.PARKED:
            return False
        at = Coordinate(
            topic="", topic_id=parked.topic_id, partition=parked.partition, offset=parked.offset
        )
        self._unpark(parked, decision.fate, decision.reason)
        self.scribe.written.stop_timer(parked.id, PATIENCE)
        self._take(decision, event, subject, now, at=at, signature=parked.signature)
        self._answer(event, decision, subject, now)
        return decision.fate is Fate.APPLIED

    def _unpark(self, parked: ParkedEvent, fate: Fate, reason: str) -> None:
        written = self.scribe.written
        waiting = self.work.parked.get(parked.case_id, [])
        self.work.parked[parked.case_id] = [one for one in waiting if one.id != parked.id]
        written.parked = [row for row in written.parked if row["id"] != parked.id]
        written.unparked.append(parked.id)
        coordinate = (parked.topic_id, parked.partition, parked.offset)
        for row in written.records:
            if (row["topic_id"], row["partition"], row["offset"]) == coordinate:
                row["fate"], row["reason"] = str(fate), reason
                return
        written.fates.append((*coordinate, str(fate), reason))

    def _answer(self, event: Event, decision: Decision, subject: str, now: datetime) -> None:
        if decision.reason == CASE_MERGED and (main := self.work.main(self.work.case(subject))):
            subject = main.id
        for event_id in answered(event):
            self.scribe.outcome(
                event.source,
                event_id,
                event.type,
                decision.fate,
                decision.reason,
                subject=subject,
                township=event.township,
                now=now,
            )


def _without(holder: Holder, rang: Clock) -> Holder:
    left = tuple(clock for clock in holder.clocks if clock != rang)
    return msgspec.structs.replace(holder, clocks=left)
