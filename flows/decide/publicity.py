"""两公开: what was resolved, and what came of it, hang out for a period. Pure.

The period runs out whatever is said; objections raised in it have to be settled before what hangs
out stands (`publicity_objections`).
"""

from events.contract.consultation import (
    ConsultationOutcome,
    ResolutionPublished,
    ResultPublished,
    Stage,
)
from flows.decide.consultation_end import finish
from flows.decide.consultation_items import clear_results, owe_results
from flows.decide.consultation_rules import (
    STAGE_OF,
    edit,
    event_id,
    happened_at,
    is_four_two,
    steps,
)
from flows.decide.decision import Firing
from flows.decide.draft import Detail, Draft, Refusal
from flows.decide.escalation import no_longer_needed, rings
from flows.decide.four_two import at_step
from flows.decide.places import role_at
from flows.decide.route import fires, handles
from flows.decide.waiting import answer
from models.case import Case
from models.clocks import ClockKind
from models.consulting import Consultation, Objection, Passed
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import SETTLED_STATES, Step
from notifications.notice import NoticeKind, instant


@handles(ResolutionPublished)
def publish_resolution(sheet: Draft, data: ResolutionPublished) -> Refusal | None:
    """⑤ When the resolution was put up; the period begins now."""
    action = Action.CONSULTATION_STEP_PUBLISH_RESOLUTION
    talk = at_step(sheet, action)
    if isinstance(talk, Refusal):
        return talk
    answer(sheet, ClockKind.CONVENE, ClockKind.CONCLUDE)
    _hang_out(sheet, talk, action, data)
    return None


@handles(ResultPublished)
def publish_result(sheet: Draft, data: ResultPublished) -> Refusal | None:
    """⑥ When the results were put up, after the work was handled; the second period begins."""
    talk = sheet.case.consultation
    if talk is None or not is_four_two(talk):
        return Refusal("not_four_two", {"kind": talk.kind if talk else ""})
    agreed = talk.outcome == ConsultationOutcome.AGREED
    if not agreed or talk.stage != Stage.PUBLISH_RESULT or talk.publicity:
        got = str(Stage.PUBLISH_RESULT)
        return Refusal("step_out_of_order", {"expected": talk.stage, "got": got})
    if talk.passed[-1].stage == Stage.PUBLISH_RESULT:
        return Refusal("published_already")
    if not _handled(sheet.case):
        return Refusal("not_handled_yet", {"state": str(sheet.case.state)})
    clear_results(sheet)
    _hang_out(sheet, sheet.case.consultation or talk, Action.CONSULTATION_STEP_PUBLISH_RESULT, data)
    return None


def _handled(case: Case) -> bool:
    """Tell whether the resolved work is said to be done, by whomever it was given to."""
    by_unit = case.assignment is not None and case.assignment.handled_at is not None
    by_whistle = case.whistle is not None and case.whistle.finished_at is not None
    return by_unit or by_whistle or case.state in SETTLED_STATES


def results_owed(case: Case) -> bool:
    """Tell whether a resolution was passed whose results have not been published yet (⑥)."""
    talk = case.consultation
    if talk is None or not is_four_two(talk) or talk.outcome != ConsultationOutcome.AGREED:
        return False
    return all(passed.stage != Stage.PUBLISH_RESULT for passed in talk.passed)


def _hang_out(
    sheet: Draft,
    talk: Consultation,
    action: Action,
    data: ResolutionPublished | ResultPublished,
) -> None:
    stage = STAGE_OF[action]
    period = steps(sheet)[stage].publicity or sheet.policy.consultation.publicity.period
    until = sheet.now + period
    talk = edit(
        sheet,
        talk,
        passed=(*talk.passed, Passed(stage=stage, at=happened_at(sheet), event=event_id(sheet))),
        stage=Stage.PUBLISH_RESULT,
        publicity=stage,
    )
    sheet.start_until(ClockKind.PUBLICITY, until, part=stage)
    sheet.record(
        action,
        words=data.text,
        rule=f"consultation/steps/{action}",
        evidence=data.evidence,
        detail={"until": instant(until)},
    )
    for role in sheet.policy.consultation.publicity.checked_by:
        tell_village(
            sheet, talk, NoticeKind.PUBLICITY_STARTED, role, stage, until_at=instant(until)
        )


def tell_village(
    sheet: Draft,
    talk: Consultation,
    kind: NoticeKind,
    role: Role,
    about: str,
    **params: str,
) -> None:
    """Tell the village's holders of a role, or those above it."""
    recipient = role_at(sheet, role, OrgKind.VILLAGE) or role_at(sheet, role, OrgKind.TOWNSHIP)
    if recipient is not None:
        body = sheet.policy.consultation.body(talk.body).name.zh
        sheet.notify(kind, recipient, about=f"{talk.id}|{about}", body=body, **params)


@fires(Step.CONSULTATION, ClockKind.PUBLICITY)
def publicity_over(sheet: Draft, firing: Firing) -> None:
    """When the period is over: it ends, once the objections raised in it are settled."""
    if not rings(sheet, firing, settled_too=True):
        return
    talk = sheet.case.consultation
    if talk is None or talk.publicity != firing.clock.part:
        no_longer_needed(sheet, firing)
    elif unsettled(talk):
        detail: Detail = {"open": len(unsettled(talk))}
        sheet.record(f"timer:{firing.clock.kind}", reason="objection_open", detail=detail)
    else:
        end_publicity(sheet, talk, f"timer:{firing.clock.kind}")


def unsettled(talk: Consultation) -> tuple[Objection, ...]:
    """Return the objections that nothing has settled yet."""
    return tuple(objection for objection in talk.objections if not objection.settled)


def end_publicity(sheet: Draft, talk: Consultation, action: str) -> None:
    """⑤: the resolution stands and is carried out; ⑥: nothing is owed any more."""
    if talk.publicity == Stage.PUBLISH_RESOLUTION:
        finish(sheet, talk, ConsultationOutcome.AGREED, action=action, reason="publicity_over")
        owe_results(sheet, sheet.case.consultation or talk)
    else:
        edit(sheet, talk, publicity="")
        sheet.record(action, reason="publicity_over", detail={"stage": talk.publicity})
