"""Documents of an application: what they are, where they lie, when they go."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from core.audit.service import CLI
from core.joining import documents, review
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from partner_api.app import PartnerApp, create_app
from partner_api.security.gate import MAX_REMEMBERED, Gate
from tests.partner_api.joining import JPEG, PDF, apply, png, state_of, upload
from tests.partner_api.scenes import client_of


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def somebody(app: PartnerApp) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a key."""
    async with client_of(app) as client:
        yield client


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(PDF, "application/pdf"), (png(), "image/png"), (JPEG, "image/jpeg")],
    ids=["pdf", "png", "jpeg"],
)
async def test_a_document_is_what_its_content_says_and_lies_under_a_random_name(
    somebody: httpx2.AsyncClient, settings: Settings, content: bytes, media_type: str
) -> None:
    made = await apply(somebody)
    answer = await upload(somebody, made, content, name="../../etc/pass wd.exe")
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert document["media_type"] == media_type
    assert re.fullmatch(r"pass wd\.(pdf|png|jpg)", document["name"])
    (file,) = settings.document_directory.iterdir()
    assert re.fullmatch("[0-9a-f]{48}", file.name)
    assert file.read_bytes() == content
    assert file.stat().st_mode & 0o077 == 0
    assert [one["id"] for one in (await state_of(somebody, made))["documents"]] == [document["id"]]


async def test_what_is_no_document_is_refused_and_leaves_no_file(
    somebody: httpx2.AsyncClient, settings: Settings
) -> None:
    made = await apply(somebody)
    for content in (b"", b"<html>", PDF[:-6], PDF + b"x", b"MZ" + PDF, png() + b"PK", JPEG[:-1]):
        answer = await upload(somebody, made, content)
        assert (answer.status_code, answer.json()["code"]) == (422, "document_refused"), content
    assert not settings.document_directory.exists()


async def test_a_document_has_a_size_limit_of_its_own(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    config = settings.model_copy(update={"document_limit_bytes": 100_000})
    async with client_of(create_app(db, config, vault, clock)) as client:
        made = await apply(client)
        assert (await upload(client, made, PDF[:-6] + b" " * 90_000 + PDF[-6:])).status_code == 201
        answer = await upload(client, made, PDF + b" " * 100_000)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert "100000" in answer.json()["detail"]


async def test_documents_need_the_token_and_are_at_most_twenty(
    somebody: httpx2.AsyncClient, settings: Settings
) -> None:
    made = await apply(somebody)
    stranger = {**made, "status_token": "vg_app_" + "x" * 43}
    assert (await upload(somebody, stranger, PDF)).status_code == 401
    assert not settings.document_directory.exists()
    for _ in range(20):
        assert (await upload(somebody, made, PDF)).status_code == 201
    assert (await upload(somebody, made, PDF)).status_code == 409
    assert len(list(settings.document_directory.iterdir())) == 20


def test_a_slow_uploader_takes_the_places_of_nobody_else(clock: ShiftedClock) -> None:
    gate = Gate(clock, per_minute=60)
    with ExitStack() as stack:
        for network in ("a", "a", "b", "b", "c", "c", "d"):
            stack.enter_context(gate.uploading(network))
        with pytest.raises(PlatformError, match="overloaded"):
            stack.enter_context(gate.uploading("a"))
        stack.enter_context(gate.uploading("e"))
        with pytest.raises(PlatformError, match="overloaded"):
            stack.enter_context(gate.uploading("f"))
    with gate.uploading("a"):
        pass


def test_a_flood_of_addresses_does_not_fill_the_memory(clock: ShiftedClock) -> None:
    gate = Gate(clock, per_minute=1)
    for number in range(MAX_REMEMBERED + 500):
        gate.admit(str(number))
    assert len(gate._buckets) == MAX_REMEMBERED
    with pytest.raises(PlatformError, match="rate_limited"):
        gate.admit(str(MAX_REMEMBERED + 499))


async def test_documents_of_the_rejected_and_files_of_nobody_are_deleted_in_time(
    somebody: httpx2.AsyncClient,
    db: Database,
    vault: Vault,
    settings: Settings,
    clock: ShiftedClock,
    tmp_path: Path,
) -> None:
    config = settings.model_copy(update={"document_retention": timedelta(days=1)})
    kept, gone = await apply(somebody), await apply(somebody)
    for made in (kept, gone):
        assert (await upload(somebody, made, PDF)).status_code == 201
    (settings.document_directory / ("f" * 48)).write_bytes(b"of an upload that failed")
    async with db.transaction() as tx:
        await review.reject(tx, vault, CLI, gone["id"], reasons=["No."])
    for file in settings.document_directory.iterdir():
        age(file)
    assert await documents.sweep(db, config) == 1
    clock.advance(2 * 86_400)
    assert await documents.sweep(db, config) == 1
    (left,) = settings.document_directory.iterdir()
    assert left.read_bytes() == PDF
    (document,) = (await state_of(somebody, gone))["documents"]
    assert document["deleted_at"] is not None


def age(file: Path) -> None:
    """Make a file an hour older than it is."""
    at = file.stat().st_mtime - 3700
    os.utime(file, (at, at))
