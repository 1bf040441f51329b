"""After a restore: what was decided once is decided again in the order in which it was written.

Topics are read side by side, which harms nobody where people answer what the engine asked. Behind
a backup the log holds their answers already, and what the engine made of them, to what is asked
only when the records before them are decided again: taken earlier they would be refused.
"""

import time
from collections.abc import Iterable

from flows.batch import RawRecord
from flows.reading import Reading
from models.restores import LogEnd

#: Seconds for which a topic is waited for that gives nothing: it may have no leader.
_WAIT = 20.0


class WrittenOrder:
    """Keeps the records of one shard's topics in the order of their times, up to the log's end."""

    def __init__(self, ends: Iterable[LogEnd] = ()) -> None:
        """`ends` say how far the log was decided once; without any, no order is kept."""
        self._ends = {end.topic: end for end in ends}
        #: topics that are waited for, and since when
        self._since: dict[str, float] = {}

    def must_wait(self, reading: Reading, first: RawRecord) -> bool:
        """Tell whether something older than the first record may lie where nothing was read yet."""
        self._ends = {topic: end for topic, end in self._ends.items() if _is_left(reading, end)}
        now = time.monotonic()
        late = (topic for topic in self._ends if first.timed and _may_hold(reading, topic, first))
        self._since = {topic: self._since.get(topic, now) for topic in late}
        return any(now - since < _WAIT for since in self._since.values())

    @property
    def one_by_one(self) -> bool:
        """Tell whether records are decided one by one: each may set a timer due before the next."""
        return bool(self._ends)


def _is_left(reading: Reading, end: LogEnd) -> bool:
    """Tell whether a topic holds anything that was decided once and is not decided again."""
    if reading.topic_ids.get(end.topic, end.topic_id) != end.topic_id:
        return False
    head = reading.heads().get(end.topic)
    following = head.at.offset if head else reading.read_to.get(end.topic, -1)
    return following < end.end


def _may_hold(reading: Reading, topic: str, first: RawRecord) -> bool:
    return topic not in reading.heads() and reading.horizon(topic) < first.now
