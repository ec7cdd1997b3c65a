"""What the routes of the operator API work with."""

from dataclasses import dataclass

from ops.health import Probe
from partner_api.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorServices(Services):
    """Those of the partner API too, and who looks whether the process is ready."""

    probe: Probe
