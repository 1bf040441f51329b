"""Importing this module makes the contract complete."""

from events.contract import (
    assignment,
    consultation,
    directory,
    escalation,
    feedback,
    outgoing,
    reports,
    tasks,
)
from events.contract.registry import EVENT_TYPES, TYPE_OF_PAYLOAD

__all__ = [
    "EVENT_TYPES",
    "TYPE_OF_PAYLOAD",
    "assignment",
    "consultation",
    "directory",
    "escalation",
    "feedback",
    "outgoing",
    "reports",
    "tasks",
]
