"""Do shares, weights and clocks make sense? Pure."""

from collections.abc import Iterable
from itertools import pairwise

from models.policy.actions import Action
from models.policy.checks.finding import Findings, error, warning
from models.policy.checks.ladders import nominal
from models.policy.reach import PICTURES
from models.policy.schema import Policy

_CLOSE = 1e-6


def check_figures(policy: Policy) -> Findings:
    """Find shares above one, weights that do not sum up, clocks in the wrong order."""
    yield from _shares(policy)
    yield from _weights(policy)
    yield from _whistles(policy)
    yield from _roles(policy)
    yield from _digests(policy)
    yield from _evidence(policy)


def _shares(policy: Policy) -> Findings:
    shares = {
        "deadlines.warning": policy.deadlines.warning,
        "intake.self_close.audit_share": policy.intake.self_close.audit_share,
        "feedback.visited_share": policy.feedback.visited_share,
        "measures.satisfaction_floor": policy.measures.satisfaction_floor,
        "limits.dead_letter_alarm": policy.limits.dead_letter_alarm,
        "whistles.helper_share": policy.whistles.helper_share,
    }
    shares |= {f"feedback.values.{k}": value for k, value in policy.feedback.values.items()}
    for place, share in shares.items():
        if share > 1:
            yield error("share_above_one", place, f"{share} of the whole is more than all of it")
    if policy.measures.lights.yellow >= policy.measures.lights.red:
        yield error("lights_order", "measures.lights", "yellow must come before red")


def _weights(policy: Policy) -> Findings:
    measures, rating, match = policy.measures, policy.whistles.rating, policy.matching.weights
    sums: dict[str, Iterable[float]] = {
        "matching.weights": match.model_dump().values(),
        "whistles.rating": rating.model_dump(exclude={"at_least"}).values(),
        "measures.rates": measures.rates.model_dump().values(),
    }
    for name in ("burden", "balance", "grid", "village"):
        index = getattr(measures, name)
        sums[f"measures.{name}"] = [part.weight for part in index.inputs.values()]
    for place, weights in sums.items():
        total = sum(weights)
        if abs(total - 1) > _CLOSE:
            yield error("weights_off", place, f"the weights sum up to {total:g}, not to 1")


def _whistles(policy: Policy) -> Findings:
    for kind, rule in policy.whistles.kinds.items():
        clocks = [rule.sign, rule.arrive, rule.plan, rule.finish, rule.extendable_to]
        lengths = [nominal(clock) for clock in clocks if clock is not None]
        if any(later < earlier for earlier, later in pairwise(lengths)):
            message = "sign, arrive, plan, finish, extendable_to must not get shorter"
            yield error("whistle_order", f"whistles.kinds.{kind}", message)
        if (rule.confirmer is None) != (rule.confirm_within is None):
            message = "confirmer and confirm_within belong together"
            yield error("confirmer_without_limit", f"whistles.kinds.{kind}", message)
    final = [level.final for level in policy.whistles.levels]
    if not final[-1] or any(final[:-1]):
        yield error("objection_never_final", "whistles.levels", "the last level, only it, is final")


def _roles(policy: Policy) -> Findings:
    rules = policy.whistles
    wanted = [
        (f"whistles.kinds.{kind}", rule.approver, Action.ESCALATION_WHISTLE_APPROVE)
        for kind, rule in rules.kinds.items()
    ]
    wanted += [
        (f"whistles.kinds.{kind}", rule.confirmer, Action.ESCALATION_WHISTLE_CONFIRM_AFTER)
        for kind, rule in rules.kinds.items()
        if rule.confirmer is not None
    ]
    for index, level in enumerate(rules.levels):
        place = f"whistles.levels.{index}"
        wanted.append((place, level.role, Action.ESCALATION_ADJUDICATE))
    wanted.append(("admission.approver", policy.admission.approver, Action.TASK_ADMIT))
    for role in policy.matching.confirmed_by:
        wanted.append(("matching.confirmed_by", role, Action.ASSIGNMENT_CONFIRM))
    for role in policy.consultation.publicity.answered_by:
        place = "consultation.publicity.answered_by"
        wanted.append((place, role, Action.CONSULTATION_PUBLICITY_ANSWER))
    for place, role, action in wanted:
        if role not in policy.roles.holders[action]:
            yield error(
                "named_without_right", place, f"{role} may not do {action}; grant the right"
            )


def _digests(policy: Policy) -> Findings:
    for key, digest in policy.digests.items.items():
        asked = {"week": digest.weekday, "month": digest.day, "quarter": digest.day}
        if digest.every in asked and asked[digest.every] is None:
            name = "weekday" if digest.every == "week" else "day"
            yield error("digest_without_day", f"digests.items.{key}", f"say on which {name}")


def _evidence(policy: Policy) -> Findings:
    """A photo is never the only way to show something (domain.md sections 2 and 10)."""
    if policy.limits.evidence.kinds <= PICTURES:
        message = "a photo must never be the only way: take documents or texts too"
        yield warning("photos_only", "limits.evidence.kinds", message)
