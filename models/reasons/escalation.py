"""Reasons of escalation: what is late, ladders, whistles, objections, ratings."""

#: code → (Chinese for the person who acted, English for the operator)
REASONS: dict[str, tuple[str, str]] = {
    # late
    "no_longer_needed": ("定时提醒已不需要。", "The timer is no longer needed."),
    "already_breached": ("本案此前已记超期,不重复记录。", "The breach is on record already."),
    "already_climbed": ("这一级已经提醒过。", "This rung was climbed already."),
    "late_received": (
        "事情在时限内办完,消息迟到,按按时计。",
        "Done in time and heard late: it counts as on time.",
    ),
    "told_out_of_order": (
        "所报时间与同一应用先前所报的先后不符,按收到时间计。",
        "The time told does not fit what the app told before: it counts when it was heard.",
    ),
    "somebody_acted": (
        "上次提醒后已有进展,本次不再提醒。",
        "The case has moved since it was last told; nobody is told this time.",
    ),
    "held_by_nobody": (
        "这一级的岗位目前无人担任,已改告知上一级或值班责任人。",
        "Nobody holds the role at this level; the fallback was told.",
    ),
    "level_not_involved": (
        "本案没有经过这一级单位,已改告知上一级或值班责任人。",
        "No unit of this level has a part in the case; the fallback was told.",
    ),
    "unanswered": ("到期无人答复,已向上一级报告。", "Nobody answered in time; it was sent up."),
    "no_deadline": ("本案还没有时限,无需重算。", "The case has no limit to compute again."),
    "same_deadline": ("重算后时限不变。", "Computed again, the limit is the same."),
    "calendar_changed": ("放假安排或工作日历有变化。", "The working calendar has changed."),
    # emergencies
    "same_level": (
        "本案已经是这个突发事件级别。",
        "The case already has this emergency level.",
    ),
    "no_emergency": ("本案不是突发事件,无需上报县里。", "The case is no emergency."),
    "called_in_the_future": (
        "报警时间晚于现在,请核对。",
        "The call is said to be later than now; check the time.",
    ),
    # whistles
    "whistle_running": (
        "本案已有吹哨正在审批或办理,请先办完。",
        "A whistle of this case is asked for or running already.",
    ),
    "lead_unknown": (
        "清单没有指明主办部门,请写明由谁主办。",
        "The lists name no department; say which one leads.",
    ),
    "nobody_may_approve": (
        "这是保密案件,审批人不在知情范围内,请由知情的上级处理。",
        "No approver is in the circle of this marked case.",
    ),
    "no_whistle_asked": ("本案没有待审批的吹哨。", "No whistle of this case waits for approval."),
    "not_the_approver": (
        "这类哨不由这个角色审批,请由规定的负责人审批。",
        "This kind of whistle is approved by another role.",
    ),
    "nothing_to_confirm": ("没有需要补批的应急哨。", "No emergency whistle waits to be confirmed."),
    "refused_by_principal": ("乡镇主要负责人未批准吹哨。", "The township principal said no."),
    "refused_afterwards": (
        "事后未予补批,现场处置不受影响。",
        "Not confirmed afterwards; the work goes on.",
    ),
    "case_moved_on": (
        "案件已进入后续环节,吹哨申请自动结束。",
        "The case has moved on; the request for a whistle ends.",
    ),
    "already_done": ("这一步已经办过,无需重复。", "This was done already."),
    "unit_named_twice": (
        "同一单位不能既主办又协办,也不能重复填写。",
        "A unit is named twice.",
    ),
    "unknown_unit": (
        "组织目录中没有这个单位,或不属于本县。",
        "The directory has no such unit in this county.",
    ),
    "not_a_department": (
        "吹哨只能呼叫县直部门等有签收权的单位。",
        "Only departments, and units that may sign, can be called.",
    ),
    "no_whistle_blown": ("本案没有正在办理的吹哨。", "No whistle of this case is running."),
    "not_called": ("您的单位没有被本次吹哨呼叫。", "The unit was not called by this whistle."),
    "released": (
        "异议成立,您的单位已退出本次吹哨。",
        "The unit was released by adjudication.",
    ),
    "not_the_lead": ("此事由主办单位办理。", "Only the lead does this."),
    "not_a_helper": ("您的单位不是本案的协办单位。", "The unit is no helper in this case."),
    "helpers_not_done": (
        "还有协办单位没有办完;确需先行办结的,请写明理由。",
        "Helpers are not done; finish without them only with a reason.",
    ),
    "without_helpers": (
        "主办单位说明理由后,不等协办单位先行办结。",
        "The lead finished without all helpers, with a reason.",
    ),
    "nothing_shown": (
        "请写明处理结果或附上佐证。",
        "Say what came of it, or show it.",
    ),
    "nobody_may_confirm": (
        "这是保密案件,补批人不在知情范围内,不再要求补批。",
        "Who would confirm is outside the circle of this marked case.",
    ),
    "extended": ("案件延期后,主办时限顺延。", "The lead's limit follows the case's extension."),
    "accountability_proposed": (
        "逾期较久,已提出问责建议,由人决定。",
        "Long overdue: a consequence is proposed; a person decides.",
    ),
    # objections
    "act_first": ("应急哨先办后议,不受理异议。", "Emergencies are worked on first: no objection."),
    "objected_already": ("每个单位只能提一次异议。", "A unit objects only once."),
    "objection_too_late": (
        "已过提出异议的时限,请先行办理。",
        "The time for objecting is over.",
    ),
    "no_objection_open": ("没有待裁定的异议。", "No objection waits for a decision."),
    "which_objection": (
        "有多个单位提出异议,请写明裁定哪一个单位的。",
        "Several objections are open; name the unit.",
    ),
    "not_this_level": (
        "这件异议现由另一级裁定。",
        "The objection lies with another level.",
    ),
    "own_department": (
        "异议单位的人员不得裁定本单位的异议。",
        "Nobody adjudicates an objection of their own department.",
    ),
    "new_lead_needed": (
        "异议成立须同时写明由哪个单位主办。",
        "Upholding it needs a new lead.",
    ),
    "not_a_successor": (
        "这个单位不能接办:它就是异议单位、现主办单位或已退出的单位。",
        "This unit cannot take over: it objects, leads already or was released.",
    ),
    "upheld": ("异议成立,由新的单位接办。", "Upheld: another unit takes over."),
    "rejected": ("异议不成立,原单位继续办理。", "Rejected: the present unit goes on."),
    "no_decision": (
        "逾期未裁定,现单位继续办理。",
        "No decision in time: the present unit goes on.",
    ),
    # ratings and consequences
    "whistle_not_finished": ("哨单办结后才能评价。", "Ratings are given after the whistle's end."),
    "rating_over": ("评价时间已过。", "The time for ratings is over."),
    "not_a_party": ("被评价的单位没有参加本次吹哨。", "The rated unit had no part in the whistle."),
    "rates_itself": ("不能评价自己的单位。", "Nobody rates their own unit."),
    "a_person_decides": (
        "问责只能由人决定,系统只提建议。",
        "Only a person decides on consequences.",
    ),
}
