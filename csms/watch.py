"""What a node looks after from time to time: profiles, revocations, deviations to be written."""

from itertools import islice
from typing import Final

import structlog

from core.chargers import deviations
from core.chargers.deviations import Tally
from core.kernel import failpoints
from core.kernel.errors import DatabaseUnavailable
from csms import revoked
from csms.node import Node

log = structlog.get_logger()

WATCH_EVERY_S: Final = 2.0
TALLIES_AT_ONCE: Final = 500
MAX_TALLIES: Final = 20_000
"""Of closed connections, while the database is away."""


async def watch(node: Node) -> None:
    """Follow changed profiles and revocations; write what connections counted, set-wise."""
    async with node.db.transaction() as tx:
        await node.book.refresh(tx)
    await revoked.look(node)
    changed = node.book.has_news()
    for connection in list(node.connections.values()):
        if changed:
            connection.follow_profile()
        connection.conduct.look(heard_s=connection.heard_s)
        tally = connection.conduct.due()
        if not tally.is_empty:
            leave(node, tally)
    await write(node)


def leave(node: Node, tally: Tally) -> None:
    """Leave what a connection counted to be written; the oldest go where nobody writes."""
    if not tally.is_empty:
        node.tallies.append(tally)
    while len(node.tallies) > MAX_TALLIES:
        node.tallies.popleft()


async def write(node: Node) -> None:
    """Write all that was left.

    Raises:
        DatabaseUnavailable: It waits on.
    """
    failpoints.enter("node", "deviations")
    while node.tallies:
        batch = list(islice(node.tallies, TALLIES_AT_ONCE))
        async with node.db.transaction() as tx:
            await deviations.flush(tx, batch)
        for _ in batch:
            node.tallies.popleft()


async def write_last(node: Node) -> None:
    """Write what was left when the node stops; without a database it is lost."""
    try:
        await write(node)
    except DatabaseUnavailable:
        log.warning("deviations_lost", tallies=len(node.tallies))
