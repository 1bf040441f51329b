"""What a report must be like for its story to come about, and when it must be filed. Pure.

How long a story takes is said of the default policy's periods: so many working days, and so many
calendar days besides (publicity, notices, archiving).
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta

from msgspec import Struct

from events.contract.reports import ReportSource
from models.office import Office
from models.values import Mark
from partygrid.simulation.stories import Story

_WEEK = 7
_WORKDAYS_A_WEEK = 5
_GRID = (ReportSource.GRID_MEMBER, ReportSource.PARTY_MEMBER, ReportSource.PATROL)
_PUBLIC = (ReportSource.VILLAGER, ReportSource.HOTLINE)
#: the reporter acts later in the story, as the one who filed
_VILLAGER = (ReportSource.VILLAGER,)


class Requirements(Struct, frozen=True, kw_only=True):
    """A report of a story: any of `categories` and `sources` (empty: any), these flags exactly."""

    #: `""` among them: nobody classified it
    categories: tuple[str, ...] = ()
    sources: tuple[ReportSource, ...] = ()
    joint: bool = False
    disputed: bool = False
    public_interest: bool = False
    emergency: bool = False
    mark: Mark = Mark.NONE
    #: a `reporter_ref` stands for somebody who can be told and asked
    reporter: bool = False
    #: somebody else told of the same category at the same place up to six hours before, on the
    #: same working day; that case has the story SMOOTH. Reports of other stories have no such twin.
    twin: bool = False
    #: filed in office hours of a working day
    office_hours: bool = False
    #: working days, and calendar days besides, until it has come about
    workdays: int = 2
    days: int = 0

    @property
    def takes(self) -> timedelta:
        """How long it takes at most, where no holiday comes in between."""
        weekends = (self.workdays + _WORKDAYS_A_WEEK - 1) // _WORKDAYS_A_WEEK
        return timedelta(days=self.days + self.workdays + 2 * weekends)

    @property
    def days_before(self) -> int:
        """How many days before the week's start it must be filed; 0: within the week."""
        return max(0, self.takes.days - _WEEK)


def _sent(*categories: str, workdays: int = 3, days: int = 0) -> Requirements:
    """Return what a case needs that a unit handles: told by the public, so that it can be asked."""
    return Requirements(
        categories=categories,
        sources=_PUBLIC,
        reporter=True,
        office_hours=True,
        workdays=workdays,
        days=days,
    )


def _whistle(*categories: str, workdays: int = 5) -> Requirements:
    return Requirements(categories=categories, sources=_GRID, office_hours=True, workdays=workdays)


def _emergency(*categories: str, workdays: int = 1, days: int = 2) -> Requirements:
    return Requirements(categories=categories, sources=_GRID, workdays=workdays, days=days)


#: Small matters of grid and village: registered by the engine, done by members.
_SMALL = ("05-02", "06-02", "08-03", "08-07", "11-03")
#: Small matters that are still open when somebody else tells of them hours later.
_SLOW = ("06-01", "08-03", "11-01", "09-06")
#: Matters of the township with a helping department: registered and dispatched by people.
_TOWNSHIP = ("05-03", "08-05")
#: Matters of a department with the township as helper.
_DEPARTMENT = ("06-05",)
#: An emergency that the township leads, with two departments on the list.
_FLOOD = ("03-01",)
#: Only the representatives may decide it, or whom they answer to.
_RESERVED = ("01-06",)

