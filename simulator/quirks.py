"""Real chargers and their quirks: each class is one way in which chargers in the field deviate.

Every quirk leaves the charger able to charge. What a central system calls each of them is its own
business; what the charger does is said here. Here are quirks of frames and of content.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from simulator import quirks_of_handshake, quirks_of_order
from simulator.quirk_hooks import QUIRKS, Outgoing, Quirk
from simulator.quirk_parts import (
    CALL,
    CALLRESULT,
    TRANSACTIONS,
    ZULU,
    Own,
    is_call,
    mapped,
    with_payload,
)
from simulator.station import Station

__all__ = ["QUIRKS", "quirks_of_handshake", "quirks_of_order"]


# Frames.


@QUIRKS.add
class NullPayload(Quirk):
    name = "null_payload"
    summary = "sends null for an empty payload"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        return [*frame[:-1], None] if frame[0] in {CALL, CALLRESULT} and not frame[-1] else frame


@QUIRKS.add
class ByteOrderMark(Quirk):
    name = "byte_order_mark"
    summary = "begins every frame with a byte order mark"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        return "\ufeff" + json.dumps(frame)


@QUIRKS.add
class LongIds(Own):
    name = "long_message_ids"
    summary = "makes message ids of 60 characters"
    TAIL: ClassVar = "-" + "x" * 23

    def outgoing(self, frame: list[Any]) -> Outgoing:
        return [CALL, frame[1] + self.TAIL, *frame[2:]] if is_call(frame) else frame

    def incoming(self, raw: str | bytes) -> str | bytes:
        return str(raw).replace(self.TAIL, "", 1)


@QUIRKS.add
class Unsolicited(Own):
    name = "unsolicited_results"
    summary = "answers calls that nobody made"

    def afterwards(self, frame: list[Any]) -> Iterable[Outgoing]:
        if is_call(frame, "StatusNotification"):
            yield [CALLRESULT, f"nobody-asked-{frame[1][:8]}", {"status": "Accepted"}]


@QUIRKS.add
class LateAnswers(Own):
    name = "late_answers"
    summary = "answers the first call of each connection long after it came"
    wait_s: ClassVar = 4.0

    def __init__(self) -> None:
        self._chosen: str | None = None
        self._held: tuple[float, list[Any]] | None = None

    async def connected(self, station: Station) -> None:
        self._chosen = self._held = None

    def incoming(self, raw: str | bytes) -> str | bytes:
        frame = json.loads(raw)
        if frame[0] == CALL and self._chosen is None:
            self._chosen = frame[1]
        return raw

    def outgoing(self, frame: list[Any]) -> Outgoing | None:
        if frame[0] != CALL and frame[1] == self._chosen:
            self._held = (self.station.clock.now().timestamp(), frame)
            return None
        return frame

    def afterwards(self, frame: list[Any]) -> Iterable[Outgoing]:
        now_s = self.station.clock.now().timestamp()
        if self._held is not None and now_s - self._held[0] >= self.wait_s:
            yield self._held[1]
            self._held = None


@QUIRKS.add
class WrongDirection(Own):
    name = "wrong_direction"
    summary = "sends a call that only a central system may send"

    def afterwards(self, frame: list[Any]) -> Iterable[Outgoing]:
        if is_call(frame, "BootNotification"):
            yield [CALL, self.station.new_message_id(), "ClearCache", {}]


@QUIRKS.add
class UnknownAction(Own):
    name = "unknown_action"
    summary = "sends an action of its own making"

    def afterwards(self, frame: list[Any]) -> Iterable[Outgoing]:
        if is_call(frame, "BootNotification"):
            yield [CALL, self.station.new_message_id(), "VendorStatus", {"temperature": 21}]


# Content.


@QUIRKS.add
class NaiveTimestamps(Quirk):
    name = "naive_timestamps"
    summary = "sends UTC without saying so"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if not is_call(frame):
            return frame
        return mapped(frame, lambda text: ZULU.sub(r"\1\2", text))  # type: ignore[no-any-return]


@QUIRKS.add
class LocalTime(Quirk):
    name = "local_time"
    summary = "sends the time of Tokyo without a zone"
    zone: ClassVar = ZoneInfo("Asia/Tokyo")

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if not is_call(frame):
            return frame
        return mapped(frame, self._local)  # type: ignore[no-any-return]

    def _local(self, text: str) -> str:
        if not ZULU.fullmatch(text):
            return text
        return datetime.fromisoformat(text).astimezone(self.zone).strftime("%Y-%m-%dT%H:%M:%S")


@QUIRKS.add
class ClockAhead(Quirk):
    name = "clock_ahead"
    summary = "dates its transactions two hours ahead"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if not is_call(frame, *TRANSACTIONS, "TransactionEvent"):
            return frame
        return mapped(frame, self._later)  # type: ignore[no-any-return]

    def _later(self, text: str) -> str:
        if not ZULU.fullmatch(text):
            return text
        later = datetime.fromisoformat(text).astimezone(UTC) + timedelta(hours=2)
        return later.strftime("%Y-%m-%dT%H:%M:%SZ")


@QUIRKS.add
class Occupied(Quirk):
    name = "occupied"
    summary = "says Occupied for Charging, as in OCPP 1.5"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if is_call(frame, "StatusNotification") and frame[3].get("status") == "Charging":
            return with_payload(frame, status="Occupied")
        return frame


@QUIRKS.add
class ExtraMembers(Quirk):
    name = "extra_members"
    summary = "adds a member of its own to every call"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        return with_payload(frame, vendorInfo={"rssi": -71}) if is_call(frame) else frame


@QUIRKS.add
class NumbersAsText(Quirk):
    name = "numbers_as_text"
    summary = "sends meterStart and meterStop as text"

    def outgoing(self, frame: list[Any]) -> Outgoing:
        for name in ("meterStart", "meterStop"):
            if is_call(frame) and name in frame[3]:
                return with_payload(frame, **{name: str(frame[3][name])})
        return frame


class CutTags(Quirk):
    chars: ClassVar[int]

    def outgoing(self, frame: list[Any]) -> Outgoing:
        if is_call(frame) and "idTag" in frame[3]:
            return with_payload(frame, idTag=frame[3]["idTag"][: self.chars])
        return frame


@QUIRKS.add
class CutTags16(CutTags):
    name = "id_tag_16"
    summary = "cuts idTags at 16 characters"
    chars = 16


@QUIRKS.add
class CutTags18(CutTags):
    name = "id_tag_18"
    summary = "cuts idTags at 18 characters"
    chars = 18
