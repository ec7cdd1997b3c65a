"""A run: starts the servers, goes through the scenarios in rounds, takes medians."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.charger import CallRefused
from benchmarks.databases import Backend
from benchmarks.measuring import CONNECTORS, Figures, Lab, at_rest
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import (
    KINDS,
    SPARE_FILES,
    keep_off_the_servers,
    serving,
    want_files,
)

SHOWN: Final = 5
"""Kinds of errors that are told of one scenario."""

Rounds = dict[tuple[str, str], list[Figures]]
Progress = Callable[[str, Figures | str | None], None]
"""Told what is being measured; afterwards again with the figures, or with why there are none."""

FAILURES: Final = (CallRefused, ConnectionError, ExceptionGroup, RuntimeError, TimeoutError)
"""How a server fails under load: the other scenarios go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure.

    Attributes:
        servers: Kinds of servers, see ``KINDS``.
        profiles: Directory for cProfile's files; then the figures are those of profiled servers.
    """

    scenarios: Sequence[str]
    servers: Sequence[str]
    seconds: float
    rounds: int
    chargers: int
    profiles: Path | None = None


async def run(plan: Plan, chosen: Backend, progress: Progress) -> tuple[Rounds, list[str]]:
    """Measure every scenario on every server that it is for, in interleaved rounds.

    Returns the figures, and a line for each scenario that a server did not stand, and for each
    error that a scenario counted.

    Raises:
        ServerFailed: One did not start, or would need more open files than there may be.
    """
    wanted = [SCENARIOS[name] for name in plan.scenarios]
    most = max(scenario.crowd for scenario in wanted)
    chargers = [f"BENCH-{number}" for number in range(1, plan.chargers + 1)]
    crowd = [f"CROWD-{number}" for number in range(1, most + 1)]
    results: Rounds = {}
    failures: list[str] = []
    want_files(len(chargers) + len(crowd) + SPARE_FILES)
    async with AsyncExitStack() as stack:
        targets = {}
        for name in plan.servers:
            crowds = [scenario.crowd for scenario in wanted if name in scenario.on]
            if not crowds:
                continue
            progress(f"{chosen.name}: {name} starts", None)
            targets[name] = await stack.enter_async_context(
                serving(
                    KINDS[name],
                    chosen,
                    chargers=[*chargers, *crowd[: max(crowds)]],
                    connectors=CONNECTORS,
                    profiles=plan.profiles,
                )
            )
        keep_off_the_servers()
        for number in range(1, plan.rounds + 1):
            for scenario in wanted:
                for name in scenario.on:
                    if name not in targets:
                        continue
                    what = f"{chosen.name}: {scenario.name} on {name}, round {number}"
                    progress(what, None)
                    lab = Lab(
                        target=targets[name],
                        backend=chosen,
                        seconds=plan.seconds,
                        chargers=chargers,
                        crowd=crowd[: scenario.crowd],
                    )
                    try:
                        await at_rest(targets.values())
                        figures = await scenario.run(lab)
                    except FAILURES as exc:
                        failures.append(f"{what}: {_reason(exc)}")
                        progress(what, failures[-1])
                    else:
                        results.setdefault((scenario.name, name), []).append(figures)
                        progress(what, figures)
                    for wrong, times in Counter(lab.wrong).most_common(SHOWN):
                        failures.append(f"{what}: {times} x {wrong}")
                        progress(what, failures[-1])
    return results, failures


def medians(rounds: Rounds) -> dict[tuple[str, str], Figures]:
    """Return the median of every figure."""
    return {
        key: {name: median(one[name] for one in figures) for name in figures[0]}
        for key, figures in rounds.items()
    }


def _reason(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return f"{type(exc).__name__} {exc}".strip()
