"""How a body comes together: when it meets, who is on its roll, what its sheet says. Pure."""

from datetime import datetime, time, timedelta

from msgspec import Struct

from events.contract.consultation import ConsultationInvited, Seat, Stage
from flows.decide.consultation_rules import SittingRule
from models.consulting import Consultation
from models.policy.actions import Action
from models.policy.consultation import Base, BodyRank, Roll, Threshold
from models.policy.people import OrgKind, Role
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story

#: local times at which villagers meet, whatever the day
_HOURS = (time(9), time(14, 30), time(19))
#: a meeting of offices, so much office time after its notice
_SAME_DAY = timedelta(hours=3)
#: how much longer before a meeting its notice goes out than it must
_TO_SPARE = timedelta(minutes=30)
#: adults with a vote in a household, where no roll by person is kept
_ADULTS = 2
_HOUSEHOLD_ROLLS = (Roll.HOUSEHOLDS, Roll.GROUP_HOUSEHOLDS)
_ELECTED = (Roll.REPRESENTATIVES, Roll.COUNCIL_MEMBERS)
#: story → the meeting to which one too few comes, or in which one too few approves
_TOO_FEW = {
    Story.FOUR_TWO_NO_QUORUM_MEMBERS: Stage.MEMBERS_MEETING,
    Story.FOUR_TWO_NO_QUORUM_VILLAGERS: Stage.RESOLVE,
}
_AGAINST = {
    Story.FOUR_TWO_COMMITTEES_AGAINST: Stage.DELIBERATE,
    Story.FOUR_TWO_MEMBERS_AGAINST: Stage.MEMBERS_MEETING,
    Story.FOUR_TWO_VILLAGERS_AGAINST: Stage.RESOLVE,
}


class SheetFigures(Struct, frozen=True, kw_only=True):
    """What the signed sheet of a meeting says."""

    eligible: int
    present: int
    in_favour: int
    against: int
    abstained: int = 0


def turn_of(talk: Consultation) -> str:
    """Return what tells one calling of a stage from the next: taken down, or called again."""
    upheld = sum(objection.settled == "upheld" for objection in talk.objections)
    return f"{talk.id}|{talk.stage}|{upheld}|{talk.recalls}"


def call_together(scene: Scene, talk: Consultation, rule: SittingRule) -> Act | None:
    """Return the notice of the sitting at the present stage, by whom policy lets call it."""
    roles = tuple(call.role for call in rule.body.call if call.role is not None)
    acting = scene.only(Action.CONSULTATION_INVITE, *roles)
    if acting is None:
        return None
    drawn = (20, 90, "invite", turn_of(talk))
    after = scene.soon(*drawn) if _of_offices(rule) else scene.any_day(*drawn)
    seats = roll_of(scene, rule)
    return Act(
        need=f"invite|{turn_of(talk)}",
        acting=acting,
        after=after,
        data=ConsultationInvited(
            stage=Stage(talk.stage),
            meets_at=_meets_at(scene, rule, scene.now + after),
            roll=seats,
            eligible=0 if seats else _eligible(scene, rule),
            place="村党群服务中心",
        ),
    )


def _meets_at(scene: Scene, rule: SittingRule, told: datetime) -> datetime:
    if _of_offices(rule):
        return scene.office.utc(scene.office.forward(scene.office.local(told), _SAME_DAY))
    earliest = scene.office.local(told + (rule.notice or timedelta()) + _TO_SPARE)
    days = (earliest.date() + timedelta(days=day) for day in range(2))
    moments = (datetime.combine(day, hour) for day in days for hour in _HOURS)
    return scene.office.utc(next(moment for moment in moments if moment >= earliest))


def _of_offices(rule: SittingRule) -> bool:
    """Tell whether units sit together, rather than villagers."""
    return rule.notice is None and rule.body.rank is BodyRank.DELIBERATION


