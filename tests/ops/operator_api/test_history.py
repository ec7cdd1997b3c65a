"""Why did it not start? Operations, sessions, orders, events and frames, for every partner."""

from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import insert, update

from core.audit import chain
from core.chargers import frame_log
from core.chargers.record_models import frames
from core.kernel.db import Database
from core.kernel.times import rfc3339
from core.webhooks.models import deliveries, endpoints
from core.webhooks.states import DeliveryStatus
from tests.core.doctor.scene import rows
from tests.ops.operator_api.making import get, post

CP, OP, CS, ORD, WE = (f"{prefix}_{'0' * 26}" for prefix in ("cp", "op", "cs", "ord", "we"))
EVT, DLV = f"evt_{'1' * 26}", f"dlv_{'1' * 26}"
IDS = {
    "cp": CP,
    "op": OP,
    "cs": CS,
    "ord": ORD,
    "we": WE,
    "evt-1": EVT,
    "dlv-1": DLV,
    **{f"evt-{seq}": f"evt_{str(seq) * 26}" for seq in (2, 3)},
}
"""Ids of the scene, as they look on the wire."""


@pytest.fixture(autouse=True)
async def scene(db: Database) -> None:
    """One charge of partner ``prt``, with the frames that started it."""
    async with db.transaction() as tx:
        for table, row in rows(tx.now):
            named = {k: IDS.get(v, v) if isinstance(v, str) else v for k, v in row.items()}
            await tx.execute(insert(table).values(**named))
        await chain.seal(tx)
        for direction, kind, text in (("out", "call", '[2,"m-1"]'), ("in", "result", '[3,"m-1"]')):
            at = tx.now - timedelta(hours=1)
            await tx.execute(
                insert(frames).values(
                    at=at,
                    charger_id=CP,
                    direction=direction,
                    kind=kind,
                    message_id="m-1",
                    action="RemoteStartTransaction",
                    operation_id=OP if direction == "out" else None,
                    text=text,
                )
            )


async def test_the_timeline_tells_who_said_what_to_whom(operator: httpx2.AsyncClient) -> None:
    timeline = await get(operator, f"/operations/{OP}/timeline")
    assert timeline["operation"]["partner_id"] == "prt"
    assert timeline["operation"]["charger_id"] == CP
    entries = timeline["entries"]
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
    assert [entry["kind"] for entry in entries] == [
        "step",
        "step",
        "step",
        "command_queued",
        "command_sent",
        "message",
        "message",
        "command_answered",
        "event",
        "event",
        "delivery",
        "delivery",
        "attempt",
        "attempt",
    ]
    assert [one["direction"] for one in entries if one["kind"] == "message"] == ["out", "in"]
    assert {one["status_code"] for one in entries if one["kind"] == "attempt"} == {204}


async def test_operations_are_found_by_partner_request_and_charger(
    operator: httpx2.AsyncClient,
) -> None:
    for params in ({"request_id": "r-1"}, {"partner_id": "prt"}, {"charger_id": CP}):
        found = await get(operator, "/operations", **params)
        assert [one["id"] for one in found["data"]] == [OP], params
    assert (await get(operator, "/operations", status="failed"))["data"] == []
    assert (await get(operator, f"/operations/{OP}"))["timeline"][-1]["stage"] == "started"


async def test_sessions_are_found_by_charger_token_and_state(operator: httpx2.AsyncClient) -> None:
    for path, params in (
        ("/sessions", {"charger_id": CP}),
        ("/sessions", {"id_token": "TOKEN"}),
        ("/sessions", {"active": "false"}),
        (f"/chargers/{CP}/sessions", {}),
    ):
        (session,) = (await get(operator, path, **params))["data"]
        assert (session["id"], session["id_token"]) == (CS, "TOKEN"), path
        assert session["request_id"] == "r-1"
    assert (await get(operator, "/sessions", active="true"))["data"] == []
    assert (await get(operator, f"/sessions/{CS}"))["transaction_ref"] == "1"
    assert (await get(operator, f"/sessions/{CS}/meter_values"))["data"] == []


