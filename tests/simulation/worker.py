"""A process of ``make simulate`` that runs one seed after the other."""

import gc
import tempfile
from pathlib import Path

from tests.simulation.report import report
from tests.simulation.run import run
from tests.simulation.template import Template, make

Short = tuple[int, str | None, dict[str, int], float]
"""Seed, report if it failed, figures, virtual seconds."""

_here: dict[str, Template] = {}


def prepare(directory: str) -> None:
    """Make the template of this process, and leave what is loaded by now out of collections."""
    _here["world"] = make(Path(tempfile.mkdtemp(dir=directory)))
    gc.collect()
    gc.freeze()


def one(seed: int) -> Short:
    """Run *seed*."""
    template = _here["world"]
    verdict = run(seed, template, directory=template.path.parent)
    told = report(verdict) if verdict.violations else None
    return seed, told, verdict.figures, verdict.virtual_s
