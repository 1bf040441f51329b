"""Reasons that any step may give."""

#: code → (Chinese for the person who acted, English for the operator)
REASONS: dict[str, tuple[str, str]] = {
    "ok": ("已办理。", "Done."),
    "case_unknown": (
        "还没有收到这件事的上报,系统先保留本消息,等上报到达后自动办理。",
        "The case is not known yet; the event waits for its report.",
    ),
    "version_ahead": (
        "本消息依据的案件版本系统还没有,先保留,稍后自动办理。",
        "The event names a later case version than the stored one; it waits.",
    ),
    "state_not_reached": (
        "案件还没有走到这一步,系统先保留本消息,到了这一步自动办理。",
        "The case has not come to the state this needs; the event waits.",
    ),
    "wrong_state": (
        "案件当前状态不能做这个操作,请刷新后查看案件现状。",
        "The case's state does not allow this act; look at the case again.",
    ),
    "case_merged": (
        "本案已并入另一案件,请在答复所列的主案中办理。",
        "The case was merged into another one; act on the one that the answer names.",
    ),
    "unknown_role": ("没有这个角色,请检查所用身份。", "No such role; check the acting role."),
    "role_may_not": (
        "这个角色没有此项权限,请由有权的人办理。",
        "This role may not do this; somebody with the right has to.",
    ),
    "unknown_organisation": (
        "组织目录中没有这个组织,请先登记。",
        "The directory has no such organisation; enter it first.",
    ),
    "other_township": (
        "消息写的乡镇与这件事所在的乡镇不一致,请核对后重新发送。",
        "The event names another township than its case or task lies in; send it with that one.",
    ),
    "role_not_held": (
        "办理时您不在这个岗位上,请核对组织目录中的任职。",
        "The actor did not hold the role there at that moment; check the directory.",
    ),
    "outside_circle": (
        "这件事只限指定人员办理。",
        "The case is restricted to a named circle.",
    ),
    "outside_app": (
        "这件事不在该应用登记的地域内,请换有权的应用或渠道。",
        "The case or task lies outside the territories registered for the app.",
    ),
    "app_not_restricted": (
        "该应用未登记办理保密、绕行案件,请换有权的应用或渠道。",
        "The app is not registered for acts on marked cases.",
    ),
    "outside_scope": (
        "这件事不在您的管辖范围内。",
        "The case lies outside the scope of the role.",
    ),
    "same_person": (
        "同一件事不能由同一个人办理前后两个环节,请换人。",
        "Whoever did the earlier step may not do this one; another person has to.",
    ),
}
