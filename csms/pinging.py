"""Who is still there: chargers that say nothing are pinged, those that answer nothing are closed.

One task for all of a node: with one for each socket it is a tenth of what a connection takes.
"""

from typing import Final

from csms.node import Node

LOOK_EVERY_S: Final = 20.0
"""Between two looks at a socket: silent at one it is pinged, at the next it is closed."""
PORTIONS: Final = 20
"""Into so many the chargers are parted, each with its look at another time."""


async def ping(node: Node) -> None:
    """Look at all connections in turn, until cancelled."""
    while True:
        connections = list(node.connections.values())
        for n in range(PORTIONS):
            for connection in connections[n::PORTIONS]:
                connection.keep_alive()
            await node.clock.sleep(LOOK_EVERY_S / PORTIONS)
