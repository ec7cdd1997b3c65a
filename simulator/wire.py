"""The stock ``ocpp`` charge point over one socket, with clean ends.

The library's own loop leaves a pending call waiting out its timeout when the socket closes, takes
answers from one queue whatever their id, and starts tasks nobody owns. Its dataclasses, spelling,
schemas and routing of calls are used as they are.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import lru_cache, partial
from typing import Any, Protocol, cast

import ocpp.messages
from ocpp.charge_point import snake_to_camel_case
from ocpp.exceptions import OCPPError, SecurityError
from ocpp.messages import Call, CallError, CallResult, unpack, validate_payload
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from simulator.dialect import Handler
from simulator.ledger import Payload, ReceivedCall
from simulator.quirk_hooks import heard, twisted
from simulator.redact import redacted
from simulator.station import Frame, Station

# Validation in worker threads lets two messages overtake each other.
ocpp.messages.ASYNC_VALIDATION = False

log = logging.getLogger("simulator")
_library_log = logging.getLogger("simulator.ocpp")
_library_log.setLevel(logging.ERROR)


def _without_frame(record: logging.LogRecord) -> bool:
    """Let only failures of handlers pass; the library logs whole frames, passwords included."""
    failure = record.exc_info[1] if record.exc_info else None
    record.msg, record.args = "handler failed", ()
    return failure is not None and not isinstance(failure, OCPPError)


_library_log.addFilter(_without_frame)


class Disconnected(Exception):
    """The connection ended before the answer came."""


class NoAnswer(Exception):
    """The central system did not answer in time."""


class Refused(Exception):
    """The central system answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class Wire(Protocol):
    """One connection to the central system."""

    async def listen(self) -> None:
        """Take frames until the connection ends; then raise :class:`Disconnected`."""
        ...

    async def ask(self, action: str, payload: Payload, *, message_id: str) -> Payload:
        """Send a CALL and return the payload of its CALLRESULT.

        Raises :class:`Disconnected`, :class:`NoAnswer` or :class:`Refused`.
        """
        ...

    async def hang_up(self, *, abort: bool = False) -> None:
        """Close the connection; *abort* cuts TCP without a close frame."""
        ...


def payload_of(request: Any) -> tuple[str, Payload]:
    """Return action and JSON payload of an ``ocpp`` request dataclass, without what is None."""
    return type(request).__name__, cast("Payload", _plain(request))


def _plain(value: Any) -> Any:
    # The library copies everything three times and spells every key anew.
    if is_dataclass(value):
        return _plain(vars(value))
    if isinstance(value, dict):
        return {_key(key): _plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_plain(each) for each in value if each is not None]
    return value


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    (key,) = snake_to_camel_case({name: None})
    return cast("str", key)


def open_wire(station: Station, socket: ClientConnection) -> Wire:
    """Return a wire of the station's version over *socket*."""
    return cast("Wire", _wire_class(station.dialect.base)(station, socket))


_CLASSES: dict[type[Any], type[Any]] = {}


def _wire_class(base: type[Any]) -> type[Any]:
    if base not in _CLASSES:
        _CLASSES[base] = type(f"{base.__module__}.Wire", (_WireMixin, base), {})
    return _CLASSES[base]


def _readable(message: Call | CallResult | CallError) -> bool:
    """Tell whether the library survives the message: it hashes id and action unseen."""
    action = message.action if isinstance(message, Call) else ""
    return isinstance(message.unique_id, str) and isinstance(action, str)


def _handled(station: Station, handler: Handler, **payload: Any) -> Any:
    """Let a handler answer; a rejected 2.0.1 station answers nothing (B03.FR.08)."""
    if station.registration == "Rejected" and station.dialect.version == "2.0.1":
        raise SecurityError(details={})
    return handler(station, **payload)


