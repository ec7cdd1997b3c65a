"""How tests make their chargers."""

from typing import Any, Protocol

from simulator import SimulatedCharger, Timing

FAST = Timing(
    start_delay_s=0.5,
    auto_plug_s=1.0,
    auto_unplug_s=2.0,
    late_s=75.0,
    slow_s=55.0,
    drop_offline_s=5.0,
    fault_after_s=100.0,
    fault_clear_s=30.0,
    reboot_s=5.0,
)


class MakeCharger(Protocol):
    def __call__(self, **config: Any) -> SimulatedCharger: ...
