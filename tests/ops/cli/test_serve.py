"""``voltgate serve`` as a process: begins, works, ends on a signal."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

COMMAND = [sys.executable, "-c", "from ops.cli import main; main()"]
ROOT = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    ports = ("API", "OPERATOR", "OCPP")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("VOLTGATE_")},
        **{f"VOLTGATE_{name}_PORT": str(free_port()) for name in ports},
        "VOLTGATE_DATABASE_URL": f"sqlite:///{tmp_path}/voltgate.db",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


def start(environment: dict[str, str], tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = start(environment, tmp_path, "serve")
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def banner(process: subprocess.Popen[str]) -> str:
    """Return what is printed when everything is up."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "╰" in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


def fetch(url: str, token: str | None = None) -> dict[str, object]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with urlopen(Request(url, headers=headers), timeout=10) as answer:  # noqa: S310 - loopback
        found: dict[str, object] = json.load(answer)
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_run_prints_a_token_that_works_and_a_signal_ends_it(
    server: subprocess.Popen[str], environment: dict[str, str], number: signal.Signals
) -> None:
    printed = banner(server)
    token = re.search(r"vg_op_\w{26}_[\w-]{43}", printed)
    assert token is not None
    base = f"http://127.0.0.1:{environment['VOLTGATE_OPERATOR_PORT']}"
    assert fetch(f"{base}/readyz")["status"] == "ready"
    assert fetch(f"{base}/operator/v1/doctor", token[0])["clean"] is True
    server.send_signal(number)
    _, errors = server.communicate(timeout=20)
    assert server.returncode == 0
    assert "platform_stopped" in errors
    assert "Traceback" not in errors


def test_a_port_in_use_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    port = int(environment["VOLTGATE_API_PORT"])
    with (
        socket.create_server(("127.0.0.1", port)),
        start(environment, tmp_path, "serve") as second,
    ):
        _, errors = second.communicate(timeout=50)
    assert second.returncode == 1
    assert f"{environment['VOLTGATE_API_PORT']} " in errors or "is in use" in errors
    assert "VOLTGATE_API_PORT" in errors
    assert "Traceback" not in errors


def test_a_role_serves_its_part_alone(environment: dict[str, str], tmp_path: Path) -> None:
    process = start(environment, tmp_path, "worker")
    try:
        printed = banner(process)
        assert "operators" in printed
        assert "partners" not in printed
        assert "chargers" not in printed.replace("charger register", "")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
