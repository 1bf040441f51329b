"""`python -m bench`: measure, print, and write the page where that is asked for."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from bench import engine, figures, floor, growth, lasting, latency, scale, stages, ways
from bench.engine import Run
from bench.figures import Figures, Shown
from bench.floor import Floor
from bench.ground import Ground, ground
from bench.growth import Measured
from bench.load import AT_A_TIME, Load, record
from bench.signed import signed
from tests.world import TOWNSHIPS

#: Records of a whole run and of a short one.
_RECORDS, _SHORT = 30_000, 15_000
#: Matters under way at a time where events come one by one; this part of them in a small load.
_FEW, _PART = 50, 20
#: Of the installation that two engines share: each gets half of them, with one of the townships.
_SHARDS = 6
PLAIN, CHECKED = "engine", "engine, signatures checked"


def main(
    *,
    short: Annotated[bool, typer.Option(help="Floor and engine only, with fewer records.")] = False,
    records: Annotated[int, typer.Option(help="So many at least; 0: as usual.")] = 0,
    seconds: Annotated[int, typer.Option(help="So long at each rate.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the load.")] = 1,
    accept: Annotated[bool, typer.Option(help="Keep the ratio as the accepted one.")] = False,
    events: Annotated[
        int, typer.Option(help="Only the engine's memory, over so many records at least.")
    ] = 0,
    embedded: Annotated[
        bool, typer.Option(help="On the broker that comes along, also where Apache Kafka is.")
    ] = False,
    write: Annotated[bool, typer.Option(help="Write docs/performance.md.")] = False,
) -> None:
    """Measure how quick the engine is beside what its parts allow."""
    if events:
        with ground(embedded=embedded) as servers:
            figures.show_table(scale.memories(lasting.measure(servers, seed=seed, events=events)))
        return
    with ground(embedded=embedded) as servers:
        load = _load(servers, seed=seed, at_least=records or (_SHORT if short else _RECORDS))
        found = _short(servers, load)
        if not short:
            found = _whole(found, servers, load, seed=seed, seconds=seconds)
    figures.show(found)
    print(figures.beside_accepted(found, PLAIN))
    if accept:
        figures.accept(found, PLAIN, servers.brokers.name)
    if write:
        figures.write(found, servers.brokers.name)


def _load(
    servers: Ground, *, seed: int, at_least: int, at_a_time: int = 0, township: str = ""
) -> Load:
    begun = time.monotonic()
    with servers.database() as url:
        made = record(
            url,
            servers.county.home,
            seed=seed,
            at_least=at_least,
            at_a_time=at_a_time or max(_FEW, min(AT_A_TIME, at_least // _PART)),
            now=datetime.now(UTC),
            township=township,
        )
    print(f"{len(made.records):,} records decided once in {time.monotonic() - begun:.0f} s")
    return made


def _short(servers: Ground, load: Load) -> Figures:
    return Figures(floor.measure(servers, [load]), {PLAIN: engine.measure(servers, [load])})


def _whole(found: Figures, servers: Ground, load: Load, *, seed: int, seconds: int) -> Figures:
    checked = engine.measure(servers, [signed(load, servers.key)])
    # A third of all records follow from others at most.
    few = _load(servers, seed=seed, at_least=3 * seconds * sum(latency.RATES) // 2, at_a_time=_FEW)
    engines = {**found.engines, CHECKED: checked}
    ceiling = floor.ceiling(servers, load)
    measured = Measured(
        records_per_case=len(load.records) / load.rows["cases"],
        rate=checked.rate,
        stored=ceiling.stored,
        logged=load.logged(),
    )
    return found._replace(
        ceiling=ceiling,
        pair=_pair(servers, seed=seed, at_least=len(load.records)),
        stages=stages.measure(servers, load),
        ways=ways.measure(servers, load, found.engines[PLAIN]),
        engines=engines,
        latencies=latency.measure(servers, few, seconds=seconds),
        more=[
            scale.memory_of(engines),
            *scale.measure(servers, lambda many: _load(servers, seed=seed, at_least=many)),
            Shown(growth.HEADS, growth.estimates(measured)),
        ],
    )


def _pair(servers: Ground, *, seed: int, at_least: int) -> tuple[Floor, Run]:
    """Measure two processes of the floor, then two engines of one installation."""
    each = at_least // len(TOWNSHIPS)
    loads = [
        _load(servers, seed=seed + number, at_least=each, township=township)
        for number, township in enumerate(TOWNSHIPS, 1)
    ]
    return (
        floor.measure(servers, loads, partitions=_SHARDS),
        engine.measure(servers, loads, processes=len(loads), partitions=_SHARDS),
    )


if __name__ == "__main__":
    typer.run(main)
