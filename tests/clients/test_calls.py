"""The client against the application: lists, waiting, events, secrets shown once."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from voltgate_client import AsyncOperation, AsyncVoltgate, NotFinishedInTime, Voltgate, models

from core.kernel.db import Database
from tests.clients.conftest import Line
from tests.partner_api.scenes import Party, Place


async def test_a_list_gets_its_pages_by_itself(line: Line) -> None:
    for number in range(5):
        await line.client.api_keys.create(name=f"key {number}", scopes=["events:read"])
    line.way.seen.clear()

    listing = line.client.api_keys.list(limit=2)
    assert line.way.seen == [], "before anybody asks"
    names = [key.name async for key in listing]

    assert names == ["test", *(f"key {number}" for number in range(5))]
    assert [request.url.params.get("cursor") is None for request in line.way.seen] == [
        True,
        False,
        False,
    ]
    assert [len(page.data) async for page in listing.pages()] == [2, 2, 2]
    page = await listing.page()
    assert (page.has_more, len(page.data)) == (True, 2)
    first = await listing.first()
    assert first == page.data[0]
    assert await line.client.orders.list().first() is None


async def test_a_numbered_list_goes_on_by_number(line: Line, place: Place) -> None:
    for _ in range(3):
        made = await line.client.start_charge(connector_id=place.connector_id)
        await made.cancel()
    seqs = [event.seq async for event in line.client.events.list(limit=1)]
    assert seqs == sorted(set(seqs))
    assert len(seqs) >= 3


async def test_an_operation_waits_for_its_end(line: Line, place: Place) -> None:
    operation = await line.client.start_charge(
        connector_id=place.connector_id,
        user_ref="driver",
        limits={"max_energy_wh": 5_000},
        metadata={"order": 7},
    )
    assert isinstance(operation, AsyncOperation)
    assert (operation.status, operation.is_final) == (models.OperationStatus.ACCEPTED, False)
    waiting = asyncio.create_task(operation.wait())
    await (await operation.refresh()).cancel()
    final = await waiting
    assert (final.status, final.is_final, final.has_succeeded) == ("cancelled", True, False)
    assert final.metadata == {"order": 7}
    assert await line.client.operations.wait(operation.id) == final


async def test_waiting_ends_after_a_time(line: Line, place: Place) -> None:
    operation = await line.client.start_charge(connector_id=place.connector_id)
    now = iter([0.0, 1.0, 59.0, 61.0])
    line.client.operations._sender.clock = lambda: next(now)
    answers = [httpx2.Response(200, json=operation.to_dict()) for _ in range(2)]
    line.way.faults = [*answers]
    with pytest.raises(NotFinishedInTime, match="accepted after 60 s"):
        await operation.wait(within=timedelta(minutes=1))
    waits = [request.url.params["wait"] for request in line.way.seen[1:]]
    assert waits == ["30", "1"]
    assert line.way.seen[1].extensions["timeout"]["read"] == 60, "what it may think, and be silent"


async def test_changes_name_what_they_change(line: Line) -> None:
    made = await line.client.webhook_endpoints.create(
        url="http://127.0.0.1:9999/hook", description="mine"
    )
    assert made.secret.startswith("whsec_")
    kept = await line.client.webhook_endpoints.update(made.id, enabled=False)
    assert (kept.description, kept.enabled) == ("mine", False)
    cleared = await line.client.webhook_endpoints.update(made.id, description=None)
    assert cleared.description is None
    assert line.way.seen[-1].content == b'{"description":null}'
    assert (await line.client.webhook_endpoints.delete(made.id)).deleted is True


async def test_times_and_flags_are_sent_as_the_api_wants_them(line: Line, place: Place) -> None:
    until = datetime.now(UTC) + timedelta(minutes=10)
    reserved = await line.client.reserve(connector_id=place.connector_id, expires_at=until)
    assert reserved.type == models.OperationType.RESERVE
    assert [one async for one in line.client.sessions.list(active=True, updated_from=until)] == []
    assert line.way.seen[-1].url.params["active"] == "true"


async def test_a_feed_remembers_what_was_dealt_with(line: Line, place: Place) -> None:
    feed = line.client.events.feed()
    operation = await line.client.start_charge(connector_id=place.connector_id)
    await operation.cancel()
    seen = [event async for event in feed]
    subject = seen[-1].data.object
    assert isinstance(subject, models.Operation)
    assert (subject.id, seen[-1].type) == (operation.id, "operation.cancelled")
    assert feed.after_seq == seen[-1].seq
    assert [event async for event in feed] == []

    again = line.client.events.feed(after_seq=seen[0].seq - 1)
    async for _ in again:
        break  # the caller could not deal with it
    assert again.after_seq == seen[0].seq - 1, "so it comes again"


async def test_an_applicant_needs_no_key_and_uses_the_token(line: Line) -> None:
    client = AsyncVoltgate(None, "http://api.test", http=httpx2.AsyncClient(transport=line.way))
    made = await client.partner_applications.create(
        company={
            "legal_name": "Example GmbH",
            "country": "DE",
            "registration_number": "DE136695976",
            "address": {"line1": "Hauptstr. 1", "city": "Berlin"},
        },
        contact={"name": "Ana Example", "email": "ana@example.com", "phone": "+49 30 1234567"},
        terms_version=(await client.terms.get()).version,
    )
    assert "authorization" not in line.way.seen[-1].headers
    assert made.status_token not in repr(made)
    assert made.test_key.secret not in repr(made)
    document = await client.partner_applications.add_document(
        made.id,
        status_token=made.status_token,
        kind=models.DocumentKind.REGISTRATION,
        name="a.pdf",
        content=b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<<>>\n%%EOF\n",
    )
    assert document.media_type == "application/pdf"
    state = await client.partner_applications.get(made.id, status_token=made.status_token)
    assert [one.id for one in state.documents] == [document.id]


async def test_the_environment_names_key_and_address(
    line: Line, partner: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOLTGATE_API_KEY", partner.key)
    monkeypatch.setenv("VOLTGATE_API_URL", "http://api.test")
    client = AsyncVoltgate(http=httpx2.AsyncClient(transport=line.way))
    assert (await client.partner.get()).id == partner.partner_id
    agent = line.way.seen[-1].headers["user-agent"]
    assert agent.startswith("voltgate-client/0.1.0 python/3.")


@pytest.mark.parametrize("kind", [Voltgate, AsyncVoltgate])
@pytest.mark.parametrize("address", ["", "api.example.com", "ftp://api.example.com"])
def test_without_an_address_it_says_what_to_do(
    kind: type, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOLTGATE_API_URL", raising=False)
    with pytest.raises(ValueError, match="VOLTGATE_API_URL"):
        kind("vg_test_x", address)


async def test_only_its_own_connections_are_closed(db: Database) -> None:
    mine = httpx2.AsyncClient()
    async with AsyncVoltgate("k", "http://api.test", http=mine):
        pass
    assert not mine.is_closed
    await mine.aclose()
    async with AsyncVoltgate("k", "http://api.test") as client:
        pass
    assert client._http.is_closed
    with Voltgate("k", "http://api.test") as other:
        pass
    assert other._http.is_closed
