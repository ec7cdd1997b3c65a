"""Charger configurations from tables of a scenario file."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from simulator.behaviours import Behaviour, Timing
from simulator.config import ChargerConfig, Vehicle


class ScenarioError(ValueError):
    """A scenario file that cannot be played, or a step that did not hold; says where and why."""


def charger_config(table: Mapping[str, Any], *, where: str) -> ChargerConfig:
    """Return the configuration a table describes.

    Raises :class:`ScenarioError` for unknown members and wrong values.
    """
    given = dict(table)
    check_members(given, {field.name for field in fields(ChargerConfig)}, where=where)
    if "identity" not in given:
        raise ScenarioError(f"{where}: identity is missing")
    if given.get("version", "1.6") not in {"1.6", "2.0.1"}:
        raise ScenarioError(f"{where}: version must be 1.6 or 2.0.1")
    for name, kind in (("timing", Timing), ("vehicle", Vehicle)):
        if name in given:
            check_members(given[name], {f.name for f in fields(kind)}, where=f"{where}.{name}")
            given[name] = kind(**given[name])
    if "behaviour" in given:
        given["behaviour"] = behaviour(given["behaviour"], where=where)
    return ChargerConfig(**given)


def behaviour(name: str, *, where: str = "behaviour") -> Behaviour:
    """Return a behaviour by its name, with or without ``SIM-``, in any case."""
    try:
        return Behaviour(name.lower().removeprefix("sim-"))
    except ValueError:
        known = ", ".join(Behaviour)
        raise ScenarioError(f"{where}: no behaviour {name!r}; there are {known}") from None


def check_members(given: Mapping[str, Any], known: set[str], *, where: str) -> None:
    """Raise :class:`ScenarioError` if *given* has a member not in *known*."""
    unknown = sorted(set(given) - known)
    if unknown:
        raise ScenarioError(f"{where}: unknown {', '.join(unknown)}; known: {sorted(known)}")
