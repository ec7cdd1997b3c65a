"""Fixtures of the flows: a running platform with a partner."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from core.kernel.clock import ShiftedClock
from core.kernel.settings import Settings
from tests.world import Version, World, world


@pytest.fixture(params=["1.6", "2.0.1"])
def version(request: pytest.FixtureRequest) -> Version:
    """Run the test once with chargers of each OCPP version."""
    chosen: Version = request.param
    return chosen


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Deadlines that a busy machine can keep, or (``impatient``) that are soon over."""
    impatient = request.node.get_closest_marker("impatient") is not None
    return settings.model_copy(
        update={
            "confirm_within": timedelta(seconds=3 if impatient else 30),
            "command_timeout": timedelta(seconds=2 if impatient else 10),
        }
    )


@pytest.fixture
async def running(settings: Settings, clock: ShiftedClock) -> AsyncIterator[World]:
    async with world(settings, clock=clock) as created:
        yield created
