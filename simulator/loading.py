"""Charger configurations from tables of a scenario file."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from simulator.behaviours import Behaviour, Timing
from simulator.config import ChargerConfig, Vehicle
from simulator.quirk_hooks import Quirk, known_quirks
from simulator.switches import Switches


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
    if "switches" in given:
        given["switches"] = switches(given["switches"], where=f"{where}.switches")
    if "quirks" in given:
        given["quirks"] = quirks(given["quirks"], where=where)
    for name in ("ca_file", "client_certificate", "client_key"):
        if given.get(name) is not None:
            given[name] = Path(given[name])
    return ChargerConfig(**given)


def switches(table: Mapping[str, Any], *, where: str = "switches") -> Switches:
    """Return switches from their names and values; texts are turned into what a switch holds.

    Raises :class:`ScenarioError` for a switch or value that is not there.
    """
    known: dict[str, Any] = {field.name: field.default for field in fields(Switches)}
    check_members(table, set(known), where=where)
    values: dict[str, Any] = {}
    for name, value in table.items():
        default = known[name]
        try:
            if isinstance(default, bool):
                values[name] = {"true": True, "false": False}[str(value).lower()]
            else:
                values[name] = type(default)(value)
        except (KeyError, ValueError, TypeError):
            raise ScenarioError(f"{where}: {name} cannot be {value!r}{_choices(default)}") from None
    return Switches(**values)


def _choices(default: object) -> str:
    return f"; there are {', '.join(type(default))}" if isinstance(default, StrEnum) else ""


def quirks(names: Iterable[str], *, where: str = "quirks") -> tuple[Quirk, ...]:
    """Return quirks by their names; raises :class:`ScenarioError` for one that is not there."""
    makers = known_quirks()
    unknown = [name for name in names if name not in makers]
    if unknown:
        raise ScenarioError(f"{where}: no quirk {unknown[0]!r}; there are {', '.join(makers)}")
    return tuple(makers[name]() for name in names)


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
