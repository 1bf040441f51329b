"""After a restore: what was decided once is decided again in the order in which it was written.

Topics are read side by side, which harms nobody where people answer what the engine asked. Behind
a backup the log holds their answers already, and what the engine made of them, to what is asked
only when the records before them are decided again: taken earlier they would be refused.
"""

import time
from collections.abc import Callable, Iterable

from flows.batch import RawRecord
from flows.reading import Reading
from models.restores import LogEnd

#: Seconds for which a topic is waited for that gives nothing while the broker answers: it may have
#: no leader.
_WAIT = 20.0
#: At most so much between two looks counts as waiting: the engine may have been busy, or paused.
_MOST_BETWEEN_LOOKS = 1.0


class WrittenOrder:
    """Keeps the records of one shard's topics in the order of their times, up to the log's end."""

    def __init__(self, ends: Iterable[LogEnd] = ()) -> None:
        """`ends` say how far the log was decided once; without any, no order is kept."""
        self._ends = {end.topic: end for end in ends}
        #: topics that are waited for, and for how many seconds they were
        self._waited: dict[str, float] = {}
        self._looked = 0.0

    def must_wait(
        self,
        reading: Reading,
        first: RawRecord,
        *,
        handed_out: Callable[[str], int],
        broker_answers: bool,
    ) -> bool:
        """Tell whether something older than the first record may lie where nothing was read yet.

        `handed_out` says behind which offset a topic was handed out whole: what ends an app's own
        transaction has an offset and is no record. A broker that is away is waited for as long as
        it is.
        """
        if not self._ends:
            return False
        heads = reading.heads()
        for topic in self._ends.keys() - heads.keys():
            reading.skip_to(topic, handed_out(topic))
        self._ends = {
            topic: end
            for topic, end in self._ends.items()
            if _is_left(reading, end, heads.get(topic))
        }
        late = [
            topic
            for topic in self._ends.keys() - heads.keys()
            if first.timed and reading.horizon(topic) < first.now
        ]
        now = time.monotonic()
        spent = min(now - self._looked, _MOST_BETWEEN_LOOKS) if broker_answers else 0.0
        self._looked = now
        known = self._waited
        self._waited = {topic: known[topic] + spent if topic in known else 0.0 for topic in late}
        return any(waited < _WAIT for waited in self._waited.values())

    @property
    def one_by_one(self) -> bool:
        """Tell whether records are decided one by one: each may set a timer due before the next."""
        return bool(self._ends)


def _is_left(reading: Reading, end: LogEnd, head: RawRecord | None) -> bool:
    """Tell whether a topic holds anything that was decided once and is not decided again."""
    if reading.topic_ids.get(end.topic, end.topic_id) != end.topic_id:
        return False
    following = head.at.offset if head else reading.read_to.get(end.topic, -1)
    return following < end.end
