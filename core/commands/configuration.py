"""Commands of provisioning and availability: settings, reports, resets, triggers."""

from typing import Any, Final, Literal

from core.commands.commands import Command, command

ResetType = Literal["immediate", "on_idle", "soft"]
ReportBase = Literal["FullInventory", "ConfigurationInventory", "SummaryInventory"]

MESSAGES: Final = (
    "boot_notification",
    "diagnostics_status",
    "firmware_status",
    "heartbeat",
    "log_status",
    "meter_values",
    "publish_firmware_status",
    "sign_charging_station_certificate",
    "sign_combined_certificate",
    "sign_v2g_certificate",
    "status",
    "transaction",
)
"""What a charger can be asked to send; not every version knows each."""


@command("set_variable")
class SetVariable(Command):
    """Give a configuration key (1.6: no *component*) or a variable (2.x) a value.

    *value* is ``None`` in the row where it is a secret: then ``sealed`` holds it.
    """

    name: str
    value: str | None
    instance: str | None = None
    component: str | None = None
    component_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    attribute: str = "Actual"
    sealed: str | None = None


@command("get_variables")
class GetVariables(Command):
    """Report some configuration keys or variables; each has the members of ``SetVariable``."""

    variables: list[dict[str, Any]]


@command("get_report")
class GetReport(Command):
    """Report components that meet one of *criteria*, or the *variables* named (2.x)."""

    request: int
    criteria: list[str]
    variables: list[dict[str, Any]]


@command("get_base_report")
class GetBaseReport(Command):
    """Report the device model: all, what can be configured, or a summary (2.x)."""

    request: int
    base: ReportBase


@command("set_network_profile")
class SetNetworkProfile(Command):
    """Store how the charger reaches a CSMS in a configuration slot (2.x).

    *vpn* and *apn* have the members of the standard, their secrets only in ``sealed``.
    """

    slot: int
    url: str
    security_profile: int
    interface: str
    message_timeout_s: int
    ocpp_version: str = "OCPP20"
    transport: str = "JSON"
    vpn: dict[str, Any] | None = None
    apn: dict[str, Any] | None = None
    sealed: str | None = None


@command("change_availability")
class ChangeAvailability(Command):
    """Put the charger, an EVSE or a connector into or out of service."""

    operative: bool
    evse: int | None = None
    connector: int | None = None


@command("reset")
class Reset(Command):
    """Restart the charger, or an EVSE of it (2.x).

    ``immediate``: now, sessions end. ``on_idle``: when no session is going on (2.x). ``soft``:
    sessions are ended properly first (1.6).
    """

    type: ResetType
    evse: int | None = None


@command("trigger")
class Trigger(Command):
    """Send one of ``MESSAGES`` now; *extended*: by the security extension's request (1.6)."""

    message: str
    evse: int | None = None
    connector: int | None = None
    extended: bool = False


@command("clear_cache")
class ClearCache(Command):
    """Forget the id tokens it has learned."""


@command("report_queue")
class ReportQueue(Command):
    """Tell whether messages about transactions wait to be delivered (2.x)."""
