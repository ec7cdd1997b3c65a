"""Steps of scenario files that concern the protocol."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulator import Version
from simulator.cli import app
from simulator.loading import ScenarioError, charger_config
from simulator.scenario import load, play
from simulator.switches import FirmwareOutcome
from tests.simulator.central import PASSWORD, Central

CHARGER = """
[[chargers]]
identity = "CP-1"
version = "{version}"
timing = {{ start_delay_s = 0.5, auto_plug_s = 1 }}
switches = {{ firmware = "download_failed", transfer_s = 1 }}
"""
BOTH = [
    'do = "security_event"\nevent = "TamperDetectionActivated"\ninfo = "lid"',
    'do = "request_certificate"',
    'do = "start_local"',
    'do = "charging_limit"\nlimit_w = 4000',
    'do = "clear_limit"',
    'do = "data_transfer"\nvendor = "org.example"\nmessage = "hello"\ndata = "world"',
]
ONLY_201 = [
    'do = "set_value"\nname = "TemperatureSensor.Temperature"\nvalue = "90"',
    'do = "contract"\ntoken = "DE-ABC-C12345678-X"',
    'do = "ev_certificate"',
    'do = "ev_certificate"\nupdate = true',
    'do = "certificate_status"',
]


def scenario(tmp_path: Path, version: Version, steps: list[str]) -> Path:
    path = tmp_path / "scenario.toml"
    text = "\n".join(f"[[steps]]\n{step}" for step in [*steps, 'do = "wait_settled"'])
    path.write_text(CHARGER.format(version=version) + text, encoding="utf-8")
    return path


async def test_every_protocol_step_is_played(
    central: Central, version: Version, tmp_path: Path
) -> None:
    steps = BOTH + (ONLY_201 if version == "2.0.1" else [])
    path = scenario(tmp_path, version, steps)
    await play(load(path, url=central.url, password=PASSWORD, speed=200.0))
    said = {call.action for call in central.calls}
    assert {"SecurityEventNotification", "SignCertificate", "DataTransfer"} <= said
    if version == "2.0.1":
        assert said >= {
            "NotifyChargingLimit",
            "ClearedChargingLimit",
            "NotifyEvent",
            "Get15118EVCertificate",
            "GetCertificateStatus",
        }
        tokens = [call.payload for call in central.of("Authorize")]
        assert "iso15118CertificateHashData" in tokens[-1]


async def test_step_of_the_other_version_is_named(central: Central, tmp_path: Path) -> None:
    path = scenario(tmp_path, "1.6", ['do = "ev_certificate"'])
    with pytest.raises(ScenarioError, match=r"step 1 .*only a 2\.0\.1 station"):
        await play(load(path, url=central.url, password=PASSWORD, speed=200.0))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"switches": {"firmware": "maybe"}}, "cannot be 'maybe'; there are ok, download_failed"),
        ({"switches": {"flying": True}}, "unknown flying"),
        ({"switches": {"iso15118": "perhaps"}}, "iso15118 cannot be 'perhaps'"),
        ({"quirks": ["no-such"]}, "no quirk 'no-such'"),
    ],
)
def test_wrong_switch_or_quirk_is_named(table: dict[str, object], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        charger_config({"identity": "CP-1", **table}, where="chargers[0]")


def test_switches_of_a_table_are_read() -> None:
    table = {"identity": "CP-1", "switches": {"firmware": "invalid_signature", "iso15118": "true"}}
    config = charger_config(table, where="chargers[0]")
    assert config.switches.firmware is FirmwareOutcome.INVALID_SIGNATURE
    assert config.switches.iso15118


def test_command_line_tells_about_switches_and_quirks() -> None:
    runner = CliRunner()
    assert "--switch" in runner.invoke(app, ["--help"]).output
    listed = runner.invoke(app, ["switches"])
    assert listed.exit_code == 0
    assert "extra_variables" in listed.output
    assert runner.invoke(app, ["quirks"]).exit_code == 0
    wrong = runner.invoke(app, ["run", "--switch", "flying=yes"])
    assert wrong.exit_code == 2
