"""What most Python central systems look like: ``ocpp`` + ``websockets`` + an ORM commit a message.

It knows no partners, events, operations or orders and keeps the samples of a reading as one JSON
value. It writes what a message says before it answers, as durably as the platform does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

# mypy: disable-error-code="no-untyped-call, untyped-decorator"
# ``ocpp`` has no types, and here stands the design that the platform does not have: what it uses
# is banned elsewhere.
from ocpp.routing import on  # noqa: TID251 - see above
from ocpp.v16 import ChargePoint, call_result  # noqa: TID251 - see above
from ocpp.v16.datatypes import IdTagInfo
from ocpp.v16.enums import Action, AuthorizationStatus, RegistrationStatus
from sqlalchemy import JSON, ForeignKey, event
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,  # noqa: TID251 - see above
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column  # noqa: TID251 - see above
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.frames import TOKEN
from benchmarks.servers import Order, Ready

Sessions = async_sessionmaker[AsyncSession]
new_event_loop = asyncio.new_event_loop


class Base(DeclarativeBase):
    """The tables of the reference."""


class ChargerRow(Base):
    __tablename__ = "chargers"
    identity: Mapped[str] = mapped_column(primary_key=True)
    vendor: Mapped[str | None]
    seen_at: Mapped[str | None]


class ConnectorRow(Base):
    __tablename__ = "connectors"
    identity: Mapped[str] = mapped_column(ForeignKey("chargers.identity"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str]


class TokenRow(Base):
    __tablename__ = "tokens"
    token: Mapped[str] = mapped_column(primary_key=True)


class TransactionRow(Base):
    __tablename__ = "transactions"
    id: Mapped[int] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(ForeignKey("chargers.identity"), index=True)
    connector: Mapped[int]
    token: Mapped[str]
    meter_start_wh: Mapped[int]
    meter_stop_wh: Mapped[int | None]
    started_at: Mapped[str]
    stopped_at: Mapped[str | None]


class ReadingRow(Base):
    __tablename__ = "readings"
    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"), index=True)
    connector: Mapped[int]
    values: Mapped[list[Any]] = mapped_column(JSON)


class Handler(ChargePoint):
    """One charger, as the documentation of ``ocpp`` shows it."""

    def __init__(self, identity: str, socket: ServerConnection, sessions: Sessions) -> None:
        super().__init__(identity, socket)
        self._sessions = sessions

    @on(Action.boot_notification)
    async def on_boot(self, charge_point_vendor: str, **_: Any) -> call_result.BootNotification:
        async with self._sessions() as session:
            charger = await session.get_one(ChargerRow, self.id)
            charger.vendor, charger.seen_at = charge_point_vendor, _now()
            await session.commit()
        return call_result.BootNotification(
            current_time=_now(), interval=300, status=RegistrationStatus.accepted
        )

    @on(Action.heartbeat)
    async def on_heartbeat(self, **_: Any) -> call_result.Heartbeat:
        now = _now()
        async with self._sessions() as session:
            charger = await session.get_one(ChargerRow, self.id)
            charger.seen_at = now
            await session.commit()
        return call_result.Heartbeat(current_time=now)

    @on(Action.status_notification)
    async def on_status(
        self, connector_id: int, status: str, **_: Any
    ) -> call_result.StatusNotification:
        async with self._sessions() as session:
            connector = await session.get(ConnectorRow, (self.id, connector_id))
            if connector is None:
                session.add(ConnectorRow(identity=self.id, number=connector_id, status=status))
            else:
                connector.status = status
            await session.commit()
        return call_result.StatusNotification()

    @on(Action.authorize)
    async def on_authorize(self, id_tag: str, **_: Any) -> call_result.Authorize:
        async with self._sessions() as session:
            return call_result.Authorize(id_tag_info=await _verdict(session, id_tag))

    @on(Action.start_transaction)
    async def on_start(
        self, connector_id: int, id_tag: str, meter_start: int, timestamp: str, **_: Any
    ) -> call_result.StartTransaction:
        async with self._sessions() as session:
            verdict = await _verdict(session, id_tag)
            row = TransactionRow(
                identity=self.id,
                connector=connector_id,
                token=id_tag,
                meter_start_wh=meter_start,
                started_at=timestamp,
            )
            session.add(row)
            await session.commit()
        return call_result.StartTransaction(transaction_id=row.id, id_tag_info=verdict)

    @on(Action.meter_values)
    async def on_meter_values(
        self,
        connector_id: int,
        meter_value: list[Any],
        transaction_id: int | None = None,
        **_: Any,
    ) -> call_result.MeterValues:
        async with self._sessions() as session:
            if transaction_id is not None:
                await session.get_one(TransactionRow, transaction_id)
            row = ReadingRow(
                transaction_id=transaction_id, connector=connector_id, values=meter_value
            )
            session.add(row)
            await session.commit()
        return call_result.MeterValues()

    @on(Action.stop_transaction)
    async def on_stop(
        self, transaction_id: int, meter_stop: int, timestamp: str, **_: Any
    ) -> call_result.StopTransaction:
        async with self._sessions() as session:
            row = await session.get_one(TransactionRow, transaction_id)
            row.meter_stop_wh, row.stopped_at = meter_stop, timestamp
            await session.commit()
        return call_result.StopTransaction()


async def serve(order: Order, until_end: Callable[[Ready], Awaitable[None]]) -> None:
    """Serve as the documentation of ``ocpp`` shows it."""
    logging.basicConfig(level=logging.WARNING)  # its INFO has every frame
    engine = _engine(order.database_url)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as session:
        session.add(TokenRow(token=TOKEN))
        session.add_all(ChargerRow(identity=identity) for identity in order.chargers)
        await session.commit()

    async def hold(socket: ServerConnection) -> None:
        path = "" if socket.request is None else socket.request.path
        try:
            await Handler(path.rpartition("/")[2], socket, sessions).start()
        except ConnectionClosed:
            return

    subprotocols = [Subprotocol("ocpp1.6")]
    async with listen(hold, "127.0.0.1", 0, subprotocols=subprotocols) as server:
        port = server.sockets[0].getsockname()[1]
        await until_end(Ready(ocpp_url=f"ws://127.0.0.1:{port}/ocpp"))
    await engine.dispose()


def _engine(url: str) -> AsyncEngine:
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_size=10, max_overflow=0)
    engine = create_async_engine(url, pool_size=1, max_overflow=0)

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


async def _verdict(session: AsyncSession, token: str) -> IdTagInfo:
    known = await session.get(TokenRow, token)
    status = AuthorizationStatus.invalid if known is None else AuthorizationStatus.accepted
    return IdTagInfo(status=status)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
