"""Two hundred seeds in every test run; ``make simulate`` runs as many as you like."""

import pytest

from tests.simulation.report import failures
from tests.simulation.run import run
from tests.simulation.template import Template

SEEDS = 200
AT_ONCE = 20


@pytest.mark.timeout(170)
@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_every_invariant_holds_whatever_a_seed_brings(world: Template, first: int) -> None:
    verdicts = [
        run(seed, world, directory=world.path.parent) for seed in range(first, first + AT_ONCE)
    ]
    assert not failures(verdicts), failures(verdicts)
