"""``voltgate alert``."""

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from core.alerts.kinds import AlertKind
from core.alerts.service import raise_alert
from core.kernel.clock import SystemClock
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from ops.cli.main import app


def voltgate(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def as_json(*arguments: str) -> Any:
    result = voltgate(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def alert(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An alert in the database of the commands."""
    monkeypatch.setenv("VOLTGATE_DATABASE_URL", database_url)

    async def make() -> None:
        async with (
            Database(database_url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db,
            db.transaction() as tx,
        ):
            raise_alert(tx, AlertKind.MAIL_NOT_SENT, key="app_1", title="No [mail] went out")

    asyncio.run(make())
    (found,) = as_json("alert", "list")
    return str(found["id"])


def test_an_alert_is_listed_shown_acknowledged_and_resolved(alert: str) -> None:
    assert "No [mail] went out" in voltgate("alert", "list", "--status", "open").output
    assert as_json("alert", "list", "--kind", "job_failing") == []
    assert "Hand it over otherwise" in voltgate("alert", "show", alert).output
    assert as_json("alert", "show", alert)["notifications"] == []
    assert as_json("alert", "acknowledge", alert)["acknowledged_by"] == "cli"
    settled = as_json("alert", "resolve", alert, "--note", "Called Ana.")
    assert (settled["status"], settled["note"]) == ("resolved", "Called Ana.")
    again = voltgate("alert", "acknowledge", alert)
    assert again.exit_code == 1
    assert "resolved already" in again.output


def test_trying_a_channel_tells_what_is_wrong(alert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unset = voltgate("alert", "test", "webhook")
    assert unset.exit_code == 1
    assert "VOLTGATE_ALERT_WEBHOOK_URL" in unset.output
    monkeypatch.setenv("VOLTGATE_ALERT_WEBHOOK_URL", "http://127.0.0.1:1/hook")
    monkeypatch.setenv("VOLTGATE_ALERT_WEBHOOK_SECRET", "whsec_c2VjcmV0")
    refused = voltgate("alert", "test", "webhook")
    assert refused.exit_code == 1
    assert "cannot be asked (ConnectError)" in refused.output
