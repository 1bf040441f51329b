"""Ids and small enumerations that every room shares. Pure.

Ids are strings: a UUID in its canonical form for what the engine names, and the registered code
for what the directory names. A `Token` stands for an erasable text: the salted commitment that
replaces the words before anything is decided, so that no decision can depend on them.
"""

import re
from enum import StrEnum
from hashlib import sha1
from typing import NewType
from uuid import UUID

CaseId = NewType("CaseId", str)
OrgId = NewType("OrgId", str)
PersonId = NewType("PersonId", str)
RoleName = NewType("RoleName", str)

#: Namespace of every id that the engine derives. Never change it: ids are stable over replays.
NAMESPACE = UUID("6f0d9a52-3c1e-5b7a-9d55-0c7d6f4e8a21")
_IN_NAMESPACE = sha1(NAMESPACE.bytes, usedforsecurity=False)
#: The hexadecimal digit that says by which rules an id is made, its two upper bits set to 10.
_VARIANT = {f"{digit:x}": f"{digit & 0b0011 | 0b1000:x}" for digit in range(16)}
_CANONICAL = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: Actor of what the engine does by itself; the part after the colon is the step.
SYSTEM_PREFIX = "system:"


def derived_id(*parts: str | int) -> str:
    """Return the UUIDv5 of `parts`: the same parts give the same id, on every machine.

    Spelled out, as `uuid.uuid5` and the text of what it returns take three times as long, and
    several ids are made for each record.
    """
    hashed = _IN_NAMESPACE.copy()
    hashed.update("|".join(map(str, parts)).encode())
    digits = hashed.hexdigest()
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def is_id(text: str) -> bool:
    """Could it be an id of the engine: a UUID in its canonical form?"""
    return _CANONICAL.fullmatch(text) is not None


def case_id_of(source: str, event_id: str) -> CaseId:
    """Return the id of the case that the report (source, event_id) opens."""
    return CaseId(derived_id("case", source, event_id))


def history_case_id(source: str, case_ref: str) -> CaseId:
    """Return the id under which all rows of an imported case meet."""
    return CaseId(derived_id("history", source, case_ref))


class Step(StrEnum):
    """One step of a case's way: one topic, one flow, one decide module."""

    #: reports come in, are classified, registered, merged, rejected or settled on the spot
    INTAKE = "intake"
    #: people deliberate and decide
    CONSULTATION = "consultation"
    #: somebody gets the work and does it
    ASSIGNMENT = "assignment"
    #: it is late, or beyond the township's powers
    ESCALATION = "escalation"
    #: villagers say whether it was solved
    FEEDBACK = "feedback"
    #: departments want work done by villages
    ADMISSION = "admission"
    #: who is who, with dates
    DIRECTORY = "directory"


class CaseState(StrEnum):
    """Where a case stands (domain.md §2)."""

    #: named by an event, its report not read yet
    STUB = "STUB"
    #: 已上报 a report came in
    REPORTED = "REPORTED"
    #: 自行处置 settled on the spot by the grid or village
    SELF_CLOSED = "SELF_CLOSED"
    #: 核实 somebody looks whether it is so
    VERIFYING = "VERIFYING"
    #: 立案 registered, with a deadline
    REGISTERED = "REGISTERED"
    #: 不予受理 refused with a reason
    REJECTED = "REJECTED"
    #: 并案 part of another case
    MERGED = "MERGED"
    #: 会商 people deliberate
    CONSULTING = "CONSULTING"
    #: 派遣 given to a unit or member, not signed for yet
    DISPATCHED = "DISPATCHED"
    #: 签收 signed for
    ACCEPTED = "ACCEPTED"
    #: 退单 the unit says it is not theirs
    RETURN_REQUESTED = "RETURN_REQUESTED"
    #: somebody works on it
    HANDLING = "HANDLING"
    #: 挂账 waits for a reason that was granted; the clock stands still
    SUSPENDED = "SUSPENDED"
    #: 吹哨 departments were called
    WHISTLED = "WHISTLED"
    #: 处理反馈 the handler says it is done
    FEEDBACK = "FEEDBACK"
    #: 核查 somebody else checks
    CHECKING = "CHECKING"
    #: 回访 the villager is asked
    VISITING = "VISITING"
    #: 结案 closed
    CLOSED = "CLOSED"
    #: 重办 opened again
    REOPENED = "REOPENED"
    #: 作废 voided, with a reason
    CANCELLED = "CANCELLED"
    #: 综合评价 evaluated
    EVALUATED = "EVALUATED"
    #: 归档 put away
    ARCHIVED = "ARCHIVED"
    #: imported from another system: what happened there, not decided here
    HISTORY = "HISTORY"


#: States in which nobody owes anything more; everything else is open.
SETTLED_STATES = frozenset(
    {
        CaseState.SELF_CLOSED,
        CaseState.REJECTED,
        CaseState.MERGED,
        CaseState.CLOSED,
        CaseState.CANCELLED,
        CaseState.EVALUATED,
        CaseState.ARCHIVED,
        CaseState.HISTORY,
    }
)


class Mark(StrEnum):
    """Who may know of a case at all (domain.md §10)."""

    #: everybody whose work it is
    NONE = "none"
    #: named handlers only
    CONFIDENTIAL = "confidential"
    #: neither village nor township sees it; the county's discipline office owns it
    BYPASS = "bypass"


class Fate(StrEnum):
    """Where a record ended. Every record has exactly one."""

    #: it changed what is known
    APPLIED = "applied"
    #: the rules said no; the reason is recorded and answered
    REFUSED = "refused"
    #: the same event was here before
    DUPLICATE = "duplicate"
    #: it came too early; it waits with a patience
    PARKED = "parked"
    #: it can never be applied as it is; an operator may edit and replay it
    DEAD_LETTERED = "dead-lettered"
    #: it lay in another township's partition and was sent on
    FORWARDED = "forwarded"


class DeadLetterReason(StrEnum):
    """Why a record can never be applied as it is."""

    #: not a CloudEvent: broken JSON, missing attributes, wrong shape
    MALFORMED = "malformed"
    #: no such event type
    UNKNOWN_TYPE = "unknown_type"
    #: the type exists, this version does not
    UNKNOWN_VERSION = "unknown_version"
    #: the data does not fit the type
    INVALID_DATA = "invalid_data"
    #: larger than the policy allows
    TOO_LARGE = "too_large"
    #: no signature
    UNSIGNED = "unsigned"
    #: the signature does not fit
    BAD_SIGNATURE = "bad_signature"
    #: no app has this key, or it is no longer valid
    UNKNOWN_KEY = "unknown_key"
    #: the app may not send this type, or not for this organisation
    OUT_OF_SCOPE = "out_of_scope"
    #: the type does not belong on this topic
    WRONG_TOPIC = "wrong_topic"
    #: another content was seen under the same source and id
    ID_CONFLICT = "id_conflict"
    #: it occurred further in the past or future than the policy allows
    IMPLAUSIBLE_TIME = "implausible_time"
    #: the grid or township is not in the directory
    UNKNOWN_PLACE = "unknown_place"
    #: it waited longer than its patience
    PARKED_TOO_LONG = "parked_too_long"
    #: as many of its app as the policy allows wait for the same case
    PARKED_TOO_MANY = "parked_too_many"
    #: deciding it failed, each time it was tried
    POISON = "poison"
    #: deciding it killed the process, each time it was tried
    CRASHED = "crashed"
    #: the broker refused the outgoing record for good
    UNPUBLISHABLE = "unpublishable"