class _WireMixin:
    """Laid over ``ocpp.v16.ChargePoint`` or ``ocpp.v201.ChargePoint``."""

    _ocpp_version: str
    route_map: dict[str, dict[str, Any]]
    _call_lock: asyncio.Lock

    def __init__(self, station: Station, socket: ClientConnection) -> None:
        config = station.config
        super().__init__(  # type: ignore[call-arg]
            config.identity, socket, response_timeout=config.response_timeout_s, logger=_library_log
        )
        self._station = station
        self._socket = socket
        self._answers: dict[str, asyncio.Future[CallResult | CallError]] = {}
        self._received: dict[str, ReceivedCall] = {}
        self._closed = False
        self.route_map = {
            action: {
                "_on_action": partial(_handled, station, handler),
                "_skip_schema_validation": not config.validate,
            }
            for action, handler in station.dialect.handlers.items()
        }

    async def listen(self) -> None:
        try:
            async for raw in self._socket:
                understood = heard(self._station.quirks, raw)
                if understood is not None:
                    await self._take(understood)
        except ConnectionClosed:
            pass
        finally:
            self._closed = True
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(Disconnected("connection closed"))
                    future.exception()  # seen, should nobody wait any more
        raise Disconnected("connection closed")

    async def _take(self, raw: str | bytes) -> None:
        try:
            message = unpack(raw)
        except (OCPPError, RecursionError):
            self._station.ledger.errors.append("unreadable frame from the central system")
            return
        if not _readable(message):
            self._station.ledger.errors.append("malformed frame from the central system")
        elif isinstance(message, Call):
            delay_s = self._station.config.timing.answer_delay_s
            if delay_s:
                self._station.spawn(self._answer_later(delay_s, raw, message))
            else:
                await self._answer(raw, message)
        else:
            future = self._answers.get(message.unique_id)
            if future is not None and not future.done():
                future.set_result(message)
            else:
                self._station.ledger.unmatched.append(message.unique_id)

    async def _answer_later(self, delay_s: float, raw: str | bytes, message: Call) -> None:
        await self._station.clock.sleep(delay_s)
        try:
            await self._answer(raw, message)
        except ConnectionClosed:
            log.debug("answer_lost")

    async def _answer(self, raw: str | bytes, message: Call) -> None:
        station = self._station
        call = ReceivedCall(
            at=station.clock.now(),
            message_id=str(message.unique_id),
            action=str(message.action),
            payload=redacted(message.payload),
        )
        self._received[call.message_id] = call
        station.ledger.received.append(call)
        self._show("CALL", call.message_id, call.action, call.payload, sent=False)
        await super().route_message(raw)  # type: ignore[misc]
        follow_ups, station.follow_ups = station.follow_ups, []
        for act in follow_ups:
            act()
        station.touch()

    async def _send(self, message: str) -> None:
        """Send a frame; called by the library for answers."""
        kind, message_id, *rest = json.loads(message)
        call = self._received.pop(message_id, None)
        action = call.action if call else ""
        if kind == CallResult.message_type_id:
            if call:
                call.answer = rest[0]
            self._show("CALLRESULT", message_id, action, rest[0], sent=True)
        else:
            if call:
                call.error = rest[0]
            facts = {"errorCode": rest[0], "errorDescription": rest[1]}
            self._show("CALLERROR", message_id, action, facts, sent=True)
        await self._put(message)

    async def _put(self, text: str) -> None:
        """Send a frame, or what the charger's quirks make of it."""
        quirks = self._station.quirks
        if not quirks:
            await self._socket.send(text)
            return
        for frame in twisted(quirks, json.loads(text)):
            await self._socket.send(
                json.dumps(frame, separators=(",", ":")) if isinstance(frame, list) else frame
            )

    async def ask(self, action: str, payload: Payload, *, message_id: str) -> Payload:
        frame = Call(message_id, action, payload)
        if self._station.config.validate:
            await validate_payload(frame, self._ocpp_version)
        async with self._call_lock:
            answer = await self._exchange(frame)
        if isinstance(answer, CallError):
            facts = {
                "errorCode": answer.error_code,
                "errorDescription": answer.error_description,
            }
            self._show("CALLERROR", message_id, action, facts, sent=False)
            self._station.ledger.errors.append(f"{action}: {answer.error_code}")
            raise Refused(answer.error_code, answer.error_description)
        self._show("CALLRESULT", message_id, action, answer.payload, sent=False)
        if self._station.config.validate:
            answer.action = action
            await self._validated(answer)
        return cast("Payload", answer.payload)

    async def _exchange(self, frame: Call) -> CallResult | CallError:
        if self._closed:
            raise Disconnected("connection closed")
        future = asyncio.get_running_loop().create_future()
        self._answers[frame.unique_id] = future
        try:
            self._station.ledger.sent[frame.action] += 1
            self._show("CALL", frame.unique_id, frame.action, frame.payload, sent=True)
            await self._put(frame.to_json())
            async with asyncio.timeout(self._station.config.response_timeout_s):
                return cast("CallResult | CallError", await future)
        except ConnectionClosed as closed:
            raise Disconnected("connection closed") from closed
        except TimeoutError as timeout:
            self._station.ledger.errors.append(f"{frame.action}: no answer")
            raise NoAnswer(frame.action) from timeout
        finally:
            del self._answers[frame.unique_id]

    async def _validated(self, answer: CallResult) -> None:
        try:
            await validate_payload(answer, self._ocpp_version)
        except OCPPError as error:
            self._station.ledger.errors.append(f"{answer.action}: answer breaks the schema")
            raise Refused(type(error).__name__, "the answer breaks the schema") from error

    def _show(
        self, kind: str, message_id: str, action: str, payload: Payload, *, sent: bool
    ) -> None:
        station = self._station
        listeners: list[Callable[[Frame], None]] = station.listeners
        if not listeners:
            return
        frame = Frame(
            at=station.clock.now(),
            identity=station.config.identity,
            sent=sent,
            type=kind,
            message_id=message_id,
            action=action,
            payload=redacted(payload),
        )
        for listener in listeners:
            listener(frame)

    async def hang_up(self, *, abort: bool = False) -> None:
        if abort:
            self._socket.transport.abort()
        await self._socket.close()
