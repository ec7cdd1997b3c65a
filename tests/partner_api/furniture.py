"""One object of every kind for a partner, made the way the platform makes them."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from core.audit.service import CLI
from core.chargers import pricing
from core.chargers import store as charger_store
from core.chargers.states import ConnectorStatus
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.ids import new_id
from core.kernel.times import rfc3339
from core.operations import service as operations
from core.sessions import ending, sampling, service, store
from core.sessions.facts import (
    EndReason,
    MeterSampled,
    Reading,
    Source,
    TransactionEnded,
    TransactionStarted,
)
from core.sessions.states import SessionStatus
from core.tariffs.cost import Prices
from tests.core.request_log.making import call, logged
from tests.partner_api.joining import apply, contact
from tests.partner_api.scenes import (
    Party,
    Place,
    grant,
    make_key,
    make_place,
    report,
    start_body,
)

PICTURES: Final = Path(__file__).parent / "pictures"
"""One picture, as a platform keeps them."""

_PICTURE: Final = "0" * 48
PUBLIC_KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
"""Of RFC 8032 7.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Furniture:
    """The ids of one object of every kind, named as the path parameters are."""

    operation_id: str
    session_id: str
    order_id: str
    reservation_id: str
    event_id: str
    endpoint_id: str
    delivery_id: str
    key_id: str
    api_key_id: str
    signing_key_id: str
    station_id: str
    charger_id: str
    connector_id: str
    partner_id: str
    application_id: str
    request_log_id: str
    status_token: str
    tariff_id: str
    picture_id: str
    request_id: str


def source(charger_id: str, action: str, key: str) -> Source:
    return Source(charger_id=charger_id, action=action, message_id=key, key=key, digest=key, raw={})


async def begin(db: Database, party: Party, place: Place, *, request_id: str = "app-1") -> str:
    """Start charging as a partner and report the transaction; return the operation's id."""
    answer = await party.client.post("/v1/start_charge", json=start_body(place, request_id))
    assert answer.status_code == 202, answer.text
    operation_id: str = answer.json()["id"]
    async with db.transaction() as tx:
        await operations.claim_next(tx, place.charger_id)
        operation = await operations.get(tx, operation_id)
        await service.start(
            tx,
            TransactionStarted(
                source=source(place.charger_id, "StartTransaction", f"start {operation_id}"),
                evse=1,
                connector=1,
                token=operation.token,
                token_kind=None,
                remote_start_id=None,
                reservation=None,
                transaction_ref=None,
                at=tx.now,
                meter_wh=1000,
                status=SessionStatus.CHARGING,
            ),
        )
    await report(db, place.charger_id, ConnectorStatus.CHARGING)
    return operation_id


async def measure(db: Database, place: Place, energy_wh: int) -> None:
    async with db.transaction() as tx:
        fact = MeterSampled(
            source=source(place.charger_id, "MeterValues", f"meter {energy_wh}"),
            evse=1,
            transaction_ref=None,
            readings=(Reading(at=tx.now, energy_wh=energy_wh, power_w=7000),),
        )
        await sampling.sample(tx, [fact])


async def finish(db: Database, place: Place, transaction_ref: str) -> None:
    """Report the end of a transaction at 3 kWh."""
    async with db.transaction() as tx:
        await ending.end(
            tx,
            TransactionEnded(
                source=source(place.charger_id, "StopTransaction", f"stop {transaction_ref}"),
                transaction_ref=transaction_ref,
                evse=1,
                connector=1,
                token=None,
                token_kind=None,
                at=tx.now,
                meter_wh=4000,
                reason=EndReason.LOCAL,
                readings=(),
            ),
        )
    await report(db, place.charger_id, ConnectorStatus.AVAILABLE)


async def reference_of(db: Database, operation_id: str) -> tuple[str, str]:
    """Return the session of a start, and what its charger calls it."""
    async with db.transaction() as tx:
        operation = await operations.get(tx, operation_id)
        session = await store.by_id(tx, operation.session_id or "")
        assert session is not None
        return session.id, session.transaction_ref


