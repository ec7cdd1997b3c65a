"""The database that the runs of a test worker begin with."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.campaign import in_memory
from tests.simulation import template
from tests.simulation.template import Template


@pytest.fixture(scope="session")
def world() -> Iterator[Template]:
    """A template, in a directory where runs may keep their copies of it."""
    with tempfile.TemporaryDirectory(prefix="voltgate-simulation-", dir=in_memory()) as directory:
        yield template.make(Path(directory))
