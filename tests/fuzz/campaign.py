"""Rounds of fuzzing: frames are made, sent, judged; what is wrong comes with its reproducer."""

import ctypes
import gc
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from shutil import copy
from typing import Any

import psutil

from core.kernel.clock import SystemClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import FixedSettings, Settings
from csms.codes import Version
from tests.fuzz.minimal import smallest
from tests.fuzz.mutants import Text, frames
from tests.fuzz.oracle import RESULT, Due, due, is_valid_result
from tests.fuzz.quiet import Event, only_errors
from tests.fuzz.stage import MAX_PENDING, Stage, staged

CHUNK = 500
"""Frames that share a seed, so that any of them can be made again quickly."""
ROUND = 25_000
"""Frames on one database; then a new one, and the old one is looked through."""
SOCKET_SHARE = 10
"""One chunk in so many goes over the socket."""
QUESTIONS = 5
"""Calls of ours in a chunk, answered with nonsense."""
RICH_SHARE = 25
"""One chunk in so many has every frame that was made."""
STORED_SHARE = 0.03
"""Of the other chunks, how much of what would be stored."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One frame that was not answered as it should be."""

    version: Version
    where: str
    text: Text
    why: str

    def __str__(self) -> str:
        return f"OCPP {self.version}, {self.where}: {self.why}\n  {self.text!r}"


@dataclass
class Figures:
    """What a campaign has seen so far; resident memory in MiB."""

    frames: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[Wrong] = field(default_factory=list)
    seconds: float = 0.0
    warm_mib: float | None = None
    most_mib: float = 0.0

    def sample_memory(self, *, warm_after: int) -> None:
        gc.collect()
        _give_back()
        now_mib = psutil.Process().memory_info().rss / 2**20
        if self.frames >= warm_after:
            if self.warm_mib is None:
                self.warm_mib = now_mib
            self.most_mib = max(self.most_mib, now_mib)

    @property
    def growth(self) -> float:
        """Return by which part memory grew once warm."""
        return 0.0 if not self.warm_mib else self.most_mib / self.warm_mib - 1


