"""The states of a case and the moves between them, as a graph (domain.md section 2)."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import Field

from models.policy.actions import Action
from models.policy.people import Role
from models.policy.span import Name, Part, every
from models.values import CaseState


class Guard(StrEnum):
    """A condition that a move asks for; the decide modules know each by name."""

    #: category, place and evidence are there
    COMPLETE = "complete"
    #: handling tier is one that the grid or village may settle, and the category allows it
    SELF_CLOSABLE = "self_closable"
    #: photo, document, statement or witness: at least one
    EVIDENCE_OF_OUTCOME = "evidence_of_outcome"
    #: a reason is given
    REASON = "reason"
    #: citing a list item or a law
    LEGAL_BASIS = "legal_basis"
    #: not done yet on this case
    ONCE = "once"
    #: the deadline has not passed
    BEFORE_DEADLINE = "before_deadline"
    #: the policy's cap is not reached
    WITHIN_CAP = "within_cap"
    #: who acts is none of those whom the separations bar
    SEPARATE_PERSON = "separate_person"
    #: lead, helpers and deadline are known
    ROUTED = "routed"
    #: every helper signed off, or the lead overrides with a reason
    HELPERS_DONE = "helpers_done"
    #: the whistle was approved, or blown by the duty leader in an emergency
    WHISTLE_APPROVED = "whistle_approved"
    #: consultation is over, or none is needed
    CONSULTED = "consulted"
    #: the other case is open and in the same circle
    MERGE_TARGET_OPEN = "merge_target_open"
    #: within the reopening window
    REOPEN_WINDOW = "reopen_window"
    #: the visit is done or its attempts are used up
    VISITED = "visited"
    #: unsolved or dissatisfied
    UNSOLVED = "unsolved"
    #: an assignee is named
    ASSIGNED = "assigned"


class StateRule(Part):
    """One state: what it is called, whether somebody still owes something, and who."""

    name: Name
    #: somebody still owes something
    open: bool
    #: no move leads out of it
    terminal: bool = False
    #: who owns the next step while a case is in it
    owner: Role | None = None
    #: the unit or member it was given to owns the next step
    assignee_owns: bool = False


class Transition(Part):
    """A move: `action` leads from any of `sources` to `target`, if all guards hold."""

    action: Action
    sources: tuple[CaseState, ...] = Field(min_length=1)
    target: CaseState
    #: narrower than what the roles' rights say; empty: whoever may do the action
    roles: frozenset[Role] = frozenset()
    guards: tuple[Guard, ...] = ()
    #: goes back to work that was done before: no act is parked in the hope of it
    back: bool = False


class Lifecycle(Part):
    """The whole graph (lifecycle.yaml). Every case begins as a `STUB`."""

    states: Annotated[Mapping[CaseState, StateRule], every(CaseState)]
    transitions: tuple[Transition, ...]
    #: acts that leave the state as it is, and the states in which they make sense
    within: Mapping[Action, frozenset[CaseState]]

    @cached_property
    def _moves(self) -> Mapping[tuple[CaseState, Action], tuple[Transition, ...]]:
        found: dict[tuple[CaseState, Action], tuple[Transition, ...]] = {}
        for move in self.transitions:
            for source in move.sources:
                key = (source, move.action)
                found[key] = (*found.get(key, ()), move)
        return found

    def moves(self, state: CaseState, action: Action) -> tuple[Transition, ...]:
        """Return the moves that `action` may make from `state`."""
        return self._moves.get((state, action), ())

    @cached_property
    def reach(self) -> Mapping[CaseState, frozenset[CaseState]]:
        """For each state, the states that lie ahead of it in one move or more."""
        return _reach(self.states, self.transitions)

    def can_reach(self, from_state: CaseState, to_state: CaseState) -> bool:
        """Tell whether a case in `from_state` may still come to `to_state` (or is there)."""
        return from_state is to_state or to_state in self.reach[from_state]

    @cached_property
    def _fitting(self) -> Mapping[Action, frozenset[CaseState]]:
        found: dict[Action, set[CaseState]] = {
            action: set(states) for action, states in self.within.items()
        }
        for move in self.transitions:
            found.setdefault(move.action, set()).update(move.sources)
        return {action: frozenset(states) for action, states in found.items()}

    def states_for(self, action: Action) -> frozenset[CaseState]:
        """Return the states in which `action` makes sense."""
        return self._fitting.get(action, frozenset())

    @cached_property
    def _ahead(self) -> Mapping[CaseState, frozenset[CaseState]]:
        return _reach(self.states, [move for move in self.transitions if not move.back])

    @cached_property
    def _later(self) -> frozenset[tuple[CaseState, Action]]:
        return frozenset(
            (state, action)
            for state in self.states
            for action, fitting in self._fitting.items()
            if self._ahead[state] & fitting
        )

    def fits(self, state: CaseState, action: Action) -> bool:
        """Tell whether `action` makes sense in `state` now."""
        return state in self.states_for(action)

    def may_fit_later(self, state: CaseState, action: Action) -> bool:
        """Tell whether a state that `action` fits still lies ahead: park it, do not refuse.

        Ways that go back to earlier work do not count, or hardly anything could be refused.
        """
        return (state, action) in self._later

    @cached_property
    def open_states(self) -> frozenset[CaseState]:
        """States in which somebody still owes something."""
        return frozenset(state for state, rule in self.states.items() if rule.open)


def _reach(
    states: Iterable[CaseState], moves: Sequence[Transition]
) -> Mapping[CaseState, frozenset[CaseState]]:
    """Return for each state what can be reached from it by these moves."""
    after = {state: {move.target for move in moves if state in move.sources} for state in states}
    ahead: dict[CaseState, frozenset[CaseState]] = {}
    for state in after:
        seen: set[CaseState] = set()
        waiting = list(after[state])
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                waiting.extend(after.get(here, ()))
        ahead[state] = frozenset(seen)
    return ahead
