"""A charger that keeps a local list as the standard says, in either version."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from core.desired import local_list
from core.desired import service as desired
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from tests.conformance.support import charger_of
from tests.csms.live import RawCharger, Running
from tests.eventually import eventually


@dataclass
class ListKeeper:
    """*refusals*: statuses to answer the next updates with, before accepting any."""

    version: str
    number: int = 0
    tokens: dict[str, Any] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    silent: int = 0

    def answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        old = self.version == "1.6"
        if action == "GetLocalListVersion":
            return {"listVersion" if old else "versionNumber": self.number}
        if action != "SendLocalList":
            return None
        self.updates.append(payload)
        if self.refusals:
            return {"status": self.refusals.pop(0)}
        number = payload["listVersion" if old else "versionNumber"]
        if payload["updateType"] == "Full":
            self.tokens = {}
        elif number <= self.number:
            return {"status": "VersionMismatch"}
        for entry in payload.get("localAuthorizationList", []):
            token = entry["idTag"] if old else entry["idToken"]["idToken"]
            info = entry.get("idTagInfo" if old else "idTokenInfo")
            if info is None:
                self.tokens.pop(token, None)
            else:
                self.tokens[token] = info
        self.number = number
        if self.silent:
            self.silent -= 1
            return None
        return {"status": "Accepted"}

    @property
    def kinds(self) -> list[str]:
        return [update["updateType"] for update in self.updates]


@asynccontextmanager
async def keeping(cp: RawCharger, **values: Any) -> AsyncIterator[ListKeeper]:
    keeper = ListKeeper(version=cp.version, **values)
    task = asyncio.create_task(_serve(cp, keeper))
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _serve(cp: RawCharger, keeper: ListKeeper) -> None:
    served = 0
    while True:
        async with cp._changed:
            await cp._changed.wait_for(partial(_has_more, cp, served))
        _, message_id, action, payload = cp.calls[served]
        served += 1
        answer = keeper.answer(action, payload)
        if answer is not None:
            await cp.send([3, message_id, answer])


def _has_more(cp: RawCharger, served: int) -> bool:
    return len(cp.calls) > served


async def wished(server: Running) -> Desired | None:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return await desired.find(tx, row.id, local_list.NAME, local_list.KEY)


async def settled(server: Running, *statuses: DesiredStatus) -> Desired:
    """Wait until the wish has reached its end."""
    ends = statuses or (DesiredStatus.ACCEPTED, DesiredStatus.REJECTED)

    async def probe() -> Desired | None:
        found = await wished(server)
        return found if found is not None and found.status in ends else None

    return await eventually(probe)
