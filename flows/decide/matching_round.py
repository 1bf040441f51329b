"""How a round shares its tasks out: all of them at once, by the sum of scores. Pure.

Every person is first choice for at most one task a round; a person confirms what comes out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from events.contract.assignment import Candidate
from flows.decide.matching import FULL, Member, handlers_needed, reasons, why_unfit
from models.case import Case
from models.policy.categories import Urgency
from models.policy.schema import Policy

#: So many tasks are solved at once that all sums stay exact in a double.
_AT_ONCE = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a round found for one task."""

    candidates: tuple[Candidate, ...]
    left_out: dict[str, int]


def match_round(
    cases: Sequence[Case], pool: Sequence[Member], *, policy: Policy
) -> dict[str, Proposal]:
    """Share the tasks of a round out jointly; the result hangs on no order of its inputs.

    First as many tasks as possible get somebody (urgent ones before all others), then the sum of
    scores is greatest, then the longest idle are chosen, then the lowest ids.
    """
    ordered = sorted(pool, key=lambda member: member.tie_order)
    fits = {case.id: _fits(case, ordered, policy) for case in cases}
    chosen: dict[str, list[int]] = {case.id: [] for case in cases}
    taken: set[int] = set()
    for group in _groups(cases):
        openings = [case for case in group for _ in range(handlers_needed(case, policy))]
        for start in range(0, len(openings), _AT_ONCE):
            part = openings[start : start + _AT_ONCE]
            scores = [
                {
                    index: score
                    for index, score in fits[case.id].scores.items()
                    if index not in taken
                }
                for case in part
            ]
            for case, index in zip(part, choose(scores), strict=True):
                if index is not None:
                    chosen[case.id].append(index)
                    taken.add(index)
    return {
        case.id: _proposal(case, ordered, fits[case.id], chosen[case.id], policy) for case in cases
    }


@dataclass(frozen=True, slots=True)
class _Fits:
    """For one task: who fits with which score (by place in the order of ties), who not and why."""

    scores: dict[int, int]
    left_out: dict[str, int]


def _fits(case: Case, ordered: Sequence[Member], policy: Policy) -> _Fits:
    work = case.assignment
    scores: dict[int, int] = {}
    left_out: dict[str, int] = {}
    for index, member in enumerate(ordered):
        failed = why_unfit(case, work, member, policy) if work is not None else None
        if failed is None:
            scores[index] = sum(reasons(case, member, policy).values())
        else:
            left_out[failed.value] = left_out.get(failed.value, 0) + 1
    return _Fits(scores, dict(sorted(left_out.items())))


def _groups(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    ordered = sorted(cases, key=lambda case: case.id)
    urgent = [case for case in ordered if is_urgent(case)]
    return urgent, [case for case in ordered if not is_urgent(case)]


def is_urgent(case: Case) -> bool:
    """Does the task wait for no round?"""
    return case.emergency_level > 0 or case.urgency in (Urgency.EMERGENCY, Urgency.URGENT)


def choose(scores: Sequence[Mapping[int, int]]) -> list[int | None]:
    """Return for each task the person it gets, or None; `scores` maps persons who fit to scores.

    Persons are numbered in the order of ties: among equal sums of scores the sum of the chosen
    numbers is least. What is left equal (the same persons, otherwise shared out) falls as the
    order of the tasks says.
    """
    rows = len(scores)
    columns = sorted({index for row in scores for index in _best(row, rows)})
    if not columns:
        return [None] * rows
    place = {index: column for column, index in enumerate(columns)}
    step = rows * (columns[-1] + 1) + 1
    nobody = rows * (FULL + 1) * step
    costs = [[math.inf] * len(columns) + [float(nobody)] * rows for _ in scores]
    for row, fitting in enumerate(scores):
        for index, score in fitting.items():
            if index in place:
                costs[row][place[index]] = (FULL - score) * step + index
    return [columns[column] if column < len(columns) else None for column in _cheapest(costs)]


def _cheapest(costs: Sequence[Sequence[float]]) -> Sequence[int]:
    """Return the column of each row, no column twice, by the least sum of costs."""
    # Half a second that no process pays for its start.
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    _, picked = linear_sum_assignment(costs)
    return tuple(int(column) for column in picked)


def _best(row: Mapping[int, int], count: int) -> list[int]:
    """Return the persons that can matter: with n tasks, a task never needs its n+1st best."""
    return sorted(row, key=lambda index: (-row[index], index))[:count]


def _proposal(
    case: Case, ordered: Sequence[Member], fits: _Fits, chosen: Sequence[int], policy: Policy
) -> Proposal:
    shown = max(policy.matching.shown, handlers_needed(case, policy))
    ranked = _best(fits.scores, shown + len(chosen))
    first = sorted(chosen, key=lambda index: (-fits.scores[index], index))
    listed = list(dict.fromkeys((*first, *ranked)))[:shown]
    return Proposal(
        candidates=tuple(_candidate(case, ordered[index], policy) for index in listed),
        left_out=fits.left_out,
    )


def _candidate(case: Case, member: Member, policy: Policy) -> Candidate:
    why = reasons(case, member, policy)
    return Candidate(
        assignee=member.person.id, kind=member.kind, score=sum(why.values()), reasons=why
    )
