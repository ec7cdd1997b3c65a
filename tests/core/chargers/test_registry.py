"""The registry of people: stations, chargers, connectors, who sees them, who changed them."""

from typing import Any

import pytest

from core.audit import service as audit
from core.audit.service import CLI, Actor
from core.chargers import registry, status
from core.chargers.registry import ConnectorSpec
from core.chargers.states import ConnectorStatus, Registration
from core.chargers.views import connector_and_status_view, station_view
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.page import Page
from tests.core.chargers.making import (
    PASSWORD,
    connect,
    heard,
    make_charger,
    make_partner,
    make_station,
    report,
    shown,
)

ME = Actor(name="operator:otk_1", request_id="req_1")
CCS = ConnectorSpec(evse=1, standard="IEC_62196_T2_COMBO", format="cable", max_power_w=150_000)


async def test_a_partner_hears_of_a_station_from_grant_to_revocation(
    db: Database, vault: Vault
) -> None:
    station_id = await make_station(db, latitude=52.5, longitude=13.4, country="DE")
    partner_id = await make_partner(db, station_id)
    await make_charger(db, vault, station_id, connectors=[CCS])
    async with db.transaction() as tx:
        await registry.update_station(tx, ME, station_id, {"name": "Harbour"})
    await heard(db, partner_id)
    async with db.transaction() as tx:
        await registry.grant_station(tx, ME, partner_id, station_id, control=False)
        await registry.revoke_station(tx, ME, partner_id, station_id)
        await registry.update_station(tx, ME, station_id, {"name": "Unseen"})
    told = await heard(db, partner_id, "station.created", "station.updated", "station.removed")
    assert [event["type"] for event in told] == [
        "station.created",
        "station.updated",
        "station.removed",
    ]
    sequences = [event["object_sequence"] for event in told]
    assert sequences == sorted(set(sequences))
    renamed = told[1]["data"]["object"]
    assert renamed["name"] == "Harbour"
    assert renamed["coordinates"] == {"latitude": 52.5, "longitude": 13.4}
    assert renamed["chargers"][0]["connectors"][0]["max_power_w"] == 150_000


async def test_a_view_has_the_members_of_the_contract_and_no_secret(
    db: Database, vault: Vault
) -> None:
    station_id = await make_station(db)
    charger = await make_charger(db, vault, station_id, identity="SECRET-ID", connectors=[CCS])
    await connect(db, charger.id)
    async with db.transaction() as tx:
        station = await registry.get_station(tx, station_id)
        view: dict[str, Any] = station_view(station, *await registry.tree_of(tx, [station_id]))
    assert {"id", "name", "address", "city", "country", "coordinates"} <= set(view)
    assert {"time_zone", "opening_times", "chargers", "updated_at"} <= set(view)
    (seen,) = view["chargers"]
    assert set(seen) == {"id", "model", "vendor", "connectors"}
    assert set(seen["connectors"][0]) == {
        "id",
        "evse",
        "connector",
        "standard",
        "format",
        "power_type",
        "max_power_w",
        "max_voltage_v",
        "max_current_a",
        "tariff_id",
    }
    for secret in ("SECRET-ID", "192.0.2.7", "node-a", str(charger.credential)):
        assert secret not in str(view)


async def test_a_connector_shows_its_status_beside_what_it_is(db: Database, vault: Vault) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id, connectors=[CCS])
    await connect(db, charger.id)
    await report(db, charger.id, ConnectorStatus.AVAILABLE)
    async with db.transaction() as tx:
        (connector,) = await registry.connectors_of(tx, charger.id)
        live = await status.live(tx, connector.id, partner_id=partner_id, livemode=True)
        view = connector_and_status_view(live, now=tx.now)
    assert (view["id"], view["status"], view["station_id"]) == (
        connector.id,
        "available",
        station_id,
    )
    assert view["max_power_w"] == 150_000


async def test_a_tree_is_learned_and_editable(db: Database, vault: Vault) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    await connect(db, charger.id)
    await report(db, charger.id, ConnectorStatus.CHARGING, evse=1)
    async with db.transaction() as tx:
        tree = await registry.put_connectors(tx, ME, charger.id, [CCS, ConnectorSpec(evse=2)])
    assert [(one.evse, one.status, one.learned) for one in tree] == [
        (1, ConnectorStatus.CHARGING, False),
        (2, ConnectorStatus.UNKNOWN, False),
    ]
    assert [row["status"] for row in await shown(db, partner_id)] == ["charging", "unknown"]
    async with db.transaction() as tx:
        found = await registry.connector(tx, tree[0].id)
        with pytest.raises(PlatformError, match="not_found"):
            await registry.connector(tx, "con_none")
    assert found == tree[0]


