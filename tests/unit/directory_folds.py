"""Folding directory events into an empty directory with the real decisions."""

from collections.abc import Iterable
from typing import NamedTuple

import flows.decide.directory
import flows.decide.directory_orgs  # noqa: F401  (its handlers enter themselves)
from events.outgoing_event import Outgoing
from flows.decide.decision import Decision, Facts
from flows.decide.route import decide
from flows.entries import entries_of
from models.case import Case
from models.directory import Directory
from models.office import Office
from models.policy.schema import Policy
from models.setting import Shelf
from models.values import CaseId, Fate


class Folded(NamedTuple):
    """A directory, and what was refused on the way to it."""

    directory: Directory
    refused: list[tuple[Outgoing, Decision]]
    warnings: list[tuple[Outgoing, str]]


def fold(
    events: Iterable[Outgoing], policy: Policy, *, directory: Directory | None = None
) -> Folded:
    """Decide the events one by one, each knowing what those before it entered."""
    folded = Folded(directory or Directory(), [], [])
    office = office_of(policy)
    for sent in events:
        facts = Facts(directory=folded.directory, office=office)
        made = decide(Case(id=CaseId("")), facts, sent.event("door"), policy, sent.time)
        if made.fate is not Fate.APPLIED:
            folded.refused.append((sent, made))
        folded.warnings.extend(
            (sent, str(audit.detail["warning"]))
            for audit in made.audit
            if "warning" in audit.detail
        )
        for data in made.entries:
            for entry in entries_of(data):
                folded.directory.record(entry)
    return folded


def office_of(policy: Policy) -> Office:
    """Return the pack's office."""
    return Shelf(policy).office(policy.version)
