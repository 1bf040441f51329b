"""Can everything be done by somebody, and never both halves by one? Pure."""

from collections.abc import Mapping

from models.policy.actions import Action
from models.policy.checks.finding import Findings, error, warning
from models.policy.people import OrgKind, Role
from models.policy.schema import Policy

#: Halves that two persons must do (domain.md sections 2, 3 and 10).
_APART = (
    (Action.ASSIGNMENT_HANDLE, Action.FEEDBACK_CLOSE, "handler_may_close"),
    (Action.ASSIGNMENT_HANDLE, Action.ASSIGNMENT_CHECK, "handler_may_check"),
    (Action.ASSIGNMENT_ASK_EXTENSION, Action.ASSIGNMENT_GRANT_EXTENSION, "asker_may_grant"),
    (Action.ASSIGNMENT_ASK_SUSPENSION, Action.ASSIGNMENT_GRANT_SUSPENSION, "asker_may_grant"),
    (Action.ASSIGNMENT_RETURN, Action.ASSIGNMENT_ADJUDICATE_RETURN, "asker_may_grant"),
    (Action.ESCALATION_OBJECT, Action.ESCALATION_ADJUDICATE, "asker_may_grant"),
    (Action.IDENTITY_ASK_UNMASK, Action.IDENTITY_APPROVE_UNMASK, "asker_may_grant"),
)


def check_people(policy: Policy, held: Mapping[Role, int] | None) -> Findings:
    """Find actions nobody may do, roles nobody can hold or holds, and halves not kept apart.

    `held` counts the persons who hold each role; without it only the pack itself is looked at.
    """
    for action in Action:
        if not policy.roles.holders[action]:
            message = "no role may do it; grant it to one"
            yield error("action_without_role", f"roles.roles ({action})", message)
    for role, rule in policy.roles.roles.items():
        place = f"roles.roles.{role}"
        if not rule.at:
            yield error("role_without_level", place, "can be held nowhere; name a level in `at`")
        if held is not None and rule.wanted and held.get(role, 0) < rule.wanted:
            message = f"held by {held.get(role, 0)}, wanted {rule.wanted}; assign the role"
            yield warning("role_not_held", place, message)
    yield from _askers(policy)
    for first, then, code in _APART:
        if first not in policy.roles.barred_by[then]:
            message = f"nothing keeps who did {first} from {then}; add a separation"
            yield error(code, "roles.separations", message)


def _askers(policy: Policy) -> Findings:
    """Departments and townships ask; the county approves (domain.md section 5)."""
    rules = policy.roles.roles
    asking = {kind for role in policy.roles.holders[Action.TASK_REQUEST] for kind in rules[role].at}
    if OrgKind.TOWNSHIP_ORGAN in asking:
        asking.add(OrgKind.TOWNSHIP)  # it asks through its organs
    for item_id, matter in policy.admission.listed.items():
        for owner in matter.asked_by:
            if owner.level not in asking:
                place = f"admission.listed.{item_id}.asked_by"
                message = f"no role of a {owner.level} may ask; name a department or the township"
                yield error("asker_without_role", place, message)
