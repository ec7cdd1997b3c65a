"""Tariffs, and what sessions cost."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field

from core.chargers import pricing, registry
from core.kernel.db import Tx
from core.kernel.times import rfc3339
from core.sessions import costs, queries
from core.tariffs import service as tariffs
from core.tariffs.cost import Prices
from core.tariffs.models import Tariff
from ops.operator_api.deps import ADMIN, READS, Acting, NewestFirst, newest_page, resource
from partner_api.deps import Transaction
from partner_api.fields import In, Instant, ObjectId

routes = resource("", tag="tariffs")

Amount = Annotated[
    str,
    Field(
        pattern=r"^\d{1,7}(\.\d{1,6})?$",
        description="A decimal number as text, without tax.",
        examples=["0.49"],
    ),
]


class TariffIn(In):
    """Prices without tax; what is left out costs nothing."""

    currency: str = Field(min_length=3, max_length=3, description="ISO 4217.", examples=["EUR"])
    per_kwh: Amount = "0"
    per_minute: Amount = "0"
    start_fee: Amount = "0"
    tax_percent: Amount | None = Field(None, description="Left out: the prices are final.")
    text: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        description="Shown to drivers when they are authorized (2.0.1).",
        examples=["0.49 EUR/kWh + VAT"],
    )
    language: str | None = Field(None, max_length=8, description="Of the text.", examples=["en"])
    station_id: ObjectId | None = Field(
        None, description="Left out: for every station without a tariff of its own."
    )
    valid_from: Instant | None = Field(None, description="Left out: now.")


class Withdrawal(In):
    """Which tariff ends: of a station, or the default."""

    station_id: ObjectId | None = None
    valid_from: Instant | None = Field(None, description="Left out: now.")


@routes.post("/tariffs", status_code=201, dependencies=[ADMIN], summary="Offer a tariff")
async def offer(
    body: TariffIn, response: Response, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """In place of the one before, from `valid_from` on. Sessions keep what they began with."""
    await _check_station(tx, body.station_id)
    prices = Prices(
        currency=body.currency,
        per_kwh=Decimal(body.per_kwh),
        per_minute=Decimal(body.per_minute),
        start_fee=Decimal(body.start_fee),
        tax_percent=None if body.tax_percent is None else Decimal(body.tax_percent),
    )
    tariff = await pricing.offer(
        tx,
        actor,
        prices,
        station_id=body.station_id,
        text=body.text,
        language=body.language,
        valid_from=body.valid_from,
    )
    response.headers["Location"] = f"/operator/v1/tariffs/{tariff.id}"
    return tariff_view(tariff)


@routes.post("/tariffs/withdraw", status_code=201, dependencies=[ADMIN], summary="End a tariff")
async def withdraw(body: Withdrawal, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """At a station the default holds again; without the default, nothing is charged or shown."""
    await _check_station(tx, body.station_id)
    tariff = await pricing.withdraw(
        tx, actor, station_id=body.station_id, valid_from=body.valid_from
    )
    return tariff_view(tariff)


@routes.get("/tariffs", dependencies=[READS], summary="Versions of tariffs, the newest first")
async def list_tariffs(
    page: NewestFirst,
    tx: Transaction,
    station_id: Annotated[str | None, Query(max_length=64)] = None,
) -> dict[str, Any]:
    """Append-only: a version is never changed."""
    found = await tariffs.list_tariffs(
        tx, station_id=station_id, before_number=page.before_number, limit=page.limit + 1
    )
    return newest_page(found, page, tariff_view)


@routes.get("/tariffs/{tariff_id}", dependencies=[READS], summary="One version of a tariff")
async def show(tariff_id: str, tx: Transaction) -> dict[str, Any]:
    """As it was offered."""
    return tariff_view(await tariffs.get(tx, tariff_id))


@routes.get("/sessions/{session_id}/cost", dependencies=[READS], summary="What a session costs")
async def session_cost(session_id: str, tx: Transaction) -> dict[str, Any]:
    """So far, or in the end, by the tariff that held when it began; no bill.

    `tariff_id` and the amounts are null where there was no tariff.
    """
    session = await queries.get_session(tx, session_id, owner=None)
    priced = await costs.price(tx, session)
    cost = None if priced is None else priced.cost
    return {
        "object": "session_cost",
        "session_id": session.id,
        "final": not session.is_open,
        "tariff_id": None if priced is None else priced.tariff.id,
        "currency": None if cost is None else cost.currency,
        "net": None if cost is None else f"{cost.net:f}",
        "tax": None if cost is None else f"{cost.tax:f}",
        "total": None if cost is None else f"{cost.total:f}",
        "energy_wh": session.energy_wh,
    }


def tariff_view(tariff: Tariff) -> dict[str, Any]:
    """Return a version of a tariff; amounts are decimal texts."""
    return {
        "id": tariff.id,
        "object": "tariff",
        "station_id": tariff.station_id,
        "offered": tariff.is_offered,
        "currency": tariff.currency,
        "per_kwh": tariff.per_kwh,
        "per_minute": tariff.per_minute,
        "start_fee": tariff.start_fee,
        "tax_percent": tariff.tax_percent,
        "text": tariff.text,
        "language": tariff.language,
        "valid_from": rfc3339(tariff.valid_from),
        "created_at": rfc3339(tariff.created_at),
        "created_by": tariff.created_by,
    }


async def _check_station(tx: Tx, station_id: str | None) -> None:
    if station_id is not None:
        await registry.get_station(tx, station_id)
