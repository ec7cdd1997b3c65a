"""Scenario files and fleets."""

from pathlib import Path

import pytest

from simulator import Behaviour, Frame
from simulator.config import ChargerConfig
from simulator.fleet import Activity, Fleet, station_of_behaviours
from simulator.loading import ScenarioError
from simulator.scenario import EXAMPLES, load, play
from tests.simulator.central import PASSWORD, Central
from tests.simulator.making import FAST


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
async def test_shipped_examples_hold(central: Central, path: Path) -> None:
    scenario = load(path, url=central.url, password=PASSWORD, speed=1000.0)
    ledgers = await play(scenario)
    assert all(ledger.unacknowledged() == [] for ledger in ledgers.values())
    assert any(ledger.transactions() for ledger in ledgers.values())


ONE = '[[chargers]]\nidentity = "CP-1"\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no chargers"),
        ("name = ", "Invalid value"),
        ('colour = "red"', "unknown colour"),
        ("[[chargers]]", "identity is missing"),
        (ONE + 'version = "3.0"', "version must be"),
        (ONE + 'behaviour = "sleepy"', "no behaviour 'sleepy'"),
        (ONE + "timing = { naps_s = 1 }", "unknown naps_s"),
        (ONE + ONE, "two chargers"),
        (ONE + '[[steps]]\ndo = "explode"', "step 1: no step 'explode'"),
        (ONE + '[[steps]]\ndo = "plug"\ncharger = "X"', "no charger 'X'"),
        (ONE + '[[steps]]\ndo = "plug"\ncolour = "red"', r"step 1 \(plug\): unknown colour"),
        (ONE + '[[steps]]\ndo = "wait"', "seconds is missing"),
    ],
)
def test_unplayable_file_is_refused_with_the_place(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=why):
        load(path)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ('do = "wait_status"\nstatus = "Charging"\ntimeout_s = 0.1', "no status Charging"),
        ('do = "plug"\nconnector = 7', r"step 1 \(plug, CP-1\): bad value"),
        ('do = "stop"\ncause = "boredom"', "no cause 'boredom'"),
        ('do = "call"\naction = "Authorize"', "step 1"),
    ],
)
async def test_step_that_does_not_hold_is_named(
    central: Central, tmp_path: Path, step: str, why: str
) -> None:
    central.answers["Authorize"] = lambda _: "InternalError"
    path = tmp_path / "fails.toml"
    path.write_text(f"{ONE}validate = false\n[[steps]]\n{step}\n")
    scenario = load(path, url=central.url, password=PASSWORD)
    with pytest.raises(ScenarioError, match=why):
        await play(scenario)
    central.violations.clear()


async def test_scenario_that_cannot_connect_says_why(central: Central, tmp_path: Path) -> None:
    path = tmp_path / "refused.toml"
    path.write_text(ONE)
    scenario = load(path, url=central.url, password=PASSWORD)
    assert scenario.name == "refused"
    assert (await play(scenario))["CP-1"].connections == 1


async def test_every_step_can_be_played(central: Central, tmp_path: Path) -> None:
    path = tmp_path / "all.toml"
    steps = [
        'do = "start_local"',
        'do = "wait_transaction"',
        'do = "drop"',
        'do = "wait"\nseconds = 5',
        'do = "stop"\ncause = "emergency"',
        'do = "unplug"',
        'do = "plug"',
        'do = "wait_status"\nstatus = "Preparing"',
        'do = "fault"',
        'do = "clear_fault"',
        'do = "offline"\nseconds = 5',
        'do = "reboot"',
        'do = "wait_settled"',
        'do = "call"\naction = "Heartbeat"',
        'do = "replay"',
    ]
    text = "\n".join(f"[[steps]]\n{step}" for step in steps)
    path.write_text(f"{ONE}timing = {{ reboot_s = 1 }}\nauto_plug = false\n{text}")
    frames: list[Frame] = []
    done: list[str] = []
    scenario = load(path, url=central.url, password=PASSWORD, speed=200.0)
    await play(scenario, on_frame=frames.append, on_step=lambda step: done.append(step.do))
    assert len(done) == len(steps)
    assert frames


def _fleet(central: Central, count: int) -> list[ChargerConfig]:
    return [
        ChargerConfig(
            identity=f"SIM-{number}",
            version="1.6" if number % 2 else "2.0.1",
            url=central.url,
            password=PASSWORD,
            behaviour=Behaviour.OFFLINE if number == count else Behaviour.OK,
            timing=FAST,
            speed=500.0,
            validate=False,
        )
        for number in range(1, count + 1)
    ]


async def test_fleet_connects_charges_and_sums_up(central: Central) -> None:
    activity = Activity(pause_s=20, session_s=60, tokens=("A", "B"))
    fleet = Fleet(_fleet(central, 9), ramp_per_s=500, activity=activity, seed=1)
    async with fleet:
        await fleet.wait_online()
        assert fleet.summary().online == 8
        await central.until(lambda: len({c.identity for c in central.of("StopTransaction")}) >= 2)
    summary = fleet.summary()
    assert summary.online == 0
    assert summary.chargers == 9
    assert summary.connections == 8
    assert summary.finished >= 2
    assert summary.frames > 30
    assert not summary.errors
    assert not summary.refusals


def test_station_of_behaviours_has_a_charger_for_every_behaviour() -> None:
    common = ChargerConfig(identity="any", version="2.0.1", password="common")
    chargers = station_of_behaviours(common, passwords={"SIM-OK": "own"})
    assert {charger.identity: charger.behaviour for charger in chargers} == {
        f"SIM-{behaviour.name}": behaviour for behaviour in Behaviour
    }
    assert [charger.password for charger in chargers[:2]] == ["own", "common"]
    assert {charger.version for charger in chargers} == {"2.0.1"}
