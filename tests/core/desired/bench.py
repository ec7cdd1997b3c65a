"""A charger without a socket: takes commands as its node would, and answers as it is told."""

from dataclasses import dataclass
from typing import Any

from core.audit.service import CLI
from core.chargers import presence, registry
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Answer, Verdict
from core.commands.models import CommandRow
from core.desired import service as desired
from core.desired import variables
from core.desired.models import Desired
from core.fleet import service as fleet
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.operations import service as operations
from tests.core.chargers.making import make_charger

ACCEPTED = (Verdict.ACCEPTED, "Accepted")


@dataclass
class Bench:
    db: Database
    vault: Vault
    charger_id: str
    epoch: int | None = None

    async def charger(self) -> Charger:
        async with self.db.transaction() as tx:
            return await registry.get(tx, self.charger_id)

    async def connect(self, version: str = "1.6") -> None:
        async with self.db.transaction() as tx:
            self.epoch = await presence.connected(
                tx, self.charger_id, node_id="node-a", version=version, address="192.0.2.7"
            )

    async def leave(self) -> None:
        assert self.epoch is not None
        async with self.db.transaction() as tx:
            await presence.disconnected(tx, self.charger_id, epoch=self.epoch)
            await operations.fail_stranded(tx, charger_id=self.charger_id)

    async def want(self, name: str = "A", value: str = "1", **more: Any) -> Desired:
        async with self.db.transaction() as tx:
            charger = await registry.get(tx, self.charger_id)
            return await variables.wish(
                tx, self.vault, CLI, charger, members={"name": name}, value=value, **more
            )

    async def claim(self) -> CommandRow | None:
        async with self.db.transaction() as tx:
            return await operations.claim_next(tx, self.charger_id)

    async def claimed(self) -> CommandRow:
        command = await self.claim()
        assert command is not None
        return command

    async def answer(
        self, command: CommandRow, said: tuple[Verdict, str | None] = ACCEPTED
    ) -> None:
        async with self.db.transaction() as tx:
            answer = Answer(verdict=said[0], reason=said[1], response={}, at=tx.now)
            await operations.record_answer(tx, command, answer)
            await desired.answered(tx, command, answer)
            await fleet.answered(tx, command, answer)

    async def silence(self, command: CommandRow) -> None:
        async with self.db.transaction() as tx:
            await commands.record_timeout(tx, command.id)

    async def sweep(self) -> None:
        async with self.db.transaction() as tx:
            await commands.expire_overdue(tx)
        async with self.db.transaction() as tx:
            await desired.sweep(tx)

    async def report(self, value: str, name: str = "A") -> None:
        async with self.db.transaction() as tx:
            await desired.reported(
                tx, self.charger_id, kind="variable", key=name.lower(), value={"value": value}
            )

    async def look(self, row: Desired) -> Desired:
        async with self.db.transaction() as tx:
            return await desired.get(tx, row.id)


async def a_bench(db: Database, vault: Vault, identity: str = "CP-1") -> Bench:
    charger = await make_charger(db, vault, identity=identity)
    return Bench(db=db, vault=vault, charger_id=charger.id)
