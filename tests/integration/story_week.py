"""A small played week: one township, one case of every story, everybody who has a part in it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from events.admission import ENGINE_KEY, ENGINE_SOURCE
from events.contract.directory import AppKeySet, DutyRosterSet, OrgSet, PersonSet, RoleSet
from events.contract.envelope import Acting, Payload
from events.contract.reports import ReportFiled, ReportSource
from events.outgoing_event import Outgoing, directory_event
from models.case import Case
from models.office import Office
from models.policy.people import Role
from models.values import Mark, case_id_of
from partygrid.sample import apps
from partygrid.sample.county import Sample, sample_county
from partygrid.sample.places import Grid
from partygrid.simulation.agenda import Entry
from partygrid.simulation.everybody import PEOPLE
from partygrid.simulation.post import Post
from partygrid.simulation.requirements import Requirements, file_by, requirements
from partygrid.simulation.scene import React
from partygrid.simulation.stories import Story
from partygrid.simulation.week import Cues, Planned, Trouble, Week
from tests.rig import Rig

#: A Monday 00:00 in Shanghai; no holiday near it.
START = datetime(2026, 11, 8, 16, tzinfo=UTC)
END = START + timedelta(days=7)
#: Before everything else: the county has to be there first.
FOUNDED = START - timedelta(days=45)
SEED = 4
#: Where marked reports are from: words that stand in no other one.
MARKED_PLACE = "老渡口独户"
_HOUR = timedelta(hours=1)
_ROLES = {
    ReportSource.GRID_MEMBER: Role.GRID_MEMBER,
    ReportSource.HOTLINE: Role.HOTLINE_OPERATOR,
    ReportSource.VILLAGER: Role.VILLAGER,
}


class NoTrouble:
    """Every record comes once, and where it belongs."""

    def again(self, made: Outgoing) -> Sequence[timedelta]:
        return ()

    def strays(self, made: Outgoing) -> bool:
        return False


class Played:
    """The week when it is over."""

    def __init__(self, rig: Rig, ids: dict[Story, str], sample: Sample) -> None:
        self.rig, self.ids, self.sample = rig, ids, sample

    def case(self, story: Story) -> Case:
        """The case with this story, as it stands at the end."""
        return self.rig.case(self.ids[story])

    def acts(self, story: Story) -> list[dict[str, Any]]:
        """What the audit says of it, in order."""
        query = "SELECT act::json FROM audit WHERE case_id = %s ORDER BY case_seq"
        return [row[0] for row in self.rig.rows(query, self.ids[story])]

    def done(self, story: Story) -> Counter[str]:
        """`action:reason` of every audit record, counted."""
        return Counter(f"{act['action']}:{act['reason']}" for act in self.acts(story))

    def details(self, story: Story, action: str) -> list[dict[str, Any]]:
        """Details of the audit records of an action."""
        return [act.get("detail", {}) for act in self.acts(story) if act["action"] == action]

    def told(self, story: Story) -> Counter[str]:
        """Kinds of the notices about it, counted."""
        query = "SELECT kind FROM notices WHERE case_id = %s"
        return Counter(row[0] for row in self.rig.rows(query, self.ids[story]))

    def column(self, query: str) -> frozenset[str]:
        """The first column of what the database says."""
        return frozenset(row[0] for row in self.rig.rows(query))


#: What else happens, given the sample and the reports: when, in which order of its tick, what.
More = Callable[[Sample, Sequence[Planned]], Iterable[tuple[datetime, str, Entry]]]


def play(
    rig: Rig,
    *,
    trouble: Trouble | None = None,
    reacts: Sequence[React] = PEOPLE,
    cues: Cues | None = None,
    more: More = lambda _sample, _reports: (),
) -> Played:
    """Play the week with one case of each story, and whatever else is asked for."""
    policy, shelf = rig.policy, rig.setting.shelf
    duty = (FOUNDED, END + timedelta(days=2))
    sample = sample_county(SEED, since=FOUNDED, at=FOUNDED, duty=duty, policy=policy)
    _found(rig, sample)
    week = Week(
        seed=SEED,
        shelf=shelf,
        conductor=rig.conductor,
        connection=rig.conductor._connection,
        post=Post(sample.keys),
        partitions=rig.partitions,
        reacts=reacts,
        trouble=trouble or NoTrouble(),
        start=START,
        end=END,
        cues=cues or Cues(),
    )
    ids: dict[Story, str] = {}
    reports = [*_plan(sample, shelf.office(policy.version))]
    for planned in reports:
        week.plan(planned)
        if planned.made.id == planned.story:
            ids[planned.story] = case_id_of(planned.made.source, planned.made.id)
    for at, order, entry in more(sample, reports):
        week.agenda.put(at, entry, order=order)
    week.play()
    return Played(rig, ids, sample)


# --- the county --------------------------------------------------------------------------------


def _found(rig: Rig, sample: Sample) -> None:
    events = [
        directory_event(data, county=sample.county, source=ENGINE_SOURCE, at=FOUNDED)
        for data in _of_one_township(sample)
    ]
    rig.at(FOUNDED + _HOUR, *[rig.outbound(one.event(ENGINE_KEY)) for one in events])


def _of_one_township(sample: Sample) -> Iterator[Payload]:
    """Leave the other townships out: entering a whole county takes longer than playing a week."""
    away = {
        entry.org
        for entry in sample.entries
        if isinstance(entry, OrgSet) and entry.code.startswith(_others(sample))
    }
    here = {
        entry.person
        for entry in sample.entries
        if isinstance(entry, RoleSet) and entry.org not in away
    }
    for entry in sample.entries:
        match entry:
            case OrgSet(org=org) | RoleSet(org=org) | DutyRosterSet(org=org):
                if org not in away:
                    yield entry
            case PersonSet(person=person):
                if person in here:
                    yield entry
            case AppKeySet(territories=(territory,)):
                if not territory.startswith(_others(sample)):
                    yield entry


def _others(sample: Sample) -> tuple[str, ...]:
    return tuple(township.code for township in sample.townships[1:])


# --- the plan ----------------------------------------------------------------------------------


def _plan(sample: Sample, office: Office) -> Iterator[Planned]:
    """File every report early enough; of one category no two in the same grid, but for twins."""
    grids = [grid for village in sample.townships[0].villages for grid in village.comprehensive]
    taken: Counter[str] = Counter()
    for story in Story:
        need = requirements(story)
        category = need.categories[0] if need.categories else "01-01"
        grid = grids[taken[category]]
        taken[category] += 1
        first = office.utc(office.start_of_work(office.local(START).date()))
        at = min(file_by(story, END, office), first) + 2 * _HOUR
        if need.twin:
            twin = Requirements(sources=(ReportSource.GRID_MEMBER,))
            yield _planned(sample, grid, category, Story.SMOOTH, twin, at - _HOUR, f"of {story}")
        yield _planned(sample, grid, category, story, need, at, str(story))


def _planned(
    sample: Sample,
    grid: Grid,
    category: str,
    story: Story,
    need: Requirements,
    at: datetime,
    name: str,
) -> Planned:
    source = next((one for one in need.sources if one in _ROLES), ReportSource.GRID_MEMBER)
    acting = _acting(sample, _ROLES[source], grid)
    made = Outgoing(
        id=name,
        source=_app(source, grid),
        data=ReportFiled(
            grid=grid.code,
            category=category,
            source=source,
            title="情况反映" if need.mark is Mark.NONE else f"{MARKED_PLACE}情况反映",
            reporter_ref=f"ref-{name}" if need.reporter else "",
            emergency=need.emergency,
            mark=need.mark,
            joint=need.joint,
            disputed=need.disputed,
            public_interest=need.public_interest,
        ),
        township=grid.township,
        time=at,
        acting=acting,
    )
    return Planned(at=at, made=made, story=story, restricted=need.mark is not Mark.NONE)


def _acting(sample: Sample, role: Role, grid: Grid) -> Acting:
    if role is Role.VILLAGER:
        return Acting(actor=f"v-{grid.code}", role=role, org=grid.village)
    org = sample.county if role is Role.HOTLINE_OPERATOR else grid.code
    return Acting(actor=sample.holders(role, org)[0], role=role, org=org)


def _app(source: ReportSource, grid: Grid) -> str:
    told = {ReportSource.VILLAGER: apps.VILLAGERS, ReportSource.HOTLINE: apps.HOTLINE}
    return told.get(source, apps.branch_app(grid.township))
