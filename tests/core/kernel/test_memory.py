"""Memory that is free again goes back to the system, where the C library can be told so."""

import platform
import subprocess
import sys

from core.kernel import memory


def test_glibc_is_told_and_no_other() -> None:
    assert memory.return_what_is_freed() is (platform.libc_ver()[0] == "glibc")


def test_a_process_that_serves_looks_through_all_its_objects_seldom() -> None:
    looks = "import gc; from core.kernel import memory; memory.collect_seldom()"
    makes = "kept = [[n] for n in range(1_000_000)]; print(gc.get_stats()[2]['collections'])"
    plain = _printed(f"import gc; {makes}")
    assert _printed(f"{looks}; before = gc.get_stats()[2]['collections']; {makes}") <= 2 < plain


def _printed(code: str) -> int:
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
