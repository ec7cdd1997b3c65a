"""Use cases of presence: which node holds a charger's WebSocket, and which nodes live."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from core.chargers import announcing, store
from core.chargers.facts import Booted
from core.chargers.models import Charger, Held
from core.chargers.text import storable, storable_or_none
from core.kernel.db import Tx
from core.kernel.errors import not_found

NODE_SILENT_AFTER: Final = timedelta(seconds=15)
RELEASED_AT_ONCE: Final = 500

_log = structlog.get_logger()


async def connected(tx: Tx, charger_id: str, *, node_id: str, version: str, address: str) -> int:
    """Record that *node_id* holds the charger's newest socket; return the connection's epoch.

    A socket that held the charger until now is fenced by that (I26).

    Raises:
        PlatformError: ``not_found``: the charger was removed since its login.
    """
    values = {
        "node_id": node_id,
        "ocpp_version": version,
        "remote_address": storable(address, max_chars=64),
        "connected_at": tx.now,
        "last_seen_at": tx.now,
    }
    while True:  # another transaction may let go of it in between
        charger = await store.hold(tx, charger_id, is_held=False, **values)
        if charger is not None:
            await announcing.presence_changed(tx, [charger])
            return charger.epoch
        charger = await store.hold(tx, charger_id, is_held=True, **values)
        if charger is not None:
            return charger.epoch
        if await store.charger(tx, charger_id) is None:
            raise not_found("charger")


async def disconnected(tx: Tx, charger_id: str, *, epoch: int) -> bool:
    """Record that the socket of *epoch* is closed; false if a newer one holds the charger."""
    charger = await store.let_go(tx, charger_id, epoch=epoch)
    if charger is None:
        return False
    await announcing.presence_changed(tx, [charger])
    return True


async def held_on(tx: Tx, node_id: str) -> Mapping[str, Held]:
    """Return the chargers that *node_id* holds, and may hold."""
    return await store.held_on(tx, node_id)


async def seen(tx: Tx, chargers: Mapping[str, datetime]) -> None:
    """Note when chargers were last heard, many at a time."""
    if chargers:
        await store.set_last_seen(tx, chargers)


async def booted(
    tx: Tx, fact: Booted, *, answer: str | None = None, before: Charger | None = None
) -> Charger:
    """Note how a charger introduced itself, and the *answer* (``Pending``, ...); return it.

    Args:
        before: The charger, if this transaction has read it.

    Raises:
        PlatformError: ``not_found``: it was removed.
    """
    before = before or await store.charger(tx, fact.charger_id)
    charger = await store.change_charger(
        tx,
        fact.charger_id,
        vendor=storable_or_none(fact.vendor, max_chars=100),
        model=storable_or_none(fact.model, max_chars=100),
        serial_number=storable_or_none(fact.serial_number, max_chars=100),
        firmware_version=storable_or_none(fact.firmware_version, max_chars=100),
        boot_reason=storable_or_none(fact.reason, max_chars=40),
        boot_status=answer,
        booted_at=tx.now,
        last_seen_at=tx.now,
    )
    if before is None or charger is None:
        raise not_found("charger")
    if (before.vendor, before.model) != (charger.vendor, charger.model):
        await announcing.station_changed(tx, charger.station_id)
    return charger


async def node_alive(tx: Tx, node_id: str) -> bool:
    """Note that a node lives.

    Returns:
        False at the first time, and when the node was silent for so long that others released
        its chargers: then it has to close its sockets, for it no longer owns them.
    """
    return await store.touch_node(tx, node_id)


async def release_node(tx: Tx, node_id: str, *, limit: int = RELEASED_AT_ONCE) -> int:
    """Mark the chargers that *node_id* holds offline, at most *limit*; return how many.

    For a node's start (its name was used before) and its end. Once it returns 0 nothing is left
    but what other transactions are about at that moment, and the node is forgotten: what they do
    not let go of is found by ``release_dead_nodes``.
    """
    await store.lock_node(tx, node_id)
    held = await store.held_by(tx, node_id, limit=limit)
    if not held:
        await store.remove_node(tx, node_id)
        return 0
    released = await store.let_go_of_all(tx, held, node_id=node_id)
    await announcing.presence_changed(tx, released)
    _log.info("node_released", released_node_id=node_id, chargers=len(released))
    return len(released)


async def release_dead_nodes(tx: Tx, *, older_than: timedelta = NODE_SILENT_AFTER) -> int:
    """Release nodes that were silent for *older_than*; return how many chargers went offline.

    Not more than *RELEASED_AT_ONCE* chargers: call it until it returns 0.
    """
    released = 0
    for node_id in await store.dead_nodes(tx, before=tx.now - older_than):
        released += await release_node(tx, node_id, limit=RELEASED_AT_ONCE - released)
        if released >= RELEASED_AT_ONCE:
            break
    return released
