"""The one list of what somebody may do. Rights in the pack and guards in the code use its words.

An action is the imperative of an event type: `report.file` is what `grid.report.filed.v1` tells.
"""

from enum import StrEnum


class Action(StrEnum):
    """What a role may do, grouped by the topic that carries it."""

    # grid.reports
    #: 上报 Tell of a matter.
    REPORT_FILE = "report.file"
    #: 更正 Correct what one filed oneself, before it is registered.
    REPORT_AMEND = "report.amend"
    #: 补充 Add evidence or words later.
    REPORT_SUPPLEMENT = "report.supplement"
    #: 派核 Ask a grid member to look whether the matter exists.
    REPORT_ASK_VERIFICATION = "report.ask_verification"
    #: 核实 Tell the result: exists, does not exist, cannot be verified.
    REPORT_VERIFY = "report.verify"
    #: 立案 Open a file.
    REPORT_REGISTER = "report.register"
    #: 不予受理 Turn down, with the reason.
    REPORT_REJECT = "report.reject"
    #: 并案 Merge into another case, or say that the two are different matters.
    REPORT_MERGE = "report.merge"
    #: 自行处置 Settle on the spot, with evidence of the outcome.
    REPORT_SELF_CLOSE = "report.self_close"
    #: 改类 Put into another category; never lengthens a running deadline.
    REPORT_RECLASSIFY = "report.reclassify"
    #: 标记 Set or lift the bypass or confidential mark.
    REPORT_MARK = "report.mark"
    #: 历史导入 Import what happened elsewhere: nothing is decided again.
    REPORT_RECORD_HISTORY = "report.record_history"

    # grid.consultation
    #: 提请会商 Ask for a consultation.
    CONSULTATION_REQUEST = "consultation.request"
    #: 邀请 Invite participants, give notice, fix the roll.
    CONSULTATION_INVITE = "consultation.invite"
    #: 发表意见 Give an opinion.
    CONSULTATION_OPINE = "consultation.opine"
    #: 表决 Vote in person.
    CONSULTATION_VOTE = "consultation.vote"
    #: 计票 Enter the signed sheet: eligible, present, for, against, abstained.
    CONSULTATION_TALLY = "consultation.tally"
    #: 纪要 Enter the minutes.
    CONSULTATION_MINUTES = "consultation.minutes"
    #: 会商结论 State the outcome.
    CONSULTATION_CONCLUDE = "consultation.conclude"
    #: 公示异议 Object to what is on public notice.
    CONSULTATION_PUBLICITY_OBJECT = "consultation.publicity_object"
    #: 答复异议 Answer the objection for the two committees.
    CONSULTATION_PUBLICITY_ANSWER = "consultation.publicity_answer"
    #: 监督核查 Check the answer for the supervision committee.
    CONSULTATION_PUBLICITY_CHECK = "consultation.publicity_check"
    #: 党支部提议 Step 1 of 四议两公开.
    CONSULTATION_STEP_PROPOSE = "consultation.step_propose"
    #: 两委商议 Step 2.
    CONSULTATION_STEP_DELIBERATE = "consultation.step_deliberate"
    #: 党员大会审议 Step 3.
    CONSULTATION_STEP_MEMBERS_MEETING = "consultation.step_members_meeting"
    #: 村民(代表)会议决议 Step 4.
    CONSULTATION_STEP_RESOLVE = "consultation.step_resolve"
    #: 决议公开 Step 5.
    CONSULTATION_STEP_PUBLISH_RESOLUTION = "consultation.step_publish_resolution"
    #: 实施结果公开 Step 6.
    CONSULTATION_STEP_PUBLISH_RESULT = "consultation.step_publish_result"
    #: 议定事项 Give a resolution an owner and a clear-off date.
    CONSULTATION_ACTION_ITEM_SET = "consultation.action_item_set"
    #: 销号 Clear an action item off.
    CONSULTATION_ACTION_ITEM_CLEAR = "consultation.action_item_clear"

    # grid.assignment
    #: 派遣 Send a case to its lead, or ask for a Party member or volunteer.
    ASSIGNMENT_REQUEST = "assignment.request"
    #: 派单 Confirm the recommended member, recusal checked.
    ASSIGNMENT_CONFIRM = "assignment.confirm"
    #: 签收 Accept.
    ASSIGNMENT_ACCEPT = "assignment.accept"
    #: 婉拒 Decline, with a reason.
    ASSIGNMENT_DECLINE = "assignment.decline"
    #: 退单 Ask to return a case, citing the list item or law.
    ASSIGNMENT_RETURN = "assignment.return"
    #: 退单裁定 Decide on a return.
    ASSIGNMENT_ADJUDICATE_RETURN = "assignment.adjudicate_return"
    #: 改派 Give to somebody else.
    ASSIGNMENT_REASSIGN = "assignment.reassign"
    #: 进展 Tell progress; the first one starts the handling.
    ASSIGNMENT_PROGRESS = "assignment.progress"
    #: 处理反馈 Tell that it is handled, with evidence of the outcome.
    ASSIGNMENT_HANDLE = "assignment.handle"
    #: 核查 Record a check, passed or not.
    ASSIGNMENT_CHECK = "assignment.check"
    #: 返工 Send handled work back without a new check.
    ASSIGNMENT_REWORK = "assignment.rework"
    #: 申请延期 Ask for an extension.
    ASSIGNMENT_ASK_EXTENSION = "assignment.ask_extension"
    #: 批准延期 Grant or refuse it.
    ASSIGNMENT_GRANT_EXTENSION = "assignment.grant_extension"
    #: 申请挂账 Ask for a suspension.
    ASSIGNMENT_ASK_SUSPENSION = "assignment.ask_suspension"
    #: 批准挂账 Grant or refuse it.
    ASSIGNMENT_GRANT_SUSPENSION = "assignment.grant_suspension"
    #: 解挂 Resume.
    ASSIGNMENT_RESUME = "assignment.resume"

    # grid.escalation
    #: 催办 Urge.
    ESCALATION_URGE = "escalation.urge"
    #: 督办 Put under supervision.
    ESCALATION_SUPERVISE = "escalation.supervise"
    #: 重算时限 Compute a deadline again (a calendar arrived, a fault was found).
    ESCALATION_RECOMPUTE_DEADLINE = "escalation.recompute_deadline"
    #: 申请吹哨 Ask for a whistle.
    ESCALATION_WHISTLE_REQUEST = "escalation.whistle_request"
    #: 批准吹哨 Approve it.
    ESCALATION_WHISTLE_APPROVE = "escalation.whistle_approve"
    #: 不予吹哨 Refuse it.
    ESCALATION_WHISTLE_REFUSE = "escalation.whistle_refuse"
    #: 补批 Confirm or refuse an emergency whistle afterwards; the work goes on either way.
    ESCALATION_WHISTLE_CONFIRM_AFTER = "escalation.whistle_confirm_after"
    #: 应哨签收 Sign.
    ESCALATION_SIGN = "escalation.sign"
    #: 报到 Arrive on the spot.
    ESCALATION_ARRIVE = "escalation.arrive"
    #: 方案 Submit the plan.
    ESCALATION_PLAN = "escalation.plan"
    #: 协办办结 A helper signs its part off.
    ESCALATION_HELPER_DONE = "escalation.helper_done"
    #: 哨单办结 The whistle is done.
    ESCALATION_WHISTLE_FINISH = "escalation.whistle_finish"
    #: 异议 Object to being called.
    ESCALATION_OBJECT = "escalation.object"
    #: 异议裁定 Decide on the objection at one's level.
    ESCALATION_ADJUDICATE = "escalation.adjudicate"
    #: 反向考核 Rate the department.
    ESCALATION_RATE_DEPARTMENT = "escalation.rate_department"
    #: 评哨 Rate the whistle.
    ESCALATION_RATE_WHISTLE = "escalation.rate_whistle"
    #: 问责记录 Record what a person decided about accountability.
    ESCALATION_RECORD_ACCOUNTABILITY = "escalation.record_accountability"
    #: 宣布突发事件 Declare an emergency.
    ESCALATION_DECLARE_EMERGENCY = "escalation.declare_emergency"
    #: 登记报警 Record who called 110/119/120 and when.
    ESCALATION_RECORD_CALL = "escalation.record_call"
    #: 信息上报 Record the report upward, by phone or in writing.
    ESCALATION_REPORT_UPWARD = "escalation.report_upward"

    # grid.feedback
    #: 回访 Ask the villager, and record the answer or that nobody answered.
    FEEDBACK_VISIT = "feedback.visit"
    #: 申诉 Contest a result or a deduction.
    FEEDBACK_DISPUTE = "feedback.dispute"
    #: 重办 Reopen.
    FEEDBACK_REOPEN = "feedback.reopen"
    #: 结案 Close.
    FEEDBACK_CLOSE = "feedback.close"
    #: 综合评价 Evaluate.
    FEEDBACK_EVALUATE = "feedback.evaluate"
    #: 作废 Cancel; it stays in the audit.
    FEEDBACK_CANCEL = "feedback.cancel"
    #: 归档 Archive.
    FEEDBACK_ARCHIVE = "feedback.archive"
    #: 抽查 Audit a self-closed case.
    FEEDBACK_AUDIT_SELF_CLOSE = "feedback.audit_self_close"

    # grid.tasks
    #: 申请准入 Ask to put work on villages.
    TASK_REQUEST = "task.request"
    #: 准入 Admit.
    TASK_ADMIT = "task.admit"
    #: 临时准入 Admit until a date.
    TASK_ADMIT_TEMPORARILY = "task.admit_temporarily"
    #: 不予准入 Refuse; no penalty follows.
    TASK_REFUSE = "task.refuse"
    #: 撤回 Withdraw.
    TASK_WITHDRAW = "task.withdraw"

    # grid.directory
    #: Found, change or (with an end date) dissolve an organisation.
    DIRECTORY_SET_ORGANISATION = "directory.set_organisation"
    #: Enter, change or (with an end date) take out a person.
    DIRECTORY_SET_PERSON = "directory.set_person"
    #: Give a role in an organisation from a date on, or until one.
    DIRECTORY_ASSIGN_ROLE = "directory.assign_role"
    #: 值班表 Enter the duty roster.
    DIRECTORY_SET_DUTY = "directory.set_duty"
    #: Register, rotate or (with an end date) withdraw an app's key.
    DIRECTORY_REGISTER_APP = "directory.register_app"

    # No topic.
    #: See cases in one's scope.
    CASE_READ = "case.read"
    #: See digests and indices of one's scope.
    DIGEST_READ = "digest.read"
    #: Read, verify and export the audit.
    AUDIT_READ = "audit.read"
    #: Ask to see who reported.
    IDENTITY_ASK_UNMASK = "identity.ask_unmask"
    #: Approve it as the second person.
    IDENTITY_APPROVE_UNMASK = "identity.approve_unmask"
    #: Erase an identity whose time is over.
    IDENTITY_ERASE = "identity.erase"
    #: Edit and resend a dead letter.
    DEAD_LETTER_RESEND = "dead_letter.resend"
    #: Switch a new policy pack on.
    POLICY_ACTIVATE = "policy.activate"
