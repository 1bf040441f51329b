"""What a full week has to show at least once, of whatever there is; and what it cannot, and why."""

from collections.abc import Mapping
from enum import StrEnum

from events.contract.all import EVENT_TYPES
from events.contract.registry import Topic
from models.policy.schema import Policy
from models.policy.whistle import WhistleKind
from models.values import DeadLetterReason, Fate
from models.village import TaskState
from notifications.notice import NoticeKind
from partygrid.simulation.coverage import EXCEPTIONS, wanted


class Counted(StrEnum):
    """What the summary counts."""

    #: events that were decided, by type
    EVENT_TYPES = "event types"
    #: cases that were ever in it, by lifecycle state
    STATES = "lifecycle states"
    #: rungs that were climbed and told somebody
    RUNGS = "rungs"
    #: notices, by kind
    NOTICES = "notice kinds"
    #: records, by where they ended
    FATES = "fates"
    #: dead letters, by reason
    DEAD_LETTERS = "dead-letter reasons"
    #: whistles, by kind
    WHISTLES = "whistles"
    #: village tasks that were ever in it, by state
    TASKS = "village tasks"


#: What nothing in a played week brings about → why. Besides those of the people's stories.
_NOT_SHOWN: Mapping[str, str] = {
    **EXCEPTIONS,
    DeadLetterReason.PARKED_TOO_MANY: "no app sends so much for one case before it is there",
    Fate.PARKED: "what came too early is applied, or a dead letter, before the week is over",
}
#: The same of notices, whose kinds bear some of the names above.
_NOT_TOLD: Mapping[NoticeKind, str] = {
    NoticeKind.DEAD_LETTER: "operators see dead letters on their topic and by the command",
    NoticeKind.PARKED_TOO_LONG: "operators see it among the dead letters",
    NoticeKind.EVENT_REFUSED: "apps are told by the outcome of each event",
}


class Expectations:
    """Every name that a full week has to count, by what it is a name of."""

    def __init__(self, policy: Policy) -> None:
        """Ask the contract, the policy and the vocabulary."""
        people = wanted(policy)
        every: dict[Counted, set[str]] = {
            Counted.EVENT_TYPES: {*people.event_types, *_tasks_and_directory()},
            Counted.STATES: set(people.states),
            Counted.RUNGS: set(people.rungs),
            Counted.NOTICES: {str(kind) for kind in NoticeKind if kind not in _NOT_TOLD},
            Counted.FATES: {str(fate) for fate in Fate},
            Counted.DEAD_LETTERS: {str(reason) for reason in DeadLetterReason},
            Counted.WHISTLES: {str(kind) for kind in WhistleKind},
            Counted.TASKS: {str(state) for state in TaskState},
        }
        self.names: dict[Counted, frozenset[str]] = {
            what: frozenset(names - _NOT_SHOWN.keys()) for what, names in every.items()
        }

    @staticmethod
    def exceptions() -> Mapping[str, str]:
        """Return what is not asked for, and why."""
        every = (*_NOT_SHOWN.items(), *_NOT_TOLD.items())
        return {str(name): why for name, why in every}

    def missing(self, counts: Mapping[Counted, Mapping[str, int]]) -> dict[Counted, list[str]]:
        """Return the names that were never counted."""
        found = {
            what: sorted(name for name in names if not counts[what].get(name))
            for what, names in self.names.items()
        }
        return {what: names for what, names in found.items() if names}


def _tasks_and_directory() -> set[str]:
    return {
        name for name, kind in EVENT_TYPES.items() if kind.topic in (Topic.TASKS, Topic.DIRECTORY)
    }
