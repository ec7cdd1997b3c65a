"""One seed: the whole platform, its chargers and partners, from the first socket to the verdict."""

import asyncio
import contextlib
import gc
import random
import shutil
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anyio._backends._asyncio import AsyncIOBackend

import ops.http
from core.kernel import failpoints
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.operations.states import MACHINE
from ops.roles import ALL_ROLES, Role
from tests import oracle
from tests.oracle import Promises
from tests.simulation import judge
from tests.simulation.chargers import Site
from tests.simulation.determinism import determined, inline, patched
from tests.simulation.doorbell import Bell
from tests.simulation.engine import engine_on_the_loop
from tests.simulation.logs import Logs
from tests.simulation.loop import SimLoop
from tests.simulation.network import FakeSocket, Network
from tests.simulation.node import Machine, Node, Sky
from tests.simulation.partners import Partner
from tests.simulation.plan import Plan, plan_of
from tests.simulation.receivers import Receiver
from tests.simulation.template import MACHINES, Template, settings_of
from tests.simulation.trace import Trace
from tests.simulation.weather import Weather

QUIET_WITHIN_S = 90.0
ENDS_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.5
_STABLE_LOOKS = 3
_LEAPS = 6
_AFTER_LEAP_S = 3.0


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What came of a seed.

    Attributes:
        violations: What did not hold; empty: everything did.
        virtual_s: How long it took in the simulated world.
        figures: What happened, in numbers.
    """

    seed: int
    plan: Plan
    violations: list[str]
    trace: Trace
    virtual_s: float
    figures: dict[str, int]


def run(
    seed: int,
    template: Template,
    *,
    directory: Path,
    on_line: Callable[[str], None] | None = None,
) -> Verdict:
    """Run *seed* to its end; the same seed does the same, in every process."""
    path = directory / f"seed-{seed}.db"
    shutil.copy(template.path, path)
    trace = Trace(on_line=on_line)
    network = Network(str(seed), trace.note)
    loop = SimLoop(network)
    trace.now = loop.time
    scene = _Scene(seed, template, path, loop, network, trace)
    asyncio.set_event_loop(loop)
    try:
        with scene.in_place():
            try:
                loop.run_until_complete(scene.play())
            finally:
                loop.run_until_complete(scene.leave())
    finally:
        scene.close()
        asyncio.set_event_loop(None)
        loop.close()
        for name in (path, *directory.glob(f"{path.name}-*")):
            name.unlink(missing_ok=True)
    return Verdict(
        seed=seed,
        plan=scene.plan,
        violations=scene.violations,
        trace=trace,
        virtual_s=loop.time(),
        figures=scene.figures(),
    )


class _Scene:
    """Everything that takes part in one run."""

    def __init__(
        self,
        seed: int,
        template: Template,
        path: Path,
        loop: SimLoop,
        network: Network,
        trace: Trace,
    ) -> None:
        self.plan = plan_of(seed)
        self.violations: list[str] = []
        self._seed = seed
        self._path = path
        self._loop = loop
        self._network = network
        self._trace = trace
        self._sky = Sky()
        self._machine = Machine(loop, self._sky, lateness=1.0)
        self._promises = Promises()
        self._logs = Logs(trace, loop)
        bell = Bell(self._rng("bell"))
        self._weather = Weather(
            self.plan,
            loop=loop,
            network=network,
            bell=bell,
            sky=self._sky,
            rng=self._rng("weather"),
            trace=trace,
        )
        self._nodes = [
            Node(
                settings_of(path, number, logs=self.plan.logs, statuses=self.plan.hears_all),
                roles=self._roles(number),
                loop=loop,
                sky=self._sky,
                bell=bell,
                trace=trace,
                rng=self._rng(f"node/{number}"),
                lateness=self.plan.lateness,
                gate=self._weather.gate,
            )
            for number in range(1, self.plan.nodes + 1)
        ]
        self._weather.nodes = self._nodes
        self._receivers = [
            Receiver(facts, path, self._rng(f"receiver/{facts.name}"), trace)
            for facts in template.partners
        ]
        self._weather.receivers = self._receivers
        connectors = [one for ids in template.connectors.values() for one in ids]
        self._partners = [
            Partner(
                facts,
                connectors=connectors,
                ports=lambda: [node.settings.api_port for node in self._nodes],
                rng=self._rng(f"partner/{facts.name}"),
                trace=trace,
                promises=self._promises,
            )
            for facts in template.partners
        ]
        for partner, receiver in zip(self._partners, self._receivers, strict=True):
            receiver.moody = self.plan.moody
            receiver.on_event.append(partner.told)
        holding = [node for node in self._nodes if Role.CSMS in self._roles_of(node)]
        self._sites = [
            Site(
                identity,
                port=_chooser(self._rng(f"port/{identity}"), holding),
                loop=loop,
                rng=self._rng(f"site/{identity}"),
                trace=trace,
                skew_s=skew_s,
            )
            for identity, skew_s in zip(MACHINES, self.plan.skews_s, strict=True)
        ]

    def _rng(self, name: str) -> random.Random:
        return random.Random(f"{self._seed}/{name}")  # noqa: S311 - a simulation

    def _roles(self, number: int) -> frozenset[Role]:
        if number == 1 or self.plan.second_has_sockets:
            return frozenset(ALL_ROLES)
        return frozenset({Role.API, Role.WORKER})

    def _roles_of(self, node: Node) -> frozenset[Role]:
        return self._roles(self._nodes.index(node) + 1)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Let chance, time, sockets, logs and fail points be those of the simulation."""
        gc.disable()
        try:
            with (
                determined(
                    rng=self._rng("entropy"),
                    monotonic=self._machine.monotonic,
                    unix=self._machine.unix,
                ),
                patched(
                    (ops.http, "_listen", lambda host, port: FakeSocket(None, port)),
                    (AsyncIOBackend, "run_sync_in_worker_thread", classmethod(inline)),
                ),
                self._logs.caught(),
                self._failpoints(),
            ):
                yield
        finally:
            gc.enable()

    def _failpoints(self) -> contextlib.AbstractContextManager[None]:
        """Hear of each fail point, in runs that kill there: to be told costs a tenth of a run."""
        if "failpoint" in self.plan.troubles:
            return failpoints.told(self._weather.passed)
        return contextlib.nullcontext()

    async def play(self) -> None:
        """Let everybody act, then come to rest, then judge."""
        self._set_up_endpoints()
        for receiver in self._receivers:
            await receiver.open()
        for node in self._nodes:
            node.start()
        await self._until(lambda: all(node.serves for node in self._nodes), "nodes up")
        for site in self._sites:
            await site.charger.open()
        acting = [
            asyncio.create_task(self._weather.work()),
            *(
                asyncio.create_task(one.work(pause_s=self.plan.partner_pause_s))
                for one in self._partners
            ),
            *(
                asyncio.create_task(one.work(pause_s=self.plan.charger_pause_s))
                for one in self._sites
            ),
        ]
        await asyncio.sleep(self.plan.active_s)
        self._trace.note("clearing")
        self._weather.clear()
        for partner in self._partners:
            partner.is_active = False
        for site in self._sites:
            site.is_active = False
        _, stuck = await asyncio.wait(acting, timeout=QUIET_WITHIN_S)
        self.violations += [f"STUCK: {task.get_stack(limit=3)}" for task in stuck]
        for task in acting:
            if task.done() and (failure := task.exception()) is not None:
                raise failure
        await self._rest()
        await self._judge()

    def _set_up_endpoints(self) -> None:
        with contextlib.closing(sqlite3.connect(self._path)) as raw, raw:
            if self.plan.ordered:
                raw.execute("UPDATE webhook_endpoints SET ordering = 'session'")
            if self.plan.hears_all:
                raw.execute("""UPDATE webhook_endpoints SET event_types = '["*"]'""")

    async def _rest(self) -> None:
        """Wait until operations are over, chargers have said everything, webhooks are delivered."""
        stable = 0

        def is_quiet(*, is_told: bool = True) -> bool:
            nonlocal stable
            for site in self._sites:
                site.wind_down()
            calm = all(site.is_quiet for site in self._sites) and self._unfinished() == 0
            calm = calm and is_told and all(node.serves for node in self._nodes)
            stable = stable + 1 if calm else 0
            return stable >= _STABLE_LOOKS

        await self._until(is_quiet, "operations and chargers at rest")
        for _ in range(_LEAPS):
            wait_s = self._due_in_s()
            if wait_s is None:
                break
            self._trace.note("leap", seconds=wait_s)
            self._sky.leap_s += max(0.0, wait_s)
            await asyncio.sleep(_AFTER_LEAP_S)
        await self._until(lambda: is_quiet(is_told=self._is_told()), "webhooks delivered")

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        for _ in range(int(QUIET_WITHIN_S / _LOOK_EVERY_S)):
            if condition():
                return
            await asyncio.sleep(_LOOK_EVERY_S)
        self.violations.append(f"no {what} within {QUIET_WITHIN_S} s: {self._why()}")

    def _why(self) -> str:
        sites = [
            f"{one.identity} online={one.charger.online} queued={one.charger.queued}"
            for one in self._sites
            if not one.is_quiet
        ]
        down = [f"{node.name} is down" for node in self._nodes if not node.serves]
        return f"{self._unfinished()} operations unfinished; {sites} {down}"

    def _unfinished(self) -> int:
        final = ", ".join(f"'{one}'" for one in sorted(MACHINE.final))
        sql = f"SELECT count(*) FROM operations WHERE status NOT IN ({final})"  # noqa: S608 - ours
        return int(self._receivers[0].ask(sql)[0])

    def _due_in_s(self) -> float | None:
        """Return in how many seconds the last delivery is due; ``None`` if none is."""
        sql = "SELECT max(due_at) FROM deliveries WHERE status = 'due'"
        [text] = self._receivers[0].ask(sql)
        if text is None:
            return None
        due = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        return due - self._machine.unix()

    def _is_told(self) -> bool:
        """Tell whether nothing is due, nor will be: somebody who hears all was told of all."""
        if self._due_in_s() is not None:
            return False
        sql = """
            SELECT (SELECT count(*) FROM station_changes) + (
                SELECT count(*) FROM status_cursors WHERE seq < (
                    SELECT value FROM counters WHERE name = 'connector_status'))
        """
        return not self.plan.hears_all or self._receivers[0].ask(sql)[0] == 0

    async def _judge(self) -> None:
        ledgers = [site.charger.ledger for site in self._sites]
        url = self._nodes[0].settings.database_url
        bell, clock = MemoryDoorbell(), self._machine
        engine = engine_on_the_loop(str(self._path), clock)
        async with Database(url, doorbell=bell, clock=clock, engine=engine) as db:
            wrong = [one.identity for one in self._sites if one.clock.skew_s]
            self.violations += await oracle.violations(
                db, ledgers, promises=self._promises, wrong_clocks=wrong
            )
            self.violations += await judge.compare(
                db,
                ledgers,
                [receiver.log for receiver in self._receivers],
                is_calm=self.plan.is_calm,
            )
        self.violations += self._weather.wrong
        for partner in self._partners:
            self.violations += partner.wrong
        for receiver in self._receivers:
            self.violations += receiver.too_early

    async def leave(self) -> None:
        """End everything in an orderly way."""
        for site in self._sites:
            await self._ends(site.identity, site.charger.close())
        for node in self._nodes:
            await self._ends(node.name, node.stop())
            self.violations += [
                f"{node.name} failed: {one.failure!r}"
                for one in node.past
                if one.failure is not None and not one.dead and not one.may_fail
            ]
        me = asyncio.current_task()
        for _ in range(3):
            left = [task for task in asyncio.all_tasks() if task is not me]
            for task in sorted(left, key=hash):
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=30)
        self.violations += self._logs.wrong

    async def _ends(self, name: str, ending: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await ending
        except TimeoutError:
            self.violations.append(f"{name} does not end within {ENDS_WITHIN_S} s")
        except Exception as exc:  # noqa: BLE001 - a bug of whoever it is
            self.violations.append(f"{name} failed at its end: {exc!r}")

    def close(self) -> None:
        for receiver in self._receivers:
            receiver.close()

    def figures(self) -> dict[str, int]:
        """Return how much happened."""
        return {
            "accepted": len(self._promises.accepted),
            "transactions": sum(len(one.charger.ledger.transactions()) for one in self._sites),
            "webhooks": sum(len(one.log.posts) for one in self._receivers),
            "kills": sum(node.kills for node in self._nodes),
        }


def _chooser(rng: random.Random, nodes: list[Node]) -> Callable[[], int]:
    return lambda: rng.choice(nodes).settings.ocpp_port
