"""Lint of a pack that loads: `partygrid policy check`. Pure."""

from collections.abc import Mapping

from models.policy.checks.bodies import check_bodies
from models.policy.checks.figures import check_figures
from models.policy.checks.finding import Finding
from models.policy.checks.ladders import check_ladders
from models.policy.checks.lifecycle import check_lifecycle
from models.policy.checks.matters import check_matters
from models.policy.checks.people import check_people
from models.policy.people import Role
from models.policy.schema import Policy


def check_policy(policy: Policy, *, held: Mapping[Role, int] | None = None) -> list[Finding]:
    """Return all that is odd in the pack; with `held` also what nobody is there to do."""
    return [
        *check_lifecycle(policy),
        *check_people(policy, held),
        *check_ladders(policy, held),
        *check_matters(policy),
        *check_bodies(policy),
        *check_figures(policy),
    ]
