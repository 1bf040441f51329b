"""What a week has to show at least once: computed from contract, policy and notices. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from events.contract.all import EVENT_TYPES
from events.contract.registry import Origin, Topic
from models.policy.schema import Policy
from models.values import CaseState
from notifications.notice import KIND_PARAMS

#: The topics about cases; tasks and the directory have people of their own.
_TOPICS = frozenset(
    {Topic.REPORTS, Topic.CONSULTATION, Topic.ASSIGNMENT, Topic.ESCALATION, Topic.FEEDBACK}
)
#: Every notice about a case says what it is about and where.
_OF_A_CASE = frozenset({"category", "place"})

#: What people and departments cannot bring about in a played week → why.
EXCEPTIONS: Mapping[str, str] = {
    "grid.report.history_recorded.v1": "imported from another system's log, not done by people",
    "grid.feedback.evaluated.v1": "no person has the right: a timer evaluates, without an event",
    "grid.feedback.archived.v1": "no person has the right: a timer archives, without an event",
    "HISTORY": "imported from another system's log, never reached from a report",
    "deadline_recomputed": "told only when a limit moves, and no calendar arrives in a played week",
}


class Wanted(NamedTuple):
    """What has to occur: names as the journal, the audit, the rungs and the notices write them."""

    #: full names; sent by an app, not made by the engine
    event_types: frozenset[str]
    states: frozenset[str]
    #: Chinese names, of rungs at which somebody was told
    rungs: frozenset[str]
    notice_kinds: frozenset[str]


def wanted(policy: Policy) -> Wanted:
    """Return what a week has to show under this policy."""
    sent = {
        name
        for name, kind in EVENT_TYPES.items()
        if kind.topic in _TOPICS and kind.origin is not Origin.ENGINE
    }
    reached = {str(state) for state in policy.lifecycle.reach[CaseState.STUB]}
    rungs = {rung.name.zh for ladder in policy.ladders.by_urgency.values() for rung in ladder.rungs}
    told = {str(kind) for kind, params in KIND_PARAMS.items() if params >= _OF_A_CASE}
    out = EXCEPTIONS.keys()
    return Wanted(
        event_types=frozenset(sent - out),
        states=frozenset(reached - out),
        rungs=frozenset(rungs - out),
        notice_kinds=frozenset(told - out),
    )
