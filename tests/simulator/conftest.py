from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from simulator import ChargerConfig, SimulatedCharger, Version
from tests.simulator.central import PASSWORD, Central, running_central
from tests.simulator.making import FAST, MakeCharger


@pytest.fixture
async def central() -> AsyncIterator[Central]:
    async with running_central() as central:
        yield central
        assert central.violations == []


@pytest.fixture(params=["1.6", "2.0.1"])
def version(request: pytest.FixtureRequest) -> Version:
    chosen: Version = request.param
    return chosen


@pytest.fixture
def make(central: Central, version: Version) -> MakeCharger:
    def build(
        *, ready: bool = True, on_frame: Callable[..., None] | None = None, **config: Any
    ) -> SimulatedCharger:
        defaults: dict[str, Any] = {
            "identity": "CP-1",
            "version": version,
            "url": central.url,
            "password": PASSWORD,
            "seed": 1,
            "speed": 200.0,
            "timing": FAST,
            "meter_interval_s": 20.0,
            "reconnect_min_s": 0.02,
        }
        return SimulatedCharger(
            ChargerConfig(**{**defaults, **config}), ready=ready, on_frame=on_frame
        )

    return build
