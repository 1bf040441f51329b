"""Which body sits now, by which rule, and who may decide what at all. Pure."""

from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from events.contract.consultation import ConsultationKind, Stage
from events.contract.envelope import Event
from flows.decide.able import able
from flows.decide.draft import Draft, Refusal
from flows.decide.places import org_at
from models.case import Owner
from models.consulting import Consultation
from models.policy.actions import Action
from models.policy.consultation import Body, BodyRank, Outcome, Quorum, Roll, Step, Threshold
from models.policy.people import OrgKind, Role

#: Steps of the four deliberations and two publications, as policy and as events name them.
STAGE_OF: dict[Action, Stage] = {
    Action.CONSULTATION_STEP_PROPOSE: Stage.PROPOSE,
    Action.CONSULTATION_STEP_DELIBERATE: Stage.DELIBERATE,
    Action.CONSULTATION_STEP_MEMBERS_MEETING: Stage.MEMBERS_MEETING,
    Action.CONSULTATION_STEP_RESOLVE: Stage.RESOLVE,
    Action.CONSULTATION_STEP_PUBLISH_RESOLUTION: Stage.PUBLISH_RESOLUTION,
    Action.CONSULTATION_STEP_PUBLISH_RESULT: Stage.PUBLISH_RESULT,
}
#: From here on a body's word binds: it resolves, the weaker ones deliberate or hear.
_RESOLVING = (BodyRank.DELEGATED, BodyRank.ASSEMBLY)
_RANKS = tuple(BodyRank)


class SittingRule(NamedTuple):
    """What is asked of the sitting at a stage: the body's own rule, or the step's where it says."""

    body: Body
    quorums: tuple[Quorum, ...]
    passing: Threshold | None
    notice: timedelta | None

    @property
    def rolls(self) -> tuple[Roll, ...]:
        """The rolls that may be counted; the first where nobody says which."""
        return tuple(quorum.roll for quorum in self.quorums)

    def quorum(self, counted: str) -> Threshold | None:
        """Return the quorum of the roll that is counted."""
        for quorum in self.quorums:
            if quorum.roll == counted or not counted:
                return quorum.share
        return None


def running(sheet: Draft) -> Consultation | Refusal:
    """Return the consultation that still goes on, or why there is none."""
    talk = sheet.case.consultation
    if talk is None:
        return Refusal("no_consultation")
    if talk.concluded_at is not None:
        return Refusal("consultation_over", {"outcome": talk.outcome})
    return talk


def edit(sheet: Draft, talk: Consultation, **fields: object) -> Consultation:
    """Set fields of the case's consultation and return it."""
    changed: Consultation = replace(talk, **fields)
    sheet.change(consultation=changed)
    return changed


def is_four_two(talk: Consultation) -> bool:
    """Tell whether it goes through the six ordered steps."""
    return talk.kind == ConsultationKind.FOUR_TWO


def steps(sheet: Draft) -> dict[Stage, Step]:
    """Return policy's steps by stage, in order."""
    return {STAGE_OF[step.action]: step for step in sheet.policy.consultation.steps}


def rule_at(sheet: Draft, talk: Consultation, *, body: str = "") -> SittingRule | None:
    """Return the rule of the sitting at the present stage; None where nobody sits (publishing).

    `body` names who resolves, where the step leaves that open; else it is the consultation's.
    """
    if not is_four_two(talk):
        return _rule(sheet.policy.consultation.body(talk.body), None)
    step = steps(sheet)[Stage(talk.stage)]
    if step.body is None:
        return None
    key = (body or talk.body) if talk.stage == Stage.RESOLVE else step.body
    return _rule(sheet.policy.consultation.body(key), step)


def _rule(body: Body, step: Step | None) -> SittingRule:
    quorums, passing, notice = body.quorums, body.passing, body.notice
    if step is not None:
        if step.quorum is not None:
            quorums = tuple(Quorum(roll=own.roll, share=step.quorum) for own in body.quorums)
        passing = step.passing or passing
        notice = step.notice if step.notice is not None else notice
    return SittingRule(body, quorums, passing, notice)


