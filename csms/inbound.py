"""One CALL of a charger: checked, understood, handled in one transaction, answered after it."""

from dataclasses import dataclass
from typing import Any, Final

import structlog

from core.chargers import frame_log, registry
from core.chargers.models import Charger
from core.chargers.states import Registration
from core.kernel import failpoints
from core.kernel.db import Tx
from core.kernel.errors import DatabaseUnavailable, PlatformError
from csms import codes, protocol, schemas
from csms.actions import FROM_CHARGER
from csms.adapter import Adapter, Context, Route
from csms.convert import convert
from csms.mending import Hopeless, mend
from csms.node import Node
from csms.protocol import Call, Payload
from csms.redact import redact_frame

log = structlog.get_logger()

_ANSWER_IF_ONLY_KEPT: Final[dict[str, Payload]] = {
    "MeterValues": {},
    "StopTransaction": {},
    "TransactionEvent": {},
}
"""How to acknowledge a transaction message of which nothing could be made but a copy."""


@dataclass(slots=True)
class Peer:
    """The charger at the other end of a socket, as this node knows it."""

    charger: Charger
    adapter: Adapter


class NotStored(Exception):
    """Nothing of a message could be kept: it must not be answered, the socket is closed."""


async def answer(node: Node, peer: Peer, call: Call, text: str) -> str:
    """Return the frame that answers *call*; what it told is committed by then.

    Args:
        text: The frame as it came, for the quarantine.

    Raises:
        DatabaseUnavailable: Nothing was written; try again or close the socket.
        NotStored: Close the socket, so that the charger repeats the message.
    """
    adapter, version = peer.adapter, peer.adapter.version
    known = call.action in FROM_CHARGER[version]
    route = adapter.routes.get(call.action)
    if known and not await _may_speak(node, peer, route):
        log.warning("call_before_acceptance")
        return protocol.encode_error(call.id, codes.SECURITY_ERROR, "not accepted yet")
    violation = schemas.validate_request(version, call.action, call.payload)
    reasons: tuple[str, ...] = ()
    message: Any = None
    checked = call.payload
    if violation is None and route is not None:
        message = convert(call.payload, route.message)
    elif violation is not None and route is not None and route.is_transaction:
        try:
            mended = mend(version, call.action, call.payload, route.message)
        except Hopeless:
            return _refused(call, violation)
        message, checked, reasons = mended.message, mended.payload, mended.reasons
    elif violation is not None:
        return _refused(call, violation)
    if route is None:
        return protocol.encode_result(call.id, adapter.acknowledged[call.action])
    ask = _Ask(call=call, text=text, route=route, message=message, checked=checked)
    return await _handled(node, peer, ask, reasons)


@dataclass(frozen=True, slots=True)
class _Ask:
    call: Call
    text: str
    route: Route
    message: Any
    checked: Payload


async def _handled(node: Node, peer: Peer, ask: _Ask, reasons: tuple[str, ...]) -> str:
    call = ask.call
    try:
        payload = await _handle(node, peer, ask, reasons)
    except (DatabaseUnavailable, NotStored):
        raise
    except Exception as exc:  # a bug must cost one message, not the session
        if isinstance(exc, PlatformError):
            log.warning("call_refused", code=exc.code)
        else:
            log.exception("call_failed")
        if not ask.route.is_transaction:
            return protocol.encode_error(call.id, codes.INTERNAL_ERROR)
        payload = await _keep(node, peer, ask)
    failpoints.hit(f"csms.handled.{call.action}")
    return protocol.encode_result(call.id, payload)


async def _handle(node: Node, peer: Peer, ask: _Ask, reasons: tuple[str, ...]) -> Payload:
    call, route = ask.call, ask.route
    async with node.db.transaction() as tx:
        if route.before_acceptance:
            await _refresh(tx, peer)
        ctx = Context(
            tx=tx,
            charger=peer.charger,
            message_id=call.id,
            action=call.action,
            payload=call.payload,
            checked=ask.checked,
            settings=node.settings,
            rng=node.rng,
            doubts=list(reasons),
        )
        payload = await route.handle(ctx, ask.message)
        if ctx.doubts:
            log.warning("message_quarantined", reasons=ctx.doubts)
            await frame_log.quarantine(
                tx,
                charger_id=peer.charger.id,
                action=call.action,
                message_id=call.id,
                reasons=ctx.doubts,
                text=redact_frame(ask.text),
            )
        if route.before_acceptance:
            await _refresh(tx, peer)
    return payload


async def _may_speak(node: Node, peer: Peer, route: Route | None) -> bool:
    """Tell whether the charger is accepted, or says what it may say before."""
    if route is not None and route.before_acceptance:
        return True
    if not _is_accepted(peer):
        async with node.db.transaction() as tx:  # somebody may have approved it meanwhile
            await _refresh(tx, peer)
    return _is_accepted(peer)


async def _refresh(tx: Tx, peer: Peer) -> None:
    try:
        peer.charger = await registry.get(tx, peer.charger.id)
    except PlatformError as exc:  # it was removed in the meantime
        raise NotStored from exc


def _is_accepted(peer: Peer) -> bool:
    booted = peer.charger.booted_at is not None or not peer.adapter.boots_first
    return booted and peer.charger.registration is Registration.ACCEPTED


def _refused(call: Call, violation: schemas.Violation) -> str:
    log.warning("call_invalid", code=violation.code, detail=violation.description)
    return protocol.encode_error(call.id, violation.code, violation.description)


async def _keep(node: Node, peer: Peer, ask: _Ask) -> Payload:
    """Keep what could not be handled, and return its acknowledgement (I17, I19)."""
    payload = _ANSWER_IF_ONLY_KEPT.get(ask.call.action)
    if payload is None:
        raise NotStored
    async with node.db.transaction() as tx:
        await frame_log.quarantine(
            tx,
            charger_id=peer.charger.id,
            action=ask.call.action,
            message_id=ask.call.id,
            reasons=["not_handled"],
            text=redact_frame(ask.text),
        )
    return payload
