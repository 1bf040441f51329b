"""How far a shard is read, and when a topic counts as one that cannot be."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from events.consumer import Read
from events.contract.registry import INBOUND_TOPICS
from flows.reading import Reading
from partygrid.firing_order import BEGUN_WITHIN, UNREADABLE_AFTER, Reach, Silence

NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
REPORTS, ASSIGNMENT = INBOUND_TOPICS[0], INBOUND_TOPICS[2]
NEVER = datetime.min.replace(tzinfo=UTC)
SECOND = timedelta(seconds=1)
#: Nothing that is told or asked comes so late.
EVER = 1_000_000


def reading(*begun: str) -> Reading:
    made = Reading()
    for topic in begun or INBOUND_TOPICS:
        made.begin(topic, f"id of {topic}", 0)
    return made


def records(
    offsets: Iterable[int], *, topic: str = REPORTS, stamped: timedelta | None = None
) -> list[Read]:
    """Records as the broker gives them; `stamped` is the append time, where it keeps one."""
    at = NOW + (timedelta(days=365 * 900) if stamped is None else stamped)
    return [
        Read(
            topic=topic,
            partition=0,
            offset=offset,
            timestamp=int(at.timestamp() * 1000),
            append_time=stamped is not None,
            key=None,
            headers=[],
            value=b"",
        )
        for offset in offsets
    ]


def add(one: Reading, reads: list[Read], now: datetime = NOW) -> None:
    one.add(reads, now, trust_timestamp=False)


@pytest.mark.parametrize(
    ("stamped", "decided", "reaches"),
    [
        pytest.param(-SECOND, NOW - SECOND, NOW - SECOND, id="append time"),
        pytest.param(timedelta(), NOW, NOW, id="this very moment"),
        pytest.param(timedelta(days=400), NOW, NEVER, id="a clock ahead moves nothing"),
        pytest.param(None, NOW, NEVER, id="no append time, whatever the app says"),
    ],
)
def test_only_the_log_s_own_time_says_how_far_a_topic_is_read(
    stamped: timedelta | None, decided: datetime, reaches: datetime
) -> None:
    one = reading()
    add(one, records([0], stamped=stamped))
    (record,) = one.all()
    assert (record.now, one.horizon(REPORTS)) == (decided, reaches)
    assert record.is_from(NOW - timedelta(days=1)) is (reaches != NEVER)


def test_an_end_that_was_told_is_reached_once_everything_before_it_is_read() -> None:
    one = reading()
    one.expect({REPORTS: 3, ASSIGNMENT: 0}, NOW)
    assert (one.horizon(REPORTS), one.horizon(ASSIGNMENT)) == (NEVER, NOW)
    add(one, records([0, 1]))
    assert one.horizon(REPORTS) == NEVER
    add(one, records([2]))
    assert one.horizon(REPORTS) == NOW


def test_under_a_steady_stream_an_old_end_counts_and_not_the_newest() -> None:
    one = reading()
    for step in range(1, 10):
        one.expect({REPORTS: step * 10}, NOW + step * SECOND)
        add(one, records(range(step * 5 - 5, step * 5)))
    # 45 are read, 90 were told: the end told first was 10, the next was taken when that was read.
    assert NOW + SECOND <= one.horizon(REPORTS) < NOW + 9 * SECOND


def test_a_log_that_lost_its_tail_holds_nothing_up() -> None:
    one = reading()
    one.expect({REPORTS: 10}, NOW)
    add(one, records(range(6)))
    one.expect({REPORTS: 6}, NOW + SECOND)
    assert one.horizon(REPORTS) == NOW + SECOND


def test_marks_that_are_no_records_are_stepped_over() -> None:
    """What ends an app's own transaction has an offset, and is handed out to nobody."""
    one = reading()
    add(one, records([0, 1]))
    one.expect({REPORTS: 3}, NOW)
    assert one.is_short(REPORTS)
    one.skip_to(REPORTS, -1)
    assert one.is_short(REPORTS)
    one.skip_to(REPORTS, 3)
    assert one.horizon(REPORTS) == NOW


