"""What a handler must ask itself where the engine may be the actor. Pure.

For persons the route has asked it already; what the engine makes passes the route unasked.
"""

from events.contract.envelope import Event
from flows.decide.draft import Draft, Refusal
from models.policy.actions import Action


def event_of(sheet: Draft) -> Event:
    """Return the event being decided. Raises TypeError for a firing: it has no event."""
    if not isinstance(sheet.input, Event):
        raise TypeError("a firing carries no event")
    return sheet.input


def unfit(sheet: Draft, action: Action) -> Refusal | None:
    """Return why `action` makes no sense in the case's state now; None where it does."""
    if sheet.policy.lifecycle.fits(sheet.case.state, action):
        return None
    return Refusal("wrong_state", {"state": str(sheet.case.state)})
