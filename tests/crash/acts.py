"""What has to happen for a fail point to be reached that daily work does not reach.

Each act is done again and again until the node is dead. What only time would bring (a deadline, a
node that fell silent an hour ago) is planted in the database, as time would have left it.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import httpx2
from sqlalchemy import insert, update
from websockets import InvalidHandshake
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from core.alerts.kinds import AlertKind
from core.alerts.service import raise_alert
from core.chargers import presence, registry
from core.chargers.models import nodes
from core.commands import service as commands
from core.commands.configuration import Trigger
from core.commands.states import Priority
from core.kernel.ids import new_id
from core.kernel.times import rfc3339
from core.operations.hold_models import holds
from core.operations.models import operations, reservations
from core.operations.states import MACHINE
from core.sessions.models import sessions
from tests.crash.node import NODE_ID
from tests.crash.stage import WORKERS, Stage, insist
from tests.crash.workload import control, next_id, start
from tests.csms.live import basic

Act = Callable[[Stage], Awaitable[None]]

ACTS: Final[dict[str, Act]] = {}
"""By name; ``points`` says which leads where."""


def act(work: Act) -> Act:
    ACTS[work.__name__] = work
    return work


@act
async def lose_connections(on: Stage) -> None:
    """Two chargers lose their network for a moment."""
    for identity in WORKERS:
        on.chargers[identity].drop()


@act
async def knock_with_a_wrong_password(on: Stage) -> None:
    try:
        async with connect(
            f"{on.node.ocpp_url}/CP-16",
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers=basic("CP-16", "wrong-password-entirely"),
        ):
            pass
    except (InvalidHandshake, OSError):
        return


@act
async def start_where_no_car_comes(on: Stage) -> None:
    """An operation whose deadline passes."""
    operation = await start(on, await on.connector_id("CP-NOCAR"))
    async with on.db.transaction() as tx:
        at = operations.c.charger_id == await _id(tx, "CP-NOCAR")
        open_ = operations.c.status.not_in(sorted(MACHINE.final))
        await tx.execute(update(operations).where(at, open_).values(deadline_at=tx.now))
    if operation is None:  # an earlier death has left something behind
        on.chargers["CP-NOCAR"].unplug()
        on.chargers["CP-NOCAR"].expire_reservation()


@act
async def start_with_a_limit(on: Stage) -> None:
    """A session that the platform stops at its limit."""
    await start(on, await on.connector_id("CP-LIMIT"), limits={"max_minutes": 60})
    async with on.db.transaction() as tx:
        at = sessions.c.charger_id == await _id(tx, "CP-LIMIT")
        over = {"max_minutes": 0}
        await tx.execute(
            update(sessions).where(at, sessions.c.ended_at.is_(None)).values(limits=over)
        )


@act
async def reserve(on: Stage) -> None:
    """Reservations that are made and cancelled, and some whose time ends."""
    connector_id = await on.connector_id("CP-ODD")
    async with on.db.transaction() as tx:
        expires_at = rfc3339(tx.now + timedelta(minutes=5))
    made = await control(
        on, "/v1/reserve", connector_id=connector_id, expires_at=expires_at, id_token="DRIVER"
    )
    reservation_id = None if made is None else made["reservation_id"]
    if reservation_id is not None and len(on.promises.accepted) % 2:
        await control(on, "/v1/cancel_reservation", reservation_id=reservation_id)
        return
    # also what an earlier death has left behind: it would be in the way for minutes
    async with on.db.transaction() as tx:
        await tx.execute(update(reservations).values(expires_at=tx.now))
    on.chargers["CP-ODD"].expire_reservation()
    if reservation_id is None:
        await _wish(on, "CP-ODD", operative=True)


@act
async def unlock(on: Stage) -> None:
    await control(on, "/v1/unlock_connector", connector_id=await on.connector_id("CP-ODD"))


@act
async def command_an_absent_charger(on: Stage) -> None:
    """A command that nobody comes for in time."""
    async with on.db.transaction() as tx:
        await commands.enqueue(
            tx,
            charger=await registry.get(tx, on.absent_id),
            command=Trigger(message="Heartbeat"),
            priority=Priority.BACKGROUND,
            expires_at=tx.now,
            timeout_s=1.0,
            requested_by="crash",
        )


@act
async def leave_a_dead_node(on: Stage) -> None:
    """A node that fell silent an hour ago, and held a charger."""
    async with on.db.transaction() as tx:
        name, long_ago = f"dead-{new_id('x')}", tx.now - timedelta(hours=1)
        await tx.execute(insert(nodes).values(id=name, started_at=long_ago, seen_at=long_ago))
        await presence.connected(tx, on.absent_id, node_id=name, version="1.6", address="::1")


@act
async def leave_a_charger_behind(on: Stage) -> None:
    """A charger that the node of this name held when it died."""
    async with on.db.transaction() as tx:
        await presence.connected(tx, on.absent_id, node_id=NODE_ID, version="1.6", address="::1")


@act
async def forget_a_transaction(on: Stage) -> None:
    """A charger that loses its transaction in a reboot: its session is ended by estimate."""
    charger = on.chargers["CP-LIMIT"]
    await start(on, await on.connector_id("CP-LIMIT"))
    if charger.connector().transaction is not None and charger.online:
        await charger.reboot(hard=True, lose_transactions=True, wait=False)


@act
async def wish_something(on: Stage) -> None:
    """Desired state: availability of a charger, back and forth."""
    for operative in (False, True):
        await _wish(on, "CP-ODD", operative=operative)


@act
async def hold_a_connector(on: Stage) -> None:
    """An operator's hold; its time ends."""
    async with on.db.transaction() as tx:
        expires_at = rfc3339(tx.now + timedelta(minutes=5))
    body = {"id_token": "HELD", "evse": 1, "expires_at": expires_at}
    for identity in ("CP-SLOW", "CP-NOCAR"):
        path = f"/chargers/{await on.charger_id(identity)}/holds"
        await _operate(on, "POST", path, body)
    async with on.db.transaction() as tx:
        await tx.execute(update(holds).values(expires_at=tx.now))
    for identity in ("CP-SLOW", "CP-NOCAR"):
        on.chargers[identity].expire_reservation()


