"""What a row of the catalogue of deviations is."""

from dataclasses import dataclass
from typing import Final

HANDSHAKE: Final = frozenset({"handshake"})
FRAME: Final = frozenset({"frame"})
CALL: Final = frozenset({"call"})
"""What is checked on every handshake, frame or call; else it is on the named actions alone."""
STARTS: Final = frozenset({"StartTransaction", "TransactionEvent"})
STOPS: Final = frozenset({"StopTransaction", "TransactionEvent"})
METERS: Final = frozenset({"MeterValues", "StopTransaction", "TransactionEvent"})
TRANSACTIONS: Final = STARTS | STOPS | METERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One row of the catalogue.

    Attributes:
        title: Completes "The charger ...".
        section: Where the specification says *rule*.
        fix: What a vendor has to change.
        checked_on: The actions in which it can be seen, or ``HANDSHAKE``, ``FRAME``, ``CALL``.
        is_remark: The specification allows it, or only advises against it.
    """

    code: str
    title: str
    section: str
    rule: str
    fix: str
    checked_on: frozenset[str]
    is_remark: bool = False
