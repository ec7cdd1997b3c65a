"""A charger with a partner, spoken to in facts instead of frames."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from core.audit.service import Actor
from core.chargers import presence, registry, stations
from core.chargers.states import TokenStatus
from core.control.requests import Accepted, Requester, StartRequest, StopRequest
from core.control.start import start_charge
from core.control.stop import stop_charge
from core.doctor.service import examine
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.page import Page
from core.kernel.settings import Settings
from core.operations import service as operations
from core.partners import service as partners
from core.sessions import ending, queries, sampling
from core.sessions import service as sessions
from core.sessions.authorization import Answered
from core.sessions.facts import (
    EndReason,
    MeterSampled,
    Reading,
    Source,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from core.sessions.models import Order, Session
from core.sessions.states import SessionStatus

ACTOR: Final = Actor(name="test")


@dataclass(slots=True, kw_only=True)
class Bench:
    """One charger, one partner, and shorthand for what they say."""

    db: Database
    settings: Settings
    charger_id: str
    connector_id: str
    requester: Requester
    began: datetime

    def at(self, minute: float) -> datetime:
        return self.began + timedelta(minutes=minute)

    def source(self, action: str, key: str, content: object = None) -> Source:
        digest = hashlib.sha256(repr((key, content)).encode()).hexdigest()
        return Source(
            charger_id=self.charger_id,
            action=action,
            message_id="m",
            key=key,
            digest=digest,
            raw={"key": key},
        )

    async def request_start(self, request_id: str = "r-1", **more: Any) -> Accepted:
        request = StartRequest(request_id=request_id, connector_id=self.connector_id, **more)
        async with self.db.transaction() as tx:
            return await start_charge(tx, self.settings, self.requester, request)

    async def request_stop(self, request_id: str, **target: str) -> Accepted:
        request = StopRequest(request_id=request_id, **target)
        async with self.db.transaction() as tx:
            return await stop_charge(tx, self.settings, self.requester, request)

    async def send_next(self) -> str | None:
        """Claim the next command for sending, as the node with the socket would."""
        async with self.db.transaction() as tx:
            command = await operations.claim_next(tx, self.charger_id)
        return None if command is None else command.kind

    async def start(
        self,
        token: str | None,
        *,
        minute: float = 0,
        meter_wh: int | None = 1000,
        ref: str | None = None,
        seq: int | None = None,
        **more: Any,
    ) -> Answered:
        key = f"start:{token}:{minute}:{meter_wh}" if ref is None else f"event:{ref}:{seq}"
        values: dict[str, Any] = {
            "evse": 1,
            "connector": 1,
            "token_kind": None,
            "remote_start_id": None,
            "reservation": None,
            "status": SessionStatus.CHARGING,
            **more,
        }
        fact = TransactionStarted(
            source=self.source("StartTransaction", key),
            token=token,
            transaction_ref=ref,
            at=self.at(minute),
            meter_wh=meter_wh,
            seq=seq,
            **values,
        )
        async with self.db.transaction() as tx:
            return await sessions.start(tx, fact)

    async def update(
        self, ref: str, seq: int, *, minute: float, readings: Sequence[Reading] = (), **more: Any
    ) -> Answered:
        values: dict[str, Any] = {
            "evse": 1,
            "connector": 1,
            "token": None,
            "token_kind": None,
            "remote_start_id": None,
            "reservation": None,
            "status": None,
            **more,
        }
        fact = TransactionUpdated(
            source=self.source("TransactionEvent", f"event:{ref}:{seq}"),
            transaction_ref=ref,
            at=self.at(minute),
            readings=tuple(readings),
            seq=seq,
            **values,
        )
        async with self.db.transaction() as tx:
            return await sessions.update(tx, fact)

    async def end(
        self,
        ref: str,
        *,
        minute: float = 30,
        meter_wh: int | None = 6000,
        seq: int | None = None,
        token: str | None = None,
        reason: EndReason = EndReason.LOCAL,
        content: object = None,
    ) -> Answered:
        key = f"stop:{ref}" if seq is None else f"event:{ref}:{seq}"
        if ref in {"0", "-1"}:
            key = f"stop:{ref}:{minute}:{meter_wh}:{token}"
        fact = TransactionEnded(
            source=self.source("StopTransaction", key, content),
            transaction_ref=ref,
            evse=None,
            connector=None,
            token=token,
            token_kind=None,
            at=self.at(minute),
            meter_wh=meter_wh,
            reason=reason,
            readings=(),
            seq=seq,
        )
        async with self.db.transaction() as tx:
            return await ending.end(tx, fact)

    async def sample(self, ref: str | None, minute: float, energy_wh: int) -> None:
        fact = MeterSampled(
            source=self.source("MeterValues", f"meter:{ref}:{minute}:{energy_wh}"),
            evse=1,
            transaction_ref=ref,
            readings=(Reading(at=self.at(minute), energy_wh=energy_wh),),
        )
        async with self.db.transaction() as tx:
            await sampling.sample(tx, [fact])

    async def sessions(self) -> Sequence[Session]:
        async with self.db.transaction() as tx:
            return (await queries.list_sessions(tx, Page(limit=200), owner=None)).rows

    async def orders(self) -> Sequence[Order]:
        async with self.db.transaction() as tx:
            return (await queries.list_orders(tx, Page(limit=200), owner=None)).rows

    async def order(self) -> Order:
        [order] = await self.orders()
        return order

    async def is_healthy(self) -> bool:
        async with self.db.transaction() as tx:
            findings = await examine(tx)
        assert not findings, findings
        return True


@pytest.fixture
async def bench(db: Database, settings: Settings, vault: Vault) -> Bench:
    async with db.transaction() as tx:
        station = await stations.create_station(tx, ACTOR, name="Test")
        charger, _ = await registry.register(
            tx, vault, ACTOR, identity="CP-1", station_id=station.id
        )
        await registry.put_connectors(
            tx, ACTOR, charger.id, [registry.ConnectorSpec(evse=1, max_power_w=50_000)]
        )
        await presence.connected(
            tx, charger.id, node_id="node-a", version="1.6", address="127.0.0.1"
        )
        partner = await partners.create_partner(tx, ACTOR, name="acme")
        await stations.grant_station(tx, ACTOR, partner.id, station.id, control=True)
        [connector] = await registry.connectors_of(tx, charger.id)
        began = tx.now - timedelta(hours=2)
    return Bench(
        db=db,
        settings=settings,
        charger_id=charger.id,
        connector_id=connector.id,
        requester=Requester(partner_id=partner.id, livemode=True),
        began=began.astimezone(UTC),
    )


__all__ = ["Bench", "TokenStatus"]
