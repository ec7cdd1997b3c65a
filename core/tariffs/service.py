"""Use cases of tariffs: offer, withdraw, find the one that holds. No version is ever changed."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.times import rfc3339
from core.tariffs import store
from core.tariffs.cost import Prices
from core.tariffs.models import Tariff

MAX_AMOUNT: Final = Decimal(1_000_000)
MAX_DECIMALS: Final = 6
MAX_TAX_PERCENT: Final = Decimal(100)
CLOCK_TOLERANCE: Final = timedelta(minutes=1)

_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_TEXT: Final = re.compile(r"[^\x00\ud800-\udfff]{1,512}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,4})?", re.ASCII)


async def offer(
    tx: Tx,
    actor: Actor,
    prices: Prices,
    *,
    station_id: str | None,
    text: str | None = None,
    language: str | None = None,
    valid_from: datetime | None = None,
) -> Tariff:
    """Make *prices* the tariff of a station, or of all that have none, from *valid_from* on.

    Sessions that began before keep what they began with. The caller has checked the station.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    _check(prices, text, language)
    return await _add(
        tx,
        actor,
        "tariff.offered",
        prices,
        station_id=station_id,
        is_offered=True,
        text=text,
        language=language,
        valid_from=valid_from,
    )


async def withdraw(
    tx: Tx, actor: Actor, *, station_id: str | None, valid_from: datetime | None = None
) -> Tariff:
    """End the tariff of a station (the default holds there again), or the default.

    Raises:
        PlatformError: ``invalid_parameter``; ``not_found``: there is none that holds then.
    """
    at = _future(tx, valid_from)
    known = await store.valid(tx, station_id, at)
    if known is None or not known.is_offered:
        raise not_found("tariff")
    return await _add(
        tx,
        actor,
        "tariff.withdrawn",
        Prices(currency=known.currency),
        station_id=station_id,
        is_offered=False,
        text=None,
        language=None,
        valid_from=at,
    )


async def holding(tx: Tx, *, station_id: str | None, at: datetime) -> Tariff | None:
    """Return the tariff that holds at a station at *at*; ``None``: nothing is charged."""
    own = None if station_id is None else await store.valid(tx, station_id, at)
    if own is not None and own.is_offered:
        return own
    default = await store.valid(tx, None, at)
    return default if default is not None and default.is_offered else None


async def get(tx: Tx, tariff_id: str) -> Tariff:
    """Return a version.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.by_id(tx, tariff_id)
    if found is None:
        raise not_found("tariff")
    return found


async def list_tariffs(
    tx: Tx, *, station_id: str | None, before_number: int | None, limit: int
) -> Sequence[Tariff]:
    """Return the newest versions first, of one station or all."""
    return await store.newest(tx, station_id=station_id, before_number=before_number, limit=limit)


async def _add(
    tx: Tx,
    actor: Actor,
    action: str,
    prices: Prices,
    *,
    station_id: str | None,
    is_offered: bool,
    text: str | None,
    language: str | None,
    valid_from: datetime | None,
) -> Tariff:
    tariff = await store.add(
        tx,
        id=new_id("trf"),
        station_id=station_id,
        is_offered=is_offered,
        currency=prices.currency,
        per_kwh=str(prices.per_kwh),
        per_minute=str(prices.per_minute),
        start_fee=str(prices.start_fee),
        tax_percent=None if prices.tax_percent is None else str(prices.tax_percent),
        text=text,
        language=language,
        valid_from=_future(tx, valid_from),
        shown=False,
        created_at=tx.now,
        created_by=actor.name,
    )
    after = {
        "station_id": station_id,
        "currency": tariff.currency,
        "per_kwh": tariff.per_kwh,
        "per_minute": tariff.per_minute,
        "start_fee": tariff.start_fee,
        "tax_percent": tariff.tax_percent,
        "valid_from": rfc3339(tariff.valid_from),
    }
    await audit.record(tx, actor, action, tariff.id, after=after)
    return tariff


def _future(tx: Tx, valid_from: datetime | None) -> datetime:
    """Return when a version begins: never in the past, so that no session changes its price."""
    if valid_from is None:
        return tx.now
    if valid_from < tx.now - CLOCK_TOLERANCE:
        raise _invalid("valid_from", "is not in the past; sessions keep what they began with")
    return max(valid_from, tx.now)


def _check(prices: Prices, text: str | None, language: str | None) -> None:
    if not _CURRENCY.fullmatch(prices.currency):
        raise _invalid("currency", "has three capital letters (ISO 4217), such as EUR")
    for name in ("per_kwh", "per_minute", "start_fee"):
        amount: Decimal = getattr(prices, name)
        if not _is_plain(amount) or not 0 <= amount <= MAX_AMOUNT:
            raise _invalid(name, f"is from 0 to {MAX_AMOUNT}, with {MAX_DECIMALS} decimals at most")
    tax = prices.tax_percent
    if tax is not None and (not _is_plain(tax) or not 0 <= tax <= MAX_TAX_PERCENT):
        raise _invalid("tax_percent", "is from 0 to 100")
    if text is not None and not _TEXT.fullmatch(text):
        raise _invalid("text", "has 1 to 512 characters, none of them NUL")
    if language is not None and (text is None or not _LANGUAGE.fullmatch(language)):
        raise _invalid("language", "is the language of the text, such as en or de-CH")


def _is_plain(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MAX_DECIMALS


def _invalid(name: str, rule: str) -> PlatformError:
    return PlatformError(
        "invalid_parameter", f"{name} {rule}.", errors=[{"pointer": f"/{name}", "detail": rule}]
    )
