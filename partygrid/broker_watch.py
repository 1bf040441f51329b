"""Does the broker answer, and has it still its log? Asked beside the loop, which must not wait.

A broker that hangs lets a question wait for seconds; meanwhile what comes due is fired.
"""

import logging
import time
from datetime import timedelta
from threading import Event

from kafka.errors import KafkaError

from events.broker import Broker
from events.contract.registry import INBOUND_TOPICS
from events.layout import TopicsUnfit
from partygrid.errors import Unavailable
from partygrid.patience import Patience

log = logging.getLogger(__name__)

#: How often it is asked.
LOOK_EVERY = timedelta(seconds=2)
#: An answer that is so old is none: this process may have been paused.
_STALE_AFTER = timedelta(seconds=10)


class BrokerWatch:
    """What is known of the broker; other threads only read it."""

    def __init__(self, broker: Broker) -> None:
        """Know nothing yet."""
        self._broker = broker
        self._answered_at = time.monotonic()
        self._answers = False
        self._patience = Patience("the broker does not answer", log)
        #: inbound topic → id, as last told
        self.topic_ids: dict[str, str] = {}
        #: why its topics cannot be used, which no waiting mends
        self.refusal: TopicsUnfit | None = None

    @property
    def answers(self) -> bool:
        """Tell whether it answered the last question, a short while ago."""
        return self._answers and self.silent_for < _STALE_AFTER

    @property
    def silent_for(self) -> timedelta:
        """Return since when it has not answered."""
        return timedelta(seconds=time.monotonic() - self._answered_at)

    def run(self, stop: Event) -> None:
        """Ask again and again until `stop` is set."""
        while not stop.is_set():
            self.look()
            stop.wait(LOOK_EVERY.total_seconds())

    def look(self) -> None:
        """Ask once; topics that are missing are made again."""
        try:
            self._broker.ensure(INBOUND_TOPICS)
            self.topic_ids = self._broker.topic_ids(INBOUND_TOPICS)
        except TopicsUnfit as refusal:
            self._answers, self.refusal = False, refusal
            return
        except (Unavailable, KafkaError, OSError) as fault:
            self._answers = False
            self._patience.failed(fault)
            return
        self._answers, self._answered_at = True, time.monotonic()
        self._patience.went_well()