def _give_back() -> None:
    """Have glibc return what was freed, so that growth is what is held and not what was."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def objection(version: Version, expected: Due, answer: str | None) -> tuple[str, str | None]:
    """Return (what was answered, why that is wrong or ``None``)."""
    if answer is None:
        return "nothing", None if expected.message_id is None else f"no answer, due: {expected}"
    frame: Any = json.loads(answer)
    said = RESULT if frame[0] == 3 else str(frame[2])
    if expected.message_id is None:
        return said, f"answered where nothing is due: {answer:.200}"
    if frame[1] != expected.message_id or said not in expected.codes:
        return said, f"answered {answer:.200}, due: {expected}"
    if said != RESULT:
        return said, None if len(answer) < 1000 else "a refusal of 1,000 characters"
    if not is_valid_result(version, str(expected.action), frame[2]):
        return said, f"a result that its schema refuses: {answer:.300}"
    return said, None


def chunk_of(version: Version, seed: str, number: int) -> Iterator[Text]:
    """Return the frames of a chunk, always the same.

    What will be stored costs a transaction, fifty times a refusal: most chunks have little of it.
    """
    rng = random.Random(f"{seed}:{version}:{number}")  # noqa: S311
    kept = 1.0 if number % RICH_SHARE == 0 else STORED_SHARE
    made = frames(rng, version)
    return islice((text for text in made if _is_kept(rng, version, text, kept)), CHUNK)


def _is_kept(rng: random.Random, version: Version, text: Text, kept: float) -> bool:
    return rng.random() < kept or RESULT not in due(version, text).codes


async def fuzz(
    stage: Stage, figures: Figures, errors: list[Event], *, seed: str, chunk: int, is_last: bool
) -> None:
    """Send one chunk and judge every answer."""
    texts = list(chunk_of(stage.version, seed, chunk))
    rng = random.Random(f"{seed}:{chunk}:ask")  # noqa: S311
    for _ in range(QUESTIONS):
        await stage.ask(rng)
    answered = _over_the_socket if chunk % SOCKET_SHARE == 0 else _by_functions
    async for text, answer in answered(stage, texts):
        figures.frames += 1
        said, why = objection(stage.version, due(stage.version, text), answer)
        figures.answers[said] += 1
        if errors:
            why = "; ".join(f"{one['event']}: {one}" for one in errors)
            errors.clear()
        if why is not None:
            small = await smallest(text, _still_wrong(stage, errors))
            where = f"seed {seed}, chunk {chunk}"
            figures.wrong.append(Wrong(stage.version, where, small, why))
    await stage.good_beats()
    if is_last:
        figures.wrong += [Wrong(stage.version, seed, "", why) for why in await stage.findings()]


def _still_wrong(stage: Stage, errors: list[Event]) -> Callable[[Text], Any]:
    async def check(text: Text) -> bool:
        answer = await stage.answer(text)
        _, why = objection(stage.version, due(stage.version, text), answer)
        failed = bool(errors)
        errors.clear()
        return failed or why is not None

    return check


async def _by_functions(stage: Stage, texts: list[Text]) -> AsyncIterator[tuple[Text, str | None]]:
    for text in texts:
        yield text, await stage.answer(text)


async def _over_the_socket(
    stage: Stage, texts: list[Text]
) -> AsyncIterator[tuple[Text, str | None]]:
    """Send frames ahead of their answers; answers to calls come in their order."""
    fuzzed = stage.fuzzed
    limit = stage.server.settings.frame_max_bytes // 2
    texts = [text if len(text) < limit else "" for text in texts]  # that would end the session
    for start in range(0, len(texts), MAX_PENDING):
        batch = texts[start : start + MAX_PENDING]
        wanted = [text for text in batch if due(stage.version, text).message_id is not None]
        for text in batch:
            await fuzzed.socket.send(text)
        await fuzzed.socket.send('[2,"end-of-batch","Heartbeat",{}]')
        while not fuzzed.answers or '"end-of-batch"' not in fuzzed.answers[-1]:
            if fuzzed.is_closed:
                raise AssertionError(f"the socket was closed by one of {batch!r}")
            fuzzed.changed.clear()
            await fuzzed.changed.wait()
        answers, fuzzed.answers = fuzzed.answers[:-1], []
        if len(answers) != len(wanted):
            raise AssertionError(f"{len(answers)} answers, {len(wanted)} due: {batch!r}")
        left = iter(answers)
        for text in batch:
            is_due = due(stage.version, text).message_id is not None
            yield text, next(left) if is_due else None


async def campaign(
    template: Path,
    version: Version,
    *,
    seed: str,
    count: int,
    first: int = 0,
    told: Callable[[Figures], None] = lambda _: None,
    warm_after: int = 100_000,
) -> Figures:
    """Fuzz with *count* frames, on a new SQLite database for each round; return the figures.

    Args:
        first: The chunk to begin with.
        warm_after: Frames after which memory has to stay as it is.
    """
    figures = Figures()
    began_s = time.monotonic()
    chunk, chunks = first, first - (-count // CHUNK)
    with only_errors() as errors:
        while chunk < chunks and not figures.wrong:
            async with (
                temporary(template) as (db, settings, vault),
                staged(db, settings, vault, version, f"{seed}:{chunk}") as stage,
            ):
                last = min(chunk + ROUND // CHUNK, chunks) - 1
                while chunk <= last and not figures.wrong:
                    await fuzz(
                        stage, figures, errors, seed=seed, chunk=chunk, is_last=chunk == last
                    )
                    chunk += 1
                    figures.seconds = time.monotonic() - began_s
                    if chunk % 20 == 0 or chunk == chunks:
                        figures.sample_memory(warm_after=warm_after)
                    told(figures)
            gc.collect()  # the next round is made when this one is gone
    return figures


def in_memory() -> str | None:
    """Return a directory without a disk, if there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - not shared


@asynccontextmanager
async def temporary(template: Path) -> AsyncIterator[tuple[Database, Settings, Vault]]:
    """A copy of an empty SQLite database, in memory where there is such a directory."""
    with tempfile.TemporaryDirectory(prefix="voltgate-fuzz-", dir=in_memory()) as directory:
        path = Path(directory) / "fuzz.db"
        copy(template, path)
        settings = FixedSettings(
            database_url=f"sqlite:///{path}",
            node_id="node-a",
            api_port=0,
            operator_port=0,
            ocpp_port=0,
            frame_log=False,
        )
        async with Database(
            settings.database_url, doorbell=MemoryDoorbell(), clock=SystemClock()
        ) as db:
            yield db, settings, Vault(settings)
