"""Which topics an account may write and read at the brokers, from what is registered. Pure.

The engine checks every event all the same: these rights keep an app from filling what it has no
business with, and from reading what was told to others.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

import events.contract.all  # noqa: F401  (the contract is complete only once every module is read)
from events.contract.registry import EVENT_TYPES, RESTRICTED_PREFIX, Origin, Topic
from events.contract.reports import ReportFiled
from events.topics import app_topic
from models.directory import App

#: Digits of a township's code; fewer are a county's.
_TOWNSHIP = 9


class Right(NamedTuple):
    """One thing an account may do; nothing else is allowed."""

    #: `read`, `write`, `create` or `describe_configs`, as Kafka calls it
    operation: str
    #: `topic` or `group`
    kind: str
    name: str
    #: every name that begins with it
    prefix: bool = False

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.operation} {self.kind} {self.name}{'*' if self.prefix else ''}"


def account_of(source: str) -> str:
    """Return the account of an app: its source in letters that a topic may have."""
    return app_topic(source).removeprefix(f"{Topic.APP_OUTCOMES}.")


def rights_of_app(registered: Iterable[App]) -> frozenset[Right]:
    """Return what an app may do, by all its keys that are valid."""
    rights: set[Right] = set()
    for app in registered:
        rights |= {Right("write", "topic", topic) for topic in _written(app)}
        rights |= {_updates_of(territory) for territory in app.territories}
        rights.add(Right("read", "topic", app_topic(app.source)))
        rights.add(Right("read", "group", account_of(app.source)))
    return frozenset(rights)


def _written(app: App) -> set[str]:
    """Return the topics of the event types that an app may send.

    What few may know is reported by every app that may report, and acted on by named ones only.
    """
    kinds = [
        kind
        for kind in EVENT_TYPES.values()
        if kind.origin is not Origin.ENGINE
        and any(fnmatchcase(kind.name, pattern) for pattern in app.event_types)
    ]
    plain = {str(kind.topic) for kind in kinds}
    secret = {kind.topic for kind in kinds if app.restricted or kind.payload is ReportFiled}
    return plain | {RESTRICTED_PREFIX + topic for topic in secret}


def _updates_of(territory: str) -> Right:
    """Return the right to hear what changes in a territory, by whole townships."""
    name = f"{Topic.CASE_UPDATES}.{territory[:_TOWNSHIP]}"
    return Right("read", "topic", name, prefix=len(territory) < _TOWNSHIP)


def topics_of_app(registered: Iterable[App], townships: Iterable[str]) -> frozenset[str]:
    """Return the topics that an app reads, to be there before it asks for them."""
    known, topics = list(townships), set[str]()
    for app in registered:
        topics.add(app_topic(app.source))
        topics |= {
            f"{Topic.CASE_UPDATES}.{township}"
            for territory in app.territories
            for township in known
            if township.startswith(territory[:_TOWNSHIP])
        }
    return frozenset(topics)


def rights_of_engine(group: str) -> frozenset[Right]:
    """Return what engines, office and doors may do: all they need, and no setting of topics."""
    own = {"grid.", RESTRICTED_PREFIX}
    told = {f"{Topic.CASE_UPDATES}.", f"{Topic.APP_OUTCOMES}."}
    rights = {
        Right(operation, "topic", name, prefix=True)
        for operation in ("read", "write", "create", "describe_configs")
        for name in own
    }
    rights |= {
        Right(operation, "topic", name, prefix=True)
        for operation in ("write", "create")
        for name in told
    }
    rights |= {
        Right(operation, "topic", str(Topic.AUDIT_SEALS))
        for operation in ("read", "write", "create", "describe_configs")
    }
    return frozenset(rights | {Right("read", "group", group)})
