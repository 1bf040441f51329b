"""Those who look, register, reject, merge and put right what was reported."""

from collections.abc import Iterator

from events.contract.feedback import SelfCloseAudited
from events.contract.reports import (
    MergeDeclined,
    OutcomeEvidence,
    ReportAmended,
    ReportMarked,
    ReportMerged,
    ReportReclassified,
    ReportRegistered,
    ReportRejected,
    ReportSelfClosed,
    ReportVerified,
    Verdict,
    VerificationRequested,
)
from flows.decide.intake_self_closing import drawn_for_audit
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import CaseState, Mark
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story

#: What an acceptor picks where the report named no category.
_PICKED = ("05-02", "06-02", "08-07")
#: What a wrongly categorised report turns out to be: another unit's, and more pressing.
_REALLY = "06-04"
_SETTLED_HERE = (Story.SELF_CLOSED, Story.SELF_CLOSED_BADLY)
_OPEN_TO_SETTLING = (CaseState.REGISTERED, CaseState.DISPATCHED)
_OUT = (CaseState.DISPATCHED, CaseState.ACCEPTED)


def react(scene: Scene) -> Iterator[Act]:
    """Decide what waits for a person before a case is registered, and put right what is wrong."""
    state = scene.case.state
    if state in (CaseState.REPORTED, CaseState.VERIFYING):
        yield from _before(scene)
    elif scene.story in _SETTLED_HERE and state in _OPEN_TO_SETTLING and not scene.case.reopened:
        yield from _settle(scene)
    elif scene.story in _SETTLED_HERE and state is CaseState.SELF_CLOSED:
        yield from _audit_settling(scene)
    elif scene.story is Story.RECLASSIFIED and state in _OUT:
        yield from _reclassify(scene)


def _before(scene: Scene) -> Iterator[Act]:
    case = scene.case
    if scene.story is Story.MARKED and case.mark is Mark.NONE:
        yield from _mark(scene)
    elif scene.story is Story.AMENDED and not _amended(scene):
        yield from _amend(scene)
    elif scene.waits(ClockKind.VERIFY):
        yield from _verify(scene)
    elif case.merge_candidate:
        yield from _merge(scene)
    elif not case.category:
        yield from _classify(scene)
    elif scene.waits(ClockKind.PROPOSAL):
        yield from _decide(scene)


def _amended(scene: Scene) -> bool:
    """A case's number begins with the grid it was reported in."""
    return not scene.case.number.startswith(scene.case.grid[:15])


def _amend(scene: Scene) -> Iterator[Act]:
    case = scene.case
    village = scene.directory.by_code(case.village, OrgKind.VILLAGE, scene.now)
    grids = scene.directory.orgs(scene.now, kind=OrgKind.GRID, parent=village.id if village else "")
    others = [grid.code for grid in grids if grid.code != case.grid[:15]]
    acting = scene.somebody(Action.REPORT_AMEND, Role.ACCEPTOR)
    if acting is not None and others:
        right = others[scene.draw.between(0, len(others) - 1, case.id, "right grid")]
        yield Act(
            need="amend",
            acting=acting,
            after=scene.soon(5, 25, "amend"),
            data=ReportAmended(grid=right, reason="地点说错，已与来电人核对"),
        )


def _mark(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_MARK, Role.ACCEPTOR)
    if acting is not None:
        yield Act(
            need="mark",
            acting=acting,
            after=scene.soon(5, 25, "mark"),
            data=ReportMarked(mark=Mark.CONFIDENTIAL, reason="涉及个人隐私，限定知情范围"),
        )


def _verify(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_VERIFY, Role.GRID_MEMBER)
    untrue = scene.story is Story.UNTRUE
    if acting is not None:
        yield Act(
            need="verify",
            acting=acting,
            after=scene.soon(20, 150, "verify"),
            data=ReportVerified(
                verdict=Verdict.DOES_NOT_EXIST if untrue else Verdict.EXISTS, note="现场已看"
            ),
        )


