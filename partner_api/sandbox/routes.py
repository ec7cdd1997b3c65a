"""``/v1/test_helpers/chargers``: cars come and go, connectors fail, connections break."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response

from core.audit.service import Actor
from core.kernel.doorbell import rung
from core.kernel.errors import PlatformError
from core.partners.scopes import Scope
from core.partners.service import Caller
from core.sandbox import service as sandbox
from core.sandbox.cast import CAST
from core.sandbox.models import Errand, Seen
from core.sandbox.states import MACHINE, Act, ActStatus
from partner_api.answers import Json, listed
from partner_api.bodies import StrictRoute
from partner_api.deps import Transaction
from partner_api.documented import answers, list_of
from partner_api.sandbox.schemas import Advance, Fault, TestCharger
from partner_api.sandbox.waking import is_there
from partner_api.security.access import ActingCaller, Watcher, needs, needs_to_watch
from partner_api.services import PartnerServices, Services

ANSWERED_WITHIN_S: Final = 20.0
_SWEEP_S: Final = 0.5
_ALWAYS: Final = ("test_mode_only", "not_implemented")

router = APIRouter(tags=["test mode"], route_class=StrictRoute)

Actor_ = Annotated[Watcher, needs_to_watch(Scope.CONTROL_START)]


def require_test_mode(request: Request, caller: Caller) -> None:
    """Refuse a live key, and anybody where the platform runs no simulated chargers.

    Raises:
        PlatformError: ``test_mode_only``, ``not_implemented``.
    """
    if caller.livemode:
        raise PlatformError("test_mode_only", "Use a key that begins with vg_test_.")
    if not Services.of(request.scope).settings.sandbox:
        raise PlatformError("not_implemented", "This platform runs no simulated chargers.")


@router.get("/v1/test_helpers/chargers", **answers(200, list_of(TestCharger), *_ALWAYS))
async def list_test_chargers(
    request: Request,
    caller: Annotated[Caller, needs(Scope.STATIONS_READ)],
    tx: Transaction,
) -> Response:
    """List the simulated chargers of your sandbox, and what each does."""
    require_test_mode(request, caller)
    found = await sandbox.chargers(tx, caller.partner_id)
    return Json(listed([_view(seen) for seen in found], has_more=False, next_cursor=None))


@router.get(
    "/v1/test_helpers/chargers/{charger_id}", **answers(200, TestCharger, *_ALWAYS, "not_found")
)
async def get_test_charger(
    charger_id: str,
    request: Request,
    caller: Annotated[Caller, needs(Scope.STATIONS_READ)],
    tx: Transaction,
) -> Response:
    """Return a simulated charger."""
    require_test_mode(request, caller)
    return Json(_view(await sandbox.get(tx, caller.partner_id, charger_id)))


_ACTS: Final = (*_ALWAYS, "not_found", "conflict")


@router.post("/v1/test_helpers/chargers/{charger_id}/plug", **answers(200, TestCharger, *_ACTS))
async def plug_test_charger(charger_id: str, watcher: Actor_, actor: ActingCaller) -> Response:
    """Let a driver plug in a car."""
    return await _act(watcher, actor, charger_id, Act.PLUG)


@router.post("/v1/test_helpers/chargers/{charger_id}/unplug", **answers(200, TestCharger, *_ACTS))
async def unplug_test_charger(charger_id: str, watcher: Actor_, actor: ActingCaller) -> Response:
    """Let the car leave; a session ends with it."""
    return await _act(watcher, actor, charger_id, Act.UNPLUG)


@router.post(
    "/v1/test_helpers/chargers/{charger_id}/fault",
    **answers(200, TestCharger, *_ACTS, body=True),
)
async def fault_test_charger(
    charger_id: str, watcher: Actor_, actor: ActingCaller, body: Fault | None = None
) -> Response:
    """Let the connector fail; a session ends with it."""
    code = (body or Fault()).code
    return await _act(watcher, actor, charger_id, Act.FAULT, {"code": code})


@router.post(
    "/v1/test_helpers/chargers/{charger_id}/clear_fault", **answers(200, TestCharger, *_ACTS)
)
async def clear_fault_of_test_charger(
    charger_id: str, watcher: Actor_, actor: ActingCaller
) -> Response:
    """Let the connector be repaired."""
    return await _act(watcher, actor, charger_id, Act.CLEAR_FAULT)


@router.post(
    "/v1/test_helpers/chargers/{charger_id}/disconnect", **answers(200, TestCharger, *_ACTS)
)
async def disconnect_test_charger(
    charger_id: str, watcher: Actor_, actor: ActingCaller
) -> Response:
    """Let the charger lose its network until you reconnect it; what happens is told afterwards."""
    return await _act(watcher, actor, charger_id, Act.DISCONNECT)


@router.post(
    "/v1/test_helpers/chargers/{charger_id}/reconnect", **answers(200, TestCharger, *_ACTS)
)
async def reconnect_test_charger(charger_id: str, watcher: Actor_, actor: ActingCaller) -> Response:
    """Let the charger come back."""
    return await _act(watcher, actor, charger_id, Act.RECONNECT)


@router.post(
    "/v1/test_helpers/chargers/{charger_id}/advance",
    **answers(200, TestCharger, *_ACTS, body=True),
)
async def advance_test_charger(
    charger_id: str, body: Advance, watcher: Actor_, actor: ActingCaller
) -> Response:
    """Set the charger's clock forward: its car charges, and what it waits for happens.

    At most 240 s ahead, for a charger that is further ahead is not believed. The platform's time
    stays: deadlines of operations and reservations are real.
    """
    return await _act(watcher, actor, charger_id, Act.ADVANCE, {"seconds": body.seconds})


async def _act(
    watcher: Watcher,
    actor: Actor,
    charger_id: str,
    act: Act,
    arguments: Mapping[str, Any] | None = None,
) -> Response:
    """Let something happen, wait until it has, and return the charger."""
    services = PartnerServices.of(watcher.request.scope)
    require_test_mode(watcher.request, watcher.caller)
    until_s = services.clock.monotonic() + ANSWERED_WITHIN_S
    async with services.db.transaction() as tx:
        errand = await sandbox.ask(
            tx,
            services.settings,
            actor,
            partner_id=watcher.caller.partner_id,
            charger_id=charger_id,
            act=act,
            arguments=arguments or {},
        )
    errand = await _outcome(watcher, errand, until_s=until_s)
    if errand.status is ActStatus.REFUSED:
        raise PlatformError("conflict", errand.reason or "It is not possible there.")
    return Json(_view(await _settled(watcher, errand, until_s=until_s)))


async def _outcome(watcher: Watcher, errand: Errand, *, until_s: float) -> Errand:
    services = PartnerServices.of(watcher.request.scope)
    async with services.db.doorbell.subscribe(sandbox.errand_topic(errand.id)) as rings:
        while True:
            async with watcher.look() as tx:
                errand = await sandbox.outcome(tx, errand.id)
            if errand.status in MACHINE.final:
                return errand
            left_s = until_s - services.clock.monotonic()
            if left_s <= 0 or services.closing.is_set():
                break
            await rung(rings, within_s=min(_SWEEP_S, left_s))
    async with services.db.transaction() as tx:
        begun = not await sandbox.give_up(tx, errand.id)
    detail = "It may happen yet." if begun else "Nothing has happened; try again in a while."
    raise PlatformError(
        "dependency_unavailable", f"The simulated charger did not answer. {detail}", retry_after=5
    )


async def _settled(watcher: Watcher, errand: Errand, *, until_s: float) -> Seen:
    """Return the charger once the platform has noticed that it came or went."""
    clock = Services.of(watcher.request.scope).clock
    while True:
        async with watcher.look() as tx:
            seen = await sandbox.get(tx, watcher.caller.partner_id, errand.charger_id)
        is_gone = not seen.online
        done = is_gone if errand.act is Act.DISCONNECT else is_there(seen)
        is_about_presence = errand.act in {Act.DISCONNECT, Act.RECONNECT}
        if done or not is_about_presence or clock.monotonic() >= until_s:
            return seen
        await clock.sleep(_SWEEP_S / 5)


def _view(seen: Seen) -> dict[str, Any]:
    part = CAST[seen.name]
    return {
        "id": seen.charger_id,
        "object": "test_charger",
        "name": seen.name,
        "connector_id": seen.connector_id,
        "station_id": seen.station_id,
        "behaviour": part.summary,
        "expected": part.expected,
        "state": _state(seen),
        "status": seen.status if seen.online else "unknown",
    }


def _state(seen: Seen) -> str:
    if not CAST[seen.name].connects:
        return "absent"
    if seen.online:
        return "online"
    if seen.away:
        return "disconnected"
    return "waking" if seen.is_run else "asleep"
