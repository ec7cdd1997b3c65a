"""Memory that is free again goes back to the system, where the C library can be told so."""

import platform

from core.kernel import memory


def test_glibc_is_told_and_no_other() -> None:
    assert memory.return_what_is_freed() is (platform.libc_ver()[0] == "glibc")
