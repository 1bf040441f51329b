"""Reasons for which an event can never be applied as it is."""

from models.values import DeadLetterReason

#: code → (Chinese for the person who acted, English for the operator)
REASONS: dict[str, tuple[str, str]] = {
    DeadLetterReason.MALFORMED.value: (
        "消息格式不正确,请按接口文档检查后重新发送。",
        "It is no CloudEvent: broken JSON, or an attribute is missing or wrong.",
    ),
    DeadLetterReason.UNKNOWN_TYPE.value: (
        "没有这种事件,请检查事件类型的名称。",
        "No such event type; check its name.",
    ),
    DeadLetterReason.UNKNOWN_VERSION.value: (
        "系统不认识这个版本的事件,请升级或改用已有版本。",
        "The event type exists, this version does not.",
    ),
    DeadLetterReason.INVALID_DATA.value: (
        "事件内容不符合要求,请更正后用新的编号重新发送。",
        "The data does not fit the event type; correct it and send it under a new id.",
    ),
    DeadLetterReason.TOO_LARGE.value: (
        "内容太大,照片等材料请先单独上传。",
        "It is too large; evidence is uploaded by itself.",
    ),
    DeadLetterReason.UNSIGNED.value: (
        "没有应用的签名或令牌,请先登记应用。",
        "It bears neither an app's signature nor a token.",
    ),
    DeadLetterReason.BAD_SIGNATURE.value: (
        "签名与内容不符,请检查密钥,内容签名后不能再改动。",
        "The signature does not fit: another key, or the event was changed after it was signed.",
    ),
    DeadLetterReason.UNKNOWN_KEY.value: (
        "没有登记过这个密钥,或者已经失效。",
        "No app has this key, or it is no longer valid.",
    ),
    DeadLetterReason.OUT_OF_SCOPE.value: (
        "该应用无权发送这种事件,或无权代表这个地方。",
        "The app may not send this type, or not for this territory.",
    ),
    DeadLetterReason.WRONG_TOPIC.value: (
        "这种事件不属于这个主题。",
        "The type does not belong on this topic.",
    ),
    DeadLetterReason.ID_CONFLICT.value: (
        "同一编号下已有内容不同的事件,请换一个新的编号。",
        "Another content was sent under the same id; use a new one.",
    ),
    DeadLetterReason.IMPLAUSIBLE_TIME.value: (
        "发生时间过早或晚于当前时间,请检查设备时钟。",
        "It happened too long ago or lies ahead of the clock; check the device's time.",
    ),
    DeadLetterReason.UNKNOWN_PLACE.value: (
        "组织目录中没有这个网格或乡镇,请核对编码。",
        "The directory has no such grid or township, or the grid is another township's.",
    ),
    DeadLetterReason.PARKED_TOO_LONG.value: (
        "等待的上报或步骤一直没有到来,本消息不再办理。",
        "What it waited for never came.",
    ),
    DeadLetterReason.PARKED_TOO_MANY.value: (
        "该应用已有过多消息在等待同一事项,请等该事项办到这一步后重新发送。",
        "Too many of the app's messages wait for this case; send it again when the case is there.",
    ),
    DeadLetterReason.POISON.value: (
        "系统无法处理本消息,已转运维人员。",
        "Deciding it failed each time; an operator has to look.",
    ),
    DeadLetterReason.CRASHED.value: (
        "处理本消息时系统异常中断,已转运维人员。",
        "Deciding it killed the process each time; an operator has to look.",
    ),
    DeadLetterReason.UNPUBLISHABLE.value: (
        "消息无法发出,已转运维人员。",
        "The broker refused the record for good; an operator has to look.",
    ),
}
