"""What a node does besides its sockets: hears the doorbell, sweeps, shows that it lives."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from core.chargers import presence, registry
from core.chargers.login import is_enough
from core.chargers.models import Charger, Held
from core.commands import service as commands
from core.kernel import failpoints, metrics
from core.kernel.db import Tx
from core.kernel.doorbell import Rings, rung
from core.kernel.errors import DatabaseUnavailable, PlatformError
from core.kernel.times import seconds
from core.operations import service as operations
from csms import outbound, watch
from csms.connection import Connection
from csms.node import Node

log = structlog.get_logger()

SWEEP_S: Final = 1.0
"""How long a command whose ring was lost can wait."""
ALIVE_S: Final = 5.0


async def beat(node: Node) -> None:
    """Tell the other nodes that this one lives, until cancelled: however long a sweep takes."""
    while True:
        await node.clock.sleep(ALIVE_S)
        await _guarded(_live, node)


async def _live(node: Node) -> None:
    failpoints.enter("node", "alive")
    async with node.db.transaction() as tx:
        await presence.node_alive(tx, node.id)


async def dispatch(node: Node) -> None:
    """Wake the connections that have work, until cancelled."""
    clock = node.clock
    async with node.db.doorbell.subscribe(commands.topic(node.id)) as rings:
        sweep_s = alive_s = watch_s = clock.monotonic()
        while True:
            if clock.monotonic() >= sweep_s:
                sweep_s = clock.monotonic() + SWEEP_S
                await _guarded(_sweep, node)
            if clock.monotonic() >= alive_s:
                alive_s = clock.monotonic() + ALIVE_S
                await _guarded(_show_life, node)
            if clock.monotonic() >= watch_s:
                watch_s = clock.monotonic() + watch.WATCH_EVERY_S
                await _guarded(watch.watch, node)
            await _listen(node, rings)


async def help_out(node: Node, tx: Tx, offer: commands.Offer) -> bool:
    """Let the connection of a charger take what is about to be queued for it."""
    connection = node.connections.get(offer.charger.id)
    return connection is not None and await connection.take(tx, offer)


async def give_turn(node: Node, tx: Tx, charger: Charger) -> bool:
    """Ask a charger in its turn what was queued for it in the same transaction."""
    connection = node.connections.get(charger.id)
    if connection is None:
        return False

    def hear(*, committed: bool) -> None:
        if committed:
            node.background.add(connection)

    tx.outcome.heard_by(hear)
    return True


async def _guarded(work: Callable[[Node], Awaitable[None]], node: Node) -> None:
    try:
        await work(node)
    except DatabaseUnavailable:
        log.warning("sweep_delayed")
    except Exception:  # a bug in one pass must not end the node
        metrics.BACKGROUND_FAILURES.labels("charger sweep").inc()
        log.exception("sweep_failed")


async def _listen(node: Node, rings: Rings) -> None:
    for charger_id in await rung(rings, within_s=SWEEP_S):
        _wake(node, charger_id)


def _wake(node: Node, charger_id: str) -> None:
    connection = node.connections.get(charger_id)
    if connection is not None:
        connection.wake()


async def _sweep(node: Node) -> None:
    """Find the work whose ring was lost; background work once all others have had their turn."""
    turns = node.background
    turns.go_on()  # a crowd ends without a word
    is_calm = turns.is_idle and not turns.is_crowded
    async with node.db.transaction() as tx:
        waiting = await commands.waiting_on(tx, node.id, all_of_it=is_calm)
    for charger_id in waiting:
        _wake(node, charger_id)


async def _show_life(node: Node) -> None:
    """Tell the other nodes that this one lives and whom it heard, and see what they say of it.

    A node that was silent for long has lost its chargers in the database. It takes those back
    that went nowhere else, and closes the sockets of the others.
    """
    now_s = node.clock.monotonic()
    heard = {
        connection.charger_id: node.db.now() - seconds(now_s - connection.heard_s)
        for connection in node.connections.values()
        if now_s - connection.heard_s <= ALIVE_S
    }
    # Those that come meanwhile cannot be in what is read: they are looked at next time.
    registered = [one for one in node.connections.values() if one.is_registered]
    failpoints.enter("node", "alive")
    async with node.db.transaction() as tx:
        await presence.node_alive(tx, node.id)
        await presence.seen(tx, heard)
        held = await presence.held_on(tx, node.id)
        # A connection is in the table before its row is committed: what is not there is gone.
        for charger_id, row in held.items():
            mine = node.connections.get(charger_id)
            if mine is None or mine.epoch < row.epoch:
                await _let_go(tx, charger_id, row.epoch)
    for connection in registered:
        if node.connections.get(connection.charger_id) is connection:
            await _compare(node, connection, held.get(connection.charger_id))


async def _compare(node: Node, connection: Connection, held: Held | None) -> None:
    """See whether the database says of a connection what this node does."""
    if held is None or held.epoch != connection.epoch:
        await _take_back(node, connection)
    elif not is_enough(connection.security_profile, held.security_profile):
        connection.end(outbound.RAISED)


async def _let_go(tx: Tx, charger_id: str, epoch: int) -> None:
    """Let go of a charger whose socket ended while the database was away."""
    if await presence.disconnected(tx, charger_id, epoch=epoch):
        await operations.fail_stranded(tx, charger_id=charger_id)


async def _take_back(node: Node, connection: Connection) -> None:
    failpoints.enter("socket", "taken_back")
    async with node.db.transaction() as tx:
        try:
            charger = await registry.get(tx, connection.charger_id)
        except PlatformError:
            charger = None
        if charger is not None and charger.epoch == connection.epoch and not charger.online:
            connection.epoch = await presence.connected(
                tx,
                charger.id,
                node_id=node.id,
                version=connection.version,
                address=charger.remote_address or "",
            )
            return
    why: str | None = outbound.REMOVED
    if charger is not None:
        why = outbound.why_it_ends(node, charger, connection.line)
    if why is not None:
        connection.end(why)
