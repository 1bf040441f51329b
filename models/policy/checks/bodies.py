"""Can every body decide, and is every reserved matter somebody's? Pure."""

from models.policy.actions import Action
from models.policy.categories import ReservedMatter
from models.policy.checks.finding import Findings, error
from models.policy.consultation import Body, BodyRank, ConsultationRules, Threshold
from models.policy.schema import Policy

_ORDER = (
    Action.CONSULTATION_STEP_PROPOSE,
    Action.CONSULTATION_STEP_DELIBERATE,
    Action.CONSULTATION_STEP_MEMBERS_MEETING,
    Action.CONSULTATION_STEP_RESOLVE,
    Action.CONSULTATION_STEP_PUBLISH_RESOLUTION,
    Action.CONSULTATION_STEP_PUBLISH_RESULT,
)
_BINDING = (BodyRank.COMMITTEE, BodyRank.DELEGATED, BodyRank.ASSEMBLY)


def check_bodies(policy: Policy) -> Findings:
    """Find thresholds nobody can meet, bodies without a quorum, steps left out."""
    rules = policy.consultation
    for key, body in rules.bodies.items():
        yield from _body(f"consultation.bodies.{key}", body, rules)
    for matter in ReservedMatter:
        if not any(matter in body.reserved for body in rules.bodies.values()):
            yield error("reserved_by_nobody", "consultation.bodies", f"no body may decide {matter}")
    if tuple(step.action for step in rules.steps) != _ORDER:
        message = "四议两公开 has six steps, all in order, none left out"
        yield error("steps_incomplete", "consultation.steps", message)
    for index, step in enumerate(rules.steps):
        for threshold in (step.quorum, step.passing):
            yield from _threshold(f"consultation.steps.{index}", threshold)


def _body(place: str, body: Body, rules: ConsultationRules) -> Findings:
    for quorum in body.quorums:
        yield from _threshold(place, quorum.share)
    yield from _threshold(place, body.passing)
    for call in body.call:
        yield from _threshold(place, call.share)
    if body.rank in _BINDING and (not body.quorums or body.passing is None):
        yield error("body_without_quorum", place, "binds others; give it a quorum and a threshold")
    if body.reserved and body.rank not in (BodyRank.DELEGATED, BodyRank.ASSEMBLY):
        message = "only an assembly, or whom it delegated, decides reserved matters"
        yield error("reserved_to_lower_body", place, message)
    if body.needs_registration:
        other = rules.bodies.get(body.instead or "")
        if other is None or not body.reserved <= other.reserved:
            message = "where it is not registered nobody could decide; name a body in `instead`"
            yield error("nobody_instead", place, message)


def _threshold(place: str, threshold: Threshold | None) -> Findings:
    if threshold is None:
        return
    most = threshold.num / threshold.den
    if most > 1 or (most == 1 and threshold.op == ">"):
        text = f"{threshold.op} {threshold.num}/{threshold.den}"
        yield error("impossible_threshold", place, f"{text} can never be met")
