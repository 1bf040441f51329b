"""Who must do what: responsibility lists, and what may be put on villages (domain.md section 5)."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from pydantic import Field

from models.policy.categories import CategoryCode, OwnerField
from models.policy.people import Role
from models.policy.span import Count, Duration, Name, Part, SpanField


class DutyKind(StrEnum):
    """On which of the township's three lists an item stands."""

    #: 基本履职: the township's own, full duty
    BASIC = "basic"
    #: 配合履职: a department leads, the township assists
    ASSIST = "assist"
    #: 上级收回: taken back by the department
    WITHDRAWN = "withdrawn"


class Power(StrEnum):
    """A legal power that a case may need."""

    #: 行政许可
    LICENCE = "licence"
    #: 行政处罚
    PENALTY = "penalty"
    #: 行政强制
    COMPULSION = "compulsion"
    #: 行政检查
    INSPECTION = "inspection"
    #: 行政确认、给付
    CONFIRMATION = "confirmation"


class PowerNeeded(Part):
    """A power, and who holds it."""

    kind: Power
    holder: OwnerField


class DutyItem(Part):
    """One item of the responsibility lists."""

    title: Name
    kind: DutyKind
    owner: OwnerField
    helpers: tuple[OwnerField, ...] = ()
    #: laws by name, never article numbers that a reform renumbers; to be checked by a person
    legal_basis: tuple[str, ...]
    categories: tuple[CategoryCode, ...]
    powers: tuple[PowerNeeded, ...] = ()
    #: 费随事转: the money comes with the duty
    funded: bool = False
    #: id of the precedent that made or changed the item
    precedent: str = ""


class AdmissionScope(StrEnum):
    """On whom admitted work may be put."""

    #: 村级事项
    VILLAGE = "village"
    #: 网格事项
    GRID = "grid"


class ListedMatter(Part):
    """A matter on the village's or the grid's list: work of this kind may be asked for."""

    title: Name
    scope: AdmissionScope
    #: who may ask for it
    asked_by: tuple[OwnerField, ...]
    legal_basis: tuple[str, ...] = ()
    #: the asking side pays for it
    funding_required: bool = False
    #: most per month that the asking side may demand
    forms: Count = 0
    meetings: Count = 0
    systems: Count = 0


class AdmissionReview(Part):
    """One of the reviews a request passes, in order."""

    name: Name
    role: Role
    limit: SpanField


class AdmissionRules(Part):
    """How a department's request for village or grid work is decided (admission.yaml)."""

    listed: Mapping[str, ListedMatter]
    reviews: tuple[AdmissionReview, ...] = Field(min_length=1)
    #: role that approves after the reviews
    approver: Role
    #: a listed, funded request within its figures is admitted without a person
    listed_by_itself: bool
    #: what is not listed needs the village's consent and an end date at most this far away
    temporary_at_most: Duration
    #: how often a temporary admission may be renewed
    renewals: Count
    #: what the asking department must state itself; never asked of the village
    stated: tuple[str, ...]
    #: entrusted work without funding is refused (费随事转)
    unfunded_refused: bool
    #: told this long before a temporary admission ends
    expiry_notice: Duration = timedelta(days=7)


class ResponsibilityLists(Part):
    """The lists that route cases (responsibility.yaml)."""

    items: Mapping[str, DutyItem]
    #: who takes a case that no item claims (兜底)
    backstop: OwnerField

    @cached_property
    def _item_of(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for item_id, item in self.items.items():
            for code in item.categories:
                found.setdefault(code, item_id)
        return found

    def item_of(self, code: str) -> str | None:
        """Return the id of the first item that claims the category, or None."""
        return self._item_of.get(code)

    def for_category(self, code: str) -> DutyItem | None:
        """Return the first item that claims the category; None sends it to the backstop."""
        item_id = self._item_of.get(code)
        return None if item_id is None else self.items[item_id]
