"""The life of a partner: the table is the machine."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class PartnerStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """May read and stop its own sessions, nothing else."""


MACHINE: Final = Machine(
    {
        PartnerStatus.ACTIVE: frozenset({PartnerStatus.SUSPENDED}),
        PartnerStatus.SUSPENDED: frozenset({PartnerStatus.ACTIVE}),
    }
)