def seated(sheet: Draft, key: str) -> str:
    """Return the body that sits for `key`: where none is registered, the one policy names instead.

    A collective economic organisation is registered where somebody is its head.
    """
    body = sheet.policy.consultation.body(key)
    if not body.needs_registration or body.instead is None or _registered(sheet):
        return key
    return body.instead


def _registered(sheet: Draft) -> bool:
    village = org_at(sheet, OrgKind.VILLAGE)
    return village is not None and bool(
        sheet.facts.directory.holders(Role.COLLECTIVE_DIRECTOR, village.id, sheet.now)
    )


def resolves(body: Body) -> bool:
    """Tell whether the body's word binds the village, rather than a hearing or a council's."""
    return body.rank in _RESOLVING


def reserved_from(sheet: Draft, body: Body) -> str:
    """Return the reserved matter that the case is and the body may not decide; else nothing."""
    category = sheet.policy.category(sheet.case.category)
    matter = category.reserved if category is not None else None
    return "" if matter is None or matter in body.reserved else str(matter)


def resolving_body(sheet: Draft) -> str:
    """Return who resolves step four for this case: its category's body, else the step's.

    Where that one may not decide a reserved matter, the first of policy that may.
    """
    rules, category = sheet.policy.consultation, sheet.policy.category(sheet.case.category)
    named = category.body if category is not None else None
    at_step = steps(sheet)[Stage.RESOLVE].body or rules.default_body
    candidates = [named] if named is not None and resolves(rules.body(named)) else []
    candidates += [at_step, *(key for key, body in rules.bodies.items() if resolves(body))]
    for key in (seated(sheet, candidate) for candidate in candidates):
        if resolves(rules.body(key)) and not reserved_from(sheet, rules.body(key)):
            return key
    return at_step


def may_resolve(sheet: Draft, key: str) -> Refusal | None:
    """Return why the body may not resolve this case, where it may not.

    A reserved matter: whoever policy lets decide it. Else the one that is meant to, or a stronger
    one. The collective's bodies and the village's never stand in for each other.
    """
    rules = sheet.policy.consultation
    if key not in rules.bodies:
        return Refusal("unknown_body", {"body": key})
    body, meant = rules.body(key), rules.body(resolving_body(sheet))
    if matter := reserved_from(sheet, body):
        return Refusal("reserved_matter", {"matter": matter, "body": key})
    category = sheet.policy.category(sheet.case.category)
    named = category is not None and category.reserved is not None
    weaker = _RANKS.index(body.rank) < _RANKS.index(meant.rank) and not named
    other = body.needs_registration is not meant.needs_registration
    if not resolves(body) or seated(sheet, key) != key or weaker or other:
        return Refusal("body_may_not_decide", {"body": key})
    return None


def lets(body: Body, *outcomes: Outcome) -> bool:
    """Tell whether a consultation of this body may end in one of these ways."""
    return any(outcome in body.outcomes for outcome in outcomes)


def convener(sheet: Draft, body: Body) -> Owner:
    """Return who convenes the body: a role that may call it, held nearest to the case."""
    roles = tuple(call.role for call in body.call if call.role is not None)
    return _owner(sheet, Action.CONSULTATION_INVITE, *roles)


def step_owner(sheet: Draft, step: Step) -> Owner:
    """Return who takes a step of the four deliberations next."""
    return _owner(sheet, step.action, Role.VILLAGE_SECRETARY)


def _owner(sheet: Draft, action: Action, *roles: Role) -> Owner:
    found = able(sheet, action, *roles)
    if found is not None:
        return found
    place = org_at(sheet, OrgKind.VILLAGE) or org_at(sheet, OrgKind.TOWNSHIP)
    return Owner(org=place.id if place else sheet.case.township, role=Role.VILLAGE_SECRETARY)


def event_id(sheet: Draft) -> str:
    """Return the id of the event that is decided; what it sets is named by it later."""
    return sheet.input.id if isinstance(sheet.input, Event) else sheet.cause


def happened_at(sheet: Draft) -> datetime:
    """Return when the act happened as it was told, but never later than now."""
    return min(sheet.input.time, sheet.now) if isinstance(sheet.input, Event) else sheet.now
