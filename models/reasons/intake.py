"""Reasons of intake: filing, verifying, registering, merging, correcting, marking, importing."""

#: code → (Chinese for the person who acted, English for the operator)
REASONS: dict[str, tuple[str, str]] = {
    # filing
    "filed_already": ("这件事已经上报,不重复立案卷。", "The report has opened its case already."),
    "unknown_grid": (
        "组织目录中没有这个网格,请核对网格编码。",
        "The directory has no such grid; check the code.",
    ),
    "other_township": (
        "网格不属于本乡镇,请向网格所在乡镇上报。",
        "The grid belongs to another township; report it there.",
    ),
    "unknown_category": (
        "事项分类表中没有这个类别,请重新选择;不确定的可以不填。",
        "The pack has no such category; choose another or leave it empty.",
    ),
    "source_not_admitted": (
        "本地没有启用这个来源渠道。",
        "The policy admits no reports from this source.",
    ),
    "anonymous_not_allowed": (
        "本地不受理匿名反映,请留下联系方式;联系方式只存保密库。",
        "Anonymous reports are not taken here; leave a contact with the vault.",
    ),
    # verifying
    "verified_already": (
        "核实结果已经收到,不再重复记录。",
        "The verification was answered already.",
    ),
    "nobody_to_verify": (
        "网格和村里目前没有人可以核实,请直接受理或先补充任职。",
        "Nobody at the grid or village can verify; decide directly or fill the role.",
    ),
    "marked_not_sent_round": (
        "保密、绕行的事项不派网格核实。",
        "Marked cases are not sent round to be verified.",
    ),
    "exists": ("经核实,情况存在。", "The matter exists."),
    "does_not_exist": ("经核实,情况不存在。", "The matter does not exist."),
    "cannot_tell": ("经核实,无法确认是否存在。", "Whether it exists could not be told."),
    # registering
    "proposed": ("系统建议立案,等待决定。", "Proposed by the engine; a person decides."),
    "seems_to_repeat": (
        "疑似与另一案件重复,等待决定是否并案。",
        "It seems to repeat another case; a person decides.",
    ),
    "category_missing": ("尚未分类,请先选择类别。", "It has no category yet; choose one first."),
    "unknown_tier": ("办理层级只有一至四级。", "Handling tiers are one to four."),
    "reason_missing": ("请写明理由。", "A reason is needed."),
    "turned_down": ("不属于受理范围或情况不成立。", "It is no matter for this office."),
    "turned_down_elsewhere": (
        "不属于本渠道受理范围,请向告知的单位反映。",
        "It is another office's matter; turn to the one that was named.",
    ),
    # merging
    "merge_with_itself": ("不能并入自身。", "A case cannot become part of itself."),
    "merge_target_unknown": ("找不到要并入的案件。", "The case to merge into is not known."),
    "merge_other_township": (
        "两件事不在同一乡镇,不能并案。",
        "Cases of two townships are not merged.",
    ),
    "merge_other_circle": (
        "两件事的知情范围不同,不能并案。",
        "Cases that different people may know of are not merged.",
    ),
    "merge_target_settled": (
        "要并入的案件已经办结,请单独立案或申请重办。",
        "The case to merge into is settled.",
    ),
    "no_merge_proposed": (
        "没有待决定的并案建议。",
        "No merging with that case waits for a decision.",
    ),
    "different_matters": ("认定为不同事项。", "A person says they are different matters."),
    # settling on the spot
    "not_self_closable": (
        "这类事项不能自行处置,请按程序上报办理。",
        "This category or tier may not be settled on the spot.",
    ),
    "emergency_not_self_closed": (
        "突发事件不能自行处置结案。",
        "An emergency is not settled on the spot.",
    ),
    "outcome_missing": ("请写明处置结果。", "Say how it was settled."),
    "evidence_not_admitted": (
        "本地不认可这种结果证明方式。",
        "The policy does not admit this kind of evidence.",
    ),
    "witness_missing": (
        "请写明见证人;本人不能作自己的见证人。",
        "Name a witness other than oneself.",
    ),
    # correcting
    "nothing_amended": ("没有更正任何内容。", "Nothing was corrected."),
    "nothing_supplemented": ("没有补充任何内容。", "Nothing was added."),
    "filed_afterwards": ("突发事件案卷已补录。", "The emergency's file is complete now."),
    "same_category": ("类别没有变化。", "It is in this category already."),
    "reclassified": ("已改类,按新类别重新派遣。", "Put into another category; dispatched anew."),
    # marking
    "same_mark": ("标记没有变化。", "The case carries this mark already."),
    "mark_of_category": (
        "这类事项规定了知情范围,标记不能降低。",
        "The category demands the stricter mark.",
    ),
    "marked": ("知情范围有变化,重新派遣。", "Another circle may know of it; handed on anew."),
    "emergency": ("认定为突发事件,立即处置。", "It is an emergency; acted on at once."),
    # what another system did
    "imported": ("历史记录已导入。", "A row of another system's log was kept."),
    "not_a_history_case": (
        "这个编号已是在办案件,不能导入历史。",
        "The id belongs to a case of this system.",
    ),
}
