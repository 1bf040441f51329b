"""Can every case come to an end, and does somebody own it on the way? Pure."""

from models.policy.actions import Action
from models.policy.checks.finding import Findings, error, warning
from models.policy.lifecycle import Lifecycle, StateRule, Transition
from models.policy.people import People, Role
from models.policy.schema import Policy
from models.values import CaseState

_CASE_TOPICS = ("report.", "consultation.", "assignment.", "escalation.", "feedback.")


def check_lifecycle(policy: Policy) -> Findings:
    """Find unreachable states, dead ends, states nobody owns and moves nobody may make."""
    for state, rule in policy.lifecycle.states.items():
        yield from _state(state, rule, policy.lifecycle)
        yield from _owner(state, rule, policy)
    for index, move in enumerate(policy.lifecycle.transitions):
        yield from _move(f"lifecycle.transitions.{index}", move, policy.roles)
    for action in Action:
        if action.startswith(_CASE_TOPICS) and not policy.lifecycle.states_for(action):
            place = f"lifecycle.within.{action}"
            yield error("action_without_state", place, "fits no state; name the states it fits")


def _state(state: CaseState, rule: StateRule, lifecycle: Lifecycle) -> Findings:
    place, ahead = f"lifecycle.states.{state}", lifecycle.reach[state]
    if state is not CaseState.STUB and state not in lifecycle.reach[CaseState.STUB]:
        yield error("unreachable_state", place, "no way leads here; add a transition or drop it")
    if rule.terminal and ahead:
        yield error("terminal_left", place, "is called terminal, and a transition leads out of it")
    if not rule.terminal and not ahead:
        yield error("dead_end", place, "no way leads out; add a transition or call it terminal")
    elif rule.open and not ahead - lifecycle.open_states:
        yield error("never_closes", place, "no closed state lies ahead; cases would stay open")


def _owner(state: CaseState, rule: StateRule, policy: Policy) -> Findings:
    place = f"lifecycle.states.{state}"
    if rule.open and state is not CaseState.STUB and not (rule.owner or rule.assignee_owns):
        yield error("state_without_owner", place, "is open and owned by nobody; name a role")
    if rule.owner is not None and not any(
        policy.lifecycle.fits(state, action) for action in policy.roles.roles[rule.owner].actions
    ):
        yield error("owner_cannot_act", place, f"{rule.owner} owns it and may do nothing in it")


def _move(place: str, move: Transition, people: People) -> Findings:
    able = people.holders[move.action]
    if not (move.roles & able if move.roles else able):
        yield error("move_without_role", place, f"no role may do {move.action}; grant the right")
    for role in sorted(move.roles - able, key=list(Role).index):
        yield warning("role_lacks_right", place, f"names {role}, which may not do {move.action}")
