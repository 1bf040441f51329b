"""Reasons of the consultation step: meetings, votes, the six steps, publicity, action items."""

#: code → (Chinese for the person who acted, English for the operator)
REASONS: dict[str, tuple[str, str]] = {
    # asking for it, convening it
    "no_consultation": (
        "这件事没有会商，请先提请会商。",
        "The case has no consultation; somebody has to ask for one first.",
    ),
    "consultation_over": (
        "会商已有结论，不能再操作。",
        "The consultation is concluded; nothing can be added to it.",
    ),
    "consultation_running": (
        "会商正在进行，得出结论后才能另行提请。",
        "A consultation is going on; it has to end before another begins.",
    ),
    "bypass_not_consulted": (
        "这件事由县级直接受理，不在村、乡镇会商。",
        "A bypass case is not consulted on in village or township.",
    ),
    "unknown_body": (
        "规则中没有这个会议或组织，请核对名称。",
        "The policy has no such body; check its key.",
    ),
    "kind_and_body_differ": (
        "会商形式与所选会议不一致，请重新选择。",
        "The body does not sit in this form of consultation; choose again.",
    ),
    "body_may_not_decide": (
        "这个会议无权决议此事，请提交有权的会议。",
        "This body may not resolve the matter; take it to one that may.",
    ),
    "body_not_open": (
        "这一步由规则确定的会议进行，不能另选。",
        "Who sits at this step is fixed by policy; no other body can be named.",
    ),
    "reserved_matter": (
        "此事依法须由村民会议或其授权的会议决定，这里只能提请转入四议两公开。",
        "A reserved matter: this body cannot decide it, it can only refer it.",
    ),
    "nobody_sits": (
        "这一步不开会，无须通知或计票。",
        "No meeting belongs to this step; there is nothing to convene or count.",
    ),
    "meeting_not_called": (
        "召集人不符合规定，或提议召开的人数不足，请补足提议人数或由有权的人召集。",
        "Neither a role that may call the body nor enough of those who may ask for it.",
    ),
    "notice_too_short": (
        "会议通知的提前天数不够，请推迟会议或核对通知时间。",
        "The meeting is sooner after its notice than the rule lets it be.",
    ),
    "meeting_too_late": (
        "会议时间晚于会商期限，请提前召开。",
        "The meeting lies behind the limit of the consultation; choose an earlier time.",
    ),
    "meeting_moved": ("会议时间已调整，名册不变。", "The meeting was moved; its roll stays."),
    "roll_fixed": (
        "名册在发出通知时已经确定，不能更改。",
        "The roll was fixed when notice was given and cannot change.",
    ),
    "roll_missing": (
        "须列明应到人员名册，或写明应到人数。",
        "Name the roll, or how many could come.",
    ),
    "roll_not_of_body": (
        "所列名册不是这个会议的计票名册。",
        "The body is not counted by this roll.",
    ),
    "seat_twice": ("名册中有人重复。", "Somebody stands on the roll twice."),
    "household_twice": (
        "按户计票时，每户须写明且只有一名代表。",
        "Where households are counted, each is named and has one voting seat.",
    ),
    "probationary_votes": (
        "预备党员没有表决权，不计入应到人数，请更正名册。",
        "A probationary member is entered with a vote; such members count in no figure.",
    ),
    # votes and sheets
    "step_out_of_order": (
        "步骤须依次进行，不能跳过；请先完成当前步骤。",
        "The steps come in order and none is skipped; take the present one first.",
    ),
    "not_convened": (
        "还没有发出会议通知，请先通知并确定名册。",
        "The meeting was not convened; give notice and fix the roll first.",
    ),
    "meeting_not_yet": (
        "会议还没有到召开时间。",
        "The meeting has not begun yet.",
    ),
    "sitting_held": (
        "本次会议已登记计票，不能再改期。",
        "A sheet of this meeting is entered; it cannot be moved any more.",
    ),
    "no_vote_asked": (
        "这一步不表决。",
        "No vote is taken at this step.",
    ),
    "not_on_roll": (
        "您不在本次会议的名册上，不能表决。",
        "The actor is not on the roll of this meeting.",
    ),
    "struck_from_roll": (
        "按规定您不计入本次会议应到人数，不能表决。",
        "The actor was struck from the roll by rule before notice.",
    ),
    "seat_without_vote": (
        "您列席本次会议，没有表决权。",
        "The actor attends without a vote.",
    ),
    "vote_by_proxy": (
        "表决须由本人进行，不能代投。",
        "A vote is cast by the person and by nobody else.",
    ),
    "voted_already": (
        "您已经表决，一人一票，不能更改。",
        "This person has voted; a vote is cast once and never changed.",
    ),
    "tally_begun": (
        "签字表已开始登记，不能再逐人表决。",
        "The signed sheet is being entered; votes by person are over.",
    ),
    "eligible_above_members": (
        "应到人数多于全体人数，请核对。",
        "More are told as eligible than there are members.",
    ),
    "eligible_differs": (
        "应到人数与通知时确定的名册不一致，请核对。",
        "The figure of eligible persons is not that of the roll.",
    ),
    "present_above_eligible": (
        "实到人数多于应到人数，请核对签字表。",
        "More came than could come; check the sheet.",
    ),
    "votes_above_present": (
        "票数多于实到人数，请核对签字表。",
        "More votes than people present; check the sheet.",
    ),
    "votes_differ": (
        "签字表的票数少于本人已投的票，请核对。",
        "The sheet leaves out votes that persons cast themselves.",
    ),
    "entered_already": (
        "您已登记过这张签字表，须由另一人核对登记。",
        "This person has entered the sheet; another one has to.",
    ),
    "second_entry_awaited": (
        "已登记，等待另一人核对登记。",
        "Entered; it counts when another person enters the same.",
    ),
    "second_entry_missing": (
        "签字表还缺另一人的核对登记。",
        "Another person has not entered the sheet yet.",
    ),
    "tally_differs": (
        "两人登记的数字不一致，都不作数，请核对后重新登记。",
        "The two entries differ; neither counts and both are asked again.",
    ),
    "tally_missing": (
        "还没有登记到会和表决情况。",
        "Nobody has entered attendance and votes.",
    ),
    # the outcome
    "outcome_not_of_body": (
        "这个会议不能形成这样的结论。",
        "A consultation of this body cannot end in this way.",
    ),
    "no_quorum_asked": (
        "这个会议没有到会人数要求。",
        "No quorum is asked of this body.",
    ),
    "quorum_met": (
        "到会人数符合要求，不能以人数不足结束。",
        "There was a quorum; it cannot end for the lack of one.",
    ),
    "quorum_missed": (
        "到会人数不足，不能作出决议，须重新召集。",
        "Too few came; nothing can be decided and the body is called again.",
    ),
    "vote_failed": (
        "赞成票没有达到规定比例。",
        "The votes in favour do not reach the share the rule asks for.",
    ),
    "vote_passed": (
        "赞成票已达到规定比例，结论与表决结果不符。",
        "The vote passed; the stated outcome does not fit it.",
    ),
    "resolution_stands": (
        "村民会议或村民代表会议已经决议，不能撤回会商。",
        "The villagers have resolved; the consultation cannot be given up.",
    ),
    "concluded_late": (
        "会商逾期没有结论，转乡镇办理。",
        "Nobody concluded in time; the township gets the case.",
    ),
    "sent_on_late": (
        "会议两次未开成且逾期没有处理，转乡镇办理。",
        "After missed quorums nobody sent the case on in time; the township gets it.",
    ),
    # the six steps and the publicity
    "not_four_two": (
        "这件事没有进入四议两公开。",
        "The case is not in the four deliberations and two publications.",
    ),
    "step_before_last": (
        "这一步的时间早于上一步，请核对日期。",
        "The step is told to have happened before the one that precedes it.",
    ),
    "notice_before_step": (
        "通知或草案早于上一步通过的时间，请核对。",
        "Notice or draft went out before the preceding step was passed.",
    ),
    "other_body_convened": (
        "通知召开的不是这个会议，请核对。",
        "Another body was convened for this step.",
    ),
    "two_committees_disagreed": (
        "村两委商议没有同意，提议终止。",
        "The two committees did not agree; the proposal ends.",
    ),
    "published_already": ("结果已经公开。", "The results are published already."),
    "not_handled_yet": (
        "决议事项还没有办理完成，不能公开实施结果。",
        "The resolved work is not handled yet; there is no result to publish.",
    ),
    "nothing_published": ("现在没有公示事项。", "Nothing hangs out at present."),
    "publicity_closed": (
        "公示期已满，不再受理异议。",
        "The publicity period is over; no objection can be raised.",
    ),
    "publicity_over": ("公示期满。", "The publicity period is over."),
    "objection_open": (
        "公示期满，尚有异议未办结，办结后生效。",
        "The period is over; it takes effect once the open objections are settled.",
    ),
    "objection_known": ("这条异议已经登记。", "This objection is entered already."),
    "unknown_objection": (
        "没有这条异议，或已经办结。",
        "There is no such open objection.",
    ),
    "answered_already": (
        "这条异议已经答复，等待监督委员会核查。",
        "The objection is answered and waits for the check.",
    ),
    "not_answered_yet": (
        "这条异议还没有答复，不能核查。",
        "The objection is not answered yet; there is nothing to check.",
    ),
    "objection_upheld": (
        "异议成立，已撤下公示，退回重新商议。",
        "The objection was upheld; it goes back and is deliberated again.",
    ),
    "answer_late": (
        "异议逾期未答复，再次催办。",
        "The objection was not answered in time; the committees are asked once more.",
    ),
    "answer_unchecked": (
        "监督委员会逾期未核查，答复照此公开。",
        "Nobody checked the answer in time; it stands, and that is on record.",
    ),
    "objection_unanswered": (
        "异议始终没有答复，决议不能生效，转乡镇办理。",
        "The objection was never answered; the resolution does not stand.",
    ),
    # action items
    "unknown_owner": (
        "组织目录中没有这个责任人或单位。",
        "The directory knows neither a person nor an organisation of this id.",
    ),
    "due_in_past": ("销号日期已经过去，请重新填写。", "The clear-off date lies in the past."),
    "item_known": ("这个议定事项已经登记。", "This action item is entered already."),
    "unknown_item": ("没有这个议定事项。", "There is no such action item."),
    "cleared_already": ("这个议定事项已经销号。", "The action item is cleared off already."),
    "cleared_late": ("已销号，晚于规定日期。", "Cleared off after its date."),
    "item_late": ("议定事项到期未销号。", "The action item was not cleared off in time."),
}
