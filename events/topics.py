"""Which topic an event, an update or an answer travels on. Pure."""

import hashlib
import re

from events.contract.envelope import Payload
from events.contract.registry import RESTRICTED_PREFIX, TYPE_OF_PAYLOAD, Topic
from events.contract.reports import ReportFiled, ReportMarked
from models.policy.schema import Policy
from models.values import Mark

_PLAIN = re.compile(r"[A-Za-z0-9-]+(/[A-Za-z0-9-]+)*")


def app_topic(source: str) -> str:
    """Return the outcome topic of an app: its source, in letters a topic may have.

    Two sources never share a topic: one that a topic's name cannot spell carries a hash.
    """
    if _PLAIN.fullmatch(source):
        return f"{Topic.APP_OUTCOMES}.{source.replace('/', '.')}"
    spelled = re.sub(r"[^A-Za-z0-9-]", ".", source)
    return f"{Topic.APP_OUTCOMES}.{spelled}_{hashlib.sha256(source.encode()).hexdigest()[:16]}"


def inbound_topic(payload: Payload, *, marked: bool) -> str:
    """Return the topic the engine reads a payload on; what is marked travels on the twin."""
    topic = str(TYPE_OF_PAYLOAD[type(payload)].topic)
    return RESTRICTED_PREFIX + topic if marked else topic


def says_marked(payload: Payload) -> bool:
    """Tell whether the payload itself says that few may know of its case."""
    if isinstance(payload, ReportFiled):
        return payload.mark is not Mark.NONE or payload.concerns_minor
    return isinstance(payload, ReportMarked)


def tells_of_marked(payload: Payload, policy: Policy) -> bool:
    """Tell whether few may know of its case: because it says so, or its category does."""
    category = policy.category(getattr(payload, "category", None) or "")
    return says_marked(payload) or (category is not None and category.mark is not Mark.NONE)


def topic_onward(topic: str, payload: Payload, policy: Policy) -> str:
    """Return where a record from `topic` is written again; a marked report never openly."""
    marked = is_restricted(topic) or tells_of_marked(payload, policy)
    return inbound_topic(payload, marked=marked)


def is_restricted(topic: str) -> bool:
    """Is it the twin on which marked cases travel?"""
    return topic.startswith(RESTRICTED_PREFIX)
