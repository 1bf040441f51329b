"""Whistles asked for and blown, for the tests of what follows."""

from events.contract.escalation import WhistleApproved, WhistleRequested
from models.case import Case
from models.policy.people import Role
from models.policy.schema import Policy
from models.policy.whistle import WhistleKind
from models.values import Fate
from tests import world
from tests.unit.late_cases import ECOLOGY, WATER, Desk, late_case

DISPATCHER = (Role.DISPATCHER, world.TOWNSHIP)
PRINCIPAL = (Role.TOWNSHIP_PRINCIPAL, world.TOWNSHIP)
LEADER = (Role.DUTY_LEADER, world.TOWNSHIP)
COUNTY_CENTRE = f"{Role.COUNTY_SUPERVISOR}@{world.COUNTY}"
COUNTY_DUTY = f"{Role.COUNTY_DUTY_LEADER}@{world.COUNTY}"
SUPERVISOR = f"{Role.DUTY_SUPERVISOR}@{world.TOWNSHIP}"


def handler(unit: str) -> tuple[Role, str]:
    """Who works at a department."""
    return Role.DEPARTMENT_HANDLER, unit


def head(unit: str) -> tuple[Role, str]:
    """Who leads a department."""
    return Role.DEPARTMENT_LEAD, unit


def asked(kind: WhistleKind = WhistleKind.ROUTINE, **named: object) -> Desk:
    """A desk on which the dispatcher has asked for a whistle."""
    desk = Desk(late_case(limit="15wd"))
    request = WhistleRequested(kind=kind, reason="t", **named)  # type: ignore[arg-type]
    decision = desk.act(request, *DISPATCHER)
    assert decision.fate is Fate.APPLIED, decision.reason
    return desk


def blown(
    kind: WhistleKind = WhistleKind.ROUTINE,
    *,
    lead: str = WATER,
    helpers: tuple[str, ...] = (ECOLOGY,),
    case: Case | None = None,
    policy: Policy | None = None,
) -> Desk:
    """A desk on which a whistle was just blown."""
    desk = Desk(case or late_case(limit="15wd"), policy=policy)
    request = WhistleRequested(kind=kind, lead=lead, helpers=helpers, reason="t")
    if kind is WhistleKind.EMERGENCY:
        decision = desk.act(request, *LEADER)
    else:
        desk.act(request, *DISPATCHER)
        decision = desk.act(WhistleApproved(), *PRINCIPAL)
    assert decision.fate is Fate.APPLIED, decision.reason
    return desk
