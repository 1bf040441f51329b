"""What matters can be about: classes, subclasses, and how each is treated (domain.md section 8)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from models.policy.people import OrgKind
from models.policy.span import Name, Part, SpanField
from models.values import Mark


class Urgency(StrEnum):
    """Which clock and which ladder a matter gets."""

    #: 紧急: the limit is the first on-site response
    EMERGENCY = "E"
    #: 急: calendar time
    URGENT = "U"
    #: 一般: working time
    NORMAL = "N"


class ReservedMatter(StrEnum):
    """Matters that only the villagers' meeting, or whom it delegated, may decide."""

    #: 误工补贴
    LOST_WORK_SUBSIDY = "lost_work_subsidy"
    #: 集体收益使用
    COLLECTIVE_INCOME = "collective_income"
    #: 公益事业兴办和筹资筹劳
    PUBLIC_WORKS = "public_works"
    #: 土地承包经营方案
    LAND_CONTRACTING = "land_contracting"
    #: 集体经济项目立项、承包
    COLLECTIVE_PROJECTS = "collective_projects"
    #: 宅基地使用方案
    HOUSE_PLOTS = "house_plots"
    #: 征地补偿费使用、分配
    EXPROPRIATION_MONEY = "expropriation_money"
    #: 处分集体财产
    ASSET_DISPOSAL = "asset_disposal"
    #: 村规民约与其他
    OTHER = "other"


_HEADS = {OrgKind.DEPARTMENT: "dept", OrgKind.TOWNSHIP_ORGAN: "township"}


@dataclass(frozen=True, slots=True)
class Owner:
    """Who handles: a level, and at a department or township organ which kind of it."""

    level: OrgKind
    kind: str = ""

    def __str__(self) -> str:
        """Write it as the pack does."""
        head = _HEADS.get(self.level, self.level.value)
        return f"{head}:{self.kind}" if self.kind else head


_OWNER = re.compile(r"(grid|village|township|dept|county)(?::([a-z_]+))?")


def parse_owner(text: object) -> Owner:
    """Read `grid`, `village`, `township`, `township:<organ>`, `dept:<kind>` or `county`."""
    if isinstance(text, Owner):
        return text
    match = _OWNER.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("not an owner; write grid, village, township[:organ], dept:kind or county")
    head, kind = match[1], match[2] or ""
    if (head == "dept") != bool(kind) and head != "township":
        raise ValueError("a department needs its kind (dept:water); grid and village have none")
    if head == "township" and kind:
        return Owner(OrgKind.TOWNSHIP_ORGAN, kind)
    return Owner(OrgKind.DEPARTMENT if head == "dept" else OrgKind(head), kind)


OwnerField = Annotated[Owner, BeforeValidator(parse_owner), PlainSerializer(str, return_type=str)]
#: `CC-SS`: class and subclass.
CategoryCode = Annotated[str, Field(pattern=r"^\d{2}-\d{2}$")]
ClassCode = Annotated[str, Field(pattern=r"^\d{2}$")]


class Category(Part):
    """One subclass: who owns it, how urgent it is, what it may become."""

    name: Name
    #: 立案条件 when it is one of these
    filing: str = ""
    #: 结案条件 when it is done
    closing: str = ""
    #: the main owner first
    owners: tuple[OwnerField, ...] = Field(min_length=1)
    urgency: Urgency
    #: working time for N, calendar time for U, first on-site response for E
    limit: SpanField
    #: 1 grid, 2 village, 3 township, 4 county; the opposite scale of an emergency level
    handling_tier: int = Field(ge=1, le=4)
    mark: Mark = Mark.NONE
    #: several units must work together
    joint: bool = False
    #: two sides: needs two handlers, and mediation
    disputed: bool = False
    #: opens a consultation
    public_interest: bool = False
    #: only the villagers' meeting or whom it delegated may decide it
    reserved: ReservedMatter | None = None
    #: may be settled on the spot
    self_closable: bool = False
    #: enforcement work: no Party member or volunteer is sent
    enforcement: bool = False
    #: never one person alone
    two_handlers: bool = False
    #: body that consults or decides on it, a key of `consultation.bodies`
    body: str | None = None
    #: skills that make a member suitable
    skills: tuple[str, ...] = ()
    #: a hidden danger 隐患 (counted, and looked at again)
    hazard: bool = False

    @property
    def lead(self) -> Owner:
        """The main owner."""
        return self.owners[0]

    @property
    def on_site(self) -> bool:
        """The limit is a first response on the spot, not the end of the work."""
        return self.urgency is Urgency.EMERGENCY


class CategoryTree(Part):
    """All classes and subclasses (categories.yaml)."""

    classes: Mapping[ClassCode, Name]
    items: Mapping[CategoryCode, Category]

    def get(self, code: str) -> Category | None:
        """Return the subclass, or None where the pack has none of that code."""
        return self.items.get(code)

    def class_of(self, code: str) -> Name:
        """Return the name of the class that `CC-SS` belongs to."""
        return self.classes[code[:2]]

    @cached_property
    def by_class(self) -> Mapping[str, tuple[str, ...]]:
        """Subclass codes of each class, in order."""
        return {
            head: tuple(code for code in sorted(self.items) if code[:2] == head)
            for head in sorted(self.classes)
        }