def test_a_topic_is_read_from_where_it_was_begun_and_not_before() -> None:
    one = reading(REPORTS)
    add(one, records([0], topic=ASSIGNMENT))
    assert one.all() == []
    assert set(one.not_begun()) == set(INBOUND_TOPICS) - {REPORTS}
    one.begin(ASSIGNMENT, "id", 5)
    add(one, records([4, 5, 5], topic=ASSIGNMENT))
    assert [record.at.offset for record in one.all()] == [5]


def test_what_may_have_come_before_a_timer_goes_first_and_is_never_held_back() -> None:
    one = reading()
    add(one, records([0, 1], stamped=-SECOND))
    add(one, records([0, 1], topic=ASSIGNMENT))
    first = one.first()
    assert first is not None
    assert first.at.topic == ASSIGNMENT
    assert len(one.take(ASSIGNMENT, before=NEVER, at_most=9)) == 2
    assert one.take(REPORTS, before=NOW - SECOND, at_most=9) == ()


class Looks:
    """Looks at a reading, a second after each other."""

    def __init__(self, one: Reading) -> None:
        self.reading, self.silence, self.moment = one, Silence(), 100.0
        self.look()

    def look(self, times: int = 1, *, after: float = 1.0) -> None:
        for _ in range(times):
            self.moment += after
            self.silence.look(self.reading, self.moment)

    def silent(self) -> dict[str, float]:
        return {name: lasted.total_seconds() for name, lasted in self.silence.unreadable().items()}


LONG = int(UNREADABLE_AFTER.total_seconds())


def test_a_topic_that_gives_nothing_cannot_be_read_after_a_while() -> None:
    one = reading()
    one.expect({REPORTS: 5, ASSIGNMENT: 0}, NOW)
    looks = Looks(one)
    looks.look(LONG - 1)
    assert looks.silent() == {}
    looks.look()
    assert looks.silent() == {REPORTS: LONG}
    add(one, records([0]))
    looks.look()
    assert looks.silent() == {}


def test_a_backlog_that_moves_can_be_read_however_long_it_is() -> None:
    one = reading()
    one.expect({REPORTS: EVER}, NOW)
    looks = Looks(one)
    for offset in range(3 * LONG):
        add(one, records([offset]))
        looks.look()
    assert looks.silent() == {}


def test_a_topic_whose_end_nobody_tells_cannot_be_read_from_the_first_moment() -> None:
    looks = Looks(reading())
    looks.silence.untold = frozenset({ASSIGNMENT})
    looks.look()
    assert looks.silent() == {ASSIGNMENT: 1}
    looks.silence.untold = frozenset()
    looks.look()
    assert looks.silent() == {}


def test_a_shard_that_was_just_taken_over_is_given_time_to_begin() -> None:
    looks = Looks(reading(REPORTS))
    looks.silence.untold = frozenset(INBOUND_TOPICS)
    looks.look()
    assert looks.silent().keys() == {REPORTS}
    looks.look(int(BEGUN_WITHIN.total_seconds()) - 1)
    assert looks.silent().keys() == set(INBOUND_TOPICS)


def test_an_engine_that_was_busy_or_paused_did_not_wait() -> None:
    """Only while it looks does it know that nothing came."""
    one = reading()
    one.expect({REPORTS: 5}, NOW)
    looks = Looks(one)
    looks.silence.untold = frozenset({ASSIGNMENT})
    looks.look(after=3600)
    assert looks.silent()[ASSIGNMENT] < 60


def test_topics_that_can_be_read_are_waited_for_and_the_others_with_patience() -> None:
    one = reading()
    one.expect(dict.fromkeys(set(INBOUND_TOPICS) - {REPORTS}, 0), NOW)
    one.expect({ASSIGNMENT: 0}, NOW - SECOND)
    looks = Looks(one)
    looks.silence.untold = frozenset({REPORTS})
    looks.look(7)
    reach = Reach(one, looks.silence)
    assert reach.read == NOW
    assert reach.silent_before(NOW) == 7 * SECOND
    add(one, records([0], stamped=-SECOND))
    again = Reach(one, looks.silence)
    assert (again.silent_before(NOW - SECOND), again.silent_before(NOW)) == (None, 7 * SECOND)
