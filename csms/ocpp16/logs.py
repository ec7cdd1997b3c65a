"""OCPP 1.6 logs: GetDiagnostics, GetLog of the security extension, their trains."""

from typing import Final

from core.commands.logs import GetDiagnostics, GetLog
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.upkeep import logs
from csms.adapter import Block, Route
from csms.protocol import Payload
from csms.upkeep import (
    StatusNotified,
    answered,
    diagnostics_status,
    get_log,
    learn_of_log,
    log_status,
    named,
    replaced_or_refused,
)


def get_diagnostics(wanted: GetDiagnostics) -> tuple[str, Payload]:
    payload = {
        "location": wanted.location,
        "retries": wanted.retries,
        "retryInterval": wanted.retry_s,
        "startTime": wanted.oldest_at,
        "stopTime": wanted.latest_at,
    }
    return "GetDiagnostics", named(payload)


async def learn_of_diagnostics(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from the answer to GetDiagnostics the file's name; none: there is nothing to bring."""
    if file_name := answer.get("fileName"):
        await answered(tx, command, answer, file_name=file_name)
    else:
        await logs.nothing_to_bring(tx, command)


LOGS: Final = Block(
    routes={
        "DiagnosticsStatusNotification": Route(message=StatusNotified, handle=diagnostics_status),
        "LogStatusNotification": Route(message=StatusNotified, handle=log_status),
    },
    encoders={GetDiagnostics: get_diagnostics, GetLog: get_log},
    learners={"GetDiagnostics": learn_of_diagnostics, "GetLog": learn_of_log},
    judges={"GetLog": replaced_or_refused},
)
