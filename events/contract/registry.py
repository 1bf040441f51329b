"""The one list of event types: name, version, topic, action, payload, and what it is for."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, TypeVar

from events.contract.envelope import Payload
from models.values import Step


class Topic(StrEnum):
    """The topics the engine reads, and those it writes for others."""

    REPORTS = "grid.reports"
    CONSULTATION = "grid.consultation"
    ASSIGNMENT = "grid.assignment"
    ESCALATION = "grid.escalation"
    FEEDBACK = "grid.feedback"
    TASKS = "grid.tasks"
    DIRECTORY = "grid.directory"
    #: written per township: `case.updates.<township>`
    CASE_UPDATES = "case.updates"
    #: written per app: `app.outcomes.<app>`
    APP_OUTCOMES = "app.outcomes"
    DEAD_LETTERS = "grid.dead-letters"
    AUDIT_SEALS = "audit.seals"


#: Prefix of the twins on which marked cases travel.
RESTRICTED_PREFIX = "restricted."

STEP_OF_TOPIC: dict[Topic, Step] = {
    Topic.REPORTS: Step.INTAKE,
    Topic.CONSULTATION: Step.CONSULTATION,
    Topic.ASSIGNMENT: Step.ASSIGNMENT,
    Topic.ESCALATION: Step.ESCALATION,
    Topic.FEEDBACK: Step.FEEDBACK,
    Topic.TASKS: Step.ADMISSION,
    Topic.DIRECTORY: Step.DIRECTORY,
}

#: Every inbound topic with its restricted twin, in the order in which ties are broken.
INBOUND_TOPICS: tuple[str, ...] = tuple(topic.value for topic in STEP_OF_TOPIC) + tuple(
    RESTRICTED_PREFIX + topic.value for topic in STEP_OF_TOPIC
)


def plain_topic(name: str) -> str:
    """Return the topic's name without the restricted prefix."""
    return name.removeprefix(RESTRICTED_PREFIX)


class Origin(StrEnum):
    """Who may make an event of a type."""

    #: people, apps and departments only
    OUTSIDE = "outside"
    #: the engine only
    ENGINE = "engine"
    #: both
    BOTH = "both"


class EventType(NamedTuple):
    """What the contract says of one type."""

    name: str
    version: int
    topic: Topic
    payload: type[Payload]
    #: what policy's roles must allow; empty where no right is asked (engine's own, villagers' own)
    action: str
    origin: Origin
    #: must the event name a case or task in `subject`
    needs_subject: bool

    @property
    def full_name(self) -> str:
        """The CloudEvents `type`: name and version."""
        return f"{self.name}.v{self.version}"

    @property
    def step(self) -> Step | None:
        """The step that decides it; None for outgoing types."""
        return STEP_OF_TOPIC.get(self.topic)


#: Full name → type. Filled by the contract modules on import; complete after `events.contract.all`.
EVENT_TYPES: dict[str, EventType] = {}
#: Payload class → type.
TYPE_OF_PAYLOAD: dict[type[Payload], EventType] = {}


P = TypeVar("P", bound=Payload)


def event_type(
    name: str,
    topic: Topic,
    *,
    action: str = "",
    origin: Origin = Origin.OUTSIDE,
    version: int = 1,
    needs_subject: bool = True,
) -> Callable[[type[P]], type[P]]:
    """Enter the decorated payload class into the contract."""

    def enter(payload: type[P]) -> type[P]:
        entry = EventType(name, version, topic, payload, action, origin, needs_subject)
        if entry.full_name in EVENT_TYPES:
            raise ValueError(f"{entry.full_name} stands in the contract twice")
        EVENT_TYPES[entry.full_name] = entry
        TYPE_OF_PAYLOAD[payload] = entry
        return payload

    return enter
