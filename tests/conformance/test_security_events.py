"""A04: security events of chargers, in both versions."""

from typing import Any

import pytest

from core.chargers import security_events
from core.chargers.security_models import SecurityEvent
from tests.conformance.support import booted
from tests.csms.live import AT, Running

pytestmark = [
    pytest.mark.ocpp("1.6", "SecurityEventNotification"),
    pytest.mark.ocpp("2.0.1", "SecurityEventNotification"),
]


async def stored(server: Running) -> SecurityEvent:
    async with server.db.transaction() as tx:
        [event] = await security_events.newest(tx)
    return event


@pytest.mark.parametrize(
    ("type_", "known", "critical"),
    [
        ("TamperDetectionActivated", True, True),
        ("InvalidMessages", True, False),
        ("VendorSpecificThing", False, False),
    ],
)
async def test_an_event_is_stored_and_acknowledged(
    server: Running, version: str, type_: str, known: bool, critical: bool
) -> None:
    event = {"type": type_, "timestamp": AT, "techInfo": "door open"}
    async with booted(server, version) as cp:
        assert await cp.result("SecurityEventNotification", event) == {}
    found = await stored(server)
    assert (found.type, found.known, found.critical) == (type_, known, critical)
    assert (found.source, found.tech_info) == ("charger", "door open")
    assert found.happened_at is not None


@pytest.mark.parametrize(
    "event",
    [
        {"type": "x", "timestamp": "yesterday"},
        {"type": "\x00\ud800", "timestamp": AT, "techInfo": "\x00" * 255},
        {"type": "", "timestamp": AT, "techInfo": ""},
    ],
)
async def test_an_odd_event_is_acknowledged_and_kept(
    server: Running, version: str, event: dict[str, Any]
) -> None:
    async with booted(server, version) as cp:
        assert await cp.result("SecurityEventNotification", event) == {}
    assert not (await stored(server)).known
