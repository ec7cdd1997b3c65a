"""A round of the probe: every operation, some generated cases of each, on a furnished platform."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from time import process_time
from typing import Any, Final

import requests
import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from core.chargers import presence
from core.doctor.service import examine
from core.kernel.db import Database
from tests.partner_api.asgi import Answer
from tests.partner_api.furnished import Scene, Side
from tests.partner_api.surface import is_id
from tests.probe.judge import ALWAYS, AS_GENERATED, SCHEMA, Wrong, described, judge, send
from tests.probe.stage import Stage, key_for, stage

EXAMPLES: Final = 12
"""Generated cases of an operation in a round, good ones and bad ones each."""
MAX_WRONG: Final = 20


@dataclass(slots=True)
class Figures:
    """What came of a round; they can be added."""

    cases: int = 0
    requests: int = 0
    cpu_s: float = 0.0
    answers: Counter[int] = field(default_factory=Counter)
    routes: set[str] = field(default_factory=set)
    wrong: list[Mapping[str, str]] = field(default_factory=list)

    def add(self, other: "Figures") -> None:
        self.cases += other.cases
        self.requests += other.requests
        self.cpu_s += other.cpu_s
        self.answers += other.answers
        self.routes |= other.routes
        self.wrong += other.wrong[: MAX_WRONG - len(self.wrong)]


def one_round(template: Path, scene: Scene, text: str, number: int) -> Figures:
    """Probe every operation; the same seed and number make the same cases."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    figures, began = Figures(), process_time()
    with stage(template, scene) as here:
        for result in SCHEMA.get_all_operations():
            assert isinstance(result, Ok)
            operation = result.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                name = f"{text} {number} {operation.label} {mode.value}"
                probe = Probe(here, Random(name), figures)  # noqa: S311 - no secret
                _draw(operation.as_strategy(generation_mode=mode), name, probe.case)
        findings = here.run(_doctor(here.db))
    if findings:
        figures.wrong.append({"what": f"the doctor: {findings}", "round": str(number)})
    for wrong in figures.wrong:
        wrong.setdefault("round", str(number))  # type: ignore[attr-defined]
    figures.cpu_s = process_time() - began
    return figures


def _draw(strategy: Any, name: str, take: Callable[[Case[Any]], None]) -> None:
    @seed(Random(name).randrange(1 << 62))  # noqa: S311 - no secret
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def drawing(case: Case[Any]) -> None:
        take(case)

    with suppress(Unsatisfiable):  # an operation of which nothing can be wrong has no bad cases
        drawing()


async def _doctor(db: Database) -> list[Any]:
    async with db.transaction() as tx:
        await presence.node_alive(tx, "node-a")  # which holds the chargers
        return list(await examine(tx))


@dataclass(frozen=True, slots=True)
class Probe:
    """Cases of one operation: each is sent with either key, and about objects that there are."""

    here: Stage
    chance: Random
    figures: Figures

    def case(self, case: Case[Any]) -> None:
        scene = self.here.scene
        self.figures.cases += 1
        for side in (scene.live, scene.test):
            self._send(case, side, AS_GENERATED)
            if self._name(case, self.here.own_ids(side)):
                self._send(case, side, ALWAYS)
        side = self.chance.choice([scene.live, scene.test])
        other = self.chance.choice(scene.foreign_to(side))
        if self._name(case, other.ids()):
            answer = self._send(case, side, ALWAYS)
            if answer is not None and answer.status < 400 and case.path_parameters:
                self._wrong(
                    case, "an object of another was answered for", answer=str(answer.status)
                )

    def _name(self, case: Case[Any], ids: Mapping[str, str]) -> bool:
        """Let a case be about these objects wherever it names any; tell whether it does."""
        places = [case.path_parameters or {}, case.query or {}]
        if isinstance(case.body, dict):
            places.append(case.body)
        changed = False
        for place in places:
            for name in place:
                if is_id(name) and name in ids:
                    place[name] = ids[name]
                    changed = True
        return changed

    def _send(self, case: Case[Any], side: Side, which: Any) -> Answer | None:
        key = key_for(case, side)
        prepared, answer = send(self.here.loop, self.here.app, case, key)
        self.figures.requests += 1
        self.figures.answers[answer.status] += 1
        self.figures.routes.add(case.operation.label)
        try:
            judge(case, prepared, answer, which)
            self._look_for_leaks(prepared, answer, side)
        except Wrong as exc:
            self._wrong(case, str(exc), **described(prepared, answer))
            return None
        return answer

    def _look_for_leaks(
        self, prepared: requests.PreparedRequest, answer: Answer, side: Side
    ) -> None:
        sent = f"{prepared.url} {prepared.body!r}"
        text = answer.body.decode(errors="replace") + repr(answer.headers)
        for secret in self._hidden(side):
            if secret in text and secret not in sent:
                raise Wrong(f"a leak: {secret}")

    def _hidden(self, side: Side) -> list[str]:
        found = [side.key, side.has.status_token]
        for other in self.here.scene.foreign_to(side):
            values = asdict(other.has)
            if other.partner_id == side.partner_id:
                del values["partner_id"]
            found += [*values.values(), other.key]
        return found

    def _wrong(self, case: Case[Any], what: str, **facts: str) -> None:
        if len(self.figures.wrong) < MAX_WRONG:
            self.figures.wrong.append({"what": f"{case.operation.label}: {what}", **facts})
