"""What will be reported in a week, when, and what shall become of it. Pure, and seeded."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from models.office import Office
from models.policy.schema import Policy
from partygrid.sample.county import Sample
from partygrid.sample.draw import Draw
from partygrid.simulation.hours import Hours
from partygrid.simulation.mix import (
    Categories,
    Cell,
    is_full,
    kind_of,
    level_of,
    smooth_cells,
    story_counts,
)
from partygrid.simulation.reports import Reporters, Wish
from partygrid.simulation.requirements import Requirements, file_by, requirements
from partygrid.simulation.stories import Story
from partygrid.simulation.week import Planned

_MINUTE = timedelta(minutes=1)
#: A twin follows its report after so many minutes at most.
_TWIN_WITHIN = (30, 300)
_TWIN_AT_LEAST = timedelta(minutes=30)
#: Share of what may be settled on the spot that is.
_SETTLED_THERE = 0.62


class Plan:
    """The reports of a stretch of time; a full week begins earlier for what takes long."""

    def __init__(
        self,
        sample: Sample,
        policy: Policy,
        office: Office,
        *,
        start: datetime,
        end: datetime,
        reports: int,
    ) -> None:
        """Draw all of them."""
        self._draw, self._policy, self._office = Draw(sample.seed), policy, office
        self._hours = Hours(office, start, end)
        self._start, self._end = start, end
        self.full = is_full(reports, (end - start).days)
        self._reporters = Reporters(sample, policy)
        self._categories = Categories(policy)
        self.stories = story_counts(self._draw, reports, full=self.full)
        self.reports: list[Planned] = []
        self._fill(reports)
        self.reports.sort(key=lambda planned: (planned.at, planned.made.id))

    @property
    def begins(self) -> datetime:
        """When the first report is filed, or the week starts."""
        return min([self._start, *(planned.at for planned in self.reports)])

    # --- stories -------------------------------------------------------------------------------

    def _fill(self, reports: int) -> None:
        taken: Counter[Cell] = Counter()
        for story in self._chosen():
            if len(self.reports) + 2 > reports:
                break
            for planned in self._with_story(story):
                self.reports.append(planned)
                taken.update(self._cell_of(planned))
        left = reports - len(self.reports)
        for cell in smooth_cells(self._draw, left, taken):
            self.reports.append(self._smooth(cell))

    def _chosen(self) -> list[Story]:
        return [story for story in Story for _ in range(self.stories[story])]

    def _with_story(self, story: Story) -> Iterator[Planned]:
        number, needs = len(self.reports), requirements(story)
        wish = Wish(
            number=number,
            story=story,
            at=self._when(story, needs, number),
            category=self._pick(needs, number),
            needs=needs,
        )
        if not needs.twin:
            yield self._reporters.report(wish)
            return
        # The twin comes first: it is what the other report repeats.
        minutes = self._draw.between(*_TWIN_WITHIN, "twin", number)
        first = Wish(
            number=number + 1,
            story=Story.SMOOTH,
            at=max(wish.at - minutes * _MINUTE, self._opening(wish.at)),
            category=wish.category,
            needs=Requirements(sources=needs.sources, reporter=needs.reporter),
        )
        twin = self._reporters.report(first)
        yield self._reporters.twin(wish, twin, at=wish.at)
        yield twin

    def _opening(self, moment: datetime) -> datetime:
        """Return when office hours began on the day of a moment."""
        day = self._office.local(moment).date()
        return self._office.utc(self._office.start_of_work(day))

    def _pick(self, needs: Requirements, number: int) -> str:
        options = needs.categories or tuple(self._policy.categories.items)
        return options[self._draw.between(0, len(options) - 1, "category", number)]

    def _when(self, story: Story, needs: Requirements, number: int) -> datetime:
        """Return when to file it: early enough to come about, in a small stretch at any time."""
        by = file_by(story, self._end, self._office) if self.full else self._end
        if needs.office_hours or by < self._start:
            at = self._hours.in_office(self._draw, by, number)
            return max(at, self._opening(at) + _TWIN_AT_LEAST) if needs.twin else at
        early = Hours(self._office, self._start, min(by, self._end))
        return early.any(self._draw, number)

    # --- the others ----------------------------------------------------------------------------

    def _smooth(self, cell: Cell) -> Planned:
        number = len(self.reports)
        category = self._categories.draw(self._draw, cell, number)
        settled = requirements(Story.SELF_CLOSED)
        there = category in settled.categories and self._draw.happens(
            _SETTLED_THERE, "settled there", number
        )
        if there:
            at = self._hours.in_office(self._draw, self._end, number)
            story, needs = Story.SELF_CLOSED, settled
        else:
            at, story, needs = self._hours.any(self._draw, number), Story.SMOOTH, Requirements()
        return self._reporters.report(
            Wish(number=number, story=story, at=at, category=category, needs=needs)
        )

    def _cell_of(self, planned: Planned) -> list[Cell]:
        category = self._policy.category(getattr(planned.made.data, "category", ""))
        if category is None:
            return []
        return [Cell(level_of(category, planned.story), kind_of(category))]
