"""The servers that the tests bring along: fresh databases, and nothing left when a run ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests import services

ROOT = Path(__file__).parent.parent
POLL_S = 0.02


async def _query(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def _fill(url: str) -> None:
    services._run(lambda: _make_table(url))


async def _make_table(url: str) -> None:
    await _query(url, "CREATE TABLE things (id int)")


async def test_each_database_is_new_and_empty() -> None:
    first, second = services.postgres_url(), services.postgres_url()
    await _make_table(first)
    assert await _query(second, "SELECT to_regclass('things')") is None
    services.drop_postgres(first)
    services.drop_postgres(second)


async def test_a_prepared_database_is_a_copy_of_the_template() -> None:
    first, second = (services.postgres_url(prepare=_fill) for _ in range(2))
    await _query(first, "INSERT INTO things VALUES (1)")
    assert await _query(second, "SELECT count(*) FROM things") == 0
    services.drop_postgres(first)
    services.drop_postgres(second)


async def test_dropping_a_database_ends_its_connections() -> None:
    url = services.postgres_url()
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    services.drop_postgres(url)
    with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")
    connection.terminate()


async def test_redis_answers() -> None:
    async with Redis.from_url(services.redis_url()) as redis:
        assert await redis.set("greeting", "hello")
        assert await redis.get("greeting") == b"hello"


async def test_a_private_redis_can_vanish_and_come_back() -> None:
    with services.private_server("redis") as server:
        async with Redis.from_url(server.url) as redis:
            assert await redis.ping()
            server.stop()
            with pytest.raises(RedisConnectionError):
                await redis.ping()
            server.start()
            assert await redis.ping()


async def test_a_private_postgres_keeps_its_rows_over_a_crash() -> None:
    with services.private_server("postgres") as server:
        await _make_table(server.url)
        server.stop()
        server.start()
        assert await _query(server.url, "SELECT count(*) FROM things") == 0


@contextmanager
def _run_of_its_own(directory: Path, body: str) -> Iterator[subprocess.Popen[str]]:
    """Run pytest on one test that writes its process tree's directory, then runs *body*.

    What does not end by itself is killed: its servers see that and end, too.
    """
    test = f"""
        import os, pathlib, signal
        from tests import services

        def test_uses_both() -> None:
            # whoever started the tests in the background made children ignore it
            signal.signal(signal.SIGINT, signal.default_int_handler)
            services.postgres_url(), services.redis_url()
            marker = pathlib.Path({str(directory / "marker")!r})
            marker.with_suffix(".part").write_text(os.environ[services.DIRECTORY])
            marker.with_suffix(".part").rename(marker)
            {body}
    """
    file = directory / "test_inner.py"
    file.write_text(textwrap.dedent(test))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    environment.pop(services.DIRECTORY, None)
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # it needs none; they take long to import
    options = ["-q", "-p", "tests.services", "-p", "no:cacheprovider", "--rootdir", str(directory)]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, "-c", os.devnull, str(file)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        try:
            yield run
        finally:
            run.kill()


def _eventually(condition: Callable[[], bool], *, within_s: float = 30) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "condition not met in time"
        time.sleep(POLL_S)


def _left_of(directory: str) -> list[str]:
    found = [directory] if Path(directory).exists() else []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        found += [command] if directory in command else []
    return found


def test_a_finished_run_leaves_nothing(tmp_path: Path) -> None:
    with _run_of_its_own(tmp_path, "pass") as run:
        output, _ = run.communicate(timeout=50)
    assert run.returncode == 0, output
    assert _left_of((tmp_path / "marker").read_text()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    # signal.pause() would miss a signal that comes right before it
    with _run_of_its_own(tmp_path, "while True: signal.sigtimedwait((), 0.1)") as run:
        _eventually((tmp_path / "marker").exists)
        run.send_signal(how)
        run.communicate(timeout=50)
    directory = (tmp_path / "marker").read_text()
    _eventually(lambda: _left_of(directory) == [])


@pytest.mark.skipif(services.REDIS_URL in os.environ, reason="a Redis was named")
def test_no_port_is_opened() -> None:
    assert urlsplit(services.redis_url()).hostname is None
