"""One process that fuzzes one version and tells how far it has come."""

import asyncio
import signal
from dataclasses import replace
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Final

from core.kernel import memory
from csms.codes import Version
from tests.fuzz.campaign import Figures, campaign

WARM_AFTER: Final = 100_000
_EVERY: Final = 2_000


def work(
    template: Path, version: Version, seed: str, count: int, told: "Queue[tuple[Version, Figures]]"
) -> None:
    """Fuzz, and put (version, figures) into *told* now and then and at the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who shows the figures
    memory.return_what_is_freed()  # as the server does
    last = 0

    def tell(figures: Figures) -> None:
        nonlocal last
        if figures.frames - last >= _EVERY:
            last = figures.frames
            told.put((version, replace(figures)))

    warm_after = min(WARM_AFTER, count // 2)
    done = campaign(template, version, seed=seed, count=count, told=tell, warm_after=warm_after)
    told.put((version, asyncio.run(done)))
