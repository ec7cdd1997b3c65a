"""Which socket is a charger's newest: entered in memory and in the database, and taken out."""

import structlog

from core.chargers import presence
from core.chargers.models import Charger
from core.kernel import failpoints
from core.kernel.db import Tx
from core.kernel.errors import DatabaseUnavailable
from core.kernel.tasks import finished
from core.operations import service as operations
from csms.adapter import Adapter
from csms.connection import Connection
from csms.node import Node
from csms.socket import Socket

log = structlog.get_logger()


async def register(
    node: Node, socket: Socket, charger: Charger, adapter: Adapter
) -> tuple[Connection, Connection | None] | None:
    """Make this socket the charger's newest; return it and the one that it replaces.

    ``None`` if a newer one came in between.
    """
    entered: list[tuple[Connection, Connection | None]] = []

    def leave() -> None:
        while entered:
            connection, old = entered.pop()
            if node.connections.get(charger.id) is connection:
                node.connections.pop(charger.id)
                if old is not None:
                    node.connections[charger.id] = old

    async def work(tx: Tx) -> bool:
        leave()  # it was not committed the last time
        epoch = await presence.connected(
            tx,
            charger.id,
            node_id=node.id,
            version=adapter.version,
            address=socket.address,
        )
        old = node.connections.get(charger.id)
        if old is not None and old.epoch > epoch:
            return False
        connection = Connection(node, socket, adapter, charger, epoch=epoch, serials=socket.serials)
        entered.append((connection, old))
        node.connections[charger.id] = connection
        return True

    failpoints.enter("socket", "connected")
    try:
        if not await finished(node.joint.run(charger.id, work)):
            return None
    except BaseException:
        leave()
        raise
    connection, old = entered.pop()
    connection.conduct.entered(socket.tolerated)
    connection.is_registered = True
    return connection, old


async def unregister(node: Node, connection: Connection) -> None:
    """Mark the charger offline, unless a newer socket has it (I26)."""
    failpoints.enter("socket", "disconnected")
    node.background.forget(connection)
    charger_id = connection.charger_id
    if node.connections.get(charger_id) is connection:
        del node.connections[charger_id]

    async def work(tx: Tx) -> None:
        gone = await presence.disconnected(tx, charger_id, epoch=connection.epoch)
        if gone and not node.is_draining.is_set():
            await operations.fail_stranded(tx, charger_id=charger_id)

    try:
        await node.joint.run(charger_id, work)
    except DatabaseUnavailable:  # the sweep finds that nobody holds it
        log.warning("disconnect_not_recorded")