REQUIREMENTS: Mapping[Story, Requirements] = {
    Story.SMOOTH: Requirements(),
    Story.SELF_CLOSED: Requirements(
        categories=("04-06", *_SMALL),
        sources=_GRID,
        reporter=True,
        office_hours=True,
        workdays=1,
    ),
    Story.SELF_CLOSED_BADLY: Requirements(
        categories=("05-02", "08-07"),
        sources=(ReportSource.GRID_MEMBER,),
        office_hours=True,
        workdays=3,
    ),
    Story.NEGLECTED: Requirements(categories=("10-06",), sources=_GRID, workdays=1, days=2),
    Story.NEGLECTED_EMERGENCY: _emergency("03-04", "03-01", days=2),
    Story.LATE: _sent("08-07", "11-05", workdays=4),
    Story.OFFLINE: Requirements(categories=("08-07", "05-02"), sources=_GRID, workdays=4),
    Story.TWICE: Requirements(
        categories=_SLOW,
        sources=_PUBLIC,
        reporter=True,
        twin=True,
        office_hours=True,
        workdays=2,
    ),
    Story.LOOKALIKE: Requirements(
        categories=_SLOW, sources=_GRID, twin=True, office_hours=True, workdays=4
    ),
    Story.UNTRUE: _sent("05-02", "06-02", "05-03", "10-04"),
    Story.DOUBTED: Requirements(
        categories=("08-05", "10-04"), sources=_GRID, office_hours=True, workdays=4
    ),
    Story.REJECTED: _sent("07-03", "09-04", "08-06"),
    Story.AMENDED: _sent("05-02", "06-02"),
    Story.UNCLASSIFIED: _sent("", workdays=4),
    Story.RECLASSIFIED: _sent("06-02", workdays=4),
    Story.MARKED: _sent("08-03", workdays=4),
    Story.BYPASSED: Requirements(
        categories=("11-04",), sources=_VILLAGER, mark=Mark.BYPASS, reporter=True, workdays=4
    ),
    Story.CANCELLED: _sent(*_TOWNSHIP),
    Story.EMERGENCY: _emergency("02-03", "02-07", "03-03", "04-03", "09-02"),
    Story.DECLARED_EMERGENCY: Requirements(
        categories=("06-07", "02-06"), sources=_GRID, workdays=1, days=2
    ),
    Story.DECLINED: _sent(*_SMALL, workdays=4),
    Story.NOBODY_AVAILABLE: _sent("06-02", "08-03", workdays=5),
    Story.SILENT_MEMBER: _sent(*_SMALL, workdays=4),
    Story.HELP_WANTED: _sent(*_TOWNSHIP, workdays=4),
    Story.WITHOUT_HELPERS: _sent(*_TOWNSHIP, workdays=4),
    Story.RETURN_UPHELD: _sent(*_DEPARTMENT, workdays=4),
    Story.RETURN_REFUSED: _sent(*_DEPARTMENT, workdays=4),
    Story.REASSIGNED: _sent(*_TOWNSHIP, workdays=4),
    Story.EXTENDED: _sent(*_DEPARTMENT, workdays=5),
    Story.EXTENSION_REFUSED: _sent(*_DEPARTMENT, workdays=4),
    Story.SUSPENDED: _sent(*_TOWNSHIP, workdays=5),
    Story.RESUMED: _sent(*_TOWNSHIP, workdays=5),
    Story.SUSPENSION_REFUSED: _sent(*_TOWNSHIP, workdays=4),
    Story.REWORK: _sent("06-02", "08-03", workdays=4),
    Story.REWORK_ORDERED: _sent("06-02", "08-03", workdays=5),
    Story.URGED: _sent(*_DEPARTMENT, workdays=4),
    Story.REOPENED: _sent("08-07", "11-05", workdays=5),
    Story.REOPENED_LATER: Requirements(
        categories=("08-07", "11-05"),
        sources=_VILLAGER,
        reporter=True,
        office_hours=True,
        workdays=5,
    ),
    Story.UNREACHED: _sent("08-07", "11-05", workdays=5),
    Story.UNREACHABLE: _sent("08-07", "11-05", workdays=5),
    Story.LINKED: Requirements(
        categories=("08-07", "11-05"),
        sources=_VILLAGER,
        reporter=True,
        office_hours=True,
        workdays=4,
    ),
    Story.DISPUTED: Requirements(
        categories=_DEPARTMENT, sources=_VILLAGER, reporter=True, office_hours=True, workdays=5
    ),
    Story.ARCHIVED: _sent("08-07", "11-05", workdays=3, days=31),
    Story.WHISTLE_ROUTINE: _whistle("05-03"),
    Story.WHISTLE_LATE: _whistle("05-03"),
    Story.WHISTLE_HARD: _whistle("05-03"),
    Story.WHISTLE_EMERGENCY: _emergency(*_FLOOD, days=3),
    Story.WHISTLE_UNCONFIRMED: _emergency(*_FLOOD, days=2),
    Story.WHISTLE_REFUSED: _whistle("05-03"),
    Story.WHISTLE_OBJECTION_UPHELD: _whistle("05-03"),
    Story.WHISTLE_OBJECTION_REFUSED: _whistle("05-03"),
    Story.WHISTLE_NO_SHOW: _emergency(*_FLOOD, workdays=4, days=1),
    Story.MEETING_AGREED: _sent("05-04", workdays=5),
    Story.MEETING_ESCALATED: _sent("01-07", "01-02", workdays=3),
    Story.HEARING: _sent("09-04", "07-03", "08-06", workdays=5),
    Story.COUNCIL_AGREED: _sent("11-06", workdays=4, days=3),
    Story.COUNCIL_REFERRED: _sent("11-06", workdays=2, days=3),
    Story.NO_AGREEMENT: _sent("01-07", "01-01", workdays=3),
    Story.CONSULTATION_TIMED_OUT: _sent("01-01", "05-04", workdays=11),
    Story.FOUR_TWO_PASSED: _sent(*_RESERVED, workdays=8, days=17),
    Story.FOUR_TWO_NO_QUORUM_MEMBERS: _sent(*_RESERVED, workdays=2, days=7),
    Story.FOUR_TWO_MEMBERS_AGAINST: _sent(*_RESERVED, workdays=2, days=3),
    Story.FOUR_TWO_NO_QUORUM_VILLAGERS: _sent(*_RESERVED, workdays=5, days=4),
    Story.FOUR_TWO_VILLAGERS_AGAINST: _sent(*_RESERVED, workdays=4, days=4),
    Story.FOUR_TWO_COMMITTEES_AGAINST: _sent(*_RESERVED, workdays=2),
    Story.FOUR_TWO_OBJECTION_UPHELD: _sent(*_RESERVED, workdays=9, days=14),
    Story.FOUR_TWO_OBJECTION_REFUSED: _sent(*_RESERVED, workdays=6, days=11),
}

CATEGORIES: Mapping[Story, tuple[str, ...]] = {
    story: found.categories for story, found in REQUIREMENTS.items()
}
SOURCES: Mapping[Story, tuple[ReportSource, ...]] = {
    story: found.sources for story, found in REQUIREMENTS.items()
}
#: Stories that fit into the week only when they are reported on its first day, or before it.
START_EARLY = frozenset(
    story for story, found in REQUIREMENTS.items() if found.takes >= timedelta(days=_WEEK)
)


def requirements(story: Story) -> Requirements:
    """Return what a report of this story must be like."""
    return REQUIREMENTS[story]


def file_by(story: Story, end: datetime, office: Office) -> datetime:
    """Return the last moment at which its report may be filed to have come about by `end`.

    Counts holidays; may lie before the week begins: then the simulation begins that much earlier
    for this report.
    """
    need = requirements(story)
    day = (office.local(end) - timedelta(days=need.days)).date()
    left = need.workdays
    while left:
        day -= timedelta(days=1)
        left -= office.calendar.is_workday(day).workday
    return office.utc(datetime.combine(day, time()) + office.hours.opening)
