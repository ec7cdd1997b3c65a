"""Where the servers that are measured run."""

import os

import pytest

from benchmarks.servers import cores, keep_off_the_servers


def test_the_servers_core_stays_theirs_once_this_process_keeps_off_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usable = {0, 1}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(usable), raising=False)
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda _, kept: usable.intersection_update(kept), raising=False
    )
    cores.cache_clear()
    try:
        keep_off_the_servers()
        assert usable == {1}
        assert cores() == (0, {1})
    finally:
        cores.cache_clear()