def _merge(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_MERGE, Role.DUTY_SUPERVISOR)
    other = scene.case.merge_candidate
    if acting is not None:
        yield Act(
            need=f"merge|{other}",
            acting=acting,
            after=scene.soon(10, 45, "merge"),
            data=ReportMerged(into=other, reason="同一件事")
            if scene.story is Story.TWICE
            else MergeDeclined(other=other, reason="地点相近，事情不同"),
        )


def _classify(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_RECLASSIFY, Role.ACCEPTOR)
    if acting is not None:
        picked = _PICKED[scene.draw.between(0, len(_PICKED) - 1, scene.case.id, "picked")]
        yield Act(
            need="classify",
            acting=acting,
            after=scene.soon(10, 60, "classify"),
            data=ReportReclassified(category=picked, reason="按来电内容归类"),
        )


def _decide(scene: Scene) -> Iterator[Act]:
    if scene.story is Story.DOUBTED and not scene.did(Action.REPORT_VERIFY):
        yield from _ask_verification(scene)
    elif scene.story in (Story.REJECTED, Story.UNTRUE):
        yield from _reject(scene)
    else:
        yield from _register(scene)


def _ask_verification(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_ASK_VERIFICATION, Role.ACCEPTOR)
    if acting is not None:
        yield Act(
            need="ask verification",
            acting=acting,
            after=scene.soon(10, 40, "ask verification"),
            data=VerificationRequested(reason="请到现场看是否属实"),
        )


def _reject(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_REJECT, Role.DUTY_SUPERVISOR)
    if acting is not None:
        yield Act(
            need="reject",
            acting=acting,
            after=scene.soon(10, 90, "reject"),
            data=ReportRejected(reason="不属于受理范围", turn_to="信访部门"),
        )


def _register(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_REGISTER, Role.DUTY_SUPERVISOR)
    if acting is not None:
        yield Act(
            need="register",
            acting=acting,
            after=scene.soon(5, 45, "register"),
            data=ReportRegistered(),
        )


def _settle(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_SELF_CLOSE, Role.GRID_MEMBER, Role.GRID_HEAD)
    if acting is None:
        return
    ways = (OutcomeEvidence.STATEMENT, OutcomeEvidence.PHOTO)
    shown_by = ways[scene.draw.between(0, 1, scene.case.id, "shown by")]
    photo = scene.draw.digest(scene.case.id, "photo").hex()
    yield Act(
        need="settle",
        acting=acting,
        after=scene.soon(10, 60, "settle"),
        data=ReportSelfClosed(
            outcome="当场处理好",
            shown_by=shown_by,
            evidence=(photo,) if shown_by is OutcomeEvidence.PHOTO else (),
        ),
    )


def _audit_settling(scene: Scene) -> Iterator[Act]:
    """Look at those that were drawn, and at those that somebody has a doubt about."""
    badly = scene.story is Story.SELF_CLOSED_BADLY
    drawn = drawn_for_audit(scene.case.id, scene.policy.intake.self_close.audit_share)
    acting = scene.somebody(Action.FEEDBACK_AUDIT_SELF_CLOSE, Role.CHECKER)
    if acting is None or not (badly or drawn) or scene.did(Action.FEEDBACK_AUDIT_SELF_CLOSE):
        return
    yield Act(
        need="audit settling",
        acting=acting,
        after=scene.in_office(scene.minutes(60, 240, "audit settling")),
        data=SelfCloseAudited(
            solved=not badly, note="现场看过，尚未处理好" if badly else "现场看过，已处理好"
        ),
    )


def _reclassify(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_RECLASSIFY, Role.DISPATCHER)
    if acting is not None and scene.case.category != _REALLY:
        yield Act(
            need="reclassify",
            acting=acting,
            after=scene.soon(10, 40, "reclassify"),
            data=ReportReclassified(category=_REALLY, reason="到场后确认是线路故障"),
        )
