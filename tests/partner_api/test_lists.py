"""Lists: pages that miss nothing, change feeds, entity tags."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from core.audit.service import CLI
from core.chargers import presence, stations
from core.chargers.states import ConnectorStatus
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from tests.partner_api.scenes import Party, Place, grant, make_place, report, start_body


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def pages(party: Party, path: str, limit: int) -> list[Any]:
    """Return every row of a list, read page by page."""
    rows: list[Any] = []
    cursor = ""
    for _ in range(100):
        page = (await party.client.get(f"{path}?limit={limit}{cursor}")).json()
        assert len(page["data"]) <= limit
        assert page["has_more"] is (page["next_cursor"] is not None)
        rows += page["data"]
        if not page["has_more"]:
            return rows
        cursor = f"&cursor={quote(page['next_cursor'])}"
    raise AssertionError("endless")


async def make_stations(db: Database, party: Party, count: int) -> list[str]:
    """Create stations, many of which share their instant."""
    ids: list[str] = []
    for _ in range(0, count, 3):
        async with db.transaction() as tx:
            for _ in range(min(3, count - len(ids))):
                station = await stations.create_station(tx, CLI, name="Mall")
                await stations.grant_station(tx, CLI, party.partner_id, station.id, control=True)
                ids.append(station.id)
    return ids


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 200])
async def test_pages_hold_every_row_once_in_order(db: Database, partner: Party, limit: int) -> None:
    ids = await make_stations(db, partner, 7)
    rows = await pages(partner, "/v1/stations", limit)
    assert sorted(row["id"] for row in rows) == sorted(ids)
    order = [(row["updated_at"], row["id"]) for row in rows]
    assert order == sorted(order)


async def test_a_row_that_changes_while_pages_are_read_is_not_lost(
    db: Database, partner: Party
) -> None:
    ids = await make_stations(db, partner, 6)
    first = (await partner.client.get("/v1/stations?limit=3")).json()
    moved = first["data"][0]["id"]
    async with db.transaction() as tx:
        await stations.update_station(tx, CLI, moved, {"name": "Moved"})
    rest = (
        await partner.client.get(f"/v1/stations?limit=200&cursor={quote(first['next_cursor'])}")
    ).json()
    assert {row["id"] for row in first["data"] + rest["data"]} == set(ids)
    assert rest["data"][-1]["id"] == moved


async def test_updated_from_is_inclusive_and_updated_to_exclusive(
    db: Database, clock: ShiftedClock, partner: Party
) -> None:
    for _ in range(3):
        await make_stations(db, partner, 1)
        clock.advance(10)
    at = [row["updated_at"] for row in (await partner.client.get("/v1/stations")).json()["data"]]

    async def between(query: str) -> list[str]:
        found = (await partner.client.get(f"/v1/stations?{query}")).json()
        return [row["updated_at"] for row in found["data"]]

    assert await between(f"updated_from={at[1]}") == at[1:]
    assert await between(f"updated_to={at[1]}") == at[:1]
    assert await between(f"updated_from={at[0]}&updated_to={at[2]}") == at[:2]
    shifted = (datetime.fromisoformat(at[1]) + timedelta(0)).astimezone().isoformat()
    assert await between(f"updated_from={quote(shifted)}") == at[1:]


async def test_operations_are_found_by_what_they_are(
    db: Database, vault: Vault, partner: Party, place: Place
) -> None:
    other = await make_place(db, vault, identity="CP-2")
    await grant(db, other, partner.partner_id)
    await partner.client.post("/v1/start_charge", json=start_body(place, "a"))
    await partner.client.post("/v1/unlock_connector", json=start_body(other, "b"))
    cases = {
        "request_id=a": ["a"],
        "request_id=z": [],
        "type=unlock_connector": ["b"],
        "status=accepted": ["a", "b"],
        "status=succeeded": [],
        f"connector_id={place.connector_id}": ["a"],
        f"type=start_charge&connector_id={other.connector_id}": [],
    }
    for query, names in cases.items():
        found = (await partner.client.get(f"/v1/operations?{query}")).json()["data"]
        assert sorted(row["request_id"] for row in found) == names, query


async def test_statuses_are_a_feed_by_number(
    db: Database, vault: Vault, partner: Party, place: Place
) -> None:
    other = await make_place(db, vault, identity="CP-2")
    await grant(db, other, partner.partner_id)
    first = (await partner.client.get("/v1/statuses?limit=1")).json()
    assert (len(first["data"]), first["has_more"]) == (1, True)
    second = (await partner.client.get(f"/v1/statuses?after_seq={first['next_seq']}")).json()
    assert {first["data"][0]["connector_id"], second["data"][0]["connector_id"]} == {
        place.connector_id,
        other.connector_id,
    }
    empty = (await partner.client.get(f"/v1/statuses?after_seq={second['next_seq']}")).json()
    assert (empty["data"], empty["next_seq"]) == ([], second["next_seq"])
    await report(db, place.charger_id, ConnectorStatus.PREPARING)
    (changed,) = (await partner.client.get(f"/v1/statuses?after_seq={second['next_seq']}")).json()[
        "data"
    ]
    assert (changed["connector_id"], changed["status"]) == (place.connector_id, "preparing")
    (own,) = (await partner.client.get(f"/v1/statuses?station_id={other.station_id}")).json()[
        "data"
    ]
    assert own["connector_id"] == other.connector_id


async def test_a_status_is_unknown_while_the_charger_is_offline(
    db: Database, partner: Party, place: Place
) -> None:
    async with db.transaction() as tx:
        await presence.disconnected(tx, place.charger_id, epoch=1)
    (status,) = (await partner.client.get("/v1/statuses")).json()["data"]
    assert (status["status"], status["stale"]) == ("unknown", True)
    connector = (await partner.client.get(f"/v1/connectors/{place.connector_id}")).json()
    assert (connector["status"], connector["stale"]) == ("unknown", True)


@pytest.mark.parametrize(
    "path", ["stations", "stations/{station_id}", "statuses", "connectors/{connector_id}"]
)
async def test_what_has_not_changed_is_304(
    db: Database, partner: Party, place: Place, path: str
) -> None:
    address = "/v1/" + path.format(station_id=place.station_id, connector_id=place.connector_id)
    first = await partner.client.get(address)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"].startswith("private")
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await partner.client.get(address, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    async with db.transaction() as tx:
        await stations.update_station(tx, CLI, place.station_id, {"name": "Renamed"})
    await report(db, place.charger_id, ConnectorStatus.FAULTED)
    changed = await partner.client.get(address, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
