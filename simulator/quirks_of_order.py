"""Quirks in the order of messages, and in what they say of a transaction."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from simulator.power import cut
from simulator.quirk_hooks import QUIRKS, Outgoing, Quirk
from simulator.quirk_parts import (
    CALL,
    REGISTER,
    TRANSACTIONS,
    Own,
    is_call,
    with_payload,
)
from simulator.station import Station

_INTERVAL = re.compile(r'"interval":\d+')


@QUIRKS.add
class NoHeartbeat(Quirk):
    name = "no_heartbeat"
    summary = "answers pings and sends no Heartbeat"

    def incoming(self, raw: str | bytes) -> str | bytes:
        return _INTERVAL.sub('"interval":864000', str(raw))


@QUIRKS.add
class ReconnectsSilently(Own):
    name = "reconnect_without_boot"
    summary = "loses its connection after a session and comes back without BootNotification"

    def __init__(self) -> None:
        self._has_stopped = False

    def afterwards(self, frame: list[Any]) -> Iterable[Outgoing]:
        if is_call(frame, "StopTransaction"):
            self._has_stopped = True
        is_free = is_call(frame, "StatusNotification") and frame[3]["status"] == "Available"
        if self._has_stopped and is_free:
            self._has_stopped = False
            self.station.after(0.2, lambda: cut(self.station, away_s=0.0))
        return ()


@QUIRKS.add
class BootsTwice(Own):
    name = "boot_repeated"
    summary = "sends BootNotification again after it was accepted"

    def __init__(self) -> None:
        self._boot: list[Any] | None = None

    def afterwards(self, frame: list[Any]) -> Iterable[Outgoing]:
        if is_call(frame, "BootNotification"):
            self._boot = frame
        elif is_call(frame, "StatusNotification") and self._boot is not None:
            yield [CALL, self.station.new_message_id(), *self._boot[2:]]
            self._boot = None


@QUIRKS.add
class StatusBeforeBoot(Quirk):
    name = "status_before_boot"
    summary = "reports its status before it introduces itself"

    async def connected(self, station: Station) -> None:
        from simulator.outbox import ask  # noqa: PLC0415 - the outbox needs the station first

        status = {"connectorId": 0, "errorCode": "NoError", "status": "Available"}
        await ask(station, "StatusNotification", status)


@QUIRKS.add
class ConnectorZero(Quirk):
    name = "connector_zero"
    summary = "calls its only connector 0"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if is_call(frame, "StatusNotification", "StartTransaction", "MeterValues"):
            return with_payload(frame, connectorId=0)
        return frame


# Transactions.


@QUIRKS.add
class MeterWithoutTransaction(Quirk):
    name = "meter_without_transaction"
    summary = "leaves the transaction out of its meter values"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if is_call(frame, "MeterValues"):
            payload = {name: item for name, item in frame[3].items() if name != "transactionId"}
            return [*frame[:3], payload]
        return frame


class OtherTransaction(Quirk):
    action: ClassVar[str]
    transaction: ClassVar[int]

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if is_call(frame, self.action):
            return with_payload(frame, transactionId=self.transaction)
        return frame


@QUIRKS.add
class MeterTransactionZero(OtherTransaction):
    name = "meter_transaction_zero"
    summary = "names transaction 0 in its meter values"
    action, transaction = "MeterValues", 0


@QUIRKS.add
class MeterTransactionMinusOne(OtherTransaction):
    name = "meter_transaction_minus_one"
    summary = "names transaction -1 in its meter values"
    action, transaction = "MeterValues", -1


@QUIRKS.add
class StopTransactionZero(OtherTransaction):
    name = "stop_transaction_zero"
    summary = "names transaction 0 when it stops"
    action, transaction = "StopTransaction", 0


@QUIRKS.add
class StopTransactionMinusOne(OtherTransaction):
    name = "stop_transaction_minus_one"
    summary = "names transaction -1 when it stops"
    action, transaction = "StopTransaction", -1


@QUIRKS.add
class DuplicateStart(Own):
    name = "duplicate_start"
    summary = "sends StartTransaction again although it was answered"

    def afterwards(self, frame: list[Any]) -> Iterable[Outgoing]:
        if is_call(frame, "StartTransaction"):
            yield [CALL, self.station.new_message_id(), *frame[2:]]


@QUIRKS.add
class MeterAfterStop(Own):
    name = "meter_after_stop"
    summary = "goes on to send meter values after the stop"

    def __init__(self) -> None:
        self._sample: list[Any] | None = None

    def afterwards(self, frame: list[Any]) -> Iterable[Outgoing]:
        if is_call(frame, "MeterValues"):
            self._sample = frame
        elif is_call(frame, "StopTransaction") and self._sample is not None:
            payload = self._sample[3]
            at = datetime.fromisoformat(frame[3]["timestamp"]) + timedelta(seconds=2)
            value = {**payload["meterValue"][0], "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
            after = {**payload, "meterValue": [value]}
            yield [CALL, self.station.new_message_id(), "MeterValues", after]


class SpoiltRegister(Own):
    """Reports another register in the second sample of each transaction."""

    def __init__(self) -> None:
        self._samples = 0

    def spoilt(self, register_wh: int) -> int:
        """Return what is reported for the true register."""
        return register_wh

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if is_call(frame, "StartTransaction"):
            self._samples = 0
        if not is_call(frame, "MeterValues"):
            return frame
        self._samples += 1
        return frame if self._samples != 2 else self._changed(frame)  # noqa: PLR2004 - the second

    def _changed(self, frame: list[Any]) -> list[Any]:
        [value] = frame[3]["meterValue"]
        samples = [
            {**sample, "value": str(self.spoilt(int(sample["value"])))}
            if sample["measurand"] == REGISTER
            else sample
            for sample in value["sampledValue"]
        ]
        return with_payload(frame, meterValue=[{**value, "sampledValue": samples}])


@QUIRKS.add
class PlaceholderZero(SpoiltRegister):
    name = "placeholder_zero"
    summary = "reports register 0 in mid session"

    def spoilt(self, register_wh: int) -> int:
        return 0


@QUIRKS.add
class FallingRegister(SpoiltRegister):
    name = "register_falls"
    summary = "reports a register below the last one"

    def spoilt(self, register_wh: int) -> int:
        return register_wh // 2


@QUIRKS.add
class JumpingRegister(SpoiltRegister):
    name = "register_jumps"
    summary = "reports a register that no connector could have delivered"

    def spoilt(self, register_wh: int) -> int:
        return register_wh + 900_000


@QUIRKS.add
class KilowattHours(Quirk):
    name = "kwh_as_wh"
    summary = "sends whole kWh and calls them Wh"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if not is_call(frame, *TRANSACTIONS):
            return frame
        payload = dict(frame[3])
        for name in ("meterStart", "meterStop"):
            if name in payload:
                payload[name] //= 1000
        if "meterValue" in payload:
            payload["meterValue"] = [self._in_kwh(value) for value in payload["meterValue"]]
        return [*frame[:3], payload]

    def _in_kwh(self, value: Any) -> Any:
        samples = [
            {**sample, "value": str(int(sample["value"]) // 1000)}
            if sample["measurand"] == REGISTER
            else sample
            for sample in value["sampledValue"]
        ]
        return {**value, "sampledValue": samples}


@QUIRKS.add
class SequenceGap(Quirk):
    name = "sequence_gap"
    summary = "2.0.1: leaves out a seqNo in each transaction"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if is_call(frame, "TransactionEvent") and frame[3]["seqNo"] > 0:
            return with_payload(frame, seqNo=frame[3]["seqNo"] + 1)
        return frame
