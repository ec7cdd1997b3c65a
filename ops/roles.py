"""The parts of the platform; apart from what builds them, so that naming one costs nothing."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A part of the platform that can run in a process of its own."""

    CSMS = "csms"
    API = "api"
    WORKER = "worker"


ALL_ROLES: Final = frozenset(Role)