@act
async def command_the_fleet(on: Stage) -> None:
    body = {
        "request_id": next_id("fleet"),
        "chargers": {"all": True},
        "act": {"kind": "trigger", "arguments": {"message": "Heartbeat"}},
    }
    await _operate(on, "POST", "/fleet_commands", body)


@act
async def send_a_raw_command(on: Stage) -> None:
    charger_id = await on.charger_id("CP-ODD")
    body = {"action": "ClearCache", "payload": {}}
    await _operate(on, "POST", f"/chargers/{charger_id}/commands", body)


@act
async def ask_a_slow_charger(on: Stage) -> None:
    """A charger that answers when nobody listens any more."""
    body = {"action": "ClearCache", "payload": {}, "timeout_s": 1}
    await _operate(on, "POST", f"/chargers/{await on.charger_id('CP-SLOW')}/commands", body)


@act
async def change_a_password(on: Stage) -> None:
    for identity in ("CP-ODD", "CP-LIMIT", "CP-NOCAR"):
        path = f"/chargers/{await on.charger_id(identity)}/password/rotation"
        await _operate(on, "POST", path, None)


@act
async def make_a_station(on: Stage) -> None:
    await _operate(on, "POST", "/stations", {"name": "Another station"})


@act
async def rename_the_station(on: Stage) -> None:
    await _operate(on, "PATCH", f"/stations/{on.station_id}", {"name": next_id("station")})


@act
async def make_a_partner(on: Stage) -> None:
    await _operate(on, "POST", "/partners", {"name": next_id("partner")})


@act
async def put_a_card(on: Stage) -> None:
    await _operate(on, "PUT", f"/id_tokens/{next_id('CARD')}", {})


@act
async def use_keys(on: Stage) -> None:
    """A key that is made, rotated and revoked."""
    scopes = ["status:read"]
    made = await insist(
        lambda: on.api.post("/v1/api_keys", json={"name": "another", "scopes": scopes})
    )
    if made.status_code != httpx2.codes.CREATED:
        return
    path = f"/v1/api_keys/{made.json()['id']}"
    await insist(lambda: on.api.post(f"{path}/rotate", json={"overlap_hours": 1}))
    await insist(lambda: on.api.post(f"{path}/revoke"))


@act
async def use_endpoints(on: Stage) -> None:
    """An endpoint that is made, pinged, gets a new secret, and goes."""
    body = {"url": on.receiver.url, "event_types": ["partner.suspended"]}
    made = await insist(lambda: on.api.post("/v1/webhook_endpoints", json=body))
    if made.status_code != httpx2.codes.CREATED:
        return
    on.receiver.secrets.append(made.json()["secret"])
    path = f"/v1/webhook_endpoints/{made.json()['id']}"
    await insist(lambda: on.api.post(f"{path}/ping"))
    rotated = await insist(lambda: on.api.post(f"{path}/rotate_secret", json={}))
    if rotated.status_code == httpx2.codes.OK:
        on.receiver.secrets.append(rotated.json()["secret"])
    await insist(lambda: on.api.delete(path))


@act
async def refuse_webhooks(on: Stage) -> None:
    """The receiver is in trouble; whoever ends the act lets it recover."""
    on.receiver.status = 503
    await use_endpoints(on)


@act
async def raise_alerts(on: Stage) -> None:
    async with on.db.transaction() as tx:
        raise_alert(tx, AlertKind.JOB_FAILING, key=next_id("job"), title="A job fails")


@act
async def play_in_the_sandbox(on: Stage) -> None:
    """Test mode: a simulated charger within the node."""
    listed = await insist(lambda: on.tester.get("/v1/test_helpers/chargers"))
    found = next((one for one in listed.json()["data"] if one["name"] == "SIM-OK"), None)
    if found is None:
        return
    body = {"request_id": next_id("test"), "connector_id": found["connector_id"]}
    await insist(lambda: on.tester.post("/v1/start_charge", json=body))
    await insist(lambda: on.tester.post(f"/v1/test_helpers/chargers/{found['id']}/plug"))


async def _wish(on: Stage, identity: str, *, operative: bool) -> None:
    path = f"/chargers/{await on.charger_id(identity)}/availability"
    await _operate(on, "PUT", path, {"operative": operative})


async def _operate(on: Stage, method: str, path: str, body: Any) -> None:
    await insist(lambda: on.operator.request(method, f"/operator/v1{path}", json=body))


async def _id(tx: Any, identity: str) -> str:
    charger = await registry.by_identity(tx, identity)
    assert charger is not None
    return charger.id
