"""Addresses that chargers fetch firmware from and bring logs to."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from core.chargers.checks import invalid
from core.kernel.errors import PlatformError

SCHEMES: Final = ("https", "http", "ftps", "ftp", "sftp")
MAX_ADDRESS_CHARS: Final = 512
"""OCPP 2.0.1 FirmwareType, LogParametersType; 1.6 names no limit."""

_PRINTABLE: Final = re.compile(r"[!-~]+")
_HOST: Final = re.compile(
    r"\[[0-9A-Fa-f:.]{2,45}\]|(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}\.?)+"
)
MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address: *full* is sent, *shown* is what may be stored and read.

    They differ where it has credentials, which are secret.
    """

    full: str
    shown: str

    @property
    def is_secret(self) -> bool:
        """Whether the full one must only be stored encrypted."""
        return self.full != self.shown


def check_address(text: str, *, name: str) -> Address:
    """Return the address in *text*, the value of the member *name*.

    Raises:
        PlatformError: ``invalid_parameter``: not http(s), ftp(s) or sftp, no host, a port that is
            none, characters that a URL cannot have, longer than 512 characters.
    """
    if len(text) > MAX_ADDRESS_CHARS:
        raise invalid(name, f"has at most {MAX_ADDRESS_CHARS} characters, this has {len(text)}")
    if not _PRINTABLE.fullmatch(text):
        raise invalid(name, "is a URL of printable ASCII; encode other characters as %XX")
    if "\\" in text or "<" in text or ">" in text or '"' in text:
        raise invalid(name, 'is a URL, which has none of \\ < > "; encode them as %XX')
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise invalid(name, f"is not a URL: {exc}") from exc
    if parts.scheme not in SCHEMES:
        given = parts.scheme or "none"
        raise invalid(name, f"begins with one of {', '.join(SCHEMES)} and ://, not with {given}")
    host = _host(parts)
    if not text[len(parts.scheme) :].startswith("://") or not _HOST.fullmatch(host):
        raise invalid(name, "names a host, such as https://files.example.org/cp.bin")
    if port == 0:
        raise invalid(name, "has a port from 1 to 65535")
    if parts.fragment:
        raise invalid(name, "has no fragment (#...); a charger would not send it")
    return Address(full=text, shown=_shown(parts))


def shown(text: str) -> str:
    """Return what may be stored of a text that should be an address; a mask if it is none."""
    try:
        return check_address(text, name="location").shown
    except PlatformError:
        return MASK


def _host(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    return host if host.endswith("]") else re.sub(r":\d*$", "", host)


def _shown(parts: SplitResult) -> str:
    """Return the address without user, password and query, which may hold a token."""
    credentials, at, host = parts.netloc.rpartition("@")
    masked = parts._replace(
        netloc=f"{MASK}@{host}" if at or credentials else host,
        query=MASK if parts.query else "",
    )
    return masked.geturl()
