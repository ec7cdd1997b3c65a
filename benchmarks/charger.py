"""A charger of the load generator: a bare WebSocket, prepared frames, no checks of its own."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks import frames
from benchmarks.frames import Timestamps

T = TypeVar("T")

CONNECT_WITHIN_S: Final = 60.0
ANSWER_WITHIN_S: Final = 60.0
_ANSWERS: Final[dict[str, str]] = {
    "GetConfiguration": '{"configurationKey":[],"unknownKey":[]}',
    "RemoteStartTransaction": '{"status":"Rejected"}',
}
_ANSWER: Final = '{"status":"Accepted"}'


class CallRefused(Exception):
    """The server answered a call with a CALLERROR: the figures would be of something else."""


class Charger:
    """One connection; answers the server's calls by itself. Used as ``async with``.

    It refuses remote starts, so that the connector is free for the next one.

    Attributes:
        on_call: Told of every call of the server, action and payload, before it is answered.
        heard: How many frames have come.
        answers_s: How long each answer took, in order.
        answers: What it answers to calls of the server, by action.
        on_end: Told when the socket has ended, by whomever.
    """

    def __init__(
        self, url: str, identity: str, password: str, *, address: str | None = None
    ) -> None:
        """*address*: the one of this machine that it connects from."""
        self.identity = identity
        self.times = Timestamps()
        self.meter_wh = 0
        self.heard = 0
        self.answers_s: list[float] = []
        self.answers: dict[str, str] = _ANSWERS
        self.on_call: Callable[[str, Any], None] | None = None
        self.on_end: Callable[[], None] | None = None
        self._url = f"{url}/{identity}"
        self._headers = {"Authorization": _basic(identity, password)}
        self._address = None if address is None else (address, 0)
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: asyncio.Future[Any] | None = None
        self._number = 0

    async def __aenter__(self) -> Self:
        self._socket = await connect(
            self._url,
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers=self._headers,
            compression=None,
            open_timeout=CONNECT_WITHIN_S,
            ping_interval=None,
            proxy=None,
            local_addr=self._address,
        )
        self._reader = asyncio.create_task(self._read(self._socket), name=self.identity)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader

    def drop(self) -> None:
        """Let go of the socket without a word, as a line that breaks does."""
        if self._socket is not None:
            self._socket.transport.abort()

    @property
    def ended_for(self) -> str:
        """Why the socket ended: the close code and reason."""
        return "" if self._socket is None else _why(self._socket)

    async def call(self, action: str, payload: str) -> Any:
        """Send a call and return the payload of its answer; one at a time.

        Raises:
            CallRefused: The answer is a CALLERROR.
            TimeoutError: There is none.
        """
        if self._socket is None:
            raise RuntimeError("not connected")
        self._number += 1
        answered = asyncio.get_running_loop().create_future()
        self._waiting = answered
        began = time.perf_counter()
        try:
            await self._socket.send(frames.call(f"{self.identity}-{self._number}", action, payload))
        except ConnectionClosed:
            if not answered.cancel():
                answered.exception()  # nobody waits for it
            raise
        async with asyncio.timeout(ANSWER_WITHIN_S):
            frame = await answered
        self.answers_s.append(time.perf_counter() - began)
        if frame[0] != 3:  # noqa: PLR2004 - OCPP-J: CALLRESULT
            raise CallRefused(f"{action}: {frame[2:]}")
        return frame[2]

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                self.heard += 1
                frame = json.loads(text)
                if frame[0] == 2:  # noqa: PLR2004 - OCPP-J: CALL
                    if self.on_call is not None:
                        self.on_call(frame[2], frame[3])
                    await socket.send(f'[3,"{frame[1]}",{self.answers.get(frame[2], _ANSWER)}]')
                elif self._waiting is not None and not self._waiting.done():
                    self._waiting.set_result(frame)
        except ConnectionClosed:
            pass
        finally:
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_exception(_cut_off(self.identity, socket))
            if self.on_end is not None:
                self.on_end()

    # What chargers say.

    async def boot(self) -> int:
        """Introduce itself; return the seconds between heartbeats that are wanted of it."""
        answer = await self.call("BootNotification", frames.boot())
        if answer["status"] != "Accepted":
            raise CallRefused(f"BootNotification: {answer}")
        return int(answer["interval"])

    async def heartbeat(self) -> None:
        """Send a Heartbeat."""
        await self.call("Heartbeat", "{}")

    async def status(self, connector: int, shown: str) -> None:
        """Report a connector."""
        await self.call("StatusNotification", frames.status(connector, shown, self.times.next()))

    async def authorize(self) -> None:
        """Ask whether the token may charge; it may."""
        answer = await self.call("Authorize", frames.authorize())
        if answer["idTagInfo"]["status"] != "Accepted":
            raise CallRefused(f"Authorize: {answer}")

    async def start(self, connector: int) -> int:
        """Begin a transaction and return its number."""
        payload = frames.start(connector, self.meter_wh, self.times.next())
        answer = await self.call("StartTransaction", payload)
        if answer["idTagInfo"]["status"] != "Accepted":
            raise CallRefused(f"StartTransaction: {answer}")
        return int(answer["transactionId"])

    async def meter_values(self, connector: int, transaction: int) -> None:
        """Send one reading of eight samples."""
        self.meter_wh += frames.REGISTER_STEP_WH
        at = self.times.next()
        await self.call(
            "MeterValues", frames.meter_values(connector, transaction, self.meter_wh, at)
        )

    async def stop(self, transaction: int) -> None:
        """End a transaction."""
        self.meter_wh += frames.REGISTER_STEP_WH
        payload = frames.stop(transaction, self.meter_wh, self.times.next())
        await self.call("StopTransaction", payload)


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do all of *work* at once; only when all has ended raise the first error, if there is one."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


@asynccontextmanager
async def connected(chargers: Sequence[Charger]) -> AsyncIterator[None]:
    """Connect chargers, all at once, and disconnect them at the end."""
    try:
        await together(charger.__aenter__() for charger in chargers)
        yield
    finally:
        await together(charger.__aexit__() for charger in chargers)


async def quiet(chargers: Sequence[Charger], *, for_s: float = 0.2) -> None:
    """Wait until no charger has heard anything for *for_s* seconds."""
    heard, before = 0, -1
    while heard != before:
        await asyncio.sleep(for_s)
        heard, before = sum(charger.heard for charger in chargers), heard


def _cut_off(identity: str, socket: ClientConnection) -> ConnectionError:
    return ConnectionError(f"{identity} was cut off: {_why(socket)}")


def _why(socket: ClientConnection) -> str:
    return f"{socket.close_code} {socket.close_reason or ''}".strip()


def _basic(identity: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{identity}:{password}".encode()).decode()
