"""What the tests of this folder set up: a partner, endpoints, events, a sender."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from core.audit.service import CLI
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.settings import Settings
from core.partners import service as partners
from core.webhooks import endpoints
from core.webhooks.models import Attempt, Delivery, Endpoint, Event, attempts, deliveries, events
from core.webhooks.sender import Sender, transport_for
from core.webhooks.service import emit
from tests.core.webhooks.receiver import Request, saying
from tests.eventually import eventually

MINUTE, HOUR = 60.0, 3600.0
FAILURE = saying(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nhelp")


async def make_partner(db: Database) -> str:
    async with db.transaction() as tx:
        return (await partners.create_partner(tx, CLI, name="Tester")).id


async def make_endpoint(
    db: Database, vault: Vault, settings: Settings, partner_id: str, port: int, **values: Any
) -> tuple[Endpoint, str]:
    async with db.transaction() as tx:
        return await endpoints.create(
            tx,
            vault,
            settings,
            CLI,
            partner_id=partner_id,
            livemode=values.pop("livemode", True),
            url=f"http://127.0.0.1:{port}/hook",
            **values,
        )


async def say(tx: Tx, partner_id: str, type_: str = "session.started", **values: Any) -> str:
    facts: dict[str, Any] = {
        "livemode": True,
        "object_id": "cs_1",
        "object_sequence": 1,
        "related": {"session_id": "cs_1"},
        "obj": {"id": "cs_1"},
        **values,
    }
    return await emit(tx, partner_id=partner_id, type=type_, **facts)


async def happen(db: Database, partner_id: str, type_: str = "session.started") -> str:
    """Let one event happen; return its id."""
    async with db.transaction() as tx:
        return await say(tx, partner_id, type_)


async def all_deliveries(db: Database) -> list[Delivery]:
    async with db.transaction() as tx:
        return list(await tx.all(select(deliveries).order_by(deliveries.c.id), Delivery))


async def all_attempts(db: Database) -> list[Attempt]:
    statement = select(attempts).order_by(attempts.c.delivery_id, attempts.c.number)
    async with db.transaction() as tx:
        return list(await tx.all(statement, Attempt))


async def all_events(db: Database) -> list[Event]:
    async with db.transaction() as tx:
        return list(await tx.all(select(events).order_by(events.c.seq), Event))


async def wait_s(db: Database) -> float:
    """Return in how many seconds the only delivery is due."""
    (delivery,) = await all_deliveries(db)
    return (delivery.due_at - db.now()) / timedelta(seconds=1)


@asynccontextmanager
async def sending(db: Database, vault: Vault, settings: Settings) -> AsyncIterator[Sender]:
    """Open a sender without chance: no jitter."""
    async with transport_for(settings, db.clock) as transport:
        yield Sender(db, vault, settings, transport, jitter=lambda: 0.5)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for *condition*, which nothing announces."""

    async def holds() -> bool:
        return condition()

    await eventually(holds, within_s=30)


async def until_delivered(db: Database) -> None:
    """Wait until no delivery is due."""

    async def delivered() -> bool:
        return all(row.status != "due" for row in await all_deliveries(db))

    await eventually(delivered, within_s=30)


async def until_attempted(db: Database) -> None:
    """Wait until an attempt is written down."""

    async def attempted() -> bool:
        return bool(await all_attempts(db))

    await eventually(attempted, within_s=30)


def body_of(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.body)
    return body
