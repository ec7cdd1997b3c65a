"""Meter samples of either version as readings: one register, power, current, voltage, SoC each.

Units and defaults: OCPP 1.6 7.28, 7.43; OCPP 2.0.1 SampledValueType.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from core.sessions.facts import Reading
from csms import sanity

IMPOSSIBLE: Final = "value_impossible"
NAIVE: Final = "naive_timestamp"

MAX_MULTIPLIER: Final = 12
_OUTLET: Final = "Outlet"
_PERCENT_MAX: Final = 100
_THREE_PHASES: Final = (("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
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

    def value_of(quantity: _Quantity) -> int | None:
        value, odd = _value(quantity, samples)
        found.update(odd)
        return value

    return Reading(
        at=at,
        energy_wh=value_of(_ENERGY_WH),
        power_w=value_of(_POWER_W),
        current_ma=value_of(_CURRENT_MA),
        voltage_mv=value_of(_VOLTAGE_MV),
        soc_percent=value_of(_SOC_PERCENT),
        context=_context(samples),
        samples=raw,
        flags=tuple(sorted(found)),
    )


def _context(samples: Sequence[Sample]) -> str | None:
    """Return the context of the register, else of the first sample."""
    registers = [sample for sample in samples if sample.measurand == _ENERGY_WH.measurand]
    first = next(iter(registers or samples), None)
    return None if first is None else first.context


def _value(quantity: _Quantity, samples: Sequence[Sample]) -> tuple[int | None, tuple[str, ...]]:
    mine = [
        sample
        for sample in samples
        if sample.measurand == quantity.measurand
        and sample.unit in quantity.factors
        and not sample.signed
    ]
    if not mine:
        return None, ()
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
    combined = quantity.combine(values)
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
