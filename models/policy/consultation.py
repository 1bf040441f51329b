"""Who decides together, and when it counts (domain.md section 4, rule set 2018/2026)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import Field

from models.policy.actions import Action
from models.policy.categories import ReservedMatter
from models.policy.people import Role
from models.policy.span import Count, Duration, Name, Part, SpanField


class Base(StrEnum):
    """Of whom a share is taken."""

    #: 应到
    ELIGIBLE = "eligible"
    #: 实到
    PRESENT = "present"
    #: all members, present or not; differs from eligible where some are struck by rule
    ALL = "all"


class Roll(StrEnum):
    """Who is counted."""

    #: 年满十八周岁的村民
    VILLAGERS = "villagers"
    #: 户代表
    HOUSEHOLDS = "households"
    #: 村民代表
    REPRESENTATIVES = "representatives"
    #: 集体经济组织成员 of full capacity
    COLLECTIVE_MEMBERS = "collective_members"
    #: 成员代表
    COLLECTIVE_REPRESENTATIVES = "collective_representatives"
    #: 小组村民
    GROUP_VILLAGERS = "group_villagers"
    #: 小组户代表
    GROUP_HOUSEHOLDS = "group_households"
    #: 有表决权的正式党员
    FULL_PARTY_MEMBERS = "full_party_members"
    #: 支部委员
    BRANCH_COMMITTEE = "branch_committee"
    #: 两委成员
    TWO_COMMITTEES = "two_committees"
    #: 议事会成员
    COUNCIL_MEMBERS = "council_members"
    #: 受邀人员
    INVITED = "invited"


class Threshold(Part):
    """`op` num/den of `base`: whole numbers, so a boundary is exact."""

    base: Base
    op: Literal[">", ">="]
    num: int = Field(ge=0)
    den: int = Field(ge=1)

    def met(self, count: int, of: int) -> bool:
        """Tell whether `count` out of `of` is enough; out of nobody it never is."""
        if of <= 0:
            return False
        left, right = count * self.den, of * self.num
        return left > right if self.op == ">" else left >= right


class Quorum(Part):
    """Enough of one roll are there."""

    roll: Roll
    share: Threshold


class Call(Part):
    """Who may call the body; any one way is enough."""

    #: who asks, a roll; None: a role
    roll: Roll | None = None
    share: Threshold | None = None
    role: Role | None = None


class Outcome(StrEnum):
    """How a consultation ends."""

    #: 达成一致
    AGREED = "agreed"
    #: 转四议两公开
    REFERRED = "referred"
    #: 上报
    ESCALATED = "escalated"
    #: 未达成一致
    NO_AGREEMENT = "no_agreement"
    #: 决议通过
    PASSED = "passed"
    #: 决议未通过
    FAILED = "failed"


class BodyRank(StrEnum):
    """How binding a body's word is, from the weakest to the strongest."""

    #: hears
    HEARING = "hearing"
    #: deliberates
    DELIBERATION = "deliberation"
    #: decides for a committee, a branch or a group of the village
    COMMITTEE = "committee"
    #: decides what the villagers' meeting delegated
    DELEGATED = "delegated"
    #: decides for all
    ASSEMBLY = "assembly"


class Body(Part):
    """A body: who sits in it, when it is quorate, when it has said yes."""

    name: Name
    #: form of consultation it sits in, a `ConsultationKind` of the event contract
    kind: str
    rank: BodyRank
    #: any one is enough; none: no quorum is asked
    quorums: tuple[Quorum, ...] = ()
    #: None: no vote
    passing: Threshold | None = None
    #: agreement without a vote is enough
    consensus: bool = False
    call: tuple[Call, ...] = ()
    notice: Duration | None = None
    #: on at least every so many days it meets by itself; None: when called
    meets_every: Duration | None = None
    #: reserved matters it may decide
    reserved: frozenset[ReservedMatter] = frozenset()
    outcomes: tuple[Outcome, ...] = Field(min_length=1)
    #: on persons: totals only
    secret_on_persons: bool = True
    #: only where one is registered; otherwise `instead` decides
    needs_registration: bool = False
    instead: str | None = None


class Step(Part):
    """One step of 四议两公开."""

    action: Action
    name: Name
    #: who decides in it; None: publishing
    body: str | None = None
    quorum: Threshold | None = None
    passing: Threshold | None = None
    #: the draft is out this long before
    notice: Duration | None = None
    #: the step must be done within this after the one before
    limit: SpanField
    #: on public notice this long
    publicity: Duration | None = None
    #: may be merged into the next where secretary and director are one person
    merges_with_next: bool = False


class Publicity(Part):
    """公示: how long, and how an objection is met."""

    period: Duration
    #: the two committees answer within this
    answer: SpanField
    answered_by: tuple[Role, ...]
    checked_by: tuple[Role, ...]
    check: SpanField
    #: an upheld objection leads back to this step
    back_to: Action


class ReviewMeeting(Part):
    """会商研判 that comes round: weekly analysis, monthly review, quarterly joint meeting."""

    name: Name
    every: Literal["week", "month", "quarter", "whistle"]
    chair: Role
    level: Literal["township", "county"]


class ConsultationRules(Part):
    """Bodies, the four deliberations, publicity (consultation.yaml)."""

    #: printed under every resolution instead of article numbers
    rule_set: Name
    bodies: Mapping[str, Body]
    steps: tuple[Step, ...]
    #: body of the steps' decision where a category names none
    default_body: str
    #: body for joint and disputed matters
    joint_body: str
    publicity: Publicity
    reviews: Mapping[str, ReviewMeeting]
    #: participants say whether they come within this
    invitation_answer: SpanField
    #: figures of the signed sheet are entered by this many people and must agree
    tally_entries: int = Field(ge=1)
    #: without a quorum called again this often, then the case goes back to the secretary
    recalls: Count
    #: an action item without a date is due after this
    action_item: SpanField

    def body(self, key: str) -> Body:
        """Return the body of that key; the pack was checked to have it."""
        return self.bodies[key]