async def test_an_order_shows_its_versions(operator: httpx2.AsyncClient) -> None:
    assert [one["id"] for one in (await get(operator, "/orders", charger_id=CP))["data"]] == [ORD]
    (version,) = (await get(operator, f"/orders/{ORD}"))["versions"]
    assert (version["version"], version["reason"]) == (1, "stop")


async def test_reservations_are_found_by_charger(operator: httpx2.AsyncClient) -> None:
    (found,) = (await get(operator, "/reservations", charger_id=CP))["data"]
    assert (found["id"], found["number"], found["partner_id"]) == ("res", 1, "prt")


async def test_frames_are_found_by_charger_action_operation_and_time(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    async with db.transaction() as tx:
        (newest, _) = await frame_log.search(tx)
        later = rfc3339(tx.now)
    for params, count in (
        ({}, 2),
        ({"charger_id": CP}, 2),
        ({"action": "Heartbeat"}, 0),
        ({"operation_id": OP}, 1),
        ({"from": later}, 0),
        ({"to": later}, 2),
        ({"cursor": str(newest.number)}, 1),
    ):
        found = await get(operator, "/messages", **params)
        assert len(found["data"]) == count, params
    assert len((await get(operator, f"/chargers/{CP}/messages", limit=1))["data"]) == 1


async def test_events_are_found_by_partner_type_and_object(operator: httpx2.AsyncClient) -> None:
    newest = await get(operator, "/events", limit=2)
    for params, count in (
        ({"partner_id": "prt"}, 3),
        ({"type": "session.ended"}, 1),
        ({"object_id": OP}, 1),
        ({"limit": 2, "cursor": newest["next_cursor"]}, 1),
    ):
        assert len((await get(operator, "/events", **params))["data"]) == count, params
    shown = await get(operator, f"/events/{EVT}")
    assert shown["deliveries"][0]["attempts"][0]["status_code"] == 204


async def test_an_event_is_sent_again(operator: httpx2.AsyncClient) -> None:
    (delivery,) = (await post(operator, f"/events/{EVT}/resend", endpoint_id=WE))["data"]
    assert delivery["status"] == "due"


async def _give_up(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute(update(deliveries).values(status=DeliveryStatus.DEAD))


async def test_dead_letters_are_replayed_once(operator: httpx2.AsyncClient, db: Database) -> None:
    await _give_up(db)
    assert (await get(operator, "/dead_letters"))["total"] == 3
    assert (await post(operator, f"/dead_letters/{DLV}/replay"))["count"] == 1
    again = await operator.post(f"/operator/v1/dead_letters/{DLV}/replay")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert (await post(operator, "/dead_letters/replay", endpoint_id=WE))["count"] == 2
    assert (await post(operator, "/dead_letters/replay"))["count"] == 0
    assert len((await get(operator, "/audit", object_id=WE))["data"]) == 2


async def test_dead_letters_of_another_time_or_endpoint_stay(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    await _give_up(db)
    async with db.transaction() as tx:
        later = rfc3339(tx.now)
    assert (await post(operator, "/dead_letters/replay", since=later))["count"] == 0
    assert (await post(operator, "/dead_letters/replay", endpoint_id="we_other"))["count"] == 0
    missing = await operator.post(f"/operator/v1/dead_letters/{DLV[:-1]}9/replay")
    assert missing.status_code == 404


async def test_a_disabled_endpoint_gets_no_replay(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    await _give_up(db)
    async with db.transaction() as tx:
        await tx.execute(update(endpoints).values(enabled=False))
    assert (await post(operator, "/dead_letters/replay"))["count"] == 0


async def test_the_doctor_tells_what_does_not_hold(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    assert (await get(operator, "/doctor"))["findings"] == []
    async with db.transaction() as tx:
        await tx.execute(update(deliveries).values(attempts=2))
    told = await get(operator, "/doctor")
    assert not told["clean"]
    assert [finding["invariant"] for finding in told["findings"]] == ["I12"]
