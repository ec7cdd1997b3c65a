"""Partners: they start, stop and look, and ask again and again until they get an answer."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.oracle import Promises
from tests.simulation.http import Answer, BrokenExchange, call
from tests.simulation.template import CARD, PartnerFacts
from tests.simulation.trace import Trace

REFUSALS: Final = frozenset({400, 401, 403, 404, 409, 422, 429, 503})
"""What a request may be answered with besides 200 and 202."""


class Partner:
    """One partner's back office."""

    def __init__(
        self,
        facts: PartnerFacts,
        *,
        connectors: Sequence[str],
        ports: Callable[[], Sequence[int]],
        rng: random.Random,
        trace: Trace,
        promises: Promises,
    ) -> None:
        self.facts = facts
        self.key = facts.key
        self.wrong: list[str] = []
        self.promises = promises
        self._connectors = connectors
        self._ports = ports
        self._rng = rng
        self._trace = trace
        self._count = 0
        self._starts: list[str] = []
        self._sessions: list[str] = []
        self._operations: list[str] = []
        self._seen: dict[str, int] = {}
        self.is_active = True

    def told(self, event: dict[str, Any]) -> None:
        """Hear a webhook."""
        shown = event["data"]["object"]
        if event["type"] == "session.started":
            self._sessions.append(shown["id"])
        if event["type"].startswith("operation."):
            known = self._seen.get(shown["id"], 0)
            self._seen[shown["id"]] = max(known, shown["sequence"])

    async def work(self, *, pause_s: float) -> None:
        """Do one thing after the other until no longer active."""
        while self._goes_on():
            await asyncio.sleep(self._rng.expovariate(1 / pause_s))
            if not self._goes_on():
                return
            await self._something()

    def _goes_on(self) -> bool:
        return self.is_active

    async def _something(self) -> None:
        chance = self._rng.random()
        if chance < 0.45:
            await self.start()
        elif chance < 0.7 and (self._sessions or self._starts):
            await self.stop()
        elif self._operations:
            await self.look(self._rng.choice(self._operations))

    async def start(self) -> None:
        """Ask for a start, at times with a driver's token, at times twice at once."""
        body: dict[str, Any] = {
            "request_id": self._new_request("s"),
            "connector_id": self._rng.choice(self._connectors),
            "on_late_start": self._rng.choice(["stop", "keep"]),
        }
        if self._rng.random() < 0.2:
            body["id_token"] = CARD
        self._starts.append(body["request_id"])
        await self._insist("/v1/start_charge", body)

    async def stop(self) -> None:
        """Ask for a stop of a session, or of a start whatever has become of it."""
        body = {"request_id": self._new_request("e")}
        if self._sessions and self._rng.random() < 0.6:
            body["session_id"] = self._rng.choice(self._sessions[-4:])
        elif self._starts:
            body["start_request_id"] = self._rng.choice(self._starts[-3:])
        else:
            return
        await self._insist("/v1/stop_charge", body)

    async def look(self, operation_id: str) -> None:
        """Poll an operation; it never goes back (I15)."""
        known = self._seen.get(operation_id, 0)
        answer = await self._try("GET", f"/v1/operations/{operation_id}", None)
        if answer is None or answer.status != 200:
            return
        sequence = answer.body["sequence"]
        if sequence < known:
            self.wrong.append(f"I15: {operation_id} was {known} and is {sequence} in a poll")
        self._seen[operation_id] = max(self._seen.get(operation_id, 0), sequence)

    async def _insist(self, path: str, body: dict[str, Any]) -> None:
        """Send a request until it is answered; the same request_id each time."""
        copies = 2 if self._rng.random() < 0.15 else 1
        await asyncio.gather(*(self._until_answered(path, body) for _ in range(copies)))
        if self._rng.random() < 0.25:  # a retry that a proxy or a nervous clerk adds
            await self._until_answered(path, body)
        if self._rng.random() < 0.15:
            await self._with_another_body(path, body)

    async def _until_answered(self, path: str, body: dict[str, Any]) -> None:
        for attempt in range(6):
            answer = await self._try("POST", path, body)
            if answer is not None and answer.status < 500:
                self._take(body, answer)
                return
            if not self.is_active:
                return
            await asyncio.sleep(self._rng.uniform(0.2, 1.0) * 2**attempt)

    async def _with_another_body(self, path: str, body: dict[str, Any]) -> None:
        """I3: another body under the same id is refused, and changes nothing."""
        other = body | {"on_late_start": "stop" if body.get("on_late_start") == "keep" else "keep"}
        if path != "/v1/start_charge" or body["request_id"] not in self.promises.accepted:
            return
        answer = await self._try("POST", path, other)
        if answer is not None and answer.status == 202:
            self.wrong.append(f"I3: {body['request_id']} was accepted with another body")

    async def _try(self, method: str, path: str, body: Any) -> Answer | None:
        port = self._rng.choice(self._ports())
        try:
            answer = await call(port, method, path, key=self.key, body=body)
        except BrokenExchange as exc:
            self._note(method, path, body, error=str(exc))
            return None
        self._note(method, path, body, status=answer.status, answer=_brief(answer))
        if answer.status not in REFUSALS | {200, 202}:
            self.wrong.append(f"API: {method} {path} {body} was answered with {answer}")
        return answer

    def _take(self, body: dict[str, Any], answer: Answer) -> None:
        if answer.status != 202:
            return
        operation_id = answer.body["id"]
        self.wrong += self.promises.keep(body["request_id"], operation_id)
        if operation_id not in self._operations:
            self._operations.append(operation_id)

    def _new_request(self, kind: str) -> str:
        self._count += 1
        return f"{self.facts.name}-{kind}{self._count}"

    def _note(self, method: str, path: str, body: Any, **facts: Any) -> None:
        request_id = None if body is None else body.get("request_id")
        self._trace.note(f"{method} {path}", who=self.facts.name, request_id=request_id, **facts)


def _brief(answer: Answer) -> Any:
    if not isinstance(answer.body, dict):
        return None
    return answer.body.get("code") or (answer.body.get("id"), answer.body.get("status"))
