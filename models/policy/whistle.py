"""Calling departments: kinds of whistle, objections, ratings (domain.md section 3)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from models.policy.people import Role
from models.policy.span import Count, Duration, Name, Part, Share, SpanField, every


class WhistleKind(StrEnum):
    """Which whistle is blown."""

    #: 应急哨
    EMERGENCY = "EMERGENCY"
    #: 日常哨
    ROUTINE = "ROUTINE"
    #: 攻坚哨
    HARD = "HARD"


class WhistleRule(Part):
    """The clocks of one kind, all counted from the blowing, and who lets it be blown."""

    name: Name
    sign: SpanField
    arrive: SpanField
    #: None: at once, on the spot
    plan: SpanField | None
    finish: SpanField
    #: how long it may become when an extension is granted
    extendable_to: SpanField | None = None
    #: who blows or approves it
    approver: Role
    #: an answer to the request is due within this
    approve_within: SpanField
    #: who confirms it afterwards; refusing then does not stop the work
    confirmer: Role | None = None
    confirm_within: SpanField | None = None
    #: 先办后议: no objection before the work
    objection: bool = True


class ObjectionLevel(Part):
    """Who decides an objection at one level, and until when."""

    name: Name
    role: Role
    limit: SpanField
    final: bool = False


class DepartmentRating(Part):
    """Weights of the reverse appraisal 反向考核; they sum up to 1."""

    on_time: Share
    solved: Share
    satisfaction: Share
    clean: Share
    #: fewer whistles than this: "insufficient", not ranked
    at_least: Count


class AccountabilityStep(Part):
    """What the engine proposes to a person; it never decides it."""

    name: Name
    #: working time overdue after the reminder
    after: SpanField | None


class WhistleRules(Part):
    """Everything about whistles (whistles.yaml)."""

    kinds: Annotated[Mapping[WhistleKind, WhistleRule], every(WhistleKind)]
    #: an objection is raised within this, once
    object_within: SpanField
    objections: Count
    levels: tuple[ObjectionLevel, ...] = Field(min_length=1)
    #: 首接负责: the first unit keeps the lead until a decision, and when none comes in time
    first_unit_leads: bool
    #: each helper's own clock, as a share of the lead's
    helper_share: Share
    rating: DepartmentRating
    #: both sides rate within this after the end
    rate_within: Duration
    accountability: tuple[AccountabilityStep, ...]
