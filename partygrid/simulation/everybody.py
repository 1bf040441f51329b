"""All the people of the week, in the order in which they look at a case."""

from collections.abc import Iterator

from flows.decide.ladder import ladder_of
from partygrid.simulation import (
    people_appraisal,
    people_assignment,
    people_consultation,
    people_emergency,
    people_feedback,
    people_four_two,
    people_intake,
    people_publicity,
    people_supervision,
    people_whistle,
    people_work,
)
from partygrid.simulation.scene import Act, React, Scene
from partygrid.simulation.stories import Story

_NEGLECTED = (Story.NEGLECTED, Story.NEGLECTED_EMERGENCY)
_STEPS: tuple[React, ...] = (
    people_intake.react,
    people_emergency.react,
    people_consultation.react,
    people_four_two.react,
    people_publicity.react,
    people_assignment.react,
    people_work.react,
    people_whistle.react,
    people_appraisal.react,
    people_supervision.react,
    people_feedback.react,
)


def react(scene: Scene) -> Iterator[Act]:
    """Let everybody do what lies with them; nobody, as long as the case is neglected."""
    if not neglected(scene):
        for step in _STEPS:
            yield from step(scene)


def neglected(scene: Scene) -> bool:
    """Tell whether nobody moves: a ladder has to be climbed to its top first."""
    top = len(ladder_of(scene.sheet).rungs) - 1
    climbed = any(rung.index >= top for rung in scene.case.rungs)
    return scene.story in _NEGLECTED and not climbed


PEOPLE: tuple[React, ...] = (react,)
