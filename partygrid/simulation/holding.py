"""Work that waits because the story wants something else to happen first. Pure."""

from models.case import AskKind
from models.handling import AssignmentState, WhistleState
from models.policy.actions import Action
from partygrid.simulation.scene import Scene
from partygrid.simulation.stories import WHISTLES, Story

#: Settled on the spot, or another unit's: nobody needs to be found for it.
_NOT_SEARCHED = (Story.SELF_CLOSED, Story.RECLASSIFIED)
_SETTLED_WHISTLES = (WhistleState.REFUSED, WhistleState.FINISHED, WhistleState.ENDED)


def no_search(scene: Scene) -> bool:
    """Tell whether nobody is to be chosen or asked yet."""
    case = scene.case
    match scene.story:
        case Story.SELF_CLOSED:
            return True
        case Story.SELF_CLOSED_BADLY:
            return not case.reopened
        case Story.RECLASSIFIED:
            return case.category == "06-02"
    return False


def no_work(scene: Scene) -> bool:
    """Tell whether who has the work is not to go on with it yet."""
    case, story = scene.case, scene.story
    if story in WHISTLES:
        return case.whistle is None or case.whistle.state not in _SETTLED_WHISTLES
    match story:
        case Story.CANCELLED:
            return True
        case Story.REASSIGNED:
            return len(case.leads) == 1
        case Story.DECLARED_EMERGENCY:
            return not case.emergency_level
        case Story.HELP_WANTED:
            return case.assignment is None or case.assignment.aid is not AssignmentState.ACCEPTED
        case Story.EXTENDED | Story.EXTENSION_REFUSED:
            return not _answered(scene, AskKind.EXTENSION)
        case Story.SUSPENDED | Story.RESUMED | Story.SUSPENSION_REFUSED:
            return not _answered(scene, AskKind.SUSPENSION)
        case Story.URGED:
            return not case.supervised
    return no_search(scene)


def _answered(scene: Scene, kind: AskKind) -> bool:
    asked = (
        Action.ASSIGNMENT_ASK_EXTENSION
        if kind is AskKind.EXTENSION
        else Action.ASSIGNMENT_ASK_SUSPENSION
    )
    return scene.did(asked) and scene.case.ask is None
