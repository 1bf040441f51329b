"""What an engine's log says of a batch that is committed."""

import logging
from collections import Counter

from flows.batch import Line, Result
from models.values import Fate
from partygrid.logs import about

log = logging.getLogger(__name__)


def tell(shard: int, result: Result) -> None:
    """Tell of dead letters, one line a batch; where all is asked for, of each input."""
    if log.isEnabledFor(logging.DEBUG):
        for line in result.lines:
            log.debug("%s: %s", line.event or "a record", line.fate, extra=_about(shard, line))
    put_aside = [line for line in result.lines if line.fate == Fate.DEAD_LETTERED]
    if put_aside:
        reasons = Counter(line.reason for line in put_aside)
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        log.info("put aside as dead letters: %s", told, extra=about(shard=shard))


def _about(shard: int, line: Line) -> dict[str, dict[str, object]]:
    return about(shard=shard, event=line.event_id, case=line.case_id, reason=line.reason)
