"""People deliberate and decide: `grid.consultation`, decided by consultation."""

from enum import StrEnum

from events.contract.envelope import Count, EvidenceHash, Label, Moment, Part, Payload, Ref, Text
from events.contract.registry import Origin, Topic, event_type
from models.policy.consultation import Roll


class ConsultationKind(StrEnum):
    """Forms of consultation (domain.md §4)."""

    #: 会商 the units concerned sit together
    JOINT_MEETING = "joint_meeting"
    #: 民情恳谈 open hearing: no quorum, no vote
    HEARING = "hearing"
    #: 村民议事 deliberation by the villagers' council
    COUNCIL = "council"
    #: 党群议事 deliberation of Party members and villagers
    PARTY_COUNCIL = "party_council"
    #: 四议两公开 four deliberations, two publications
    FOUR_TWO = "four_two"
    #: 一事一议 one matter, one deliberation
    ONE_MATTER = "one_matter"
    #: 集体经济组织 assembly of the collective economic organisation
    COLLECTIVE = "collective"


class Stage(StrEnum):
    """Ordered steps of 四议两公开; the other kinds have one sitting."""

    #: a single sitting
    SITTING = "sitting"
    #: ① 村党组织提议 the branch committee proposes
    PROPOSE = "propose"
    #: ② 两委商议 the two committees deliberate
    DELIBERATE = "deliberate"
    #: ③ 党员大会审议 the Party members' meeting reviews
    MEMBERS_MEETING = "members_meeting"
    #: ④ 村民(代表)会议决议 villagers or their representatives resolve
    RESOLVE = "resolve"
    #: ⑤ 决议公开 the resolution is published
    PUBLISH_RESOLUTION = "publish_resolution"
    #: ⑥ 实施结果公开 the results are published
    PUBLISH_RESULT = "publish_result"


class Stance(StrEnum):
    """What a vote or opinion says."""

    FOR = "for"
    AGAINST = "against"
    ABSTAIN = "abstain"


class ConsultationOutcome(StrEnum):
    """How a consultation ended."""

    #: agreed or resolved: the work can go out
    AGREED = "agreed"
    #: needs 四议两公开 or the villagers' meeting
    REFERRED = "referred"
    #: goes up to the township or county
    ESCALATED = "escalated"
    #: no agreement
    NO_AGREEMENT = "no_agreement"
    #: voted down
    REJECTED = "rejected"
    #: too few came
    QUORUM_MISSED = "quorum_missed"
    #: nobody concluded it in time
    TIMED_OUT = "timed_out"


class Seat(Part, frozen=True, kw_only=True):
    """One place on an eligibility roll."""

    person: Ref
    #: full member of the body with a vote; probationary Party members have none
    votes: bool = True
    #: household, where the body counts households
    household: str = ""
    #: struck by rule before notice, with the rule's name
    struck: str = ""


@event_type(
    "grid.consultation.requested",
    Topic.CONSULTATION,
    action="consultation.request",
    origin=Origin.BOTH,
)
class ConsultationRequested(Payload, frozen=True, kw_only=True):
    """When a case needs deliberation: joint, disputed or of public interest."""

    kind: ConsultationKind
    #: key of policy's bodies
    body: Label
    reason: Text = ""
    matter: Label | None = None


@event_type("grid.consultation.invited", Topic.CONSULTATION, action="consultation.invite")
class ConsultationInvited(Payload, frozen=True, kw_only=True):
    """When the convener names time and place and fixes the roll."""

    stage: Stage = Stage.SITTING
    meets_at: Moment
    roll: tuple[Seat, ...] = ()
    #: 应到 where no roll by person is kept (households of a large village)
    eligible: Count = 0
    #: all members with a vote, struck ones too, where no roll is kept; 0: as many as eligible
    members: Count = 0
    #: which of the body's rolls is counted; empty takes the first
    counted: Roll | None = None
    #: key of policy's bodies, where the step lets several decide; empty takes the case's
    body: str = ""
    #: those who asked for the meeting, where it is not called by a role: which roll, how many of it
    asked_by: Roll | None = None
    askers: Count = 0
    asked_of: Count = 0
    place: Label | None = None


@event_type("grid.consultation.opinion_given", Topic.CONSULTATION, action="consultation.opine")
class OpinionGiven(Payload, frozen=True, kw_only=True):
    """When a participant says what they think."""

    stance: Stance = Stance.ABSTAIN
    opinion: Text
    stage: Stage = Stage.SITTING


@event_type("grid.consultation.vote_cast", Topic.CONSULTATION, action="consultation.vote")
class VoteCast(Payload, frozen=True, kw_only=True):
    """When one person votes, where the body chose votes by person. Never on persons."""

    stance: Stance
    stage: Stage = Stage.SITTING


@event_type("grid.consultation.tally_entered", Topic.CONSULTATION, action="consultation.tally")
class TallyEntered(Payload, frozen=True, kw_only=True):
    """When one of two people enters the signed sheet; both entries must agree."""

    stage: Stage = Stage.SITTING
    #: 应到 who could have come
    eligible: Count
    #: 实到 who came
    present: Count
    #: 赞成, 反对, 弃权
    in_favour: Count
    against: Count
    abstained: Count
    #: the signed sheet
    sheet: tuple[EvidenceHash, ...] = ()
    #: 镇联系人 the township's attendee
    township_attendee: str = ""


