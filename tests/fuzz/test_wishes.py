"""Nonsense for an answer: a wish has an end or tries again in its time, and nobody else notices."""

import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.audit.service import CLI
from core.desired import service as desired
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.doctor.service import examine
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from csms.codes import Version
from tests.core.chargers.making import make_charger
from tests.fuzz.liars import BEHAVES, BURST, FALLS, MANNERS, Liar, Manner, Plant, plant
from tests.fuzz.quiet import only_errors
from tests.fuzz.stored import unstorable
from tests.fuzz.wishes import allow_tokens, wish_all, wishes_of
from tests.pki import Pki

AN_HOUR_S = (0, 1, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1379, 0)
"""Pauses of an hour: as a sweep every few seconds would find the work, and then some."""
MINUTES_S = (0, 5, 60, 120, 0)
CALLS_AN_HOUR = 40
"""Of a charger that is wished a dozen things, most of which begin with an hour's first minute."""

UNDER_WAY = {
    ("firmware", DesiredStatus.PENDING, reason) for reason in ("Accepted", "stalled: Accepted")
}
"""An accepted update of which nothing more is heard is under way, however well it is asked."""


@pytest.fixture
def backend() -> str:
    """What the databases cannot store alike is looked for in the one that stores all."""
    return "sqlite"


@pytest.fixture(params=["1.6", "2.0.1"])
def version(request: pytest.FixtureRequest) -> Version:
    chosen: Version = request.param
    return chosen


async def liars(
    plant: Plant,
    settings: Settings,
    vault: Vault,
    root: str,
    version: Version,
    manners: Mapping[str, Manner] = MANNERS,
) -> dict[str, Liar]:
    """Connect a charger of each manner, and wish it all there is."""
    await allow_tokens(plant.db)
    found = {}
    for number, (name, manner) in enumerate(manners.items()):
        row = await make_charger(plant.db, vault, identity=f"CP-{number}")
        rng = random.Random(f"{version}-{name}")  # noqa: S311
        found[name] = Liar(charger=row, version=version, manner=manner, rng=rng)
        plant.liars.append(found[name])
        await plant.connect(found[name], boots=False)
        await wish_all(plant.db, settings, vault, row, version, root)
    return found


async def unreasonable(plant: Plant, liar: Liar) -> list[str]:
    """Return what is wrong with where the wishes of a charger stand."""
    wishes = await wishes_of(plant.db, liar.charger)
    may_go = liar.epoch is not None and all(one.status is not DesiredStatus.SENT for one in wishes)
    found = [(one, _flaw(one, plant, may_go=may_go)) for one in wishes]
    return [f"{one.kind} {one.key} ({one.reason}): {flaw}" for one, flaw in found if flaw]


def _flaw(wish: Desired, plant: Plant, *, may_go: bool) -> str | None:
    match wish.status:
        case DesiredStatus.REJECTED:
            return None if wish.reason else "rejected without a reason"
        case DesiredStatus.PENDING | DesiredStatus.DRIFTED if may_go:
            now = plant.db.now()
            return None if wish.due_at > now else f"due since {wish.due_at}, and not sent"
        case DesiredStatus.SENT:
            return None if wish.command_id else "sent, but nothing is under way"
        case _:
            return None


async def test_a_wish_survives_every_answer(
    db: Database,
    settings: Settings,
    vault: Vault,
    clock: ShiftedClock,
    tmp_path: Path,
    version: Version,
) -> None:
    root = Pki(tmp_path).pem
    with only_errors() as errors:
        stage = plant(db, settings, vault, clock)
        cast = await liars(stage, settings, vault, root, version)
        await stage.live(*AN_HOUR_S)
        for name, liar in cast.items():
            assert liar.most_at_once < BURST, name
            assert liar.calls.total() <= CALLS_AN_HOUR, (name, liar.calls)
            assert await unreasonable(stage, liar) == [], name
        assert await unfulfilled(db, cast[BEHAVES]) <= UNDER_WAY
        for liar in cast.values():  # as after an update that mended them
            liar.manner = MANNERS[BEHAVES]
            await retry_all(db, liar)
        await stage.live(*MINUTES_S)
        for name, liar in cast.items():
            assert await unfulfilled(db, liar) <= UNDER_WAY, name
        async with db.transaction() as tx:
            assert await examine(tx) == []
        assert await unstorable(db) == []
    assert errors == []


async def unfulfilled(db: Database, liar: Liar) -> set[tuple[str, str, str | None]]:
    """Return kind, status and reason of the wishes that are not accepted."""
    wishes = await wishes_of(db, liar.charger)
    return {
        (one.kind, one.status, one.reason)
        for one in wishes
        if one.status is not DesiredStatus.ACCEPTED
    }


async def retry_all(db: Database, liar: Liar) -> None:
    """Ask for all that was not accepted once more, as an operator does."""
    for wish in await wishes_of(db, liar.charger):
        if wish.status is not DesiredStatus.ACCEPTED:
            async with db.transaction() as tx:
                await desired.retry(tx, CLI, wish.id)


@pytest.mark.parametrize("version", ["1.6"])
async def test_a_charger_that_falls_over_a_wish_is_not_felled_at_each_boot(
    db: Database,
    settings: Settings,
    vault: Vault,
    clock: ShiftedClock,
    tmp_path: Path,
    version: Version,
) -> None:
    """And what it can bear is not kept waiting behind what it cannot."""
    stage = plant(db, settings, vault, clock)
    (liar,) = (await liars(stage, settings, vault, Pki(tmp_path).pem, version, FALLS)).values()
    for _ in range(4 * 20):  # four hours; each start takes it longer than a command may
        await stage.work()
        if liar.epoch is None:
            await stage.connect(liar, boots=True)
        await stage.serve(liar)
        clock.advance(180)
    assert liar.calls["ChangeConfiguration"] <= 2 * 8  # two wishes: a variable, the password
    left = {kind for kind, _, _ in await unfulfilled(db, liar)}
    assert left == {"firmware", "password", "variable"}
