"""Meter samples of either version as readings: one register, power, current, voltage, SoC each.

Units and defaults: OCPP 1.6 7.28, 7.43; OCPP 2.0.1 SampledValueType.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from core.sessions.facts import Reading
from csms import sanity

IMPOSSIBLE: Final = "value_impossible"
NAIVE: Final = "naive_timestamp"

MAX_MULTIPLIER: Final = 12
_OUTLET: Final = "Outlet"
_PERCENT_MAX: Final = 100
_THREE_PHASES: Final = (("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N"))


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One sampled value; *unit* is ``None`` where the standard's default holds."""

    value: object
    measurand: str
    phase: str | None
    location: str
    unit: str | None
    multiplier: int = 0
    context: str
    signed: bool = False


@dataclass(frozen=True, slots=True)
class _Quantity:
    measurand: str
    factors: dict[str | None, Decimal]
    """Factor to our unit by unit of the sample; another unit makes the sample unusable."""
    combine: Callable[[Sequence[Decimal]], Decimal]
    """How the values of the phases become one."""
    highest: int = sanity.INT32_MAX


def _mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def _total(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0))


_ENERGY_WH: Final = _Quantity(
    "Energy.Active.Import.Register",
    {None: Decimal(1), "Wh": Decimal(1), "kWh": Decimal(1000)},
    _total,
)
_POWER_W: Final = _Quantity(
    "Power.Active.Import", {None: Decimal(1), "W": Decimal(1), "kW": Decimal(1000)}, _total
)
_CURRENT_MA: Final = _Quantity("Current.Import", {None: Decimal(1000), "A": Decimal(1000)}, max)
_VOLTAGE_MV: Final = _Quantity("Voltage", {None: Decimal(1000), "V": Decimal(1000)}, _mean)
_SOC_PERCENT: Final = _Quantity(
    "SoC", {None: Decimal(1), "Percent": Decimal(1)}, max, highest=_PERCENT_MAX
)


_QUANTITIES: Final = {
    quantity.measurand: quantity
    for quantity in (_ENERGY_WH, _POWER_W, _CURRENT_MA, _VOLTAGE_MV, _SOC_PERCENT)
}


def instant(raw: object) -> tuple[Any, tuple[str, ...]]:
    """Return (the instant or ``None``, flags) of a timestamp as a charger sent it."""
    checked = sanity.timestamp(raw)
    return checked.value, (NAIVE,) if "timestamp_without_zone" in checked.flags else ()


def register_wh(raw: object) -> tuple[int | None, tuple[str, ...]]:
    """Return (the register or ``None``, flags) of a whole number of Wh."""
    value = sanity.whole(raw, lowest=0).value
    return value, () if value is not None else (IMPOSSIBLE,)


def reading(timestamp: object, samples: Sequence[Sample], raw: Any) -> Reading:
    """Return what the meter showed at one instant.

    A value that cannot be true (NaN, negative, beyond 32 bits) is ``None`` and flagged; the
    samples are kept as they came in *raw*.
    """
    at, flags = instant(timestamp)
    found: set[str] = set(flags)
    usable: dict[str, list[Sample]] = {}
    for sample in samples:
        quantity = _QUANTITIES.get(sample.measurand)
        if quantity is not None and sample.unit in quantity.factors and not sample.signed:
            usable.setdefault(sample.measurand, []).append(sample)
    values: dict[str, int] = {}
    for measurand, mine in usable.items():
        value, odd = _value(_QUANTITIES[measurand], mine)
        found.update(odd)
        if value is not None:
            values[measurand] = value
    return Reading(
        at=at,
        energy_wh=values.get(_ENERGY_WH.measurand),
        power_w=values.get(_POWER_W.measurand),
        current_ma=values.get(_CURRENT_MA.measurand),
        voltage_mv=values.get(_VOLTAGE_MV.measurand),
        soc_percent=values.get(_SOC_PERCENT.measurand),
        context=_context(samples),
        samples=raw,
        flags=tuple(sorted(found)),
    )


def _context(samples: Sequence[Sample]) -> str | None:
    """Return the context of the register, else of the first sample."""
    for sample in samples:
        if sample.measurand == _ENERGY_WH.measurand:
            return sample.context
    return samples[0].context if samples else None


def _value(quantity: _Quantity, mine: Sequence[Sample]) -> tuple[int | None, tuple[str, ...]]:
    """Return what the usable samples of a quantity come to, and what was odd about them."""
    if len(mine) > 1:
        mine = [sample for sample in mine if sample.location == _OUTLET] or mine
    chosen = _of_whole_or_phases(mine)
    if not chosen:
        return None, ()
    values: list[Decimal] = []
    for sample in chosen:
        value = sanity.quantity(sample.value).value
        if value is None or value < 0 or abs(sample.multiplier) > MAX_MULTIPLIER:
            return None, (IMPOSSIBLE,)
        if sample.multiplier:
            value *= Decimal(10) ** sample.multiplier
        values.append(value * quantity.factors[sample.unit])
    combined = values[0] if len(values) == 1 else quantity.combine(values)
    if combined > quantity.highest:
        return None, (IMPOSSIBLE,)
    return round(combined), ()


def _of_whole_or_phases(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the one sample of all phases, else one of each phase that was measured."""
    for sample in samples:
        if sample.phase is None:
            return [sample]
    for names in _THREE_PHASES:
        by_phase = {sample.phase: sample for sample in reversed(samples) if sample.phase in names}
        if by_phase:
            return list(by_phase.values())
    return ()
