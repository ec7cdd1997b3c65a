"""Where generated requests are sent: a furnished platform in this process, without a server."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from typing import Any

from schemathesis import Case

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from partner_api.app import PartnerApp, release
from tests.partner_api.furnished import Scene, Side, free_settings, opened
from tests.partner_api.scenes import make_key


@dataclass(frozen=True, slots=True)
class Stage:
    """A furnished platform of a round's own; *spare*: a key of each side that may be changed."""

    loop: asyncio.AbstractEventLoop
    app: PartnerApp
    db: Database
    scene: Scene
    spare: Mapping[str, str]

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def own_ids(self, side: Side) -> Mapping[str, str]:
        return {**side.ids(), "key_id": self.spare[side.key]}


@contextmanager
def stage(template: Path, scene: Scene) -> Iterator[Stage]:
    """Open a copy of the furnished platform; nobody waits there for what takes time."""
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory(prefix="voltgate-probe-", dir=in_memory()) as directory:
        path = copy(template, directory)
        config = free_settings(f"sqlite:///{path}", Path(directory))
        opening = opened(config, ShiftedClock())
        app, db = loop.run_until_complete(opening.__aenter__())
        release(app)
        spare = {}
        for side in (scene.live, scene.test):
            making = make_key(db, Vault(config), side.partner_id, livemode=side.livemode)
            spare[side.key], _ = loop.run_until_complete(making)
        try:
            yield Stage(loop, app, db, scene, spare)
        finally:
            loop.run_until_complete(opening.__aexit__(None, None, None))
            loop.close()


def in_memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - no disk to wait for


def key_for(case: Case[Any], side: Side) -> str | None:
    """Return what *side* shows to the operation of a case."""
    security = {name for need in case.operation.definition.raw["security"] for name in need}
    return side.has.status_token if "statusToken" in security else side.key
