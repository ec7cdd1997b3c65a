"""One CALL of a charger: checked, understood, handled in one transaction, answered after it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import structlog

from core.chargers import deviations, deviations_repair, frame_log, registry
from core.chargers.deviations import code_of
from core.chargers.models import Charger
from core.chargers.states import Registration
from core.kernel import failpoints
from core.kernel.db import Tx
from core.kernel.errors import DatabaseUnavailable, PlatformError
from csms import codes, key_codes, protocol, schemas
from csms.actions import ACTIONS
from csms.adapter import Adapter, Context, Heard, Preparing, Route
from csms.conduct import Conduct
from csms.convert import convert
from csms.mending import Hopeless, mend
from csms.node import Node
from csms.protocol import Call, Payload
from csms.redact import redact_frame
from csms.tolerance import adapt
from csms.turns import Asked

log = structlog.get_logger()

_ANSWER_IF_ONLY_KEPT: Final[dict[str, Payload]] = {
    "MeterValues": {},
    "StopTransaction": {},
    "TransactionEvent": {},
}
"""How to acknowledge a transaction message of which nothing could be made but a copy."""


_DOUBTFUL: Final = "content_doubtful"


@dataclass(slots=True)
class Peer:
    """The charger at the other end of a socket, as this node knows it."""

    charger: Charger
    adapter: Adapter
    conduct: Conduct


class NotStored(Exception):
    """Nothing of a message could be kept: it must not be answered, the socket is closed."""


async def answer(node: Node, peer: Peer, asked: Asked) -> str:
    """Return the frame that answers a call; what it told is committed by then.

    Raises:
        DatabaseUnavailable: Nothing was written; try again or close the socket.
        NotStored: Close the socket, so that the charger repeats the message.
    """
    call, text = asked.call, asked.text
    failpoints.enter("frame", call.action)
    adapter, version = peer.adapter, peer.adapter.version
    route = adapter.routes.get(call.action)
    if route is None:
        return _refused(peer, call, text, schemas.unwanted(version, call.action))
    if not await _may_speak(node, peer, route):
        log.warning("call_before_acceptance")
        return protocol.encode_error(call.id, codes.SECURITY_ERROR, "not accepted yet")
    adapted = adapt(version, call, text, peer.conduct.rules)
    checked, tolerated = adapted.payload, adapted.codes
    violation = schemas.validate_request(version, call.action, checked)
    reasons: tuple[str, ...] = ()
    if violation is None:
        message = convert(checked, route.message)
    elif not route.is_transaction:
        return _refused(peer, call, text, violation)
    else:
        try:
            mended = mend(version, call.action, checked, route.message)
        except Hopeless:
            return _refused(peer, call, text, violation)
        message, checked, reasons = mended.message, mended.payload, mended.reasons
        tolerated += () if reasons else (code_of(f"{violation.keyword} at /") or "type_wrong",)
    ask = _Ask(
        call=call,
        text=text,
        route=route,
        message=message,
        checked=checked,
        tolerated=tolerated,
        is_plain=asked.is_plain and not call.deviations,
    )
    return await _handled(node, peer, ask, reasons)


@dataclass(frozen=True, slots=True)
class _Ask:
    call: Call
    text: str
    route: Route
    message: Any
    checked: Payload
    tolerated: tuple[str, ...]
    is_plain: bool


async def _handled(node: Node, peer: Peer, ask: _Ask, reasons: tuple[str, ...]) -> str:
    call = ask.call
    try:
        payload = None if reasons else await _gathered(node, peer, ask)
        if payload is None:
            prepared = await _prepare(node, peer, ask)
            payload = await _handle(node, peer, ask, reasons, prepared)
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
    return protocol.encode_result(call.id, payload)


async def _prepare(node: Node, peer: Peer, ask: _Ask) -> Any:
    """Return what has to be known before the transaction begins."""
    if ask.route.prepare is None:
        return None
    preparing = Preparing(
        charger=peer.charger,
        version=peer.adapter.version,
        settings=node.settings,
        contracts=node.contracts,
    )
    return await ask.route.prepare(preparing, ask.message)


async def _gathered(node: Node, peer: Peer, ask: _Ask) -> Payload | None:
    """Answer what needs no transaction of its own; ``None`` if it does need one."""
    call, route = ask.call, ask.route
    if route.reply is not None:
        payload = route.reply(node.db.now())
        peer.conduct.handled(call, ask.text, ask.tolerated)
        return payload
    if route.fact is None:
        return None
    heard = Heard(
        charger=peer.charger,
        message_id=call.id,
        action=call.action,
        payload=call.payload,
        checked=ask.checked,
        is_plain=ask.is_plain,
    )
    fact = route.fact(heard, ask.message)
    if fact is None or heard.doubts:
        return None
    codes = await node.gatherings.add(fact)
    peer.conduct.handled(call, ask.text, (*ask.tolerated, *codes))
    return {}


async def _handle(
    node: Node, peer: Peer, ask: _Ask, reasons: tuple[str, ...], prepared: Any
) -> Payload:
    async def work(tx: Tx) -> tuple[Payload, _Ask, Sequence[str]]:
        named = await _named(tx, node, peer, ask)
        payload = await _told(tx, node, peer, named, reasons, prepared)
        return payload, named, deviations.noted(tx)

    payload, named, noted = await node.joint.run(peer.charger.id, work)
    peer.conduct.handled(named.call, named.text, (*named.tolerated, *noted))
    return payload


async def _told(
    tx: Tx, node: Node, peer: Peer, ask: _Ask, reasons: tuple[str, ...], prepared: Any
) -> Payload:
    call, route = ask.call, ask.route
    if route.before_acceptance:
        await _refresh(tx, peer)
    ctx = Context(
        tx=tx,
        charger=peer.charger,
        message_id=call.id,
        action=call.action,
        payload=call.payload,
        checked=ask.checked,
        is_plain=ask.is_plain,
        settings=node.settings,
        rng=node.rng,
        doubts=list(reasons),
        prepared=prepared,
    )
    payload = await route.handle(ctx, ask.message)
    if ctx.doubts:
        deviations.note(tx, *(code_of(reason) or _DOUBTFUL for reason in ctx.doubts))
        log.warning("message_quarantined", reasons=ctx.doubts)
        await frame_log.quarantine(
            tx,
            charger_id=peer.charger.id,
            action=call.action,
            message_id=call.id,
            reasons=ctx.doubts,
            text=redact_frame(ask.text),
        )
    if ctx.changed:
        peer.charger = ctx.changed[-1]
    return payload


async def _named(tx: Tx, node: Node, peer: Peer, ask: _Ask) -> _Ask:
    """Return what was asked with no key code in it: its message has the name, the rest a mask."""
    whole = await _with_whole_tag(tx, peer, ask)
    message, is_told = await key_codes.named(tx, node.vault, whole)
    if not is_told:
        return replace(ask, message=message)
    payload = key_codes.without_tag(ask.call.payload)
    call = replace(ask.call, payload=payload)
    return replace(ask, message=message, call=call, text=key_codes.frame_without_tag(ask.text))


async def _with_whole_tag(tx: Tx, peer: Peer, ask: _Ask) -> Any:
    """Return the message with the idTag that its charger has cut, if only one can be meant."""
    limit = peer.conduct.rules.id_tag_chars
    tag = getattr(ask.message, "id_tag", None)
    if limit is None or not isinstance(tag, str) or len(tag) != limit:
        return ask.message
    whole = await deviations_repair.whole_tag(tx, tag)
    if whole == tag.upper():
        return ask.message
    deviations.note(tx, "id_tag_cut")
    return msgspec.structs.replace(ask.message, id_tag=whole)


async def _may_speak(node: Node, peer: Peer, route: Route) -> bool:
    """Tell whether the charger is accepted, or says what it may say before."""
    if route.before_acceptance:
        return True
    if not _is_accepted(peer):
        async with node.db.transaction() as tx:  # somebody may have approved it meanwhile
            await _refresh(tx, peer)
    return _is_accepted(peer) or _may_while_waiting(peer, route)


def _may_while_waiting(peer: Peer, route: Route) -> bool:
    """Tell whether a charger that waits for approval may say this.

    One that an operator holds back goes on telling of its transactions (I19).
    """
    if peer.charger.registration is not Registration.PENDING:
        return False
    if route.is_transaction:
        return peer.charger.held_reason is not None
    return route.while_pending and peer.charger.boot_status is not None


async def _refresh(tx: Tx, peer: Peer) -> None:
    try:
        peer.charger = await registry.get(tx, peer.charger.id)
    except PlatformError as exc:  # it was removed in the meantime
        raise NotStored from exc


def _is_accepted(peer: Peer) -> bool:
    booted = peer.charger.booted_at is not None or not peer.adapter.boots_first
    return booted and peer.charger.registration is Registration.ACCEPTED


def _refused(peer: Peer, call: Call, text: str, violation: schemas.Violation) -> str:
    is_known = call.action in ACTIONS[peer.adapter.version]
    peer.conduct.refused(call, text, violation.keyword, is_known_action=is_known)
    log.warning("call_invalid", code=violation.code, detail=violation.description)
    return protocol.encode_error(call.id, violation.code, violation.description)


async def _keep(node: Node, peer: Peer, ask: _Ask) -> Payload:
    """Keep what could not be handled, and return its acknowledgement (I17, I19)."""
    payload = _ANSWER_IF_ONLY_KEPT.get(ask.call.action)
    if payload is None:
        raise NotStored
    async with node.db.transaction() as tx:
        ask = await _named(tx, node, peer, ask)
        await frame_log.quarantine(
            tx,
            charger_id=peer.charger.id,
            action=ask.call.action,
            message_id=ask.call.id,
            reasons=["not_handled"],
            text=redact_frame(ask.text),
        )
    return payload