IMPOSSIBLE_TREES = (
    [CCS, CCS],
    [ConnectorSpec(evse=0)],
    [ConnectorSpec(evse=1, connector=0)],
    [ConnectorSpec(evse=1001)],
    [ConnectorSpec(evse=number) for number in range(1, 202)],
    [ConnectorSpec(evse=1, max_power_w=-1)],
    [ConnectorSpec(evse=1, max_power_w=2**31)],
    [ConnectorSpec(evse=1, standard="x" * 41)],
    [ConnectorSpec(evse=1, format="a\x00")],
)


async def test_an_impossible_tree_is_refused(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        for specs in IMPOSSIBLE_TREES:
            with pytest.raises(PlatformError, match="invalid_parameter"):
                await registry.put_connectors(tx, ME, charger.id, specs)


async def test_a_moved_charger_appears_in_the_feed_of_its_new_station(
    db: Database, vault: Vault
) -> None:
    old_id, new_id = await make_station(db), await make_station(db)
    old, new = await make_partner(db, old_id), await make_partner(db, new_id)
    charger = await make_charger(db, vault, old_id, connectors=[CCS])
    (row,) = await shown(db, old)
    async with db.transaction() as tx:
        await registry.update(tx, ME, charger.id, {"station_id": new_id, "model": "X"})
    (moved,) = await shown(db, new, after_seq=row["seq"])
    assert moved["connector_id"] == row["connector_id"]
    assert await shown(db, old) == []
    left = (await heard(db, old, "station.updated"))[-1]["data"]["object"]
    assert left["chargers"] == []


@pytest.mark.parametrize(
    ("states", "allowed"),
    [
        (["approve"], False),
        (["enable"], False),
        (["reject"], False),
        (["disable", "disable"], False),
        (["disable", "approve"], False),
        (["disable", "enable", "disable"], True),
    ],
)
async def test_a_registration_moves_only_where_it_may(
    db: Database, vault: Vault, states: list[str], *, allowed: bool
) -> None:
    charger = await make_charger(db, vault)
    *before, last = states
    async with db.transaction() as tx:
        for step in before:
            await getattr(registry, step)(tx, ME, charger.id)
        if allowed:
            assert await getattr(registry, last)(tx, ME, charger.id)
            return
        with pytest.raises(PlatformError, match="conflict"):
            await getattr(registry, last)(tx, ME, charger.id)


async def test_the_node_of_a_disabled_charger_is_told(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    await connect(db, charger.id)
    async with db.doorbell.subscribe("csms:node-a") as rings:
        async with db.transaction() as tx:
            await registry.disable(tx, ME, charger.id)
        assert rings.get_nowait() == charger.id


async def test_a_deleted_charger_is_gone_and_its_identity_is_free(
    db: Database, vault: Vault
) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        await registry.delete(tx, ME, charger.id)
        with pytest.raises(PlatformError, match="not_found"):
            await registry.get(tx, charger.id)
        with pytest.raises(PlatformError, match="not_found"):
            await registry.delete(tx, ME, charger.id)
        assert await registry.by_identity(tx, "CP-1") is None
    again = await make_charger(db, vault)
    assert again.id != charger.id


async def test_chargers_are_found_by_what_an_operator_has_in_hand(
    db: Database, vault: Vault
) -> None:
    station_id = await make_station(db)
    first = await make_charger(db, vault, station_id)
    second = await make_charger(db, vault, identity="CP-2")
    await connect(db, second.id)
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({}, [first.id, second.id]),
        ({"identity": "cp-2"}, [second.id]),
        ({"station_id": station_id}, [first.id]),
        ({"online": True}, [second.id]),
        ({"online": False}, [first.id]),
        ({"registration": Registration.PENDING}, []),
    ]
    async with db.transaction() as tx:
        for filters, ids in wanted:
            found = await registry.list_chargers(tx, page=Page(), **filters)
            assert [charger.id for charger in found.rows] == ids


async def test_a_station_with_chargers_cannot_be_removed(db: Database, vault: Vault) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match="conflict"):
            await registry.remove_station(tx, ME, station_id)
        await registry.update(tx, ME, charger.id, {"station_id": None})
        await registry.remove_station(tx, ME, station_id)
        assert (await registry.list_stations(tx, page=Page())).rows == []
        with pytest.raises(PlatformError, match="not_found"):
            await registry.get_station(tx, station_id)
        with pytest.raises(PlatformError, match="not_found"):
            await registry.remove_station(tx, ME, station_id)
    assert (await heard(db, partner_id))[-1]["type"] == "station.removed"


