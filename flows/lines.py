"""What is shown of a batch's inputs: a line each in the shift's table, and in the log.

Neither has roles: nothing stands there that an app wrote freely, and of marked cases `restricted`.
"""

from events.contract.envelope import Event
from events.contract.registry import EVENT_TYPES
from events.topics import is_restricted, tells_of_marked
from flows.batch import Batch, Line
from flows.decide.decision import Firing
from flows.workspace import Workspace
from models.setting import Setting
from models.values import Fate, Mark
from partygrid.logs import RESTRICTED, about

_TIMER = "timer:"


class Lines:
    """Shows the inputs of one batch."""

    def __init__(self, setting: Setting, work: Workspace, batch: Batch) -> None:
        """Show none yet."""
        self._setting, self._work, self._batch = setting, work, batch
        self._restricted = any(is_restricted(record.at.topic) for record in batch.records[:1])
        self.shown: list[Line] = []

    def of_event(self, event: Event, subject: str, fate: Fate, reason: str) -> None:
        """Show an event and where it ended."""
        hidden = self._hides(event, subject)
        case_id = self._case_id(subject)
        number = self._work.cases[subject].number if case_id else ""
        self.shown.append(
            Line(
                number=RESTRICTED if hidden else number,
                event=event.type,
                fate=str(fate),
                reason=reason,
                event_id=RESTRICTED if hidden else event.id,
                case_id=RESTRICTED if hidden else case_id,
            )
        )

    def of_firing(self, firing: Firing, fate: Fate, reason: str) -> None:
        """Show a timer and what it did."""
        hidden, case_id = self._is_marked(firing.subject), self._case_id(firing.subject)
        number = self._work.cases[firing.subject].number if case_id else ""
        self.shown.append(
            Line(
                number=RESTRICTED if hidden else number,
                event=f"{_TIMER}{firing.clock.key}",
                fate=str(fate),
                reason=reason,
                case_id=RESTRICTED if hidden else case_id,
            )
        )

    def of_letter(self, event_type: str, reason: str) -> None:
        """Show something that was put aside. Its type may be any words where nobody proved it."""
        known = event_type in EVENT_TYPES or event_type.startswith(_TIMER)
        self.shown.append(
            Line(
                number=RESTRICTED if self._restricted else "",
                event=event_type if known else "",
                fate=str(Fate.DEAD_LETTERED),
                reason=reason,
            )
        )

    def about(self, given: Event | Firing, subject: str) -> dict[str, dict[str, object]]:
        """Return what a log line may say it is about."""
        hidden = (
            self._hides(given, subject) if isinstance(given, Event) else self._is_marked(subject)
        )
        event_id = given.id if isinstance(given, Event) else ""
        return about(
            shard=self._batch.shard,
            event=RESTRICTED if hidden else event_id,
            case=RESTRICTED if hidden else self._case_id(subject),
        )

    def _hides(self, event: Event, subject: str) -> bool:
        marked = tells_of_marked(event.data, self._setting.shelf.current)
        return self._restricted or marked or self._is_marked(subject)

    def _is_marked(self, subject: str) -> bool:
        case = self._work.cases.get(subject)
        return case is not None and case.mark is not Mark.NONE

    def _case_id(self, subject: str) -> str:
        """Return the id of a case that is known: of another nobody can say whether it is marked."""
        case = self._work.cases.get(subject)
        return case.id if case is not None and case.version > 0 else ""
