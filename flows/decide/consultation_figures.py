"""Counting: are the figures of a sheet possible, was there a quorum, did it pass. Pure.

Whole numbers all through, so a boundary is exact: `>` a half of 10 is 6, `>=` two thirds of 9 is 6.
"""

from collections.abc import Iterable
from typing import NamedTuple

from events.contract.consultation import Stance
from flows.decide.draft import Detail, Refusal
from models.consulting import Sitting, Vote
from models.policy.consultation import Base, Threshold


class Figures(NamedTuple):
    """What a signed sheet says."""

    #: 应到
    eligible: int
    #: 实到
    present: int
    in_favour: int
    against: int
    abstained: int
    #: all members with a vote, those struck by rule too
    members: int

    @property
    def voted(self) -> int:
        """How many voted at all, abstentions among them."""
        return self.in_favour + self.against + self.abstained

    def of(self, base: Base) -> int:
        """Return the number a share is taken of."""
        return {
            Base.ELIGIBLE: self.eligible,
            Base.PRESENT: self.present,
            Base.ALL: self.members,
        }[base]


class Check(NamedTuple):
    """One threshold held against the figures."""

    name: str
    threshold: Threshold
    reached: int
    of: int

    @property
    def met(self) -> bool:
        """Is it enough? Out of nobody it never is."""
        return self.threshold.met(self.reached, self.of)

    @property
    def detail(self) -> Detail:
        """What was counted, against what: kept with the decision and told with a refusal."""
        share = self.threshold
        return {
            "threshold": self.name,
            "base": str(share.base),
            "count": self.reached,
            "of": self.of,
            "op": share.op,
            "share": f"{share.num}/{share.den}",
        }


def impossible(figures: Figures) -> Refusal | None:
    """Return why such a sheet cannot be: more came than could, more voted than came."""
    if figures.members < figures.eligible:
        return Refusal(
            "eligible_above_members", {"members": figures.members, "eligible": figures.eligible}
        )
    if figures.present > figures.eligible:
        return Refusal(
            "present_above_eligible", {"present": figures.present, "eligible": figures.eligible}
        )
    if figures.voted > figures.present:
        return Refusal("votes_above_present", {"votes": figures.voted, "present": figures.present})
    return None


def quorum_check(figures: Figures, share: Threshold | None) -> Check | None:
    """Hold those who came against the quorum; None where no quorum is asked."""
    if share is None:
        return None
    return Check("quorum", share, figures.present, figures.of(share.base))


def passing_check(figures: Figures, share: Threshold | None) -> Check | None:
    """Hold those in favour against what passing needs; None where there is no vote."""
    if share is None:
        return None
    return Check("passing", share, figures.in_favour, figures.of(share.base))


def figures_of(sitting: Sitting, members: int) -> Figures:
    """Return what an entered sheet says; `members` is from the roll, 0 where none was fixed."""
    return Figures(
        eligible=sitting.eligible,
        present=sitting.present,
        in_favour=sitting.in_favour,
        against=sitting.against,
        abstained=sitting.abstained,
        members=max(members, sitting.members, sitting.eligible),
    )


def count_votes(votes: Iterable[Vote], stage: str) -> dict[Stance, int]:
    """Return how many voted how at a stage, where votes are by person."""
    counted = dict.fromkeys(Stance, 0)
    for vote in votes:
        if vote.stage == stage:
            counted[Stance(vote.stance)] += 1
    return counted


def less_than_cast(figures: Figures, cast: dict[Stance, int]) -> bool:
    """Tell whether a sheet leaves out votes that persons gave themselves."""
    told = {
        Stance.FOR: figures.in_favour,
        Stance.AGAINST: figures.against,
        Stance.ABSTAIN: figures.abstained,
    }
    return any(told[stance] < cast[stance] for stance in Stance)
