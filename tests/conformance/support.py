"""What conversations need: chargers that have booted, questions of ours, what became of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from core.audit.service import CLI
from core.chargers import frame_log, key_codes, registry
from core.chargers.models import Charger, Connector
from core.chargers.record_models import Quarantined
from core.commands import service as commands
from core.commands.commands import Command, Raw
from core.commands.models import CommandRow
from core.commands.states import CommandStatus, Priority
from core.kernel.page import Page
from core.sessions import queries
from core.sessions.models import Session
from tests.csms.live import RawCharger, Running, charger
from tests.eventually import eventually

T = TypeVar("T")

QUIET: dict[str, dict[str, Any]] = {
    "ChangeConfiguration": {"status": "NotSupported"},
    "GetConfiguration": {},
    "SetVariables": {
        "setVariableResult": [
            {
                "attributeStatus": "Rejected",
                "component": {"name": "c"},
                "variable": {"name": "v"},
            }
        ]
    },
    "GetBaseReport": {"status": "NotSupported"},
    "TriggerMessage": {"status": "NotImplemented"},
}
"""Answers to what the platform asks after a boot."""


@asynccontextmanager
async def booted(
    server: Running, version: str = "1.6", identity: str = "CP-1", **more: Any
) -> AsyncIterator[RawCharger]:
    """A registered charger that was accepted, and has answered what it is asked then."""
    if await row_of(server, identity) is None:
        await server.add_charger(identity)
    async with charger(server, identity, version, **more) as cp:
        mine = dict(cp.replies)
        cp.replies |= QUIET
        await cp.boot()
        await idle(server)
        for action in QUIET:
            cp.replies.pop(action)
        cp.replies |= mine
        cp.calls.clear()
        yield cp


async def row_of(server: Running, identity: str = "CP-1") -> Charger | None:
    async with server.db.transaction() as tx:
        return await registry.by_identity(tx, identity)


async def charger_of(server: Running, identity: str = "CP-1") -> Charger:
    row = await row_of(server, identity)
    assert row is not None
    return row


async def connectors_of(server: Running, identity: str = "CP-1") -> list[Connector]:
    row = await charger_of(server, identity)
    async with server.db.transaction() as tx:
        return list(await registry.connectors_of(tx, row.id))


async def sessions_of(server: Running) -> list[Session]:
    async with server.db.transaction() as tx:
        return list((await queries.list_sessions(tx, Page(limit=200), owner=None)).rows)


async def the_session(server: Running) -> Session:
    (session,) = await sessions_of(server)
    return session


async def quarantined(server: Running) -> list[Quarantined]:
    async with server.db.transaction() as tx:
        return list(await frame_log.quarantined(tx, limit=200))


async def allow(server: Running, *tokens: str, **values: Any) -> None:
    """Put id tokens on the platform's list."""
    async with server.db.transaction() as tx:
        for token in tokens:
            await key_codes.put(tx, server.vault, CLI, token, **values)


async def ask(
    server: Running, command: Command, *, identity: str = "CP-1", timeout_s: float = 20
) -> CommandRow:
    """Queue a command of an operator."""
    row = await charger_of(server, identity)
    async with server.db.transaction() as tx:
        return await commands.enqueue(
            tx,
            charger=row,
            command=command,
            priority=Priority.OPERATOR,
            expires_at=tx.now + timedelta(minutes=5),
            timeout_s=timeout_s,
            requested_by="operator",
        )


async def ask_raw(server: Running, action: str, payload: dict[str, Any]) -> CommandRow:
    return await ask(server, Raw(action=action, payload=payload))


async def done(server: Running, row: CommandRow) -> CommandRow:
    """Wait until a command has reached its end."""

    async def probe() -> CommandRow | None:
        async with server.db.transaction() as tx:
            found = await commands.get(tx, row.id)
        return None if found.status in {CommandStatus.QUEUED, CommandStatus.SENT} else found

    return await eventually(probe)


async def asked_and_answered(
    server: Running, cp: RawCharger, command: Command, action: str, answer: dict[str, Any]
) -> tuple[dict[str, Any], CommandRow]:
    """Return what the charger was sent for *command*, and what its *answer* was recorded as."""
    cp.replies[action] = answer
    count = len(cp.calls_of(action))
    row = await ask(server, command)
    _, _, _, payload = await cp.called(action, count + 1)
    return payload, await done(server, row)


async def idle(server: Running, identity: str = "CP-1") -> None:
    """Wait until nothing is waiting for the charger, and nothing for its answer."""
    charger_id = (await charger_of(server, identity)).id

    async def probe() -> bool:
        async with server.db.transaction() as tx:
            rows = await commands.list_commands(tx, charger_id=charger_id, limit=200)
        return all(row.status not in {CommandStatus.QUEUED, CommandStatus.SENT} for row in rows)

    await eventually(probe)


async def until(probe: Callable[[], Awaitable[T | None]]) -> T:
    return await eventually(probe)
