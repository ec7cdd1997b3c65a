"""Files that people sent: outside of what is served, under random names, readable by us alone."""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[0-9a-f]{48}")
_OURS_ONLY: Final = 0o600


class FileLost(Exception):
    """A file is not there, or is not what was stored."""


def write(directory: Path, content: bytes) -> str:
    """Store *content* durably; return its random name, which says nothing about it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = secrets.token_hex(24)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(directory / name, flags, _OURS_ONLY)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return name


def read(directory: Path, name: str, *, sha256: str) -> bytes:
    """Return what was stored as *name*.

    Raises:
        FileLost: It is away, or its bytes were altered.
    """
    try:
        content = (directory / _checked(name)).read_bytes()
    except OSError as exc:
        raise FileLost(name) from exc
    if hashlib.sha256(content).hexdigest() != sha256:
        raise FileLost(name)
    return content


def remove(directory: Path, names: Iterable[str]) -> None:
    """Delete files; those that are away already are no error."""
    for name in names:
        (directory / _checked(name)).unlink(missing_ok=True)


def older_than(directory: Path, age_s: float) -> list[str]:
    """Return the names of our files that were written more than *age_s* seconds ago."""
    if not directory.is_dir():
        return []
    before = time.time() - age_s
    return [
        entry.name
        for entry in os.scandir(directory)
        if _NAME.fullmatch(entry.name) and entry.stat().st_mtime < before
    ]


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise FileLost(name)
    return name
