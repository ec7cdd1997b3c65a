"""Cars and registers: how energy flows into a battery."""

from dataclasses import dataclass

from simulator.config import Vehicle

STEP_S = 30.0
FULL_PERCENT = 99.99
TRICKLE = 0.05


@dataclass(kw_only=True)
class Car:
    """A car at a connector."""

    vehicle: Vehicle
    soc_percent: float

    @property
    def full(self) -> bool:
        """Tell whether the battery takes no more."""
        return self.soc_percent >= FULL_PERCENT


def arrive(vehicle: Vehicle) -> Car:
    """Return a car with the state of charge it arrives with."""
    return Car(vehicle=vehicle, soc_percent=vehicle.soc_percent)


def power_w(car: Car, *, limit_w: float) -> float:
    """Return the power the car takes now from a connector that offers *limit_w*."""
    if car.full:
        return 0.0
    peak = min(limit_w, float(car.vehicle.max_power_w))
    taper_from = car.vehicle.taper_from_percent
    if car.soc_percent <= taper_from:
        return peak
    share = (100.0 - car.soc_percent) / (100.0 - taper_from)
    return peak * max(TRICKLE, share)


def charge(car: Car, *, limit_w: float, seconds: float) -> float:
    """Let the car charge for *seconds*; return the energy in Wh."""
    energy_wh = 0.0
    while seconds > 0 and not car.full:
        step_s = min(seconds, STEP_S)
        step_wh = power_w(car, limit_w=limit_w) * step_s / 3600
        room_wh = (100.0 - car.soc_percent) / 100 * car.vehicle.capacity_wh
        step_wh = min(step_wh, room_wh)
        car.soc_percent += step_wh / car.vehicle.capacity_wh * 100
        energy_wh += step_wh
        seconds -= step_s
    return energy_wh
