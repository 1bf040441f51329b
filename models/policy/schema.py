"""The whole pack as one frozen value. A case keeps the version it was registered under."""

from collections.abc import Mapping
from datetime import date
from functools import cached_property

from pydantic import Field

from models.policy.actions import Action
from models.policy.categories import Category, CategoryTree, Owner
from models.policy.clocks import Deadlines, Ladders, WorkingTime
from models.policy.consultation import ConsultationRules
from models.policy.lifecycle import Lifecycle
from models.policy.measures import MeasureRules
from models.policy.people import Organisation, People
from models.policy.reach import DigestRules, EventLimits, NoticeRules, Retention
from models.policy.responsibility import AdmissionRules, DutyItem, ResponsibilityLists
from models.policy.span import Name, Part
from models.policy.whistle import WhistleRules
from models.policy.work import Acting, FeedbackRules, IntakeRules, MatchingRules


class Pack(Part):
    """What the pack says of itself (pack.yaml)."""

    name: Name
    #: what people call this version
    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.\-]{0,31}$")
    effective_from: date
    #: division code of the region it is for, or `default`
    region: str = Field(pattern=r"^(default|\d{2,12})$")
    #: where the numbers come from
    notes: str = ""


class Route(Part):
    """Where a category goes, and by which item of which list."""

    owner: Owner
    helpers: tuple[Owner, ...]
    tier: int
    #: id of the item; empty: the backstop
    item_id: str


class Policy(Part):
    """Every number, list and right that differs from county to county. One YAML file a field."""

    pack: Pack
    #: `<human version>-<first 12 hex digits of the SHA-256 over the content>`
    version: str
    organisation: Organisation
    roles: People
    categories: CategoryTree
    responsibility: ResponsibilityLists
    admission: AdmissionRules
    lifecycle: Lifecycle
    intake: IntakeRules
    calendar: WorkingTime
    deadlines: Deadlines
    ladders: Ladders
    whistles: WhistleRules
    consultation: ConsultationRules
    matching: MatchingRules
    feedback: FeedbackRules
    measures: MeasureRules
    notices: NoticeRules
    digests: DigestRules
    retention: Retention
    limits: EventLimits

    @property
    def effective_from(self) -> date:
        """First local day on which cases are registered under it."""
        return self.pack.effective_from

    @property
    def region(self) -> str:
        """Division code of the region, or `default`."""
        return self.pack.region

    def category(self, code: str) -> Category | None:
        """Return the subclass `CC-SS`, or None where the pack has none of that code."""
        return self.categories.items.get(code)

    @cached_property
    def routes(self) -> Mapping[str, Route]:
        """For each subclass: lead, helpers, tier and the list item that says so."""
        return {
            code: _route(category, self.responsibility.item_of(code), self.responsibility)
            for code, category in self.categories.items.items()
        }

    @cached_property
    def _acting(self) -> Mapping[tuple[str, Action], tuple[Acting, str]]:
        table: dict[tuple[str, Action], tuple[Acting, str]] = {}
        for code, category in self.categories.items.items():
            for rule_id, rule in self.intake.automation.items():
                named = not rule.categories or bool({code, code[:2]} & rule.categories)
                if named and category.handling_tier in rule.tiers:
                    for action, acting in rule.acting.items():
                        table.setdefault((code, action), (acting, rule_id))
        return table

    def acting(self, code: str, action: Action) -> tuple[Acting, str]:
        """Return how `action` is done for a category, and the rule's id. Default: by hand."""
        return self._acting.get((code, action), (Acting.BY_HAND, ""))


def _route(category: Category, item_id: str | None, lists: ResponsibilityLists) -> Route:
    item: DutyItem | None = lists.items[item_id] if item_id is not None else None
    lead = item.owner if item is not None else lists.backstop
    others = (*category.owners, *(item.helpers if item is not None else ()))
    helpers = tuple(dict.fromkeys(other for other in others if other != lead))
    return Route(owner=lead, helpers=helpers, tier=category.handling_tier, item_id=item_id or "")
