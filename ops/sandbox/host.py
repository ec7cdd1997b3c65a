"""Runs the simulated chargers that are wanted; a process that none is wanted of has none.

A charger is run by the node that holds its lease. It connects over a real socket to the OCPP
server of this process, and knows no more of the platform than any other charger does.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from core.kernel import failpoints
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import rung
from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import Settings
from core.kernel.tasks import kept_up
from core.sandbox import hosting
from core.sandbox.hosting import Role
from core.sandbox.models import Errand
from core.sandbox.service import TOPIC
from ops.sandbox.guest import Guest

SWEEP_S: Final = 1.0
RENEW_EVERY_S: Final = 5.0
LEAVE_WITHIN_S: Final = 8.0

log = structlog.get_logger()


@asynccontextmanager
async def hosting_sandbox(
    db: Database, settings: Settings, vault: Vault, url: str
) -> AsyncIterator[None]:
    """Run simulated chargers that connect to *url*, until the block is left."""
    host = Host(db, settings, vault, url)
    task = asyncio.create_task(kept_up("sandbox", host.run, db.clock), name="sandbox")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Host:
    """The simulated chargers of this process."""

    def __init__(self, db: Database, settings: Settings, vault: Vault, url: str) -> None:
        self._db = db
        self._settings = settings
        self._vault = vault
        self._url = url
        self._guests: dict[str, Guest] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[str] = set()
        self._renewed_s = 0.0

    async def run(self) -> None:
        """Let chargers come and go until cancelled; then those that are here get time to leave."""
        async with self._db.doorbell.subscribe(TOPIC) as rings:
            is_first = True
            try:
                while True:
                    try:
                        if is_first:
                            await self._forget()
                            is_first = False
                        await self._pass()
                    except DatabaseUnavailable as exc:
                        log.warning("sandbox_pass_failed", error=repr(exc.__cause__))
                    await rung(rings, within_s=SWEEP_S)
            finally:
                await self._close()

    async def _pass(self) -> None:
        failpoints.enter("sandbox", "claim")
        ended = [charger_id for charger_id, task in self._tasks.items() if task.done()]
        now_s = self._db.clock.monotonic()
        is_due = bool(self._guests) and now_s - self._renewed_s >= RENEW_EVERY_S
        here = self._guests.keys() - self._leaving
        kept: frozenset[str] | None = None
        async with self._db.transaction() as tx:
            if ended:
                await hosting.release(tx, ended, host=self._name)
            if is_due:
                kept = await hosting.renew(tx, self._settings, host=self._name)
            room = self._settings.sandbox_chargers_at_once - len(self._guests) + len(ended)
            roles = await hosting.claim(tx, self._vault, host=self._name, room=room)
            among = (here | {role.charger_id for role in roles}) - set(ended)
            errands = await hosting.take_errands(tx, among) if among else ()
        self._remove(ended)
        if kept is not None:
            self._renewed_s = now_s
            for charger_id in here - kept - set(ended):
                self._leaving.add(charger_id)
                self._guests[charger_id].dismiss()
        for role in roles:
            if role.charger_id not in self._guests:  # else its lease ran out while it was here
                self._admit(role)
        for errand in errands:
            self._guests[errand.charger_id].give(errand)

    def _admit(self, role: Role) -> None:
        guest = Guest(role, self._settings, url=self._url, report=self._report)
        self._guests[role.charger_id] = guest
        name = f"simulated charger {role.identity}"
        self._tasks[role.charger_id] = asyncio.create_task(guest.live(), name=name)
        log.info("simulated_charger_came", charger_id=role.charger_id, name=role.name)

    def _remove(self, ended: list[str]) -> None:
        for charger_id in ended:
            guest, task = self._guests.pop(charger_id), self._tasks.pop(charger_id)
            self._leaving.discard(charger_id)
            failure = None if task.cancelled() else task.exception()
            if failure is not None:
                log.error("simulated_charger_failed", charger_id=charger_id, exc_info=failure)
            log.info("simulated_charger_left", charger_id=charger_id, name=guest.role.name)

    async def _report(self, errand: Errand, refused: str | None) -> None:
        failpoints.enter("sandbox", "answer")
        try:
            async with self._db.transaction() as tx:
                await hosting.answered(tx, errand, refused=refused)
        except DatabaseUnavailable:
            log.warning("errand_not_recorded", errand_id=errand.id)

    async def _close(self) -> None:
        for guest in self._guests.values():
            guest.dismiss()
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=LEAVE_WITHIN_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._remove(list(self._guests))
        try:
            await self._forget()
        except DatabaseUnavailable:  # the leases end by themselves
            log.warning("sandbox_not_released")

    async def _forget(self) -> None:
        """Let go of what this node, or one of the same name before it, has run."""
        failpoints.enter("sandbox", "release")
        async with self._db.transaction() as tx:
            await hosting.release_all(tx, host=self._name)

    @property
    def _name(self) -> str:
        return self._settings.node_id[:64]
