"""What must have happened when a story came about: `action:reason` of the audit, and the state."""

from collections.abc import Mapping
from typing import NamedTuple

from models.values import CaseState
from partygrid.simulation.stories import Story

CLOSED, REJECTED = CaseState.CLOSED, CaseState.REJECTED


class Course(NamedTuple):
    """How a case went."""

    state: CaseState
    #: what the audit must say of it; `2*` in front: that often
    done: tuple[str, ...] = ()
    #: kinds of notices somebody must have got
    told: tuple[str, ...] = ()
    #: what must not have happened
    undone: tuple[str, ...] = ("timer:case_due:ok", "feedback.reopen:not_solved")


_BREACHED = ("feedback.reopen:not_solved",)
_IN_TIME = ("timer:case_due:ok",)
_RESOLVED = (
    "consultation.step_propose:ok",
    "consultation.step_deliberate:ok",
    "consultation.step_members_meeting:second_entry_awaited",
    "consultation.step_resolve:second_entry_awaited",
    "consultation.step_publish_resolution:ok",
    "timer:publicity:publicity_over",
    "consultation.step_publish_result:ok",
)

COURSES: Mapping[Story, Course] = {
    Story.SMOOTH: Course(CLOSED, ("assignment.check:check_passed",)),
    Story.SELF_CLOSED: Course(
        CaseState.SELF_CLOSED, ("report.self_close:ok",), ("case_self_closed",)
    ),
    Story.SELF_CLOSED_BADLY: Course(
        CLOSED,
        (
            "report.self_close:ok",
            "feedback.audit_self_close:audit_failed",
            "feedback.reopen:audit_failed",
        ),
        undone=_IN_TIME,
    ),
    Story.NEGLECTED: Course(
        CLOSED,
        ("timer:case_due:ok", "6*timer:rung:ok", "assignment.handle:ok"),
        ("due_soon", "breached", "rung_climbed"),
        _BREACHED,
    ),
    Story.NEGLECTED_EMERGENCY: Course(
        CLOSED,
        ("timer:on_site:ok", "timer:upward_phone:ok", "timer:upward_written:ok"),
        ("emergency_alert", "upward_report_due", "sign_overdue"),
    ),
    Story.LATE: Course(CLOSED, ("timer:case_due:ok", "assignment.handle:ok"), undone=_BREACHED),
    Story.OFFLINE: Course(
        CLOSED, ("timer:case_due:ok", "assignment.handle:late_received"), undone=_BREACHED
    ),
    # intake
    Story.TWICE: Course(
        CaseState.MERGED,
        ("report.merge:ok", "feedback.close:main_case_closed"),
        ("merge_proposed", "report_merged", "case_closed"),
    ),
    Story.LOOKALIKE: Course(CLOSED, ("report.merge:different_matters",), ("merge_proposed",)),
    Story.UNTRUE: Course(REJECTED, ("report.verify:does_not_exist",), ("report_rejected",)),
    Story.DOUBTED: Course(CLOSED, ("report.ask_verification:ok", "report.verify:exists")),
    Story.REJECTED: Course(REJECTED, ("report.reject:turned_down",), ("report_rejected",)),
    Story.AMENDED: Course(CLOSED, ("report.amend:ok",), ("2*verification_requested",)),
    Story.UNCLASSIFIED: Course(
        CLOSED, ("propose:report.register:category_missing", "report.reclassify:ok")
    ),
    Story.RECLASSIFIED: Course(CLOSED, ("report.reclassify:reclassified",)),
    Story.MARKED: Course(CLOSED, ("report.mark:ok", "propose:report.register:marked")),
    Story.BYPASSED: Course(CLOSED, ("propose:report.register:proposed",)),
    Story.CANCELLED: Course(CaseState.CANCELLED, ("feedback.cancel:voided",), ("case_cancelled",)),
    Story.EMERGENCY: Course(
        CLOSED,
        (
            "escalation.record_call:ok",
            "escalation.arrive:ok",
            "2*escalation.report_upward:ok",
            "report.supplement:filed_afterwards",
        ),
        ("emergency_alert", "retroactive_filing_due"),
        ("timer:case_due:ok", "timer:on_site:ok", "timer:upward_phone:ok"),
    ),
    Story.DECLARED_EMERGENCY: Course(
        CLOSED, ("escalation.declare_emergency:ok", "2*escalation.report_upward:ok")
    ),
    # assignment
    Story.DECLINED: Course(CLOSED, ("assignment.accept:ok",), ("2*assignment_declined",)),
    Story.NOBODY_AVAILABLE: Course(
        CLOSED, ("assignment.confirm:unit_takes_it",), ("nobody_available",)
    ),
    Story.SILENT_MEMBER: Course(CLOSED, ("timer:accept:member_silent",), ("assignment_declined",)),
    Story.HELP_WANTED: Course(
        CLOSED, ("assignment.request:help_wanted", "assignment.accept:helps_the_unit")
    ),
    Story.WITHOUT_HELPERS: Course(
        CLOSED, ("assignment.handle:ok",), undone=("escalation.helper_done:ok", *_IN_TIME)
    ),
    Story.RETURN_UPHELD: Course(
        CLOSED,
        ("assignment.return:ok", "assignment.adjudicate_return:return_upheld"),
        ("case_returned", "return_adjudicated"),
    ),
    Story.RETURN_REFUSED: Course(CLOSED, ("assignment.adjudicate_return:return_rejected",)),
    Story.REASSIGNED: Course(CLOSED, ("assignment.reassign:reassigned",), ("case_reassigned",)),
    Story.EXTENDED: Course(
        CLOSED,
        ("assignment.ask_extension:ok", "assignment.grant_extension:request_granted"),
        ("extension_asked", "extension_granted"),
    ),
    Story.EXTENSION_REFUSED: Course(
        CLOSED, ("assignment.grant_extension:request_refused",), ("extension_refused",)
    ),
    Story.SUSPENDED: Course(
        CaseState.VISITING,
        ("assignment.grant_suspension:request_granted", "timer:suspension_end:suspension_over"),
        ("suspension_asked", "suspension_granted", "suspension_expired"),
    ),
    Story.RESUMED: Course(CLOSED, ("assignment.resume:ok",), ("case_resumed",)),
    Story.SUSPENSION_REFUSED: Course(
        CLOSED, ("assignment.grant_suspension:request_refused",), ("suspension_refused",)
    ),
    Story.REWORK: Course(
        CLOSED, ("assignment.check:check_failed", "2*assignment.handle:ok"), ("rework_ordered",)
    ),
    Story.REWORK_ORDERED: Course(
        CLOSED,
        ("2*assignment.rework:rework_ordered", "escalation.supervise:rework_cap"),
        ("case_supervised",),
    ),
    Story.URGED: Course(
        CLOSED,
        (
            "report.supplement:ok",
            "escalation.urge:ok",
            "escalation.supervise:ok",
            "escalation.recompute_deadline:same_deadline",
        ),
        ("case_urged", "case_supervised"),
    ),
    # feedback
    Story.REOPENED: Course(
        CLOSED, ("feedback.reopen:not_solved", "2*feedback.visit:answered"), undone=_IN_TIME
    ),
    Story.REOPENED_LATER: Course(
        CLOSED, ("2*feedback.close:solved", "feedback.reopen:not_solved"), undone=_IN_TIME
    ),
    Story.UNREACHED: Course(
        CLOSED, ("3*feedback.visit:nobody", "feedback.visit:answered"), ("visit_no_answer",)
    ),
    Story.UNREACHABLE: Course(CLOSED, ("2*feedback.visit:unreachable", "feedback.close:ok")),
    Story.LINKED: Course(CLOSED, ("feedback.visit:asked_otherwise",), ("evaluation_asked",)),
    Story.DISPUTED: Course(
        CLOSED, ("feedback.dispute:ok", "2*feedback.visit:answered"), ("case_disputed",)
    ),
    Story.ARCHIVED: Course(
        CaseState.ARCHIVED, ("feedback.close:solved", "feedback.evaluate:ok", "feedback.archive:ok")
    ),
    # whistles
    Story.WHISTLE_ROUTINE: Course(
        CLOSED,
        (
            "escalation.whistle_approve:ok",
            "2*escalation.sign:ok",
            "2*escalation.arrive:ok",
            "escalation.plan:ok",
            "escalation.helper_done:ok",
            "escalation.whistle_finish:ok",
            "2*escalation.rate_department:ok",
            "2*escalation.rate_whistle:ok",
        ),
        ("whistle_requested", "whistle_approved", "whistle_finished", "rating_asked"),
    ),
    Story.WHISTLE_LATE: Course(
        CLOSED,
        (
            "timer:whistle_sign:unanswered",
            "timer:whistle_arrive:unanswered",
            "timer:whistle_plan:unanswered",
            "escalation.whistle_finish:ok",
        ),
        ("sign_overdue", "arrival_overdue", "plan_overdue"),
    ),
    Story.WHISTLE_HARD: Course(
        CLOSED, ("3*escalation.sign:ok", "escalation.helper_done:without_helpers")
    ),
    Story.WHISTLE_EMERGENCY: Course(
        CLOSED,
        ("escalation.whistle_confirm_after:ok", "2*timer:whistle_finish:unanswered"),
        ("helpers_late", "whistle_to_confirm"),
        _BREACHED,
    ),
    Story.WHISTLE_UNCONFIRMED: Course(
        CLOSED,
        ("escalation.whistle_confirm_after:refused_afterwards", "escalation.whistle_finish:ok"),
        ("whistle_refused",),
    ),
    Story.WHISTLE_REFUSED: Course(
        CLOSED, ("escalation.whistle_refuse:ok", "assignment.handle:ok"), ("whistle_refused",)
    ),
    Story.WHISTLE_OBJECTION_UPHELD: Course(
        CLOSED,
        ("escalation.object:ok", "escalation.adjudicate:upheld", "3*escalation.sign:ok"),
        ("objection_raised", "objection_adjudicated"),
    ),
    Story.WHISTLE_OBJECTION_REFUSED: Course(
        CLOSED, ("3*escalation.object:ok", "3*escalation.adjudicate:rejected")
    ),
    Story.WHISTLE_NO_SHOW: Course(
        CLOSED,
        (
            "timer:whistle_arrive:unanswered",
            "timer:whistle_finish:accountability_proposed",
            "escalation.record_accountability:ok",
            "escalation.whistle_finish:ok",
        ),
        ("accountability_proposed",),
        _BREACHED,
    ),
    # consultation
    Story.MEETING_AGREED: Course(
        CLOSED,
        ("timer:action_item:item_late", "consultation.action_item_clear:cleared_late"),
        ("consultation_invited", "consultation_concluded", "action_item_due"),
    ),
    Story.MEETING_ESCALATED: Course(CLOSED, ("consultation.conclude:ok",)),
    Story.HEARING: Course(
        CLOSED,
        ("consultation.request:ok", "3*consultation.opine:ok", "consultation.action_item_clear:ok"),
    ),
    Story.COUNCIL_AGREED: Course(
        CLOSED,
        (
            "3*consultation.vote:ok",
            "consultation.tally:second_entry_awaited",
            "consultation.tally:ok",
            "consultation.minutes:ok",
        ),
        ("meeting_notice", "vote_open"),
    ),
    Story.COUNCIL_REFERRED: Course(
        CaseState.CONSULTING, ("2*consultation.request:ok", "consultation.step_propose:ok")
    ),
    Story.NO_AGREEMENT: Course(CLOSED, ("consultation.conclude:ok",)),
    Story.CONSULTATION_TIMED_OUT: Course(
        CaseState.DISPATCHED,
        ("timer:convene:ok", "timer:conclude:concluded_late"),
        ("consultation_timed_out",),
        _BREACHED,
    ),
    # 四议两公开
    Story.FOUR_TWO_PASSED: Course(
        CLOSED, (*_RESOLVED, "2*timer:publicity:publicity_over"), ("publicity_started",)
    ),
    Story.FOUR_TWO_NO_QUORUM_MEMBERS: Course(
        CaseState.HANDLING, ("2*consultation.tally:quorum_missed", "timer:conclude:sent_on_late")
    ),
    Story.FOUR_TWO_MEMBERS_AGAINST: Course(CaseState.ACCEPTED, ("consultation.tally:vote_failed",)),
    Story.FOUR_TWO_NO_QUORUM_VILLAGERS: Course(
        CLOSED,
        ("2*consultation.tally:quorum_missed", "assignment.request:ok"),
        undone=("timer:conclude:sent_on_late", *_IN_TIME),
    ),
    Story.FOUR_TWO_VILLAGERS_AGAINST: Course(CLOSED, ("consultation.tally:vote_failed",)),
    Story.FOUR_TWO_COMMITTEES_AGAINST: Course(
        CLOSED, ("consultation.step_deliberate:two_committees_disagreed",)
    ),
    Story.FOUR_TWO_OBJECTION_UPHELD: Course(
        CLOSED,
        (
            *_RESOLVED,
            "consultation.publicity_answer:objection_upheld",
            "2*consultation.step_publish_resolution:ok",
        ),
        ("publicity_objection_received",),
    ),
    Story.FOUR_TWO_OBJECTION_REFUSED: Course(
        CLOSED,
        (*_RESOLVED, "consultation.publicity_answer:ok", "consultation.publicity_check:ok"),
        ("objection_answer_due",),
    ),
}
