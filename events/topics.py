"""Which topic an event, an update or an answer travels on. Pure."""

import hashlib
import re

from events.contract.envelope import Payload
from events.contract.registry import RESTRICTED_PREFIX, TYPE_OF_PAYLOAD, Topic
from events.contract.reports import ReportFiled, ReportMarked
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
