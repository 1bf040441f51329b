"""Whether a step is waited for, and its answer: its clock, or the ladder after it ran out. Pure."""

from flows.decide.draft import Draft
from flows.decide.ladder import Place, stop_ladder
from models.clocks import ClockKind


def waits_for(sheet: Draft, kind: ClockKind) -> bool:
    """Tell whether an answer of this kind is still wanted, in time or late."""
    return any(
        clock.kind is kind or (clock.kind is ClockKind.RUNG and Place.of(clock.part).limit == kind)
        for clock in sheet.case.clocks
    )


def answer(sheet: Draft, *kinds: ClockKind) -> None:
    """Stop the clocks that this act answers, and the ladders of those that had run out."""
    sheet.stop(*kinds)
    for kind in kinds:
        stop_ladder(sheet, kind)
