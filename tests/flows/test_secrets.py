"""S19, I34: no secret in logs, errors, events, metrics, or in plain text in the database."""

import base64
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog
from sqlalchemy import select

from core.kernel import log
from core.kernel.db import metadata
from tests.world import PASSWORD, Version, World


async def everything_stored(running: World) -> str:
    """Return the text of every row of every table."""
    found = []
    async with running.platform.db.transaction() as tx:
        for table in metadata.sorted_tables:
            found += [repr(tuple(row)) for row in await tx.all(select(table))]
    return "\n".join(found)


@pytest.fixture
def logs() -> Iterator[StringIO]:
    """What the process logs, from debug on, as in production."""
    before = structlog.get_config()
    stream = StringIO()
    handlers = logging.root.handlers[:]
    log.configure(level="DEBUG", format_="json", bound={}, stream=stream)
    yield stream
    structlog.configure(**before)
    logging.root.handlers[:] = handlers


async def test_s19_i34_no_secret_leaves_its_place(
    running: World, version: Version, logs: StringIO
) -> None:
    charger = await running.add_charger(version=version)
    operator = await running.operator_client()
    partner = running.partner
    new_password = "ThisIsTheNewKey-0123456789"
    key_change = {
        "1.6": ("ChangeConfiguration", {"key": "ModemPassword", "value": new_password}),
        "2.0.1": (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": new_password,
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "VpnPassword"},
                    }
                ]
            },
        ),
    }[version]
    await partner.start("r-1", await running.connector_id("CP-1"))
    await partner.outcome("r-1")
    [found] = (await operator.get("/operator/v1/chargers?identity=CP-1")).json()["data"]
    sent = await operator.post(
        f"/operator/v1/chargers/{found['id']}/commands?wait=10",
        json={"action": key_change[0], "payload": key_change[1]},
    )
    broken = await partner.api.post("/v1/start_charge", json={"request_id": partner.key})
    wrong_key = f"vg_live_{'0' * 26}_{'wrong' * 8}xyz"
    unknown = await partner.api.get(
        "/v1/sessions", headers={"authorization": f"Bearer {wrong_key}"}
    )
    metrics = await operator.get("/metrics")
    rotated = await partner.api.get("/v1/webhook_endpoints")

    secrets = {
        "charger password": PASSWORD,
        "charger password, as Basic": base64.b64encode(f"CP-1:{PASSWORD}".encode()).decode(),
        "partner key": partner.key[-43:],
        "operator token": operator.headers["authorization"][-43:],
        "webhook secret": partner.receiver.secrets[0].removeprefix("whsec_"),
        "pepper": running.platform.settings.secret_key.get_secret_value(),
        "new charger key": new_password,
        "wrong key": wrong_key[-43:],
    }
    stored = await everything_stored(running)
    places = {
        "database": stored,
        "logs": logs.getvalue(),
        "errors": broken.text + unknown.text,
        "metrics": metrics.text,
        "endpoints": rotated.text,
        "events": repr(partner.receiver.events),
    }
    leaks = [
        f"{secret} in {place}"
        for secret, text in secrets.items()
        for place, content in places.items()
        if text in content
    ]
    assert not leaks
    assert sent.status_code in {200, 202}, sent.text
    [heard] = charger.ledger.calls_received(key_change[0])[-1:]
    assert heard.action == key_change[0]
