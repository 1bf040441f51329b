"""How reports are taken in, members matched and villagers asked (domain.md sections 2 and 6)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from models.policy.actions import Action
from models.policy.people import Role
from models.policy.span import Count, Duration, Name, Part, Share, SpanField, every


class Acting(StrEnum):
    """Whether the engine acts or asks."""

    #: by itself, as `system:<step>`, with the rule's id
    BY_ITSELF = "by_itself"
    #: proposed to a person
    PROPOSED = "proposed"
    #: neither: a person begins it
    BY_HAND = "by_hand"


class AutomationRule(Part):
    """Ways of acting for one set of cases; the first rule that fits is used."""

    #: handling tiers it is for
    tiers: frozenset[int]
    #: classes (`CC`) or subclasses (`CC-SS`) it is for; empty: all
    categories: frozenset[str] = frozenset()
    acting: Mapping[Action, Acting]


class Duplicates(Part):
    """When two reports are about one matter; merging them is still a person's decision."""

    metres: Count
    within: Duration
    same_category: bool
    #: the same event told twice by one source is merged at once
    same_event: Acting
    otherwise: Acting


class SelfClose(Part):
    """自行处置."""

    #: up to this handling tier
    tier_at_most: int = Field(ge=1, le=4)
    #: any one of them is enough; a photo alone is never demanded
    evidence: frozenset[Literal["photo", "document", "statement", "witness"]]
    #: share drawn for an audit, by a hash of the case id
    audit_share: Share
    audit_within: SpanField


class IntakeRules(Part):
    """How a report becomes a case (intake.yaml)."""

    automation: Mapping[str, AutomationRule]
    duplicates: Duplicates
    self_close: SelfClose
    #: sources whose reports are looked at before they are registered
    verified_sources: frozenset[str]
    #: sources that count as found by the grid; everything else is found by the public
    grid_sources: frozenset[str]
    #: all the sources a report may have
    sources: Mapping[str, Name]
    anonymous_allowed: bool
    #: how long an event waits for its case, by topic
    patience: Mapping[str, Duration]


class MatchingWeights(Part):
    """Weights of the score; they sum up to 1. No points, no ranking of persons."""

    skill: Share
    proximity: Share
    free_load: Share
    area: Share
    fairness: Share


class MatchFilter(StrEnum):
    """Hard conditions: who fails one is not recommended, and the reason is told."""

    #: says to be available
    AVAILABLE = "available"
    #: no enforcement work
    NOT_ENFORCEMENT = "not_enforcement"
    #: not the person complained of
    NOT_SUBJECT = "not_subject"
    #: no kinship or interest declared
    NOT_RECUSED = "not_recused"
    #: below the cap of open tasks
    BELOW_CAP = "below_cap"
    #: in the named circle of a marked case
    IN_CIRCLE = "in_circle"
    #: has not declined this case
    NOT_DECLINED = "not_declined"


class MatchingRules(Part):
    """Who is asked to help (matching.yaml)."""

    weights: MatchingWeights
    filters: tuple[MatchFilter, ...]
    open_tasks_at_most: Count
    #: handlers sent when two sides quarrel
    handlers_in_disputes: int = Field(ge=1)
    #: after so many declines the secretary chooses by hand
    declines_at_most: Count
    #: looked back on for fairness
    recent: Duration
    #: metres at which proximity is half
    half_distance: int = Field(ge=1)
    #: candidates shown to the secretary
    shown: int = Field(ge=1)
    #: ties are broken in this order
    ties: tuple[Literal["longest_idle", "id"], ...]
    #: roles that may be recommended
    roles: frozenset[Role]
    #: roles that confirm, tried in order
    confirmed_by: tuple[Role, ...] = Field(min_length=1)
    #: skills the directory knows
    skills: Mapping[str, Name]


class Satisfaction(StrEnum):
    """What a villager says."""

    #: 满意
    SATISFIED = "satisfied"
    #: 基本满意
    BASICALLY_SATISFIED = "basically_satisfied"
    #: 不满意
    DISSATISFIED = "dissatisfied"


class NoAnswer(StrEnum):
    """What follows when nobody could be reached."""

    #: close as "not reached"; leaves V and may be reopened
    CLOSE_UNREACHED = "close_unreached"
    #: a visit on foot
    VISIT_ON_FOOT = "visit_on_foot"


class FeedbackRules(Part):
    """回访 and what follows (feedback.yaml)."""

    channels: tuple[str, ...] = Field(min_length=1)
    attempts: int = Field(ge=1)
    attempt_every: SpanField
    #: tried in order when the attempts are used up
    no_answer: tuple[NoAnswer, ...] = Field(min_length=1)
    #: what each answer counts in the rate of satisfaction
    values: Annotated[Mapping[Satisfaction, Share], every(Satisfaction)]
    #: answers that send the case back
    reopening: frozenset[Satisfaction]
    #: share of closed cases that are visited; marked cases are asked by their circle only
    visited_share: Share
    #: anonymous reports cannot be visited and are closed after the check
    visit_anonymous: bool
    #: 申诉 is answered within this
    dispute_answer: SpanField
    #: steps of an appeal against a deduction, in order
    dispute_roles: tuple[Role, ...] = Field(min_length=1)
