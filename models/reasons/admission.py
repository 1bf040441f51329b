"""Reasons of the admission step: what may be put on villages."""

#: code → (Chinese for the person who acted, English for the operator)
REASONS: dict[str, tuple[str, str]] = {
    "task_unknown": (
        "没有收到这项准入申请。",
        "No request of this id is known.",
    ),
    "task_known": ("这项准入申请已经登记。", "This request is entered already."),
    "task_decided": (
        "这项申请已有结果或已结束，不能再操作。",
        "The task is decided or over; it cannot be acted on any more.",
    ),
    "no_village": ("请写明要求哪些村、网格办理。", "Name the villages or grids it is for."),
    "village_outside": (
        "所列村或网格不在申请的范围内。",
        "A village or grid lies outside the territory of the request.",
    ),
    "unknown_village": (
        "组织目录中没有所列的村或网格。",
        "The directory has no such village or grid.",
    ),
    "not_stated": (
        "申请单位没有写全应由本单位说明的内容，请补全后重新申请；不得要求村里补报。",
        "The asking department left out what it must state itself; ask again with it.",
    ),
    "ends_before_today": ("截止日期已经过去。", "The end date lies in the past."),
    "ends_too_late": (
        "临时准入的截止日期超过最长期限。",
        "A temporary admission may not last that long.",
    ),
    "no_longer_end": (
        "续期的截止日期须晚于原日期。",
        "A renewal has to end later than what it renews.",
    ),
    "unfunded": (
        "没有落实经费，费随事转，不予准入。",
        "No money comes with the work; it is refused.",
    ),
    "task_refused": ("未通过准入审核。", "It did not pass the admission."),
    "not_your_review": (
        "现在不是由这个岗位审核。",
        "It is another role's turn to review.",
    ),
    "reviews_over": (
        "审核已经完成，等待批准。",
        "All reviews are behind it; it waits for the approver.",
    ),
    "review_missing": (
        "审核还没有完成，不能批准。",
        "A review is still missing before it can be approved.",
    ),
    "review_passed": ("审核通过，转下一环节。", "Reviewed and passed on."),
    "review_late": (
        "审核逾期，已再次提醒。",
        "Nobody reviewed in time; they are told again.",
    ),
    "not_admission_approver": (
        "准入由规定的批准人决定。",
        "Only the approver that policy names admits a task.",
    ),
    "listed_already": (
        "清单内事项不办理临时准入，请走准入审核。",
        "A listed task needs no temporary admission; it is reviewed and admitted.",
    ),
    "not_urgent": (
        "清单外的非紧急事项不得临时准入。",
        "What is neither listed nor urgent is not let through temporarily.",
    ),
    "consent_missing": (
        "须经所有相关村、网格同意后才能临时准入。",
        "All villages or grids it is put on have to agree first.",
    ),
    "renewals_used": (
        "临时准入的续期次数已用完。",
        "It was renewed as often as policy lets it be.",
    ),
    "renewed": ("临时准入已续期。", "The temporary admission was renewed."),
    "not_the_asker": (
        "只有提出申请的单位可以撤回。",
        "Only the department that asked may take it back.",
    ),
    "not_over_yet": (
        "还没有到截止日期。",
        "Its last day is not over.",
    ),
}
