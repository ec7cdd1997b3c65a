"""Chargers without a socket that answer our calls with nonsense, and what they do to wishes.

What is between the socket and the domain is real: frames are encoded and decoded, answers matched,
judged and learned from. Time is simulated.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from core.chargers import presence, registry
from core.chargers.frame_log import FrameLog
from core.chargers.models import Charger
from core.commands import service as commands
from core.desired import local_list
from core.desired import service as desired
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.operations import service as operations
from core.upkeep import care
from csms import codes, outbound, protocol
from csms.adapter import Adapter
from csms.calls import SentCalls
from csms.codes import Version
from csms.node import Node
from csms.ocpp16 import OCPP16
from csms.ocpp201 import OCPP201
from csms.outbound import Claimed
from csms.protocol import Call, MalformedFrame
from tests.fuzz.mutants import mutated, written
from tests.fuzz.payloads import valid

ADAPTERS: Final[dict[Version, Adapter]] = {"1.6": OCPP16, "2.0.1": OCPP201}
BURST: Final = 60
"""Calls in a row, without any time in between, that must not be reached."""

Answer = str | None
"""The text of a frame; ``None`` for silence."""
Manner = Callable[["Liar", Claimed], Answer]


def _errors(liar: "Liar", claimed: Claimed) -> Answer:
    """Answer with one code after the other; the versions begin with different ones."""
    first = 0 if liar.version == "1.6" else len(_CODES) // 2
    code = _CODES[(first + liar.calls.total()) % len(_CODES)]
    return written([4, claimed.message_id, code, "no", {"why": code}])


def _other_shape(liar: "Liar", claimed: Claimed) -> Answer:
    made = valid(liar.rng, liar.version, claimed.action, odd=0.3, kind="response")
    for _ in range(liar.rng.randrange(1, 4)):
        made = mutated(liar.rng, made)
    return written([3, claimed.message_id, made])


def _says_nothing(liar: "Liar", claimed: Claimed) -> Answer:
    unknown = {"status": "Perhaps", "listVersion": "many", "versionNumber": -5}
    return written([3, claimed.message_id, liar.rng.choice((None, [], "x", 5, {}, {}, unknown))])


def _any_valid(liar: "Liar", claimed: Claimed) -> Answer:
    made = valid(liar.rng, liar.version, claimed.action, odd=0.1, kind="response")
    return written([3, claimed.message_id, made])


def _refuses(liar: "Liar", claimed: Claimed) -> Answer:
    return written([3, claimed.message_id, good(liar, claimed) | {"status": "Rejected"}])


def _silent(_: "Liar", __: Claimed) -> Answer:
    return None


def _late(liar: "Liar", claimed: Claimed) -> Answer:
    liar.kept.append(_any_valid(liar, claimed) or "")
    return None


def _twice(liar: "Liar", claimed: Claimed) -> Answer:
    liar.kept.append(_any_valid(liar, claimed) or "")
    return _any_valid(liar, claimed)


def _leaves(liar: "Liar", _: Claimed) -> Answer:
    liar.is_leaving = True
    return None


def _behaves(liar: "Liar", claimed: Claimed) -> Answer:
    if claimed.action == "GetInstalledCertificateIds":
        return None  # what it has is not the question here
    return written([3, claimed.message_id, good(liar, claimed)])


def _falls_over(liar: "Liar", claimed: Claimed) -> Answer:
    is_fatal = claimed.action in {"ChangeConfiguration", "SetVariables"}
    return _leaves(liar, claimed) if is_fatal else _behaves(liar, claimed)


def good(liar: "Liar", claimed: Claimed) -> dict[str, Any]:
    """Return an answer that accepts, and belongs to what was asked."""
    payload = claimed.payload
    version = "listVersion" if liar.version == "1.6" else "versionNumber"
    if claimed.action == "GetLocalListVersion":
        return {version: liar.list_version}
    if claimed.action == "SendLocalList":
        liar.list_version = payload[version]
    if claimed.action == "UpdateFirmware" and liar.version == "1.6":
        return {}
    results: dict[str, tuple[str, str, dict[str, Any]]] = {
        "SetVariables": ("setVariableResult", "setVariableData", {"attributeStatus": "Accepted"}),
        "SetVariableMonitoring": (
            *("setMonitoringResult", "setMonitoringData"),
            {"status": "Accepted", "id": 7},
        ),
    }
    if claimed.action in results:
        answers, asked, said = results[claimed.action]
        kept = ("component", "variable", "type", "severity")
        return {
            answers: [
                {name: one[name] for name in kept if name in one} | said for one in payload[asked]
            ]
        }
    if claimed.action == "ClearVariableMonitoring":
        return {
            "clearMonitoringResult": [{"id": one, "status": "Accepted"} for one in payload["id"]]
        }
    return {"status": "Accepted"}


_CODES: Final = (
    codes.INTERNAL_ERROR,
    codes.NOT_IMPLEMENTED,
    codes.NOT_SUPPORTED,
    codes.PROPERTY_VIOLATION,
    codes.PROTOCOL_ERROR,
    codes.SECURITY_ERROR,
    codes.TYPE_VIOLATION,
    codes.FORMAT_VIOLATION["1.6"],
    codes.FORMAT_VIOLATION["2.0.1"],
    codes.OCCURRENCE_VIOLATION["1.6"],
    codes.RPC_FRAMEWORK_ERROR,
    codes.MESSAGE_TYPE_NOT_SUPPORTED,
    "GenericError",
    "NobodyKnowsThis",
)
_AT_RANDOM: Final[Mapping[str, Manner]] = {
    "errors": _errors,
    "another shape": _other_shape,
    "says nothing": _says_nothing,
    "any valid": _any_valid,
    "refuses": _refuses,
    "silent": _silent,
    "late": _late,
    "twice": _twice,
    "leaves": _leaves,
    "behaves": _behaves,
}


def _mixed(liar: "Liar", claimed: Claimed) -> Answer:
    return liar.rng.choice(list(_AT_RANDOM.values()))(liar, claimed)


MANNERS: Final[Mapping[str, Manner]] = {
    **_AT_RANDOM,
    "mixed": _mixed,
}
BEHAVES: Final = "behaves"
FALLS: Final[Mapping[str, Manner]] = {"falls over": _falls_over}


@dataclass
class Liar:
    """A charger, and how it answers.

    Attributes:
        kept: Answers that it gives later, late or for the second time.
        calls: What it was asked, counted.
    """

    charger: Charger
    version: Version
    manner: Manner
    rng: random.Random
    epoch: int | None = None
    list_version: int = 0
    is_leaving: bool = False
    kept: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0


@dataclass
class Plant:
    """A node, its liars and the periodic work of a worker."""

    db: Database
    clock: ShiftedClock
    node: Node
    liars: list[Liar] = field(default_factory=list)

    async def connect(self, liar: Liar, *, boots: bool) -> None:
        async with self.db.transaction() as tx:
            liar.epoch = await presence.connected(
                tx,
                liar.charger.id,
                node_id=self.node.id,
                version=liar.version,
                address="192.0.2.7",
            )
            if boots:
                await desired.booted(tx, await registry.get(tx, liar.charger.id))

    async def leave(self, liar: Liar) -> None:
        """Lose the socket between a call and its answer: nobody records anything."""
        liar.is_leaving = False
        epoch, liar.epoch = liar.epoch, None
        if epoch is not None:
            async with self.db.transaction() as tx:
                await presence.disconnected(tx, liar.charger.id, epoch=epoch)
                await operations.fail_stranded(tx, charger_id=liar.charger.id)

    async def serve(self, liar: Liar) -> None:
        """Send all that may be sent now, and take what is said to it."""
        adapter = ADAPTERS[liar.version]
        for text in liar.kept:
            await self.hear(liar, text)
        liar.kept.clear()
        at_once = 0
        while liar.epoch is not None and at_once < BURST:
            line = outbound.Line(epoch=liar.epoch, security_profile=1)
            take = outbound.claiming(self.node, adapter, liar.charger.id, line)
            claimed = await outbound.claim(self.node, liar.charger.id, take)
            if claimed is None:
                break
            at_once += 1
            liar.calls[claimed.action] += 1
            self.node.calls.add(
                message_id=claimed.message_id, command=claimed.command, action=claimed.action
            )
            said = liar.manner(liar, claimed)
            if liar.is_leaving:
                await self.leave(liar)
            elif said is None or not await self.hear(liar, said):
                await outbound.record_silence(self.node, claimed.command)
        liar.most_at_once = max(liar.most_at_once, at_once)

    async def hear(self, liar: Liar, text: str) -> bool:
        """Take a frame as a connection does; tell whether it was an answer that is waited for."""
        try:
            frame = protocol.decode(text, rules=ADAPTERS[liar.version].rules)
        except MalformedFrame:
            return False
        assert not isinstance(frame, Call)
        sent = self.node.calls.take(frame.id, charger_id=liar.charger.id)
        if sent is None:
            return False
        await outbound.record_answer(self.node, ADAPTERS[liar.version], sent, frame)
        return True

    async def work(self) -> None:
        """Do the periodic work of a worker once."""
        async with self.db.transaction() as tx:
            await commands.expire_overdue(tx)
        async with self.db.transaction() as tx:
            await desired.sweep(tx)
        async with self.db.transaction() as tx:
            await local_list.look_for_changes(tx)
        async with self.db.transaction() as tx:
            await care.look_after(tx, stalled_after=self.node.settings.transfer_stalled_after)

    async def live(self, *pauses_s: float) -> None:
        """Let all chargers live on; those that left come back, some with a boot."""
        for pause_s in pauses_s:
            await self.work()
            for liar in self.liars:
                if liar.epoch is None:
                    await self.connect(liar, boots=liar.rng.random() < 0.5)
            async with self.db.transaction() as tx:
                waiting = await commands.waiting_on(tx, self.node.id)
            for liar in self.liars:
                if liar.charger.id in waiting or liar.kept:
                    await self.serve(liar)
            self.clock.advance(pause_s)
        await self.work()


def plant(db: Database, settings: Settings, vault: Vault, clock: ShiftedClock) -> Plant:
    node = Node(
        db=db,
        settings=settings.model_copy(update={"frame_log": False}),
        vault=vault,
        frame_log=FrameLog(db),
        clock=clock,
        rng=random.Random(1),  # noqa: S311
        calls=SentCalls(clock),
    )
    return Plant(db=db, clock=clock, node=node)
