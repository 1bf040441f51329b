"""The workbook: which sheets there are, and what each column holds."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from events.contract.directory import Availability, GridKind
from models.policy.people import Role
from models.policy.schema import Policy

#: Rows whose first cell begins so, in either width, are examples: shown to people, never read.
EXAMPLE_MARKS = ("例：", "例:")
#: Rows before the data: titles, then what to write in each column.
HEAD_ROWS = 2


class Kind(StrEnum):
    """What a cell holds."""

    #: words
    TEXT = "text"
    #: an id or code: text even where it looks like a number
    CODE = "code"
    #: codes or words, parted by 、 or a comma
    LIST = "list"
    #: a whole number
    COUNT = "count"
    #: a date, or date and time, at the county's office
    MOMENT = "moment"
    #: the last day on which it is so, or the exact moment when it ends
    LAST_DAY = "last_day"
    #: one of a list of words
    CHOICE = "choice"
    #: several of a list of words
    CHOICES = "choices"
    #: 是 or 否
    YES_NO = "yes_no"


class Column(NamedTuple):
    """One column: the field it fills and what the clerk reads above it."""

    key: str
    title: str
    hint: str
    kind: Kind = Kind.TEXT
    required: bool = False
    #: list of words for choices
    words: str = ""
    example: str = ""
    #: about a person: goes to the vault, never into an event or a message
    private: bool = False


class Sheet(NamedTuple):
    """One sheet."""

    title: str
    columns: tuple[Column, ...]


_FROM = Column(
    "valid_from", "起", "从哪天（或何时）起有效", Kind.MOMENT, required=True, example="2026-01-01"
)
_TO = Column("valid_to", "止", "到哪天为止（当天仍有效）；长期有效则留空", Kind.LAST_DAY)

ORGS = Sheet(
    "组织",
    (
        Column(
            "org",
            "编号",
            "本组织的唯一编号；行政区域可直接用代码",
            Kind.CODE,
            True,
            example="990101101",
        ),
        Column("kind", "类型", "从下拉列表选择", Kind.CHOICE, True, "org_kind", "乡镇"),
        Column("name", "名称", "全称，不超过 120 字", required=True, example="示例镇"),
        Column("parent", "上级编号", "上级组织的编号；县留空", Kind.CODE, example="990101"),
        Column(
            "code",
            "代码",
            "所辖区域的代码：县 6 位、乡镇 9 位、村 12 位、网格 15 位、微网格 17 位",
            Kind.CODE,
            True,
            example="990101101",
        ),
        Column("department", "部门类别", "只有部门和乡镇站所填写", Kind.CHOICE, words="department"),
        Column("serves", "对应区域编号", "只有党组织填写：所对应的乡镇、村或网格", Kind.CODE),
        Column("grid_kind", "网格类型", "只有网格填写", Kind.CHOICE, words="grid_kind"),
        Column("households", "户数", "网格、微网格、中心户的户数", Kind.COUNT),
        _FROM,
        _TO,
    ),
)
PERSONS = Sheet(
    "人员",
    (
        Column(
            "person",
            "人员编号",
            "内部编号，不得用姓名、手机号或身份证号",
            Kind.CODE,
            True,
            example="p-0001",
        ),
        Column(
            "name", "姓名", "只存入加密身份库，不进入业务数据", example="（样例）", private=True
        ),
        Column("mobile", "手机", "只存入加密身份库，用于通知", Kind.CODE, private=True),
        Column("mail", "邮箱", "只存入加密身份库，用于通知", private=True),
        Column(
            "party_status",
            "党员身份",
            "正式党员、预备党员；非党员留空",
            Kind.CHOICE,
            words="party_status",
        ),
        Column(
            "skills",
            "特长",
            "多项用顿号分开",
            Kind.CHOICES,
            words="skill",
            example="调解、政策宣讲",
        ),
        Column(
            "availability", "可否联系", "不填即可联系；不写原因", Kind.CHOICE, words="availability"
        ),
        Column(
            "grid",
            "常住网格",
            "网格或微网格代码；机关干部留空",
            Kind.CODE,
            example="990101101201001",
        ),
        Column("contact_households", "联系户数", "党员联系户或中心户的户数", Kind.COUNT),
        Column("responsibility_area", "责任区", "党员责任区的网格代码，多项用顿号分开", Kind.LIST),
        _FROM,
        _TO,
    ),
)
ROLES = Sheet(
    "任职",
    (
        Column("person", "人员编号", "与“人员”表一致", Kind.CODE, True, example="p-0001"),
        Column("role", "岗位", "从下拉列表选择", Kind.CHOICE, True, "role", "网格员"),
        Column("org", "组织编号", "与“组织”表一致", Kind.CODE, True, example="990101101201001"),
        _FROM,
        _TO,
    ),
)
ROSTERS = Sheet(
    "值班表",
    (
        Column("org", "组织编号", "乡镇的编号", Kind.CODE, True, example="990101101"),
        Column("role", "值班岗位", "值班领导或值班长", Kind.CHOICE, True, "duty_role", "值班长"),
        Column("person", "人员编号", "与“人员”表一致", Kind.CODE, True, example="p-0001"),
        Column("starts_at", "开始", "日期和时间", Kind.MOMENT, True, example="2026-01-01 08:00"),
        Column("ends_at", "结束", "日期和时间", Kind.MOMENT, True, example="2026-01-01 20:00"),
    ),
)
APPS = Sheet(
    "应用密钥",
    (
        Column("source", "来源", "应用的唯一标识", Kind.CODE, True, example="app/hotline"),
        Column("name", "名称", "应用名称", required=True, example="12345热线"),
        Column("public_key", "公钥", "Ed25519 公钥（Base64）；私钥不得填写或发送", Kind.CODE, True),
        Column(
            "territories",
            "地域",
            "可代表的区域代码，多项用顿号分开",
            Kind.LIST,
            True,
            example="990101",
        ),
        Column(
            "event_types",
            "事项类型",
            "可发送的事项，如 grid.report.*，多项用顿号分开",
            Kind.LIST,
            True,
            example="grid.report.*",
        ),
        Column(
            "restricted",
            "可发保密件",
            "能否办理保密、绕行案件；上报不受此限",
            Kind.YES_NO,
            example="否",
        ),
        _FROM,
        _TO,
    ),
)
SHEETS = (ORGS, PERSONS, ROLES, ROSTERS, APPS)

#: Lists of words: list → value → word.
Words = Mapping[str, Mapping[str, str]]


def words_of(policy: Policy) -> Words:
    """Return the words clerks choose from, as the pack calls things."""
    roles = policy.roles.roles
    duty = (Role.DUTY_LEADER, Role.DUTY_SUPERVISOR)
    return {
        "org_kind": {k.value: rule.name.zh for k, rule in policy.organisation.kinds.items()},
        "department": {k: rule.name.zh for k, rule in policy.organisation.departments.items()},
        "grid_kind": {GridKind.COMPREHENSIVE: "综合网格", GridKind.EXCLUSIVE: "专属网格"},
        "party_status": {"full": "正式党员", "probationary": "预备党员"},
        "skill": {key: name.zh for key, name in policy.matching.skills.items()},
        "availability": {
            Availability.AVAILABLE: "可联系",
            Availability.AWAY: "外出",
            Availability.NOT_AVAILABLE: "暂不安排",
        },
        "role": {r.value: rule.name.zh for r, rule in roles.items() if r is not Role.SYSTEM},
        "duty_role": {role.value: roles[role].name.zh for role in duty},
        "yes_no": {"yes": "是", "no": "否"},
    }
