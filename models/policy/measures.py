"""What is counted and how it is weighed (domain.md sections 3, 5 and 7). Never persons."""

from collections.abc import Mapping

from pydantic import Field

from models.policy.span import Count, Name, Part, Share


class Weighed(Part):
    """One input of an index: its weight, and the value at which it counts in full."""

    name: Name
    weight: Share
    cap: float | None = Field(default=None, gt=0)


class Bands(Part):
    """Where a figure is good, strained or bad; lower bounds."""

    good: float
    strained: float


class Index(Part):
    """A weighted sum; a missing input is dropped, weights renormalised, the coverage printed."""

    name: Name
    inputs: Mapping[str, Weighed]
    bands: Bands | None = None
    #: fewer events than this are not ranked
    rank_from: Count = 0


class Rates(Part):
    """三率 on call-backs; V and coverage are always printed beside them."""

    responded: Share
    solved: Share
    satisfied: Share


class Lights(Part):
    """红黄绿灯, as shares of a stage's limit."""

    yellow: Share
    red: Share


class MeasureRules(Part):
    """All weights (measures.yaml)."""

    burden: Index
    balance: Index
    grid: Index
    village: Index
    rates: Rates
    lights: Lights
    #: units below it stand in the weekly digest
    satisfaction_floor: Share
    #: a figure is compared with its own months, this many
    own_months: int = Field(ge=1)
    #: a place with so many cases of a class in a month is a hot spot
    hotspot_from: Count
    #: the same place and class again within so many days is a repeat
    repeat_days: Count
