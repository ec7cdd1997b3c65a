"""``voltgate application``."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.audit.service import CLI
from core.joining import documents, service
from core.joining.states import DocumentKind
from core.kernel.clock import SystemClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import FixedSettings
from ops.cli.main import app
from tests.partner_api.joining import PDF, form


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
def application(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An application with a document, in the database of the commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOLTGATE_DATABASE_URL", database_url)
    monkeypatch.setenv("VOLTGATE_DOCUMENT_DIRECTORY", str(tmp_path / "documents"))
    settings = FixedSettings(database_url=database_url, document_directory=tmp_path / "documents")

    async def make() -> str:
        body = form()
        body.pop("terms_version")
        clock = SystemClock()
        async with Database(database_url, doorbell=MemoryDoorbell(), clock=clock) as db:
            async with db.transaction() as tx:
                made = await service.submit(
                    tx,
                    Vault(settings),
                    settings,
                    form=body,
                    terms_version="1",
                    address=None,
                    request_id=None,
                )
            await documents.attach(
                db,
                settings,
                CLI,
                application_id=made.application.id,
                kind=DocumentKind.TAX,
                name="extract",
                content=PDF,
            )
        return made.application.id

    return asyncio.run(make())


@pytest.mark.parametrize(
    "command",
    ["list", "show", "approve", "reject", "ask", "note", "look-up", "mails", "document"],
)
def test_help_says_what_a_command_does(command: str) -> None:
    result = voltgate("application", command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout


def test_from_the_queue_to_an_approval(application: str) -> None:
    (row,) = as_json("application", "list", "--status", "submitted")
    assert row["id"] == application
    assert voltgate("application", "approve", application).exit_code == 1
    assert as_json("application", "ask", application, "Who signs?")["status"] == "more_requested"
    assert as_json("application", "note", application, "Called.")["author"] == "cli"
    printed = voltgate("application", "show", application)
    assert printed.exit_code == 0, printed.output
    for text in ("Example GmbH", "Who signs?", "extract.pdf", "Called."):
        assert text in printed.stdout
    decided = as_json("application", "approve", application, "--unproven")
    assert decided["status"] == "approved"
    assert as_json("key", "create", "--partner", decided["partner_id"])["livemode"] is True


def test_live_keys_wait_for_the_approval_also_on_the_command_line(application: str) -> None:
    (row,) = as_json("partner", "list")
    refused = voltgate("key", "create", "--partner", row["id"])
    assert refused.exit_code == 1
    assert "not approved" in refused.stderr
    assert as_json("key", "create", "--test", "--partner", row["id"])["livemode"] is False


def test_a_rejection_needs_a_reason(application: str) -> None:
    assert voltgate("application", "reject", application).exit_code == 2
    rejected = as_json("application", "reject", application, "--reason", "Dissolved.")
    assert rejected["status"] == "rejected"
    assert as_json("application", "show", application)["reasons"] == ["Dissolved."]


def test_mails_that_did_not_go_out_are_shown_with_their_link(application: str) -> None:
    (mail,) = as_json("application", "mails", application)
    assert f"/join/{application}/" in mail["text"]


def test_a_document_is_saved_and_overwrites_nothing(application: str, tmp_path: Path) -> None:
    (document,) = as_json("application", "show", application)["documents"]
    assert voltgate("application", "document", application, document["id"]).exit_code == 0
    assert (tmp_path / "extract.pdf").read_bytes() == PDF
    again = voltgate("application", "document", application, document["id"])
    assert again.exit_code == 1
    assert "extract.pdf" in again.stderr


def test_a_look_up_without_a_registry_says_what_to_set(application: str) -> None:
    result = voltgate("application", "look-up", application)
    assert result.exit_code == 1
    assert "VOLTGATE_REGISTRY_URL" in result.stderr
