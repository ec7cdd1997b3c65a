"""OCPP 2.0.1 display messages: set, get, clear, and what stations report of them (O01 to O06)."""

from typing import Any, Final

from core.commands.commands import Verdict
from core.commands.display import ClearDisplayMessage, ReportDisplayMessages, SetDisplayMessage
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.kernel.times import rfc3339
from core.upkeep import display
from core.upkeep.facts import DisplayMessageReported
from csms import sanity
from csms.adapter import Block, Context, Route, by_status
from csms.evidence import doubt
from csms.ocpp201.messages import Component, Request
from csms.ocpp201.monitoring import answered_report, part_of
from csms.protocol import Payload
from csms.readings import IMPOSSIBLE, instant
from csms.upkeep import named


class MessageContent(Request, frozen=True):
    format: str
    content: str
    language: str | None = None


class MessageInfo(Request, frozen=True):
    id: Any
    priority: str
    message: MessageContent
    state: str | None = None
    start_date_time: str | None = None
    end_date_time: str | None = None
    transaction_id: str | None = None
    display: Component | None = None


class NotifyDisplayMessages(Request, frozen=True):
    request_id: Any
    message_info: tuple[MessageInfo, ...] = ()
    tbc: bool = False


async def notify_display_messages(ctx: Context, msg: NotifyDisplayMessages) -> Payload:
    """Answer NotifyDisplayMessages (OCPP 2.0.1 O03, O04); its parts have no numbers."""
    part = part_of(ctx, msg.request_id, None, more=msg.tbc)
    facts = [fact for info in msg.message_info if (fact := _message(ctx, info)) is not None]
    if part is not None:
        await display.reported(ctx.tx, part, facts)
    return {}


def _message(ctx: Context, info: MessageInfo) -> DisplayMessageReported | None:
    number = sanity.whole(info.id, lowest=0).value
    if number is None:
        doubt(ctx, IMPOSSIBLE)
        return None
    content = {
        "priority": info.priority,
        "format": info.message.format,
        "content": info.message.content,
        "language": info.message.language,
        "state": info.state,
        "start_at": _time(ctx, info.start_date_time),
        "end_at": _time(ctx, info.end_date_time),
        "transaction_ref": info.transaction_id,
        "display": None if info.display is None else info.display.name,
    }
    return DisplayMessageReported(message=number, content=sanity.document(named(content)).value)


def _time(ctx: Context, raw: str | None) -> str | None:
    if raw is None:
        return None
    at, _ = instant(raw)
    if at is None:
        doubt(ctx, "timestamp_unreadable")
    return None if at is None else rfc3339(at)


def set_display_message(wanted: SetDisplayMessage) -> tuple[str, Payload]:
    message = {
        "id": wanted.message,
        "priority": wanted.priority,
        "state": wanted.state,
        "startDateTime": wanted.start_at,
        "endDateTime": wanted.end_at,
        "transactionId": wanted.transaction_ref,
        "message": named(
            {"format": wanted.format, "language": wanted.language, "content": wanted.content}
        ),
        "display": _display(wanted),
    }
    return "SetDisplayMessage", {"message": named(message)}


def _display(wanted: SetDisplayMessage) -> Payload | None:
    if wanted.display is None:
        return None
    evse = {} if wanted.display_evse is None else {"evse": {"id": wanted.display_evse}}
    return {"name": wanted.display, **evse}


def clear_display_message(wanted: ClearDisplayMessage) -> tuple[str, Payload]:
    return "ClearDisplayMessage", {"id": wanted.message}


def report_display_messages(wanted: ReportDisplayMessages) -> tuple[str, Payload]:
    payload = {
        "id": wanted.messages or None,
        "requestId": wanted.request,
        "priority": wanted.priority,
        "state": wanted.state,
    }
    return "GetDisplayMessages", named(payload)


def judge_set(answer: Payload) -> tuple[Verdict, str | None]:
    """Judge the answer to SetDisplayMessage: its status is the word (OCPP 2.0.1 O01, O02)."""
    verdicts = {
        "NotSupportedMessageFormat": Verdict.NOT_SUPPORTED,
        "NotSupportedPriority": Verdict.NOT_SUPPORTED,
        "NotSupportedState": Verdict.NOT_SUPPORTED,
        "UnknownTransaction": Verdict.UNKNOWN,
    }
    status = answer.get("status")
    verdict = verdicts.get(str(status))
    return by_status(answer) if verdict is None else (verdict, str(status))


def judge_clear(answer: Payload) -> tuple[Verdict, str | None]:
    """Judge the answer to ClearDisplayMessage (OCPP 2.0.1 O05)."""
    return (Verdict.UNKNOWN, "Unknown") if answer.get("status") == "Unknown" else by_status(answer)


async def learn_of_report(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from the answer to GetDisplayMessages whether parts will come."""
    whole = await answered_report(tx, command, answer)
    if whole is not None:
        await display.complete(tx, whole)


DISPLAY: Final = Block(
    routes={
        "NotifyDisplayMessages": Route(
            message=NotifyDisplayMessages, handle=notify_display_messages
        ),
    },
    encoders={
        SetDisplayMessage: set_display_message,
        ClearDisplayMessage: clear_display_message,
        ReportDisplayMessages: report_display_messages,
    },
    learners={"GetDisplayMessages": learn_of_report},
    judges={"SetDisplayMessage": judge_set, "ClearDisplayMessage": judge_clear},
)
