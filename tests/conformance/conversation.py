"""Conversations as files: who says what to whom, in order, and what the operator sees of it.

A file is a YAML document::

    case: TC_013_CSMS                 # of the OCA's test-case document
    name: Hard reset
    about: What it shows, in a sentence.
    starts: booted                    # or registered: known, and not connected yet
    settings: {charging_plans: true}  # of the server, where it needs others
    steps:
      - operator: POST /chargers/$charger/reset
        body: {type: immediate}       # shows: what the answer has in it; status: if not 2xx
      - csms: Reset                   # the server's next CALL, and nothing else before it
        says: {type: Hard}            # exactly that; includes: at least that
        answer: {status: Accepted}    # or error: NotImplemented, or lost: true
      - charger: reconnects
      - charger: BootNotification
        says: {chargePointVendor: Vendor, chargePointModel: Model}
        answer: {status: Accepted}    # at least that; or error: the code of a CALLERROR
      - operator: GET /chargers/$charger
        shows: {online: true}         # waited for

``$name`` in what the charger says, or the operator asks, is what the name stands for; in what is
expected it takes the value when it is first seen. ``$charger`` and ``$identity`` are known from
the start. ``<time>``, ``<int>``, ``<text>`` and ``<any>`` expect any of these; ``<now+60>`` is a
time in a minute. What the platform asks by itself after a boot is answered and left out.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Self, cast

import httpx2
import yaml

from core.kernel.settings import Settings
from csms.codes import Version
from tests.conformance.support import QUIET, charger_of, idle
from tests.csms.live import RawCharger, Running, charger
from tests.eventually import eventually

FOLDER: Final = Path(__file__).parent / "oca"
IDENTITY: Final = "CP-1"
OPERATOR: Final = "/operator/v1"

Step = dict[str, Any]
_NAME: Final = re.compile(r"\$([a-z_]+)")
_TIME: Final = re.compile(r"<now(?:([+-])([0-9]+))?>")
_STEPS: Final = {
    "csms": {"says", "includes", "answer", "error", "lost"},
    "charger": {"says", "answer", "error"},
    "operator": {"body", "status", "shows"},
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """One file, checked for its form."""

    path: Path
    version: Version
    case: str
    name: str
    starts: Literal["booted", "registered"]
    settings: dict[str, Any]
    steps: list[Step]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the conversation of a file.

        Raises:
            ValueError: It has a member that says nothing, or lacks one.
        """
        found = yaml.safe_load(path.read_text())
        if set(found) - {"starts", "settings"} != {"case", "name", "about", "steps"}:
            raise ValueError(f"{path}: a header that lacks something, or has too much: {[*found]}")
        settings = found.get("settings", {})
        if not settings.keys() <= Settings.model_fields.keys():
            raise ValueError(f"{path}: a setting that there is not: {settings}")
        for step in found["steps"]:
            kinds = step.keys() & _STEPS.keys()
            if len(kinds) != 1 or step.keys() - kinds - _STEPS[next(iter(kinds), "csms")]:
                raise ValueError(f"{path}: a step that nobody understands: {step}")
        version = cast(Version, path.parent.name)
        starts = found.get("starts", "booted")
        return cls(path, version, found["case"], found["name"], starts, settings, found["steps"])

    @property
    def actions(self) -> set[str]:
        """Return the actions of its requests, in both directions."""
        said = {step.get("csms") or step.get("charger") for step in self.steps}
        return {str(action) for action in said - {None, "reconnects"}}


def conversations() -> Iterator[Conversation]:
    """Yield every conversation, in the order of versions and cases."""
    for path in sorted(FOLDER.glob("*/*.yaml")):
        yield Conversation.read(path)


