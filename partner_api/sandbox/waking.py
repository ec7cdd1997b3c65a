"""A control call of a test key may concern a simulated charger that is not connected yet."""

from typing import Final

from fastapi import Request

from core.kernel.errors import PlatformError
from core.sandbox import service as sandbox
from core.sandbox.models import Seen
from partner_api.security.identity import identify
from partner_api.services import PartnerServices, Services

WAKE_WITHIN_S: Final = 8.0
_LOOK_EVERY_S: Final = 0.1
_TEST_KEY: Final = "bearer vg_test_"


async def awake(request: Request) -> None:
    """Let the simulated charger connect that a control call is about; it comes before the route.

    It holds no transaction while it waits. Calls of live keys pass.

    Raises:
        PlatformError: ``invalid_credentials``, ``ip_not_allowed``; ``overloaded``: there are too
            many simulated chargers at this moment.
    """
    services = Services.of(request.scope)
    header = " ".join(request.headers.get("authorization", "").lower().split())
    if not services.settings.sandbox or not header.startswith(_TEST_KEY):
        return
    body = await request.json()
    if not isinstance(body, dict):
        return
    async with services.db.transaction() as tx:
        caller = await identify(request, tx)
        charger_id = await sandbox.named_in(tx, caller.partner_id, body)
        if charger_id is None:
            return
        comes = await sandbox.want(tx, services.settings, caller.partner_id, charger_id)
        seen = await sandbox.get(tx, caller.partner_id, charger_id)
    if not comes or is_there(seen):
        return
    await _wait(request, caller.partner_id, seen)


def is_there(seen: Seen) -> bool:
    """Tell whether a simulated charger is connected and has told its status."""
    return seen.online and seen.is_settled


async def _wait(request: Request, partner_id: str, seen: Seen) -> None:
    services = PartnerServices.of(request.scope)
    until = services.clock.monotonic() + WAKE_WITHIN_S
    while services.clock.monotonic() < until and not services.closing.is_set():
        await services.clock.sleep(_LOOK_EVERY_S)
        async with services.db.transaction() as tx:
            seen = await sandbox.get(tx, partner_id, seen.charger_id)
        if is_there(seen):
            return
    if not seen.is_run:
        raise PlatformError(
            "overloaded",
            "No simulated charger could be started for you; try again in a while.",
            retry_after=10,
        )
