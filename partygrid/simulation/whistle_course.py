"""Which department of a whistle is late, holds back or is left out, as its story wants it. Pure."""

from models.clocks import ClockKind
from models.handling import Party, Whistle, WhistleObjection
from partygrid.simulation.scene import Scene
from partygrid.simulation.stories import Story

OBJECTIONS = (Story.WHISTLE_OBJECTION_UPHELD, Story.WHISTLE_OBJECTION_REFUSED)
#: clocks that the lead of a late whistle lets run out
_LEAD_LATE = (ClockKind.WHISTLE_SIGN, ClockKind.WHISTLE_ARRIVE, ClockKind.WHISTLE_PLAN)


def late_with(scene: Scene, whistle: Whistle, party: Party, kind: ClockKind) -> bool:
    """Tell whether the department still waits for this clock to run out before it answers."""
    if str(kind) in party.late:
        return False
    match scene.story:
        case Story.WHISTLE_LATE:
            return party.lead and kind in _LEAD_LATE
        case Story.WHISTLE_HARD:
            return kind is ClockKind.WHISTLE_SIGN and party is last_helper(whistle)
        case Story.WHISTLE_EMERGENCY:
            return kind is ClockKind.WHISTLE_FINISH and party is last_helper(whistle)
    return False


def left_out(scene: Scene, whistle: Whistle, party: Party) -> bool:
    """Tell whether the lead does not wait for this helper."""
    return scene.story is Story.WHISTLE_HARD and party is last_helper(whistle)


def last_helper(whistle: Whistle) -> Party | None:
    """Return the helper that was called last; None where nobody helps."""
    return next((one for one in reversed(whistle.parties) if not one.lead), None)


def holds_back(scene: Scene, whistle: Whistle, party: Party) -> bool:
    """Tell whether the department does nothing for now.

    One that objects signs, and then waits for the word of the last level; one that does not come
    waits until it is called to account; one that is left out has signed late and does no more.
    """
    if scene.story is Story.WHISTLE_NO_SHOW:
        return party.lead and not party.measures
    if scene.story is Story.WHISTLE_HARD:
        return left_out(scene, whistle, party) and party.signed_at is not None
    if scene.story not in OBJECTIONS or not party.lead or party.signed_at is None:
        return False
    mine = objection_of(whistle, party.org)
    if mine is None:
        # Whoever took over from a lead that was right does not object again.
        return not any(one.upheld for one in whistle.objections)
    return mine.decided_at is None or mine.level < len(scene.policy.whistles.levels)


def objection_of(whistle: Whistle, org: str) -> WhistleObjection | None:
    """Return the department's last objection, or None."""
    return next((one for one in reversed(whistle.objections) if one.by == org), None)
