"""Reasons of assignment: who is asked, answers, returns, time, checks."""

#: code → (Chinese for the person who acted, English for the operator)
REASONS: dict[str, tuple[str, str]] = {
    "already_accepted": (
        "您已经接单,正在等另一位同去的人答复。",
        "The member has said yes already; the second one is awaited.",
    ),
    "already_assigned": (
        "这件事已经派给承办人。需要换人换单位的,请改派。",
        "Somebody has the work already; reassign it to change that.",
    ),
    "already_expired": (
        "时限已过,不能再申请或批准;请尽快办结并说明原因。",
        "The limit has passed; nothing can be asked or granted on it any more.",
    ),
    "already_signed_off": (
        "您单位已经办结自己的部分。",
        "The unit has signed its part off already.",
    ),
    "already_there": ("这件事已经在这个单位或这个人手里。", "The case is there already."),
    "ask_pending": (
        "已有一项申请在等答复,请等答复后再申请。",
        "A request waits for its answer; only one at a time.",
    ),
    "consultation_open": (
        "会商还没有结论,有结论后才能派遣。",
        "The consultation has no outcome yet; dispatch after it.",
    ),
    "does_not_fit": (
        "此人不符合派单条件(如暂不接单、需要回避、手上任务已满),请另选。",
        "A hard condition stands against this person; choose another.",
    ),
    "evidence_missing": (
        "说明用照片或文件证明的,请附上;也可以改用当面说明或证人证明。",
        "Photo or document was named and none is attached; a statement or witness would do.",
    ),
    "extension_cap": ("延期次数已用完。", "The case has had all the extensions policy allows."),
    "extension_too_long": (
        "申请的天数超过规定的上限,请缩短。",
        "More working days than policy allows for this limit.",
    ),
    "helpers_missing": (
        "还有协办单位没有办结。请等协办单位办结,或写明不再等待的理由。",
        "Helpers have not signed off; wait, or give the reason for going on without them.",
    ),
    "legal_basis_missing": (
        "退单须写明清单事项或法律依据。",
        "A return must cite the list item or law.",
    ),
    "members_decline": (
        "您是被邀请的个人,不想接单请直接婉拒,不用退单。",
        "Members decline; only units return.",
    ),
    "new_lead_missing": (
        "退单成立的,须写明改由哪个单位办理,且不能是原单位。",
        "Upholding a return needs another unit as the new lead.",
    ),
    "no_limit": (
        "本案还没有办理时限,不需要申请。",
        "The case has no limit yet; nothing can be asked for.",
    ),
    "no_members_for_this": (
        "执法类和保密类事项不派党员和志愿者。",
        "No member is sent to enforcement work or to marked cases.",
    ),
    "not_a_unit": (
        "这个组织不能承办案件,请选网格、村、乡镇站所或部门。",
        "This kind of organisation cannot be given a case.",
    ),
    "not_asked": (
        "这件事没有派给您,不能由您答复。",
        "The actor was not asked; somebody else has to answer.",
    ),
    "not_handler": (
        "您不是本案的承办人,不能办理这一步。",
        "Only whoever does the work may do this.",
    ),
    "not_suspended": ("本案没有挂账,不需要恢复。", "The case does not rest."),
    "not_waiting": (
        "本案已经另有安排,不再等待推荐。",
        "The case no longer waits for a recommendation.",
    ),
    "nobody_to_choose": (
        "本案现在没有等待选派的任务。",
        "Nothing waits for somebody to be chosen.",
    ),
    "nothing_asked": ("没有等待答复的申请。", "No such request waits for an answer."),
    "nothing_offered": ("现在没有等您答复的派单。", "Nothing is offered at the moment."),
    "nothing_to_check": ("本案没有等待核查的办理结果。", "No handled work waits for a check."),
    "nothing_to_handle": (
        "请先接单或签收,再反馈办理结果。",
        "The work has to be accepted before it can be handled.",
    ),
    "return_used": (
        "退单次数已用完,请继续办理;确有争议的,请上级协调。",
        "The case has been returned as often as policy allows.",
    ),
    "second_person_needed": (
        "纠纷类事项须两人同去,请再选一位。",
        "Two people are sent where two sides quarrel; name a second one.",
    ),
    "suspension_cap": ("挂账次数已用完。", "The case has rested as often as policy allows."),
    "suspension_too_long": (
        "挂账时间超过规定的上限,请缩短。",
        "Policy does not let a case rest that long.",
    ),
    "units_return": (
        "单位承办的,请使用退单并写明依据。",
        "Units do not decline; they return, citing the basis.",
    ),
    "unknown_person": (
        "组织目录中没有这个人,或其岗位不能承办。",
        "The directory has no such person with a role that takes work.",
    ),
    "until_past": ("挂账的截止时间须在现在之后。", "The end of the rest must lie ahead."),
    "check_asked": ("已反馈办理结果,等待他人核查。", "Said to be done; somebody else checks."),
    "nobody_may_check": (
        "没有可以核查的人,已告知上级。",
        "Nobody may check here; it was told upward.",
    ),
    "check_passed": ("核查通过。", "The check passed."),
    "check_failed": ("核查未通过,请返工。", "The check failed; the work goes back."),
    "rework_ordered": ("上级要求返工。", "A supervisor sent the work back."),
    "rework_cap": (
        "返工超过规定次数,转为督办。",
        "Sent back more often than policy allows: put under supervision.",
    ),
    "dispatch_proposed": (
        "系统已提出承办单位,等派遣员决定。",
        "A lead was proposed; the dispatcher decides.",
    ),
    "extension_asked": ("承办人申请延期。", "The handler asks for more time."),
    "suspension_asked": ("承办人申请挂账。", "The handler asks to let the case rest."),
    "request_granted": ("已批准。", "Granted."),
    "request_refused": ("未批准。", "Refused."),
    "request_unanswered": (
        "申请到期无人答复,视为不同意。",
        "Nobody answered the request in time: that is a refusal.",
    ),
    "suspension_over": ("挂账到期,恢复办理。", "The rest is over; the work goes on."),
    "help_wanted": ("承办单位请党员、志愿者协助。", "The unit wants a member's help."),
    "helps_the_unit": ("已有党员或志愿者答应协助。", "A member has agreed to help the unit."),
    "helper_done": ("协办单位已办结自己的部分。", "A helping unit has signed its part off."),
    "recommended": ("已推荐人选,等书记确认。", "Candidates were found; the secretary confirms."),
    "nobody_fits": (
        "没有合适的人选,请书记或网格长直接安排。",
        "Nobody fits; it is arranged by hand.",
    ),
    "member_declined": (
        "被邀请的人婉拒,改请下一位。",
        "The member declined; the next one is asked.",
    ),
    "member_recused": (
        "被邀请的人申请回避,改请下一位。",
        "The member must keep out of it; the next one is asked.",
    ),
    "member_silent": (
        "被邀请的人到时未答复,改请下一位。",
        "No answer in time; the next one is asked.",
    ),
    "second_awaited": ("一人已接单,等另一人答复。", "One said yes; the second is awaited."),
    "unit_takes_it": ("由单位自己办理。", "The unit does it itself."),
    "waits_for_round": ("等待下一轮匹配。", "It waits for the next matching round."),
    "return_asked": ("承办单位认为不属于本单位职责。", "The unit says the case is not theirs."),
    "return_upheld": ("退单成立,改由新的单位办理。", "The return was upheld: another unit leads."),
    "return_rejected": (
        "退单不成立,原单位继续办理。",
        "The return was rejected: the present unit goes on.",
    ),
    "return_undecided": (
        "退单到期未裁定,原单位继续办理。",
        "The return was not decided in time: the present unit goes on.",
    ),
    "reassigned": ("已改派。", "Given to another."),
}
