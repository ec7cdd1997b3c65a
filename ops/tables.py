"""Knows every table of the platform."""

from importlib import import_module
from typing import Final

_MODULES: Final = (
    "core.alerts.models",
    "core.audit.models",
    "core.certificates.models",
    "core.chargers.compliance_models",
    "core.chargers.models",
    "core.chargers.record_models",
    "core.chargers.report_models",
    "core.chargers.security_models",
    "core.chargers.token_models",
    "core.chargers.transfer_models",
    "core.commands.models",
    "core.conduct.models",
    "core.desired.models",
    "core.fleet.models",
    "core.joining.models",
    "core.operations.hold_models",
    "core.operations.models",
    "core.operators.models",
    "core.partners.group_models",
    "core.partners.limit_models",
    "core.partners.models",
    "core.request_log.models",
    "core.partners.standing_models",
    "core.partners.signing_models",
    "core.sandbox.models",
    "core.sessions.models",
    "core.smart_charging.models",
    "core.tariffs.models",
    "core.upkeep.event_models",
    "core.upkeep.models",
    "core.upkeep.report_models",
    "core.webhooks.inbox",
    "core.webhooks.models",
)


def import_tables() -> None:
    """Import the tables of all domains, so that the metadata is complete."""
    for name in _MODULES:
        import_module(name)
