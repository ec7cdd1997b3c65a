"""The cost of a session: pure, in Decimal, rounded once, half up, to the currency's smallest unit.

Prices are without tax. The parts are added exactly; the net sum is rounded, the tax on it is
rounded, and the total is their sum, so that what is shown always adds up.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

WH_PER_KWH: Final = 1000
S_PER_MINUTE: Final = 60

_WITHOUT_CENTS: Final = frozenset(
    {
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
        "XAF", "XOF", "XPF",
    }
)  # fmt: skip
_WITH_MILLS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What is charged, without tax: for a kWh, for a minute, once; ISO 4217 currency.

    *tax_percent* ``None``: the prices are final.
    """

    currency: str
    per_kwh: Decimal = Decimal(0)
    per_minute: Decimal = Decimal(0)
    start_fee: Decimal = Decimal(0)
    tax_percent: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What something costs; *total* is *net* and *tax*."""

    currency: str
    net: Decimal
    tax: Decimal
    total: Decimal


def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount of *currency* (ISO 4217): 0.01 of most."""
    if currency in _WITHOUT_CENTS:
        return Decimal(1)
    return Decimal("0.001") if currency in _WITH_MILLS else Decimal("0.01")


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Return *amount* to the smallest unit of *currency*, half up."""
    return amount.quantize(minor_unit(currency), ROUND_HALF_UP)


def cost_of(prices: Prices, *, energy_wh: int, duration: timedelta) -> Cost:
    """Return the cost of *energy_wh* in *duration*; a negative duration counts as none."""
    seconds = max(duration // timedelta(seconds=1), 0)
    exact = (
        prices.start_fee
        + prices.per_kwh * energy_wh / WH_PER_KWH
        + prices.per_minute * seconds / S_PER_MINUTE
    )
    net = rounded(exact, prices.currency)
    tax = rounded(net * (prices.tax_percent or Decimal(0)) / 100, prices.currency)
    return Cost(currency=prices.currency, net=net, tax=tax, total=net + tax)
