"""What shall become of a planned report: people act so that it comes about, by legal events."""

from enum import StrEnum


class Story(StrEnum):
    """One course a case can take. What the report must be like stands in `requirements`."""

    #: everything goes well and in time
    SMOOTH = "smooth"
    #: settled on the spot by the grid
    SELF_CLOSED = "self_closed"
    #: settled on the spot, says the grid; it was not, and is opened again
    SELF_CLOSED_BADLY = "self_closed_badly"
    #: nobody moves until the ladder has reached its top
    NEGLECTED = "neglected"
    #: the same with an emergency
    NEGLECTED_EMERGENCY = "neglected_emergency"
    #: answered, but after the limit
    LATE = "late"
    #: answered in time, heard late: the phone had no signal
    OFFLINE = "offline"

    # intake
    #: told twice by different people; the reports are merged
    TWICE = "twice"
    #: looks like another report and is not
    LOOKALIKE = "lookalike"
    #: it does not exist
    UNTRUE = "untrue"
    #: the acceptor wants it looked at first
    DOUBTED = "doubted"
    #: refused, with a reason
    REJECTED = "rejected"
    #: told of the wrong grid, and put right
    AMENDED = "amended"
    #: nobody said what kind of matter it is
    UNCLASSIFIED = "unclassified"
    #: categorised wrongly at first
    RECLASSIFIED = "reclassified"
    #: has to be kept from others than its handlers
    MARKED = "marked"
    #: neither village nor township may see it
    BYPASSED = "bypassed"
    #: voided by a supervisor
    CANCELLED = "cancelled"
    #: an emergency, met as it should be
    EMERGENCY = "emergency"
    #: turns out to be an emergency
    DECLARED_EMERGENCY = "declared_emergency"

    # assignment
    #: the first members decline
    DECLINED = "declined"
    #: everybody declines; the unit does it itself
    NOBODY_AVAILABLE = "nobody_available"
    #: a member does not answer
    SILENT_MEMBER = "silent_member"
    #: a unit at work asks for a member's help
    HELP_WANTED = "help_wanted"
    #: the lead ends it without the helpers, and says why
    WITHOUT_HELPERS = "without_helpers"
    #: the unit returns it and is right
    RETURN_UPHELD = "return_upheld"
    #: the unit returns it and is wrong
    RETURN_REFUSED = "return_refused"
    #: given to somebody else by a supervisor
    REASSIGNED = "reassigned"
    #: more time is asked for and granted
    EXTENDED = "extended"
    #: more time is asked for and refused
    EXTENSION_REFUSED = "extension_refused"
    #: rests for a while, until its time is over
    SUSPENDED = "suspended"
    #: rests for a while, and is taken up before its time is over
    RESUMED = "resumed"
    #: may not rest
    SUSPENSION_REFUSED = "suspension_refused"
    #: the check fails the first time
    REWORK = "rework"
    #: a supervisor sends the work back, twice
    REWORK_ORDERED = "rework_ordered"
    #: urged and supervised by people
    URGED = "urged"

    # feedback
    #: the villager says it is not solved
    REOPENED = "reopened"
    #: closed, and opened again by the villager
    REOPENED_LATER = "reopened_later"
    #: nobody answers the visitor
    UNREACHED = "unreached"
    #: moved away, wrong number
    UNREACHABLE = "unreachable"
    #: asked by a link instead of a call
    LINKED = "linked"
    #: the villager disputes what was recorded
    DISPUTED = "disputed"
    #: old enough to be evaluated and put away
    ARCHIVED = "archived"

    # whistles
    #: routine whistle, everybody answers
    WHISTLE_ROUTINE = "whistle_routine"
    #: routine whistle, the department signs, comes and plans late
    WHISTLE_LATE = "whistle_late"
    #: hard whistle with helpers, one of them late and left out in the end
    WHISTLE_HARD = "whistle_hard"
    #: emergency whistle with a late helper, confirmed afterwards
    WHISTLE_EMERGENCY = "whistle_emergency"
    #: emergency whistle the principal does not confirm; the work goes on
    WHISTLE_UNCONFIRMED = "whistle_unconfirmed"
    #: refused by the principal
    WHISTLE_REFUSED = "whistle_refused"
    #: the department objects and is right: a new lead
    WHISTLE_OBJECTION_UPHELD = "whistle_objection_upheld"
    #: the department objects through all levels in vain
    WHISTLE_OBJECTION_REFUSED = "whistle_objection_refused"
    #: a department answers the whistle only when it has been called to account
    WHISTLE_NO_SHOW = "whistle_no_show"

    # consultation
    #: joint meeting that agrees; one of its action items is cleared off late
    MEETING_AGREED = "meeting_agreed"
    #: joint meeting that passes the matter up
    MEETING_ESCALATED = "meeting_escalated"
    #: open hearing
    HEARING = "hearing"
    #: council that votes and agrees
    COUNCIL_AGREED = "council_agreed"
    #: council that refers to 四议两公开
    COUNCIL_REFERRED = "council_referred"
    #: consultation without agreement
    NO_AGREEMENT = "no_agreement"
    #: nobody convenes it
    CONSULTATION_TIMED_OUT = "consultation_timed_out"

    # 四议两公开
    #: passes every threshold; resolution and results are published
    FOUR_TWO_PASSED = "four_two_passed"
    #: one short of each threshold: too few come, or too few approve
    FOUR_TWO_NO_QUORUM_MEMBERS = "four_two_no_quorum_members"
    FOUR_TWO_MEMBERS_AGAINST = "four_two_members_against"
    FOUR_TWO_NO_QUORUM_VILLAGERS = "four_two_no_quorum_villagers"
    FOUR_TWO_VILLAGERS_AGAINST = "four_two_villagers_against"
    FOUR_TWO_COMMITTEES_AGAINST = "four_two_committees_against"
    #: an objection that is upheld, and one that is not
    FOUR_TWO_OBJECTION_UPHELD = "four_two_objection_upheld"
    FOUR_TWO_OBJECTION_REFUSED = "four_two_objection_refused"


#: Stories in which departments are called; whoever has the work leaves it to them.
WHISTLES = frozenset(
    {
        Story.WHISTLE_ROUTINE,
        Story.WHISTLE_LATE,
        Story.WHISTLE_HARD,
        Story.WHISTLE_EMERGENCY,
        Story.WHISTLE_UNCONFIRMED,
        Story.WHISTLE_REFUSED,
        Story.WHISTLE_OBJECTION_UPHELD,
        Story.WHISTLE_OBJECTION_REFUSED,
        Story.WHISTLE_NO_SHOW,
    }
)
