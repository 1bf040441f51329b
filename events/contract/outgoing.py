"""What the engine tells others: updates, outcomes, dead letters, seals."""

from events.contract.envelope import Payload
from events.contract.registry import Origin, Topic, event_type


@event_type("case.updated", Topic.CASE_UPDATES, origin=Origin.ENGINE)
class CaseUpdated(Payload, frozen=True, kw_only=True):
    """When a case changed: ids, state and version only; details over HTTP by right."""

    state: str
    version: int
    #: last event type that changed it
    because: str
    #: who must act next: organisation and role, where known
    owner: str = ""
    owner_role: str = ""


@event_type("app.outcome", Topic.APP_OUTCOMES, origin=Origin.ENGINE, needs_subject=False)
class EventOutcome(Payload, frozen=True, kw_only=True):
    """When the fate of an app's event is known, or changed from parked."""

    event_id: str
    fate: str
    reason: str = ""
    message: str = ""
    case_id: str = ""
    case_number: str = ""
    version: int = -1


@event_type("grid.dead_letter", Topic.DEAD_LETTERS, origin=Origin.ENGINE, needs_subject=False)
class DeadLettered(Payload, frozen=True, kw_only=True):
    """When a record can never be applied as it is."""

    letter: str
    reason: str
    topic: str
    partition: int
    offset: int
    source: str = ""
    event_id: str = ""


@event_type("audit.seal", Topic.AUDIT_SEALS, origin=Origin.ENGINE, needs_subject=False)
class SealPublished(Payload, frozen=True, kw_only=True):
    """When a seal over the new audit records was made; the whole seal as canonical JSON."""

    number: int
    seal: str
