"""What hangs on scale: a store with very many cases and timers, memory, starting everything."""

from collections.abc import Callable, Mapping

from bench import crowded, starting, timers
from bench.crowded import Crowd, Speeds
from bench.engine import Run
from bench.figures import Shown
from bench.ground import Ground
from bench.load import Load
from bench.memory import Memory
from bench.starting import Start
from bench.timers import Lateness

CASES = 1_000_000
#: Records of the load whose speed is compared; seconds in which timers come due.
_RECORDS, _SECONDS = 10_000, 30


def measure(servers: Ground, load: Callable[[int], Load]) -> list[Shown]:
    """Measure all of it. `load` makes one of so many records."""
    with crowded.crowded(servers, cases=CASES) as crowd:
        speeds = crowded.measure(crowd, load(_RECORDS))
        late = timers.measure(crowd, seconds=_SECONDS)
    return [*shown(crowd, speeds), lateness(late), starts(starting.measure())]


def shown(crowd: Crowd, speeds: Speeds) -> list[Shown]:
    """Return the tables of speed beside many cases."""
    scans = ", ".join(f"{name} {count}" for name, count in sorted(speeds.scans.items())) or "none"
    counts = (f"{crowd.made.cases:,}", f"{crowd.made.under_way:,}", f"{crowd.made.timers:,}")
    none = ("0", "0", "0")
    return [
        Shown(
            ("cases there before", "open", "timers", "records/s", "÷ none", "whole tables read"),
            [
                (*none, f"{speeds.before.rate:,.0f}", "", ""),
                (*counts, f"{speeds.full.rate:,.0f}", f"{speeds.ratio:.2f}", scans),
                (*none, f"{speeds.after.rate:,.0f}", "", ""),
            ],
        )
    ]


def lateness(late: Lateness) -> Shown:
    """Return the table of timers."""
    delays = tuple(f"{ms:,.0f}" for ms in (late.p50, late.p95, late.p99, late.most))
    return Shown(
        ("timers open", "came due", "audited", "p50 ms late", "p95 ms", "p99 ms", "most ms"),
        [(f"{late.open:,}", f"{late.due:,}", f"{late.audited:,}", *delays)],
    )


def memories(found: Mapping[str, tuple[int, Memory]]) -> Shown:
    """Return the table of memory, of (records, memory) by what was switched on."""
    return Shown(
        ("memory of", "records", "MB after a tenth", "at the end", "most", "more by 100,000"),
        [
            (
                name,
                f"{records:,}",
                *(f"{one:.0f}" for one in (memory.begun, memory.ended, memory.most)),
                f"{memory.growth:+.1f}",
            )
            for name, (records, memory) in found.items()
        ],
    )


def memory_of(engines: Mapping[str, Run]) -> Shown:
    """Return the table of memory of these runs."""
    return memories({name: (run.records, run.memory) for name, run in engines.items()})


def starts(found: list[Start]) -> Shown:
    """Return the table of starts."""
    return Shown(
        ("partygrid up", "s until ready", "s until each answered"),
        [
            (
                f"{'with' if one.prefect else 'without'} Prefect,"
                f" {'fresh home' if one.number == 1 else f'start {one.number} there'}",
                f"{one.seconds:.1f}",
                ", ".join(f"{name} {at:.1f}" for name, at in one.answered.items()),
            )
            for one in found
        ],
    )