async def test_i32_a_partner_sees_only_granted_stations_of_the_mode(db: Database) -> None:
    station_id, other_id = await make_station(db), await make_station(db)
    test_id = await make_station(db, livemode=False)
    partner_id = await make_partner(db, station_id, test_id)
    async with db.transaction() as tx:
        for livemode, wanted in ((True, station_id), (False, test_id)):
            seen = await registry.list_stations(
                tx, partner_id=partner_id, livemode=livemode, page=Page()
            )
            assert [station.id for station in seen.rows] == [wanted]
        for hidden in (other_id, test_id):
            with pytest.raises(PlatformError, match="not_found"):
                await registry.get_station(tx, hidden, partner_id=partner_id, livemode=True)


IMPOSSIBLE_STATIONS: tuple[dict[str, Any], ...] = (
    {"name": "x" * 201},
    {"name": "a\x00"},
    {"country": "de"},
    {"latitude": 90.1},
    {"longitude": float("nan")},
    {"time_zone": "Moon/Crater"},
)
IMPOSSIBLE_CHARGERS: tuple[dict[str, Any], ...] = (
    {"identity": "a/b"},
    {"password": "short"},
    {"security_profile": 4},
    {"security_profile": 0},
)


async def test_impossible_stations_and_chargers_are_refused(db: Database, vault: Vault) -> None:
    for values in IMPOSSIBLE_STATIONS:
        with pytest.raises(PlatformError, match="invalid_parameter"):
            await make_station(db, **values)
    for values in IMPOSSIBLE_CHARGERS:
        with pytest.raises(PlatformError, match="invalid_parameter"):
            await make_charger(db, vault, **values)


async def test_unknown_members_are_a_bug_and_required_ones_stay(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    station_id = await make_station(db)
    async with db.transaction() as tx:
        with pytest.raises(ValueError, match="credential"):
            await registry.update(tx, ME, charger.id, {"credential": "x"})
        with pytest.raises(ValueError, match="livemode"):
            await registry.update_station(tx, ME, station_id, {"livemode": False})
        with pytest.raises(PlatformError, match="invalid_parameter"):
            await registry.update_station(tx, ME, station_id, {"name": None})
        with pytest.raises(PlatformError, match="invalid_parameter"):
            await registry.update(tx, ME, charger.id, {"security_profile": 7})
        with pytest.raises(PlatformError, match="not_found"):
            await registry.update(tx, ME, charger.id, {"station_id": "st_none"})
        with pytest.raises(PlatformError, match="not_found"):
            await registry.update(tx, ME, "cp_none", {})


async def test_s24_every_change_is_in_the_audit_trail_without_secrets(
    db: Database, vault: Vault
) -> None:
    station_id = await make_station(db)
    async with db.transaction() as tx:
        charger, _ = await registry.register(
            tx, vault, ME, identity="CP-1", password=PASSWORD, connectors=[CCS]
        )
        await registry.update(tx, ME, charger.id, {"station_id": station_id})
        await registry.set_password(tx, vault, ME, charger.id, password=PASSWORD[::-1])
        await registry.disable(tx, ME, charger.id)
        await registry.enable(tx, ME, charger.id)
        await registry.delete(tx, ME, charger.id)
        trail = await audit.entries(tx, object_id=charger.id, before_number=None, limit=50)
        stations = await audit.entries(tx, object_id=station_id, before_number=None, limit=50)
    assert [entry.action for entry in reversed(trail)] == [
        "charger.registered",
        "charger.connectors_put",
        "charger.updated",
        "charger.password_set",
        "charger.disabled",
        "charger.enabled",
        "charger.deleted",
    ]
    assert {(entry.actor, entry.request_id) for entry in trail} == {(ME.name, ME.request_id)}
    assert PASSWORD not in repr(trail)
    assert "v1$" not in repr(trail)
    assert [entry.actor for entry in stations] == [CLI.name]