async def furnish(
    db: Database, vault: Vault, party: Party, *, name: str, livemode: bool = True
) -> Furniture:
    """Make one of everything for a partner, in the mode of its key."""
    place = await make_place(db, vault, identity=f"{name}-1", livemode=livemode)
    await grant(db, place, party.partner_id)
    endpoint = await party.client.post(
        "/v1/webhook_endpoints", json={"url": "http://127.0.0.1:9999/hook"}
    )
    assert endpoint.status_code == 201, endpoint.text
    other_key_id, _ = await make_key(db, vault, party.partner_id, livemode=livemode)
    signing_key = await party.client.post(  # of another: nobody can let its own key require it
        "/v1/signing_keys",
        json={"api_key_id": other_key_id, "algorithm": "ed25519", "public_key": PUBLIC_KEY},
    )
    assert signing_key.status_code == 201, signing_key.text
    operation_id = await begin(db, party, place, request_id=f"{name}-1")
    await measure(db, place, 2000)
    session_id, reference = await reference_of(db, operation_id)
    await finish(db, place, reference)
    order = (await party.client.get("/v1/orders")).json()["data"][0]
    reserved = await party.client.post(
        "/v1/reserve",
        json={
            "request_id": "hold-1",
            "connector_id": place.connector_id,
            "expires_at": in_an_hour(db),
        },
    )
    assert reserved.status_code == 202, reserved.text
    event = (await party.client.get("/v1/events?type=session.ended")).json()["data"][0]
    endpoint_id = endpoint.json()["id"]
    listed = await party.client.get(f"/v1/webhook_endpoints/{endpoint_id}/deliveries")
    charger_id = place.charger_id if livemode else await simulated(party)
    applied = await apply(party.client, contact=contact(email=f"{name}@example.com"))
    return Furniture(
        operation_id=operation_id,
        session_id=session_id,
        order_id=order["id"],
        reservation_id=reserved.json()["reservation_id"],
        event_id=event["id"],
        endpoint_id=endpoint_id,
        delivery_id=listed.json()["data"][0]["id"],
        key_id=party.key_id,
        api_key_id=party.key_id,
        signing_key_id=signing_key.json()["id"],
        station_id=place.station_id,
        charger_id=charger_id,
        connector_id=place.connector_id,
        partner_id=party.partner_id,
        application_id=applied["id"],
        request_log_id=await log_a_call(db, party, f"{name}-1", livemode=livemode),
        status_token=applied["status_token"],
        tariff_id=await offer(db, place),
        picture_id=await hang(db, place),
        request_id=f"{name}-1",
    )


async def offer(db: Database, place: Place) -> str:
    """Offer a tariff at a place; return its id."""
    prices = Prices(currency="EUR", per_kwh=Decimal("0.49"))
    async with db.transaction() as tx:
        return (await pricing.offer(tx, CLI, prices, station_id=place.station_id)).id


async def hang(db: Database, place: Place) -> str:
    """Hang the picture of ``PICTURES`` up at a place; return its id."""
    content = (PICTURES / _PICTURE).read_bytes()
    picture = {
        "id": new_id("pic"),
        "media_type": "image/png",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "file": _PICTURE,
        "caption": None,
    }
    async with db.transaction() as tx:
        await charger_store.change_station(tx, place.station_id, pictures=[picture])
    return str(picture["id"])


async def log_a_call(db: Database, party: Party, request_id: str, *, livemode: bool) -> str:
    """Write an entry into the request log of a partner; return its id."""
    one = call(
        db,
        partner_id=party.partner_id,
        key_id=party.key_id,
        livemode=livemode,
        idempotency_key=request_id,
    )
    await logged(db, one)
    return one.id


async def simulated(party: Party) -> str:
    """Return one of the simulated chargers, those that have calls of their own."""
    charger_id: str = (await party.client.get("/v1/test_helpers/chargers")).json()["data"][0]["id"]
    return charger_id


def in_an_hour(db: Database) -> str:
    return rfc3339(db.now() + timedelta(hours=1))
