"""DataTransfer of chargers, the same in both versions: a hook answers, everything is kept."""

from typing import Any, Final, Protocol

from core.chargers import transfers
from core.commands.commands import Verdict
from core.commands.data_transfer import SendData
from core.commands.models import CommandRow
from core.kernel.db import Tx
from csms import sanity
from csms.adapter import Context, Preparing
from csms.hooks import HOOKS, Reply, Transfer
from csms.protocol import Payload
from csms.redact import redact

_VERDICTS: Final = {
    "Accepted": Verdict.ACCEPTED,
    "Rejected": Verdict.REJECTED,
    "UnknownMessageId": Verdict.NOT_SUPPORTED,
    "UnknownVendorId": Verdict.NOT_SUPPORTED,
}


class Message(Protocol):
    """A DataTransfer request of either version."""

    @property
    def vendor_id(self) -> str: ...
    @property
    def message_id(self) -> str | None: ...
    @property
    def data(self) -> Any: ...


async def ask_hook(preparing: Preparing, msg: Message) -> Reply:
    """Have the vendor's hook answer, within its time."""
    transfer = Transfer(
        charger_id=preparing.charger.id,
        identity=preparing.charger.identity,
        ocpp_version=preparing.version,
        vendor_id=msg.vendor_id,
        message_id=msg.message_id,
        data=msg.data,
    )
    timeout_s = preparing.settings.data_transfer_timeout.total_seconds()
    return await HOOKS.answer(transfer, timeout_s=timeout_s)


async def data_transfer(ctx: Context, msg: Message) -> Payload:
    """Answer DataTransfer (OCPP 1.6 4.3, OCPP 2.0.1 P02) with what the hook said."""
    reply: Reply = ctx.prepared
    await transfers.record(
        ctx.tx,
        charger_id=ctx.charger.id,
        direction="in",
        vendor_id=msg.vendor_id,
        message_id=msg.message_id,
        data=_kept(ctx.payload).get("data"),
        status=reply.status,
        answer=_kept({"data": reply.data})["data"],
    )
    payload: Payload = {"status": reply.status}
    return payload if reply.data is None else payload | {"data": reply.data}


async def learn_answer(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Keep what a charger answered to our DataTransfer (OCPP 1.6 5.6, OCPP 2.0.1 P01)."""
    arguments = command.arguments
    asked = arguments
    if command.kind != SendData.kind:  # an operator's raw request
        payload = arguments.get("payload") or {}
        asked = {
            "vendor_id": payload.get("vendorId"),
            "message_id": payload.get("messageId"),
            "data": payload.get("data"),
        }
    await transfers.record(
        tx,
        charger_id=command.charger_id,
        direction="out",
        vendor_id=str(asked["vendor_id"]),
        message_id=asked.get("message_id"),
        data=asked.get("data"),
        status=str(answer.get("status")),
        answer=answer.get("data"),
        command_id=command.id,
    )


def judge(answer: Payload) -> tuple[Verdict, str | None]:
    """Return what a DataTransfer's answer means: nobody there knows an unknown vendor."""
    status = answer.get("status")
    word = status if isinstance(status, str) else None
    return _VERDICTS.get(word or "", Verdict.FAILED), word


def _kept(payload: Payload) -> Payload:
    kept: Payload = redact(sanity.document(payload).value)
    return kept