@event_type("grid.consultation.minutes_kept", Topic.CONSULTATION, action="consultation.minutes")
class MinutesKept(Payload, frozen=True, kw_only=True):
    """When the minutes of a sitting are filed."""

    minutes: Text
    stage: Stage = Stage.SITTING
    evidence: tuple[EvidenceHash, ...] = ()


@event_type(
    "grid.consultation.concluded",
    Topic.CONSULTATION,
    action="consultation.conclude",
    origin=Origin.BOTH,
)
class ConsultationConcluded(Payload, frozen=True, kw_only=True):
    """When the convener states the outcome of a sitting."""

    outcome: ConsultationOutcome
    reason: Text = ""


@event_type("grid.consultation.proposed", Topic.CONSULTATION, action="consultation.step_propose")
class FourTwoProposed(Payload, frozen=True, kw_only=True):
    """① When the village Party branch committee puts the proposal."""

    proposal: Text
    evidence: tuple[EvidenceHash, ...] = ()


@event_type(
    "grid.consultation.deliberated", Topic.CONSULTATION, action="consultation.step_deliberate"
)
class FourTwoDeliberated(Payload, frozen=True, kw_only=True):
    """② When the two committees deliberated; a tally where they were split."""

    agreed: bool
    note: Text = ""
    #: members of the two committees, present, in favour; all 0 where they were of one mind
    eligible: Count = 0
    present: Count = 0
    in_favour: Count = 0


@event_type(
    "grid.consultation.members_met",
    Topic.CONSULTATION,
    action="consultation.step_members_meeting",
)
class FourTwoMembersMet(Payload, frozen=True, kw_only=True):
    """③ When the Party members' meeting reviewed the draft sent three days ahead."""

    #: full members with a vote after striking
    eligible: Count
    present: Count
    in_favour: Count
    against: Count
    abstained: Count
    draft_sent_at: Moment
    #: when it met; the event's own time where it is empty
    met_at: Moment | None = None
    sheet: tuple[EvidenceHash, ...] = ()
    township_attendee: str = ""


@event_type("grid.consultation.resolved", Topic.CONSULTATION, action="consultation.step_resolve")
class FourTwoResolved(Payload, frozen=True, kw_only=True):
    """④ When the villagers' (representatives') meeting voted."""

    #: key of policy's bodies: villagers' meeting, representatives' meeting...
    body: Label
    eligible: Count
    present: Count
    in_favour: Count
    against: Count
    abstained: Count
    notice_given_at: Moment
    #: when it met; the event's own time where it is empty
    met_at: Moment | None = None
    #: which of the body's rolls is counted; empty takes the first
    counted: Roll | None = None
    #: all members with a vote, struck ones too; 0: as many as eligible
    members: Count = 0
    sheet: tuple[EvidenceHash, ...] = ()
    township_attendee: str = ""


@event_type(
    "grid.consultation.resolution_published",
    Topic.CONSULTATION,
    action="consultation.step_publish_resolution",
)
class ResolutionPublished(Payload, frozen=True, kw_only=True):
    """⑤ When the resolution was put up; the publicity period begins."""

    text: Text
    evidence: tuple[EvidenceHash, ...] = ()


@event_type(
    "grid.consultation.result_published",
    Topic.CONSULTATION,
    action="consultation.step_publish_result",
)
class ResultPublished(Payload, frozen=True, kw_only=True):
    """⑥ When the results were put up; the second publicity period begins."""

    text: Text
    evidence: tuple[EvidenceHash, ...] = ()


@event_type(
    "grid.consultation.publicity_objected",
    Topic.CONSULTATION,
    action="consultation.publicity_object",
)
class PublicityObjected(Payload, frozen=True, kw_only=True):
    """When a villager objects during a publicity period."""

    objection: Text
    objector_ref: str = ""


@event_type(
    "grid.consultation.publicity_answered",
    Topic.CONSULTATION,
    action="consultation.publicity_answer",
)
class PublicityAnswered(Payload, frozen=True, kw_only=True):
    """When the two committees answer an objection."""

    #: id of the objection event
    objection: Ref
    upheld: bool
    answer: Text


@event_type(
    "grid.consultation.answer_checked",
    Topic.CONSULTATION,
    action="consultation.publicity_check",
)
class AnswerChecked(Payload, frozen=True, kw_only=True):
    """When the village supervision committee checked the answer to an objection."""

    objection: Ref
    agrees: bool
    note: Text = ""


@event_type(
    "grid.consultation.action_item_set",
    Topic.CONSULTATION,
    action="consultation.action_item_set",
)
class ActionItemSet(Payload, frozen=True, kw_only=True):
    """When a sitting gives a task an owner and a clear-off (销号) date."""

    item: Text
    #: person or organisation that must do it
    owner: Ref
    #: clear-off date; empty takes policy's
    due_at: Moment | None = None


@event_type(
    "grid.consultation.action_item_cleared",
    Topic.CONSULTATION,
    action="consultation.action_item_clear",
)
class ActionItemCleared(Payload, frozen=True, kw_only=True):
    """销号. When an action item is done."""

    #: id of the event that set it
    item: Ref
    note: Text = ""
    evidence: tuple[EvidenceHash, ...] = ()
