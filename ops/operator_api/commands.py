"""Raw commands: any OCPP request that the charger's version knows, checked by its schema only."""

import json
from datetime import timedelta
from typing import Any, cast

from fastapi import Request, Response
from pydantic import Field

from core.audit import service as audit
from core.chargers import registry
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Raw, seal_context
from core.commands.states import Priority
from core.kernel.crypto import Vault
from core.kernel.errors import PlatformError, not_found
from csms import key_codes
from csms.codes import Version
from csms.redact import redact
from csms.schemas import validate_outgoing
from csms.security import sets_password
from ops.operator_api.asking import Wait, settled
from ops.operator_api.deps import (
    READS,
    NewestFirst,
    Waiting,
    WaitingSupport,
    newest_page,
    resource,
)
from ops.operator_api.views import command_view
from partner_api.deps import Transaction
from partner_api.fields import In
from partner_api.services import Services

routes = resource("/chargers/{charger_id}/commands", tag="commands")


class RawCommand(In):
    """One OCPP request, exactly as it is to be sent."""

    action: str = Field(max_length=64, examples=["GetConfiguration"])
    payload: dict[str, Any] = Field(default_factory=dict, examples=[{"key": ["HeartbeatInterval"]}])
    timeout_s: float | None = Field(
        None, gt=0, le=600, description="To be sent and answered within; else the setting."
    )


@routes.post("", status_code=202, summary="Send an OCPP request to a charger")
async def send(
    charger_id: str,
    body: RawCommand,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Answers with the command; with `wait`, when the charger has answered or time is over."""
    services = Services.of(request.scope)
    timeout_s = body.timeout_s or services.settings.command_timeout.total_seconds()
    async with waiter.look() as tx:
        charger = await registry.get(tx, charger_id)
        _check(charger, body)
        shown = await key_codes.hidden(tx, services.vault, redact(body.payload))
        command = await commands.enqueue(
            tx,
            charger=charger,
            command=_raw(services.vault, charger_id, body, shown=shown),
            priority=Priority.OPERATOR,
            expires_at=tx.now + timedelta(seconds=timeout_s),
            timeout_s=timeout_s,
            requested_by=waiter.actor.name,
        )
        asked = {"charger_id": charger_id, "action": body.action, "payload": shown}
        await audit.record(tx, waiter.actor, "command.requested", command.id, after=asked)
    response.headers["Location"] = f"/operator/v1/chargers/{charger_id}/commands/{command.id}"
    return command_view(await settled(waiter, command, wait_s=wait))


@routes.get("", dependencies=[READS], summary="What a charger was asked, the newest first")
async def list_commands(charger_id: str, page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """Commands of operators, of partners' operations and of the platform itself."""
    await registry.get(tx, charger_id)
    found = await commands.list_commands(
        tx, charger_id=charger_id, before_number=page.before_number, limit=page.limit + 1
    )
    return newest_page(found, page, command_view)


@routes.get("/{command_id}", summary="One command and its answer")
async def show(charger_id: str, command_id: str, waiter: Waiting, wait: Wait = 0) -> dict[str, Any]:
    """With `wait`, answers when the charger has or time is over. A late answer shows up, too."""
    async with waiter.look() as tx:
        command = await commands.get(tx, command_id)
    if command.charger_id != charger_id:
        raise not_found("command")
    return command_view(await settled(waiter, command, wait_s=wait))


def _raw(vault: Vault, charger_id: str, body: RawCommand, *, shown: dict[str, Any]) -> Raw:
    """Return the command as it may be stored: a secret in it only encrypted (I34)."""
    sealed = None
    if shown != body.payload:
        text = json.dumps({"payload": body.payload})
        sealed = vault.ring.encrypt(text, context=seal_context(charger_id))
    return Raw(action=body.action, payload=shown, sealed=sealed)


def _check(charger: Charger, body: RawCommand) -> None:
    """Refuse what the charger's version does not know, and a charger that could not hear it.

    Raises:
        PlatformError: ``payload_invalid``, ``charger_offline``; ``conflict``: a new password.
    """
    if sets_password(body.action, body.payload):
        raise PlatformError(
            "conflict",
            "A new password sent like this could lock the charger out. Use POST "
            "/operator/v1/chargers/{charger_id}/password/rotation.",
        )
    if charger.ocpp_version is not None:
        version = cast(Version, charger.ocpp_version)
        violation = validate_outgoing(version, body.action, body.payload)
        if violation is not None:
            is_action = violation.keyword == "action"
            pointer = "/action" if is_action else f"/payload{violation.pointer}"
            raise PlatformError(
                "payload_invalid",
                f"{body.action} of OCPP {version}: {violation.description}",
                errors=[{"pointer": pointer, "detail": violation.description}],
            )
    if not charger.online:
        raise PlatformError("charger_offline", "The charger is not connected; nothing was sent.")
