"""A process of ``make simulate`` that runs one seed after the other."""

import gc
import signal
import tempfile
import traceback
from pathlib import Path

from tests.simulation.report import report
from tests.simulation.run import run
from tests.simulation.template import Template, make

Short = tuple[int, str | None, dict[str, int], float]
"""Seed, report if it failed, figures, virtual seconds."""

_here: dict[str, Template] = {}


def prepare(directory: str) -> None:
    """Make the template of this process, and leave what is loaded by now out of collections.

    Ctrl-C reaches all processes of a terminal; the one that counts ends the others.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _here["world"] = make(Path(tempfile.mkdtemp(dir=directory)))
    gc.collect()
    gc.freeze()


def one(seed: int) -> Short:
    """Run *seed*; one that breaks off has failed, and the others go on."""
    template = _here["world"]
    try:
        verdict = run(seed, template, directory=template.path.parent)
    except Exception:  # noqa: BLE001 - it is told
        return seed, f"Seed {seed} broke off:\n\n{traceback.format_exc()}", {}, 0.0
    told = report(verdict) if verdict.violations else None
    return seed, told, verdict.figures, verdict.virtual_s
