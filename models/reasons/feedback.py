"""Reasons of feedback: visits, closing, reopening, disputes, the end of a case."""

#: code → (Chinese for the person who acted, English for the operator)
REASONS: dict[str, tuple[str, str]] = {
    # visits
    "visit_asked": ("已安排回访。", "A visit was asked for."),
    "visit_asked_already": ("已经安排过回访。", "A visit is asked for, or was answered, already."),
    "not_checked_yet": ("办理结果还没有核查,暂不回访。", "The work is not checked yet."),
    "asked_otherwise": ("改用其他方式回访。", "The villager is asked in another way."),
    "nobody_to_visit": (
        "没有可以回访的反映人,不回访。",
        "Nobody is known who could be asked.",
    ),
    "not_drawn": ("本案未抽中回访。", "The case was not drawn for a visit."),
    "no_visit_asked": ("本案没有待办的回访。", "No visit waits for an answer."),
    "satisfaction_missing": ("请记录反映人的满意情况。", "Say how satisfied the villager is."),
    "answered": ("已回访。", "The villager answered."),
    "nobody": ("未接通。", "Nobody answered."),
    "unreachable": (
        "无法联系(空号、已搬离等),须由人审核剔除。",
        "Nobody can be reached at all; a person looks at it.",
    ),
    "not_reached": ("多次联系未接通,按未接通处理。", "Not reached in all the attempts."),
    "solved": ("反映人确认已解决。", "The villager says it is solved."),
    "not_solved": ("反映人表示没有解决。", "It is said not to be solved."),
    "dissatisfied": ("反映人不满意。", "The villager is dissatisfied."),
    # closing
    "visit_not_done": ("回访还没有完成,暂不能结案。", "The visit is not done yet."),
    "main_case_closed": ("所并入的主案已办结。", "The case it was merged into is closed."),
    # reopening
    "reopen_window_over": (
        "已超过重办期限,请重新反映。",
        "The time for reopening is over; report it anew.",
    ),
    "reopen_window_open": (
        "重办期限未满,暂不能评价或归档。",
        "The case may still be reopened; it is too early.",
    ),
    "reopened_too_often": (
        "重办次数已达上限,由值班长研究处理。",
        "The cap of reopenings is reached; a person decides.",
    ),
    # audits of what was settled on the spot
    "audited_already": ("已经抽查过。", "It was audited already."),
    "audit_passed": ("抽查:已解决。", "The audit found it solved."),
    "audit_failed": (
        "抽查:尚未解决,重新办理。",
        "The audit found it unsolved; it is opened again.",
    ),
    # disputes
    "nothing_to_dispute": (
        "没有可以申诉的回访结果。",
        "There is no recorded answer to contest.",
    ),
    "disputed_already": ("已经申诉过,正在处理。", "It was contested already."),
    # the end
    "voided": ("案件作废。", "The case was voided."),
}
