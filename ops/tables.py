"""Knows every table of the platform."""

from importlib import import_module
from typing import Final

_MODULES: Final = (
    "core.audit.models",
    "core.chargers.models",
    "core.chargers.record_models",
    "core.commands.models",
    "core.desired.models",
    "core.operations.models",
    "core.operators.models",
    "core.partners.models",
    "core.sessions.models",
    "core.webhooks.models",
)


def import_tables() -> None:
    """Import the tables of all domains, so that the metadata is complete."""
    for name in _MODULES:
        import_module(name)
