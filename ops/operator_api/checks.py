"""What a charger's version cannot be asked for is refused before it is stored."""

from typing import Final, cast

from core.chargers.models import Charger
from core.commands.commands import Command
from core.kernel.errors import PlatformError
from csms.adapter import Adapter
from csms.codes import Version
from csms.ocpp16 import OCPP16
from csms.ocpp201 import OCPP201
from csms.schemas import validate_outgoing

ADAPTERS: Final[dict[str, Adapter]] = {"1.6": OCPP16, "2.0.1": OCPP201}


def check(charger: Charger, act: Command) -> None:
    """Refuse what the charger's version cannot be asked for.

    Raises:
        PlatformError: ``payload_invalid``.
    """
    version = charger.ocpp_version
    if version not in ADAPTERS:
        return
    try:
        action, payload = ADAPTERS[version].encode(act)
    except ValueError as exc:
        raise PlatformError("payload_invalid", f"{exc}.") from exc
    violation = validate_outgoing(cast(Version, version), action, payload)
    if violation is not None:
        raise PlatformError("payload_invalid", f"{action}: {violation.description}")