@dataclass
class Talk:
    """A conversation while it is held."""

    server: Running
    operator: httpx2.AsyncClient
    version: Version
    stack: AsyncExitStack
    names: dict[str, Any]
    cp: RawCharger = field(init=False)
    _heard: int = 0

    async def connect(self) -> None:
        self.cp = await self.stack.enter_async_context(
            charger(self.server, IDENTITY, self.version, replies=dict(QUIET))
        )
        self._heard = 0

    async def settle(self) -> None:
        """Let the platform ask what it asks by itself; then nothing is answered unasked."""
        await idle(self.server)
        self.cp.replies.clear()
        self.cp.calls.clear()
        self._heard = 0

    async def take(self, step: Step) -> None:
        if "csms" in step:
            await self._csms(step)
        elif "operator" in step:
            await self._operator(step)
        elif step["charger"] == "reconnects":
            await self.stack.aclose()
            await self.connect()
        else:
            await self._charger(step)

    async def _csms(self, step: Step) -> None:
        await self.cp.until(lambda: len(self.cp.calls) > self._heard)
        _, message_id, action, payload = self.cp.calls[self._heard]
        self._heard += 1
        assert action == step["csms"], f"{action} {payload} came instead of {step}"
        if "says" in step:
            self._compare(payload, step["says"], exactly=True)
        self._compare(payload, step.get("includes", {}))
        if "error" in step:
            await self.cp.send([4, message_id, step["error"], "", {}])
        elif not step.get("lost"):
            await self.cp.send([3, message_id, self._filled(step.get("answer", {}))])

    async def _charger(self, step: Step) -> None:
        action = step["charger"]
        answer = await self.cp.call(action, self._filled(step.get("says", {})))
        if "error" in step:
            assert answer[0] == 4, answer
            assert answer[2] == step["error"], answer
            return
        assert answer[0] == 3, answer
        self._compare(answer[2], step.get("answer", {}))
        if action == "BootNotification" and answer[2]["status"] == "Accepted" and self.cp.replies:
            await self.settle()

    async def _operator(self, step: Step) -> None:
        method, path = self._filled(step["operator"]).split(" ")
        body = self._filled(step.get("body")) if "body" in step else None

        async def ask() -> httpx2.Response:
            return await self.operator.request(method, OPERATOR + path, json=body)

        async def shown() -> bool:
            answer = await ask()
            return answer.is_success and self._is_so(answer.json(), step["shows"])

        if method == "GET" and "shows" in step and "status" not in step:
            try:
                await eventually(shown)
            except TimeoutError:
                answer = await ask()
                raise AssertionError(f"{step} shows {answer.text}") from None
            return
        answer = await ask()
        wanted = step.get("status")
        assert answer.is_success if wanted is None else answer.status_code == wanted, answer.text
        if "shows" in step:
            self._compare(answer.json(), step["shows"])

    def unheard(self) -> list[Any]:
        """Return what the server said and the conversation has not."""
        return self.cp.calls[self._heard :]

    def _filled(self, value: Any) -> Any:
        """Return *value* with its names and times put in."""
        match value:
            case dict():
                return {key: self._filled(each) for key, each in value.items()}
            case list():
                return [self._filled(each) for each in value]
            case str() if found := _NAME.fullmatch(value):
                return self.names[found[1]]
            case str() if found := _TIME.fullmatch(value):
                seconds = int(f"{found[1] or '+'}{found[2] or 0}")
                at = datetime.fromtimestamp(self.server.db.clock.unix() + seconds, UTC)
                return at.strftime("%Y-%m-%dT%H:%M:%SZ")
            case str():
                return _NAME.sub(lambda name: str(self.names[name[1]]), value)
            case _:
                return value

    def _compare(self, found: Any, expected: Any, *, exactly: bool = False) -> None:
        assert self._is_so(found, expected, exactly=exactly), (
            f"{json.dumps(found)}, not {expected} where {self.names}"
        )

    def _is_so(self, found: Any, expected: Any, *, exactly: bool = False) -> bool:
        names = dict(self.names)
        if _matches(found, expected, names, exactly=exactly):
            self.names = names
            return True
        return False


def _matches(found: Any, expected: Any, names: dict[str, Any], *, exactly: bool) -> bool:
    """Compare; add to *names* what is seen for the first time."""
    match expected:
        case dict():
            return isinstance(found, dict) and _has_members(found, expected, names, exactly)
        case list():
            return isinstance(found, list) and _has_items(found, expected, names, exactly)
        case str() if name := _NAME.fullmatch(expected):
            return bool(names.setdefault(name[1], found) == found)
        case str() if expected in _KINDS_OF_VALUES:
            return _KINDS_OF_VALUES[expected](found)
        case _:
            return bool(found == expected)


def _has_members(
    found: dict[str, Any], expected: dict[str, Any], names: dict[str, Any], exactly: bool
) -> bool:
    if exactly and found.keys() != expected.keys():
        return False
    return all(
        key in found and _matches(found[key], each, names, exactly=exactly)
        for key, each in expected.items()
    )


def _has_items(found: list[Any], expected: list[Any], names: dict[str, Any], exactly: bool) -> bool:
    if exactly or not expected:
        return len(found) == len(expected) and all(
            _matches(one, each, names, exactly=True)
            for one, each in zip(found, expected, strict=True)
        )
    return all(any(_matches(one, each, names, exactly=False) for one in found) for each in expected)


def _is_time(found: Any) -> bool:
    return isinstance(found, str) and datetime.fromisoformat(found).tzinfo is not None


_KINDS_OF_VALUES: Final[dict[str, Callable[[Any], bool]]] = {
    "<any>": lambda _: True,
    "<int>": lambda found: type(found) is int,
    "<text>": lambda found: isinstance(found, str) and bool(found),
    "<time>": _is_time,
}


@asynccontextmanager
async def held(
    conversation: Conversation, server: Running, operator: httpx2.AsyncClient
) -> AsyncIterator[Talk]:
    """Register a charger, boot it if the conversation starts so; yield what takes the steps."""
    await server.add_charger(IDENTITY)
    row = await charger_of(server, IDENTITY)
    names = {"charger": row.id, "identity": IDENTITY}
    async with AsyncExitStack() as stack:
        talk = Talk(server, operator, conversation.version, stack, names)
        await talk.connect()
        if conversation.starts == "booted":
            await talk.cp.boot()
            await talk.settle()
        yield talk
