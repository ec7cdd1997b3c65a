"""A01: at no instant does a crash leave a charger with a key that nobody accepts."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from core.audit.service import CLI
from core.certificates import key_change
from core.chargers import login, passwords, presence, registry, security_events
from core.chargers.login import Refused
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Answer, Verdict, seal_context
from core.commands.models import CommandRow
from core.desired import service as desired
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from tests.core.chargers.making import PASSWORD, make_charger


@dataclass
class Scene:
    db: Database
    vault: Vault
    settings: Settings
    clock: ShiftedClock
    charger: Charger
    new: bytes = b""

    async def row(self) -> Charger:
        async with self.db.transaction() as tx:
            return await registry.get(tx, self.charger.id)

    async def connect(self) -> None:
        async with self.db.transaction() as tx:
            await presence.connected(
                tx, self.charger.id, node_id="node-a", version="1.6", address="192.0.2.7"
            )

    async def rotate(self) -> None:
        async with self.db.transaction() as tx:
            wish = await key_change.rotate(tx, self.vault, CLI, self.charger.id)
        sealed = self.vault.ring.decrypt(wish.sealed or "", context=seal_context(self.charger.id))
        self.new = json.loads(sealed)["password"].encode()

    async def send(self) -> CommandRow:
        """Do what a node does before it writes the frame: from here on the charger may know."""
        async with self.db.transaction() as tx:
            row, _ = await commands.peek(tx, self.charger.id)
            assert row is not None
            claimed = await commands.claim(tx, row)
        assert claimed is not None
        return claimed

    async def answer(self, row: CommandRow, verdict: Verdict, reason: str | None = None) -> None:
        async with self.db.transaction() as tx:
            answer = Answer(verdict=verdict, reason=reason, response={}, at=tx.now)
            await commands.record_answer(tx, row.id, answer)
            await desired.answered(tx, row, answer)

    async def silence(self, row: CommandRow) -> None:
        async with self.db.transaction() as tx:
            await commands.record_timeout(tx, row.id)
        async with self.db.transaction() as tx:
            await desired.sweep(tx)
        self.clock.advance(timedelta(hours=3).total_seconds())
        async with self.db.transaction() as tx:
            await desired.sweep(tx)

    async def opens(self, password: bytes) -> bool:
        async with self.db.transaction() as tx:
            found = await login.login(
                tx,
                self.vault,
                self.settings,
                identity="CP-1",
                password=password,
                address="192.0.2.7",
            )
        return not isinstance(found, Refused)

    async def accepted(self) -> set[str]:
        """Return which keys would be accepted, without a login."""
        row, found = await self.row(), set()
        for name, key in (("old", PASSWORD.encode()), ("new", self.new)):
            for stored in (row.credential, row.next_credential):
                if stored and passwords.matches(self.vault.hasher, key, stored):
                    found.add(name)
        return found

    async def state(self) -> Any:
        async with self.db.transaction() as tx:
            return await key_change.state(tx, self.charger.id)


@pytest.fixture
async def scene(db: Database, vault: Vault, settings: Settings, clock: ShiftedClock) -> Scene:
    charger = await make_charger(db, vault)
    made = Scene(db, vault, settings, clock, charger)
    await made.connect()
    return made


async def test_a01_both_keys_are_good_before_the_frame_is_written(scene: Scene) -> None:
    await scene.rotate()
    assert await scene.accepted() == {"old", "new"}
    await scene.send()
    assert await scene.accepted() == {"old", "new"}


async def test_a01_accepted_leaves_the_new_key_alone(scene: Scene) -> None:
    await scene.rotate()
    await scene.answer(await scene.send(), Verdict.ACCEPTED, "Accepted")
    assert await scene.accepted() == {"new"}
    assert not await scene.opens(PASSWORD.encode())
    assert await scene.opens(scene.new)
    assert (await scene.state()).status == "accepted"


async def test_a01_a_refusal_leaves_the_old_key_alone_and_is_noticed(scene: Scene) -> None:
    await scene.rotate()
    await scene.answer(await scene.send(), Verdict.REJECTED, "Rejected")
    assert await scene.accepted() == {"old"}
    async with scene.db.transaction() as tx:
        [event] = await security_events.newest(tx)
    assert (event.type, event.tech_info) == ("KeyChangeRefused", "Rejected")


async def test_a01_an_error_does_not_tell_which_key_it_has(scene: Scene) -> None:
    await scene.rotate()
    await scene.answer(await scene.send(), Verdict.FAILED, "InternalError")
    assert await scene.accepted() == {"old", "new"}


async def test_a01_reboot_required_keeps_both_until_the_new_one_comes(scene: Scene) -> None:
    await scene.rotate()
    await scene.answer(await scene.send(), Verdict.ACCEPTED, "RebootRequired")
    assert await scene.opens(PASSWORD.encode())
    assert await scene.accepted() == {"old", "new"}
    assert await scene.opens(scene.new)
    assert await scene.accepted() == {"new"}


async def test_a01_after_silence_the_login_with_the_new_key_decides(scene: Scene) -> None:
    await scene.rotate()
    await scene.send()
    assert await scene.opens(scene.new)
    assert await scene.accepted() == {"new"}
    assert not await scene.opens(PASSWORD.encode())


async def test_a01_after_silence_a_login_with_the_old_key_has_the_same_key_sent_again(
    scene: Scene,
) -> None:
    await scene.rotate()
    first = await scene.send()
    assert await scene.opens(PASSWORD.encode())
    await scene.silence(first)
    second = await scene.send()
    assert second.id != first.id
    assert second.arguments["sealed"] == first.arguments["sealed"]
    assert await scene.accepted() == {"old", "new"}
    await scene.answer(second, Verdict.ACCEPTED, "Accepted")
    assert await scene.accepted() == {"new"}


async def test_a01_a_refusal_after_silence_keeps_both(scene: Scene) -> None:
    await scene.rotate()
    await scene.silence(await scene.send())
    await scene.answer(await scene.send(), Verdict.REJECTED, "Rejected")
    assert await scene.accepted() == {"old", "new"}
    async with scene.db.transaction() as tx:  # asked again: the same key, not a third one
        again = await key_change.rotate(tx, scene.vault, CLI, scene.charger.id)
    row = await scene.send()
    assert row.arguments["sealed"] == again.sealed
    await scene.answer(row, Verdict.REJECTED, "Rejected")
    assert await scene.accepted() == {"old", "new"}
    assert await scene.opens(scene.new)
    assert await scene.accepted() == {"new"}


async def test_a01_a_late_answer_still_decides(scene: Scene) -> None:
    await scene.rotate()
    row = await scene.send()
    async with scene.db.transaction() as tx:
        await commands.record_timeout(tx, row.id)
    await scene.answer(row, Verdict.ACCEPTED, "Accepted")
    assert await scene.accepted() == {"new"}


async def test_a01_one_change_at_a_time_and_only_an_unsent_one_can_be_cancelled(
    scene: Scene,
) -> None:
    await scene.rotate()
    async with scene.db.transaction() as tx:
        with pytest.raises(PlatformError, match="conflict"):
            await key_change.rotate(tx, scene.vault, CLI, scene.charger.id)
    async with scene.db.transaction() as tx:
        await key_change.cancel(tx, CLI, scene.charger.id)
    assert await scene.accepted() == {"old"}
    await scene.rotate()
    await scene.send()
    async with scene.db.transaction() as tx:
        with pytest.raises(PlatformError, match="may have the new key"):
            await key_change.cancel(tx, CLI, scene.charger.id)
    assert await scene.accepted() == {"old", "new"}


async def test_a_password_set_by_hand_ends_a_change(scene: Scene) -> None:
    await scene.rotate()
    async with scene.db.transaction() as tx:
        await key_change.set_password(
            tx, scene.vault, CLI, scene.charger.id, password="set-by-hand-1234"
        )
        assert await commands.peek(tx, scene.charger.id) == (None, False)
    assert await scene.accepted() == set()
    assert await scene.opens(b"set-by-hand-1234")


async def test_a01_a_charger_that_is_away_gets_it_when_it_is_back(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    scene = Scene(db, vault, settings, clock, await make_charger(db, vault))
    await scene.rotate()
    async with db.transaction() as tx:
        assert await commands.peek(tx, scene.charger.id) == (None, False)
    assert await scene.accepted() == {"old", "new"}
    await scene.connect()
    async with db.transaction() as tx:
        await desired.reconcile(tx, await registry.get(tx, scene.charger.id))
    await scene.answer(await scene.send(), Verdict.ACCEPTED, "Accepted")
    assert await scene.accepted() == {"new"}


async def test_a_charger_without_a_password_has_none_to_change(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault, security_profile=0, password=None)
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match="set one first"):
            await key_change.rotate(tx, vault, CLI, charger.id)
