"""Makes reports: who files them, through which app, about what and where. Pure."""

from datetime import datetime, timedelta

from msgspec import Struct

from events.contract.envelope import Acting
from events.contract.reports import Place, ReportFiled, ReportSource
from events.outgoing_event import Outgoing
from models.policy.categories import Category, Urgency
from models.policy.people import Role
from models.policy.schema import Policy
from models.values import Mark
from partygrid.sample.county import Sample
from partygrid.sample.draw import Draw
from partygrid.sample.places import Grid
from partygrid.simulation.post import app_of
from partygrid.simulation.requirements import Requirements
from partygrid.simulation.stories import Story
from partygrid.simulation.week import Planned

#: Who finds what, in a hundred reports that need no source of their own.
_SOURCES = (
    (ReportSource.GRID_MEMBER, 55),
    (ReportSource.PARTY_MEMBER, 14),
    (ReportSource.PATROL, 7),
    (ReportSource.HOTLINE, 12),
    (ReportSource.VILLAGER, 10),
    (ReportSource.LEADER, 1),
    (ReportSource.MEDIA, 1),
)
#: Those whose reporter can be told and asked.
_WITH_REPORTER = (ReportSource.VILLAGER, ReportSource.HOTLINE)
_MOSTLY = 0.8
#: Within this time nobody else tells of the same category in the same grid, but for twins.
_APART = timedelta(hours=26)
#: Share of a grid's width and height that stays empty at each side.
_MARGIN = 0.1
#: Grids that are a market, a school or a park bring few reports.
_EXCLUSIVE_SHARE = 0.02


class Wish(Struct, frozen=True, kw_only=True):
    """A report to be made."""

    number: int
    story: Story
    at: datetime
    category: str
    needs: Requirements = Requirements()


class Reporters:
    """Files reports from all over the county, never two that look like one by accident."""

    def __init__(self, sample: Sample, policy: Policy) -> None:
        """Know the county."""
        self._sample, self._policy, self._draw = sample, policy, Draw(sample.seed)
        grids = [*sample.grids.values()]
        self._usual = [grid for grid in grids if not grid.exclusive]
        self._exclusive = [grid for grid in grids if grid.exclusive]
        self._told: dict[tuple[str, str], list[datetime]] = {}

    def report(self, wish: Wish) -> Planned:
        """Make one report."""
        source = self._source(wish)
        grid = self._grid(wish)
        return self._planned(wish, source, grid, self._place(wish.number, grid))

    def twin(self, wish: Wish, of: Planned, *, at: datetime) -> Planned:
        """Make the report that somebody else files of the same matter, at the same place."""
        data = of.made.data
        if not isinstance(data, ReportFiled):
            raise TypeError("only a report has a twin")
        source = self._source(wish)
        grid = self._sample.grids[data.grid[:15]]
        return self._planned(
            Wish(
                number=wish.number,
                story=wish.story,
                at=at,
                category=data.category,
                needs=wish.needs,
            ),
            source,
            grid,
            data.place,
        )

    # --- what ----------------------------------------------------------------------------------

    def _planned(
        self, wish: Wish, source: ReportSource, grid: Grid, place: Place | None
    ) -> Planned:
        acting, told_by = self._who(wish.number, source, grid), self._reporter(wish, source)
        category = self._policy.category(wish.category)
        needs = wish.needs
        pressing = category is not None and category.urgency is Urgency.EMERGENCY
        made = Outgoing(
            id=f"report-{wish.number:05}",
            source=app_of(acting.role, grid.township),
            data=ReportFiled(
                grid=grid.code,
                category=wish.category,
                source=source,
                title=category.name.zh if category else "群众来电反映情况",
                description=_described(grid, category),
                place=place,
                reporter_ref=told_by,
                emergency=needs.emergency,
                emergency_call="已先拨打报警电话，正在赶来" if pressing else "",
                mark=needs.mark,
                joint=needs.joint,
                disputed=needs.disputed,
                public_interest=needs.public_interest,
            ),
            township=grid.township,
            time=wish.at,
            acting=acting,
        )
        return Planned(
            at=wish.at,
            made=made,
            story=wish.story,
            restricted=needs.mark is not Mark.NONE,
            pressing=pressing or needs.emergency,
        )

    def _source(self, wish: Wish) -> ReportSource:
        if wish.needs.sources:
            options = wish.needs.sources
            return options[self._draw.between(0, len(options) - 1, "source", wish.number)]
        left = self._draw.between(1, sum(weight for _, weight in _SOURCES), "source", wish.number)
        for source, weight in _SOURCES:
            left -= weight
            if left <= 0:
                return source
        raise AssertionError("the weights end before their sum")

    def _reporter(self, wish: Wish, source: ReportSource) -> str:
        known = source in _WITH_REPORTER and self._draw.happens(_MOSTLY, "known", wish.number)
        if not known and not wish.needs.reporter:
            return ""
        return f"r-{self._draw.digest('reporter', wish.number).hex()[:16]}"

    # --- where ---------------------------------------------------------------------------------

    def _grid(self, wish: Wish) -> Grid:
        """Draw a grid in which nobody told of this category a day before or after."""
        rare = not wish.needs.sources and self._draw.happens(
            _EXCLUSIVE_SHARE, "exclusive", wish.number
        )
        grids = self._exclusive if rare else self._usual
        for attempt in range(200):
            grid = grids[self._draw.between(0, len(grids) - 1, "grid", wish.number, attempt)]
            told = self._told.setdefault((grid.code, wish.category), [])
            if all(abs(wish.at - other) > _APART for other in told):
                told.append(wish.at)
                return grid
        return grids[0]

    def _place(self, number: int, grid: Grid) -> Place:
        across, along = (
            _MARGIN + (1 - 2 * _MARGIN) * self._draw.share(axis, number)
            for axis in ("across", "along")
        )
        lon, lat = self._sample.point(grid.code, across, along)
        return Place(lon=lon, lat=lat)

    # --- who -----------------------------------------------------------------------------------

    def _who(self, number: int, source: ReportSource, grid: Grid) -> Acting:
        sample = self._sample
        match source:
            case ReportSource.GRID_MEMBER:
                return self._one_of(Role.GRID_MEMBER, grid.code, number)
            case ReportSource.PARTY_MEMBER if (unit := sample.unit(grid.code)) is not None:
                who = unit.members[self._draw.between(0, len(unit.members) - 1, "who", number)]
                return Acting(actor=who, role=Role.PARTY_MEMBER, org=unit.org)
            case ReportSource.PARTY_MEMBER:
                return self._one_of(Role.GRID_MEMBER, grid.code, number)
            case ReportSource.VILLAGER:
                who = f"v-{self._draw.digest('villager', number).hex()[:16]}"
                return Acting(actor=who, role=Role.VILLAGER, org=grid.village)
            case ReportSource.HOTLINE:
                return self._one_of(Role.HOTLINE_OPERATOR, sample.county, number)
            case ReportSource.PATROL:
                return self._one_of(Role.TOWNSHIP_HANDLER, grid.township, number)
        return self._one_of(Role.ACCEPTOR, grid.township, number)

    def _one_of(self, role: Role, org: str, number: int) -> Acting:
        holders = self._sample.holders(role, org)
        who = holders[self._draw.between(0, len(holders) - 1, "who", number)]
        return Acting(actor=who, role=role, org=org)


def _described(grid: Grid, category: Category | None) -> str:
    what = category.filing if category is not None and category.filing else "请派人了解情况"
    return f"{grid.name}：{what}。"
