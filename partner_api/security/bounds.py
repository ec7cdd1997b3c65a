"""Around every call of partners: refuses cheaply what is refused anyway, and counts the rest.

It stands before routing, bodies and the database. What it refuses was refused the long way a
moment ago, or comes from an address that tries keys. It is in the metrics (``refused_early``), but
in no log: who floods us does not flood the log as well.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from core.conduct.rules import Signal
from core.conduct.watch import Watch
from core.joining.service import network_of
from core.kernel import metrics
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339
from core.partners.service import Caller
from core.partners.tokens import Bucket
from partner_api.problems import problem
from partner_api.security.address import client_address, is_proxy
from partner_api.services import PartnerServices

_STOP: Final = "/v1/stop_charge"
_CONTROL: Final = frozenset(
    {"/v1/start_charge", "/v1/reserve", "/v1/cancel_reservation", "/v1/unlock_connector"}
)
_KEYLESS: Final = ("/v1/partner_applications", "/v1/terms")
_START: Final = "/v1/start_charge"
_TAKEN: Final = frozenset({"connector_busy", "connector_reserved", "station_not_granted"})
"""Refusals of a start that a partner could have foreseen; a charger's faults are not its own."""

_network_of: Final = lru_cache(maxsize=4096)(network_of)
_LIMITED: Final = frozenset({"rate_limited", "abnormal_usage"})


class Bounds:
    """ASGI middleware of the partner API, inside the envelope."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        services = PartnerServices.of(scope)
        state: dict[str, Any] = scope["state"]
        address = client_address(scope, services.settings.trusted_proxies)
        state["network"] = _network_of(address)
        state["is_proxy"] = is_proxy(address, services.settings.trusted_proxies)
        state["address"] = address
        state["credentials"] = credentials = _credentials(scope)
        if credentials is not None and not scope["path"].startswith(_KEYLESS):
            await self._guarded(scope, receive, send, credentials)
        else:
            await self.app(scope, receive, send)

    async def _guarded(
        self, scope: Scope, receive: Receive, send: Send, credentials: bytes
    ) -> None:
        services = PartnerServices.of(scope)
        state: dict[str, Any] = scope["state"]
        path = scope["path"]
        if path != _STOP:
            buckets = (Bucket.REQUESTS, Bucket.CONTROL)[: 1 + (path in _CONTROL)]
            known = services.refusals.find(credentials, state["network"], *buckets)
            if known is not None:
                answer = problem(scope, known.error)  # without caller: it is not in the log
                state["caller"], state["verdict"] = known.caller, known.verdict
                state["route"], state["is_unlogged"] = "refused_early", True
                metrics.REQUESTS_LIMITED.labels(known.verdict.scarcest.bucket).inc()
                await answer(scope, receive, send)
                _count(services.watch, scope)
                return
        wait_s = None
        if not state["is_proxy"]:
            wait_s = services.door.closed_for_s(state["network"], credentials)
        if wait_s is not None:
            state["route"], state["is_unlogged"] = "refused_early", True
            error = PlatformError(
                "temporarily_banned",
                "Too many API keys from your address were not good.",
                until=rfc3339(services.db.now() + timedelta(seconds=wait_s)),
                retry_after=wait_s,
            )
            await problem(scope, error)(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            _count(services.watch, scope)


def _count(watch: Watch, scope: Scope) -> None:
    state: dict[str, Any] = scope["state"]
    caller: Caller | None = state.get("caller")
    if caller is None:
        return
    partner_id, livemode = caller.partner_id, caller.livemode
    code = state.get("code")
    watch.note(Signal.CALLS, partner_id, livemode=livemode)
    if code is None:
        if scope["path"] == _START:
            watch.note(Signal.STARTS, partner_id, livemode=livemode)
        return
    facts = {
        "request_id": state["request_id"],
        "path": scope["path"],
        "address": state["address"],
        "code": code,
    }
    if code in _LIMITED:
        watch.note(Signal.REFUSED_CALLS, partner_id, livemode=livemode, **facts)
    elif code == "not_found" and "{" in state.get("route", ""):
        thing = scope["path"]
        watch.note_different(Signal.UNKNOWN_IDS, partner_id, thing, livemode=livemode, **facts)
    elif code == "idempotency_key_reused":
        watch.note(Signal.REUSED_REQUEST_IDS, partner_id, livemode=livemode, **facts)
    elif code in _TAKEN and scope["path"] == _START:
        thing = str(state.get("given_id"))
        watch.note_different(Signal.REFUSED_STARTS, partner_id, thing, livemode=livemode, **facts)


def _credentials(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            found: bytes = value
            return found
    return None
