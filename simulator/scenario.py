"""Scenario files: chargers and what happens to them, in TOML.

``scenarios/*.toml`` beside this file are examples; ``voltgate-sim steps`` lists the steps.
"""

import tomllib
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator.charger import NotAuthorized, SimulatedCharger
from simulator.config import ChargerConfig
from simulator.ledger import Ledger
from simulator.loading import ScenarioError, charger_config, check_members
from simulator.station import Frame
from simulator.steps import STEPS
from simulator.wire import Disconnected, NoAnswer, Refused

EVERYONE = "*"
EXAMPLES = Path(__file__).parent / "scenarios"


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """One step of a scenario: what, to whom, with which members."""

    number: int
    do: str
    charger: str
    members: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A scenario that can be played."""

    name: str
    chargers: tuple[ChargerConfig, ...]
    steps: tuple[PlannedStep, ...]


def load(
    path: Path,
    *,
    url: str | None = None,
    password: str | None = None,
    speed: float | None = None,
) -> Scenario:
    """Read a scenario file; *url*, *password* and *speed* win over the file's.

    Raises :class:`ScenarioError` that names the place for anything that cannot be played.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    known = {"name", "description", "defaults", "chargers", "steps"}
    check_members(document, known, where=str(path))
    defaults = document.get("defaults", {})
    chargers = tuple(
        charger_config({**defaults, **table}, where=f"chargers[{index}]")
        for index, table in enumerate(document.get("chargers", []))
    )
    if not chargers:
        raise ScenarioError(f"{path}: no chargers")
    given = {"url": url, "password": password, "speed": speed}
    overrides: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    chargers = tuple(replace(config, **overrides) for config in chargers)
    identities = [config.identity for config in chargers]
    if len(set(identities)) < len(identities):
        raise ScenarioError(f"{path}: two chargers with one identity")
    steps = tuple(
        _planned(number, table, identities)
        for number, table in enumerate(document.get("steps", []), start=1)
    )
    return Scenario(name=document.get("name", path.stem), chargers=chargers, steps=steps)


def _planned(number: int, table: Mapping[str, Any], identities: list[str]) -> PlannedStep:
    where = f"step {number}"
    do = table.get("do")
    step = STEPS.get(str(do))
    if step is None:
        raise ScenarioError(f"{where}: no step {do!r}; there are {', '.join(STEPS)}")
    charger = table.get("charger", identities[0] if len(identities) == 1 else EVERYONE)
    if charger != EVERYONE and charger not in identities:
        raise ScenarioError(f"{where}: no charger {charger!r}")
    members = {name: value for name, value in table.items() if name not in {"do", "charger"}}
    check_members(members, set(step.required | step.optional), where=f"{where} ({do})")
    missing = sorted(step.required - set(members))
    if missing:
        raise ScenarioError(f"{where} ({do}): {', '.join(missing)} is missing")
    return PlannedStep(number=number, do=str(do), charger=str(charger), members=members)


async def play(
    scenario: Scenario,
    *,
    on_frame: Callable[[Frame], None] | None = None,
    on_step: Callable[[PlannedStep], None] | None = None,
) -> dict[str, Ledger]:
    """Connect the chargers, play all steps in order, and return the ledgers by identity.

    Raises :class:`ScenarioError` for the first step that does not hold.
    """
    chargers: dict[str, SimulatedCharger] = {}
    async with AsyncExitStack() as stack:
        for config in scenario.chargers:
            charger = SimulatedCharger(config, on_frame=on_frame)
            chargers[config.identity] = charger
            try:
                await stack.enter_async_context(charger)
            except TimeoutError as error:
                raise ScenarioError(str(error)) from error
        for step in scenario.steps:
            if on_step is not None:
                on_step(step)
            await _perform(step, chargers)
    return {identity: charger.ledger for identity, charger in chargers.items()}


async def _perform(step: PlannedStep, chargers: Mapping[str, SimulatedCharger]) -> None:
    concerned = list(chargers.values()) if step.charger == EVERYONE else [chargers[step.charger]]
    if step.do == "wait":
        concerned = concerned[:1]
    for charger in concerned:
        where = f"step {step.number} ({step.do}, {charger.identity})"
        try:
            await STEPS[step.do].act(charger, **step.members)
        except ScenarioError as error:
            raise ScenarioError(f"{where}: {error}") from error
        except NotAuthorized as error:
            raise ScenarioError(f"{where}: token not accepted: {error}") from error
        except (TimeoutError, Disconnected, NoAnswer, Refused) as error:
            raise ScenarioError(f"{where}: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ScenarioError(f"{where}: bad value: {error!r}") from error