def roll_of(scene: Scene, rule: SittingRule) -> tuple[Seat, ...]:
    """Return the seats by person, where a roll by person is kept."""
    first = rule.rolls[0] if rule.rolls else None
    village = scene.directory.by_code(scene.case.village, OrgKind.VILLAGE, scene.now)
    if village is None or first is None:
        return ()
    if first in _ELECTED:
        elected = scene.directory.holders(Role.VILLAGE_REPRESENTATIVE, village.id, scene.now)
        return tuple(Seat(person=person) for person in elected)
    if first is Roll.FULL_PARTY_MEMBERS:
        return tuple(_seat(scene, person) for person in _party_members(scene, village.id))
    return ()


def _party_members(scene: Scene, village: str) -> tuple[str, ...]:
    directory, now = scene.directory, scene.now
    branches = [
        branch.id
        for grid in directory.orgs(now, kind=OrgKind.GRID, parent=village)
        for branch in directory.serving(grid.id, now)
    ]
    found = [who for org in branches for who in directory.holders(Role.PARTY_MEMBER, org, now)]
    return tuple(dict.fromkeys(found))


def _seat(scene: Scene, person: str) -> Seat:
    """Give a full member a vote; who has worked away for long is struck by rule (seldom)."""
    known = scene.directory.person(person, scene.now)
    votes = known is not None and known.party_status == "full"
    away = votes and known is not None and known.availability == "away"
    return Seat(person=person, votes=votes, struck="长期外出" if away else "")


def _eligible(scene: Scene, rule: SittingRule) -> int:
    if not rule.rolls:
        return 0
    village = scene.directory.by_code(scene.case.village, OrgKind.VILLAGE, scene.now)
    households = village.households if village is not None else 0
    return households if rule.rolls[0] in _HOUSEHOLD_ROLLS else households * _ADULTS


def sheet_of(scene: Scene, talk: Consultation, rule: SittingRule) -> SheetFigures:
    """Return what the signed sheet says: enough, or exactly one too few where the story says so."""
    stage, story = Stage(talk.stage), scene.story
    eligible, members = talk.eligible, max(talk.members, talk.eligible)
    of = {Base.ELIGIBLE: eligible, Base.ALL: members}
    quorum, passing = rule.quorum(talk.counted), rule.passing
    enough = _least(quorum, of[quorum.base]) if quorum is not None else eligible // 2
    if _TOO_FEW.get(story) is stage:
        return SheetFigures(eligible=eligible, present=enough - 1, in_favour=enough - 1, against=0)
    present = _between(scene, max(enough, eligible * 9 // 10), eligible, talk)
    if passing is None:
        return SheetFigures(eligible=eligible, present=present, in_favour=0, against=0)
    needed = _least(passing, of.get(passing.base, present))
    if _AGAINST.get(story) is stage:
        in_favour = needed - 1
    else:
        in_favour = _between(scene, max(needed, present * 8 // 10), present, talk)
    rest = present - in_favour
    return SheetFigures(
        eligible=eligible,
        present=present,
        in_favour=in_favour,
        against=rest - rest // 3,
        abstained=rest // 3,
    )


def committees(scene: Scene, rule: SittingRule) -> SheetFigures:
    """Return how the two committees voted, who are on no roll: of one mind, or split in half."""
    village = scene.directory.by_code(scene.case.village, OrgKind.VILLAGE, scene.now)
    seats = len(
        scene.directory.holders(Role.TWO_COMMITTEES_MEMBER, village.id, scene.now)
        if village is not None
        else ()
    )
    needed = _least(rule.passing, seats) if rule.passing is not None else seats
    against = _AGAINST.get(scene.story) is Stage.DELIBERATE
    in_favour = needed - 1 if against else seats
    return SheetFigures(
        eligible=seats, present=seats, in_favour=in_favour, against=seats - in_favour
    )


def _least(share: Threshold, of: int) -> int:
    """Return the smallest count that is enough."""
    return next((count for count in range(of + 1) if share.met(count, of)), of)


def _between(scene: Scene, low: int, high: int, talk: Consultation) -> int:
    return scene.draw.between(min(low, high), high, scene.case.id, "sheet", turn_of(talk))
