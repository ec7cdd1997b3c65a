"""The story of the demo: what Voltgate promises, shown on real sockets, checked as it goes."""

import asyncio
from typing import Any, Final

from core.doctor.service import examine
from ops.demo.narrator import Narrator
from ops.demo.receiver import Event
from ops.demo.stage import CONFIRM_WITHIN, Partner, Stage

_SOON_S: Final = 15.0
_METER_VALUES: Final = 2
_ACCEPTED: Final = 202
_CONFLICT: Final = 409


async def tell(stage: Stage, narrator: Narrator) -> None:
    """Play every chapter; broken promises are counted by *narrator*."""
    await _main_job(stage, narrator, "SIM-OK", "OCPP 1.6")
    await _main_job(stage, narrator, "SIM-OK-2", "OCPP 2.0.1")
    await _rejected(stage, narrator)
    await _double_request(stage, narrator)
    await _two_partners(stage, narrator)
    await _late_and_never(stage, narrator)
    await _examined(stage, narrator)


async def _main_job(stage: Stage, narrator: Narrator, identity: str, version: str) -> None:
    narrator.chapter(f"A partner asks, a charger starts, a signed webhook says so ({version})")
    acme, request_id = stage.acme, f"start-{identity}"
    response = await _start(stage, acme, identity, request_id)
    narrator.check("start_charge is answered 202 at once", kept=response.status_code == _ACCEPTED)
    started = await _outcome(acme, request_id)
    narrator.check(
        "the webhook operation.succeeded came signed, after the charger's own evidence",
        kept=started["type"] == "operation.succeeded",
    )
    session_id = started["related"]["session_id"]
    await _metered(stage.acme, session_id)
    await acme.post("/v1/stop_charge", {"request_id": f"stop-{identity}", "session_id": session_id})
    stopped = await _outcome(acme, f"stop-{identity}")
    narrator.check("the stop was confirmed", kept=stopped["type"] == "operation.succeeded")
    ordered = await acme.receiver.wait("order.finalized", within_s=_SOON_S, session_id=session_id)
    order = ordered["data"]["object"]
    narrator.check(
        f"one order: {order['energy_wh']} Wh, stopped by {order['stop_reason']}",
        kept=order["energy_wh"] == order["meter_stop_wh"] - order["meter_start_wh"]
        and order["stop_reason"] == "partner"
        and order["data_quality"] == "ok",
    )


async def _rejected(stage: Stage, narrator: Narrator) -> None:
    narrator.chapter("A charger that refuses")
    await _start(stage, stage.acme, "SIM-REJECT", "start-reject")
    event = await _outcome(stage.acme, "start-reject")
    narrator.check(
        "it failed, and the charger is named as responsible",
        kept=event["type"] == "operation.failed"
        and _failure(event) == ("charger_rejected", "charger"),
    )


async def _double_request(stage: Stage, narrator: Narrator) -> None:
    narrator.chapter("The same request twice, and twice again")
    charger = stage.chargers["SIM-OK"]
    before = len(charger.ledger.calls_received("RemoteStartTransaction"))
    responses = [await _start(stage, stage.acme, "SIM-OK", "start-double")]
    responses += await asyncio.gather(
        *(_start(stage, stage.acme, "SIM-OK", "start-double") for _ in range(3))
    )
    event = await _outcome(stage.acme, "start-double")
    sent = len(charger.ledger.calls_received("RemoteStartTransaction")) - before
    ids = {response.json()["id"] for response in responses}
    narrator.check(
        "four requests, one operation, one RemoteStart on the wire",
        kept=len(ids) == 1 and sent == 1 and {r.status_code for r in responses} == {_ACCEPTED},
    )
    await _stop(stage.acme, event, "stop-double")


async def _two_partners(stage: Stage, narrator: Narrator) -> None:
    narrator.chapter("Two partners, one connector")
    both = (stage.acme, stage.zenith)
    responses = await asyncio.gather(
        *(_start(stage, partner, "SIM-OK-2", f"race-{partner.name}") for partner in both)
    )
    statuses = sorted(response.status_code for response in responses)
    narrator.check("one got 202, the other 409 at once", kept=statuses == [_ACCEPTED, _CONFLICT])
    for partner, response in zip(both, responses, strict=True):
        if response.status_code == _ACCEPTED:
            event = await _outcome(partner, f"race-{partner.name}")
            await _stop(partner, event, f"race-stop-{partner.name}")


async def _late_and_never(stage: Stage, narrator: Narrator) -> None:
    seconds = int(CONFIRM_WITHIN.total_seconds())
    narrator.chapter(f"One that never starts, and one that starts too late (deadline {seconds} s)")
    await _start(stage, stage.acme, "SIM-NOCAR", "start-nocar")
    await _start(stage, stage.acme, "SIM-LATE", "start-late")
    never = await _outcome(stage.acme, "start-nocar")
    narrator.check(
        "no vehicle came: timed out, the driver is responsible",
        kept=never["type"] == "operation.timed_out"
        and _failure(never) == ("vehicle_not_connected", "driver"),
    )
    late = await _outcome(stage.acme, "start-late")
    narrator.check("the other timed out as well", kept=late["type"] == "operation.timed_out")
    told = await stage.acme.receiver.wait(
        "operation.late_outcome", within_s=_SOON_S, request_id="start-late"
    )
    outcome = told["data"]["object"]["late_outcome"]
    narrator.check(
        "the late start was stopped, and the partner was told", kept=outcome["action"] == "stopped"
    )
    ordered = await stage.acme.receiver.wait(
        "order.finalized", within_s=_SOON_S, session_id=outcome["session_id"]
    )
    narrator.check("its order is not billable", kept=ordered["data"]["object"]["billable"] is False)


async def _examined(stage: Stage, narrator: Narrator) -> None:
    narrator.chapter("voltgate doctor")
    async with stage.platform.db.transaction() as tx:
        findings = await examine(tx)
    for finding in findings:
        narrator.line("doctor", "you", f"{finding.invariant} {finding.title}", str(finding.rows))
    narrator.check("every invariant holds in the database", kept=not findings)
    forged = stage.acme.receiver.forged + stage.zenith.receiver.forged
    narrator.check("every webhook carried a valid signature", kept=forged == 0)


async def _start(stage: Stage, partner: Partner, identity: str, request_id: str) -> Any:
    body = {"request_id": request_id, "connector_id": stage.connectors[identity]}
    return await partner.post("/v1/start_charge", body)


async def _stop(partner: Partner, started: Event, request_id: str) -> None:
    session_id = started["related"]["session_id"]
    await partner.post("/v1/stop_charge", {"request_id": request_id, "session_id": session_id})
    await _outcome(partner, request_id)


async def _outcome(partner: Partner, request_id: str) -> Event:
    return await partner.receiver.outcome(request_id, within_s=_SOON_S)


async def _metered(partner: Partner, session_id: str) -> None:
    """Wait until the charger has reported some meter values."""
    async with asyncio.timeout(_SOON_S):
        while True:
            values = await partner.get(f"/v1/sessions/{session_id}/meter_values")
            if len(values["data"]) >= _METER_VALUES:
                return
            await asyncio.sleep(0.2)


def _failure(event: Event) -> tuple[str, str]:
    failure = event["data"]["object"]["failure"] or {}
    return failure.get("code", ""), failure.get("responsible", "")
