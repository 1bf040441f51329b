"""Reasons of the directory: who may enter what, and what an entry must fulfil."""

#: code → (Chinese for the person who acted, English for the operator)
REASONS: dict[str, tuple[str, str]] = {
    "app_without_reach": (
        "应用须写明可代表的地域和可发送的事项。",
        "An app needs territories and event types.",
    ),
    "bad_public_key": (
        "公钥不正确:须为 32 字节的 Ed25519 公钥(Base64)。",
        "Not an Ed25519 public key: 32 bytes in base64.",
    ),
    "code_not_of_served": (
        "党组织的代码须与所对应的网格或村一致。",
        "A Party organisation has the code of the territory it is mapped to.",
    ),
    "code_outside_parent": (
        "代码须以上级组织的代码开头。",
        "The code must begin with the parent's code.",
    ),
    "code_shape": (
        "代码的位数或格式不符合规定。",
        "The code does not have the shape that policy sets.",
    ),
    "code_taken": ("这个代码已被另一个组织使用。", "Another organisation has this code."),
    "dates_reversed": ("结束时间须晚于开始时间。", "The end must lie after the beginning."),
    "field_not_for_kind": (
        "有一项内容与组织类型不符,请检查。",
        "A field does not fit this kind of organisation, or is missing for it.",
    ),
    "grid_needs_village": (
        "综合网格须属于一个村;只有专属网格可以直接属于乡镇。",
        "A comprehensive grid belongs to one village; only an exclusive one to the township.",
    ),
    "incompatible_roles": (
        "这两个岗位不能由同一人兼任。",
        "One person may not hold both roles.",
    ),
    "kind_changed": (
        "组织的类型不能更改,请另设新组织。",
        "An organisation keeps its kind; found a new one.",
    ),
    "negative_count": ("户数不能为负数。", "A count cannot be negative."),
    "no_shifts": ("值班表里没有班次。", "The roster has no shifts."),
    "outline_faulty": (
        "范围图形有误:须首尾相接、有面积、不自相交。",
        "The outline must be closed, have an area and not cross itself.",
    ),
    "outside_territory": (
        "超出您所管理的地域。",
        "The entry lies outside the administrator's territory.",
    ),
    "own_role": ("不能给自己安排岗位,请由他人办理。", "Nobody gives themselves a role."),
    "parent_not_fitting": (
        "这类组织不能设在该上级之下。",
        "This kind of organisation does not hang on that parent.",
    ),
    "role_held_already": (
        "此人在该组织已任此岗位;要更改,请用原来的起始日期。",
        "The role is held already; change it with its own beginning.",
    ),
    "role_not_held_there": (
        "这个岗位不设在这类组织。",
        "This role is not held at this kind of organisation.",
    ),
    "shift_overlaps": ("同一人的两个班次时间重叠。", "Two shifts of one person overlap."),
    "still_has_parts": (
        "下面还有组织,请先调整下级组织再撤销。",
        "Other organisations still hang on it; move them first.",
    ),
    "unknown_department": (
        "部门类别不在规定之内。",
        "Policy knows no such kind of department.",
    ),
    "unknown_event_type": (
        "没有这样的事项类型。",
        "The pattern means no event type that an app may send.",
    ),
    "unknown_parent": (
        "届时上级组织不存在,请先登记上级。",
        "The parent does not exist at that date; enter it first.",
    ),
    "unknown_party_status": (
        "党员身份须为正式、预备或空。",
        "Party status is full, probationary or empty.",
    ),
    "unknown_skill": ("特长不在规定的名录里。", "Policy knows no such skill."),
    "unknown_territory": (
        "组织目录中没有这个村、网格或微网格。",
        "The directory has no such village, grid or micro-grid at that date.",
    ),
}
