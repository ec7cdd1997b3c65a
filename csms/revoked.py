"""Sockets whose certificates were revoked since their login: they end (S4).

The bell says at once that there is something to look at; without it the watch of the node finds
it. Who comes back is refused by the door.
"""

from typing import Final

import structlog

from core.certificates import holdings
from core.kernel.doorbell import rung
from core.kernel.errors import DatabaseUnavailable
from csms.node import Node

log = structlog.get_logger()

REVOKED: Final = "its certificate was revoked"
LISTEN_S: Final = 60.0


async def hear(node: Node) -> None:
    """Look whenever a certificate is revoked, until cancelled."""
    async with node.db.doorbell.subscribe(holdings.REVOKED) as rings:
        while True:
            if await rung(rings, within_s=LISTEN_S):
                try:
                    await look(node)
                except DatabaseUnavailable:
                    log.warning("revocations_delayed")  # the watch looks, too


async def look(node: Node) -> None:
    """End the sockets that stand on a revoked certificate; one statement, whatever their number.

    Raises:
        DatabaseUnavailable: The next look finds the same.
    """
    shown = [one for one in node.connections.values() if one.serials]
    if not shown:
        return
    async with node.db.transaction() as tx:
        lately = await holdings.revoked_lately(tx, seen=node.revocation.number)
    if lately:
        node.revocation.number = lately[-1].number
    serials = {one.serial_number for one in lately}
    for connection in shown:
        if not connection.serials.isdisjoint(serials):
            connection.end(REVOKED)
