"""Which addresses a webhook may be sent to (S16): pure rules, no network."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import idna

from core.webhooks.networks import IPAddress, is_loopback, why_not_public

MAX_URL_LENGTH: Final = 2048
MAX_HOST_LENGTH: Final = 253
MAX_PORT: Final = 65_535
FIRST_FREE_PORT: Final = 1024
OPEN_PORTS: Final = frozenset({443, 8443})
DEFAULT_PORTS: Final = {"https": 443, "http": 80}

# Names that never mean a server on the public Internet: special use (RFC 6761, 6762, 7686, 8375,
# 9476, ICANN's .internal) and what container and cloud platforms resolve on the inside.
INTERNAL_SUFFIXES: Final = frozenset(
    {
        *("alt", "arpa", "cluster", "consul", "corp", "docker", "home", "internal", "intranet"),
        *("invalid", "kubernetes", "lan", "local", "localdomain", "localhost", "mail", "metadata"),
        *("onion", "private", "svc", "test", "workgroup"),
    }
)

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<target>[^#]*)", re.DOTALL
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>.*))?", re.DOTALL)
_TARGET = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# WHATWG URL "ends in a number": what a browser or the C library reads as an IPv4 address
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")


class ForbiddenAddress(Exception):
    """A webhook must not go there; *reason* says why and names no resolved address."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedUrl:
    """The parts of a URL that passed: the only thing the transport looks at."""

    scheme: str
    host: str  # ASCII, lower case; an IPv6 address without brackets
    port: int
    target: str  # path and query as they stood, percent-encoded
    address: IPAddress | None  # set when the host is a literal address

    @property
    def host_header(self) -> str:
        """Return the value of ``Host``: brackets for IPv6, the port unless it is the default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.target}"


def check_url(
    url: str, *, allow_insecure: bool = False, allow_loopback: bool = False
) -> CheckedUrl:
    """Return the parts of *url*, or raise :class:`ForbiddenAddress` with the precise reason.

    Args:
        url: What the partner gave. It is never repaired: what two parsers could read in two ways
            is refused.
        allow_insecure: Development: also ``http``, and port 80 with it.
        allow_loopback: Development: also ``localhost`` and loopback addresses.
    """
    if len(url) > MAX_URL_LENGTH:
        raise ForbiddenAddress(f"the URL is longer than {MAX_URL_LENGTH} characters")
    if any(c.isspace() or not c.isprintable() for c in url):
        raise ForbiddenAddress("the URL contains white space or control characters")
    if "\\" in url:
        raise ForbiddenAddress("the URL contains a backslash")
    if "#" in url:
        raise ForbiddenAddress("the URL has a fragment")
    match = _URL.fullmatch(url)
    if match is None:
        raise ForbiddenAddress("the URL is not of the form https://host/path")
    scheme = match["scheme"].lower()
    _check_scheme(scheme, allow_insecure=allow_insecure)
    _check_target(match["target"])
    host, port = _split_authority(match["authority"], scheme)
    host, address = _check_host(host, allow_loopback=allow_loopback)
    return CheckedUrl(
        scheme=scheme, host=host, port=port, target=_rooted(match["target"]), address=address
    )


def is_public(ip: IPAddress) -> bool:
    """Tell whether *ip* is an address of the public Internet that a webhook may go to."""
    return why_not_public(ip) is None


def check_addresses(addresses: Iterable[IPAddress], *, allow_loopback: bool = False) -> None:
    """Raise :class:`ForbiddenAddress` if any of the addresses of a name is not public.

    One bad address among good ones is refused too: which of them a client takes is chance.
    """
    for ip in addresses:
        kind = why_not_public(ip)
        if kind is None or (allow_loopback and is_loopback(ip)):
            continue
        raise ForbiddenAddress(f"the host resolves to an address that is not public ({kind})")


def _check_scheme(scheme: str, *, allow_insecure: bool) -> None:
    if scheme == "https" or (scheme == "http" and allow_insecure):
        return
    if scheme == "http":
        raise ForbiddenAddress("the URL must use https")
    raise ForbiddenAddress("the scheme of the URL is not https")


def _check_target(target: str) -> None:
    if not target.isascii():
        raise ForbiddenAddress("the path or query is not percent-encoded")
    if not _TARGET.fullmatch(target):
        raise ForbiddenAddress("the path or query has characters that must be percent-encoded")
    if _ENCODED_CONTROL.search(target):
        raise ForbiddenAddress("the path or query has encoded control characters")


def _rooted(target: str) -> str:
    return target if target.startswith("/") else f"/{target}"


def _split_authority(authority: str, scheme: str) -> tuple[str, int]:
    if "@" in authority:
        raise ForbiddenAddress("the URL has credentials or an @ before the host")
    if "%" in authority:
        raise ForbiddenAddress("the host has percent-encoding or a zone id")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ForbiddenAddress("the host and port cannot be told apart")
    if not match["host"]:
        raise ForbiddenAddress("the URL has no host")
    return match["host"], _check_port(match["port"], scheme)


def _check_port(text: str | None, scheme: str) -> int:
    if text is None:
        return DEFAULT_PORTS[scheme]
    if not _PORT.fullmatch(text) or int(text) > MAX_PORT:
        raise ForbiddenAddress("the port is not a number from 1 to 65535")
    port = int(text)
    if port in OPEN_PORTS or port >= FIRST_FREE_PORT or port == DEFAULT_PORTS[scheme]:
        return port
    raise ForbiddenAddress("the port is not 443, 8443 or at least 1024")


def _check_host(host: str, *, allow_loopback: bool) -> tuple[str, IPAddress | None]:
    if host.startswith("["):
        return _check_literal(_ipv6(host[1:-1]), allow_loopback=allow_loopback)
    name = _ascii_name(host)
    labels = name.split(".")
    if "" in labels:
        raise ForbiddenAddress("the host has an empty label or a trailing dot")
    if _NUMERIC.fullmatch(labels[-1]):
        return _check_literal(_ipv4(name), allow_loopback=allow_loopback)
    if len(name) > MAX_HOST_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise ForbiddenAddress("the host is not a valid name")
    if allow_loopback and labels[-1] == "localhost":
        return name, None
    if labels[-1] in INTERNAL_SUFFIXES:
        raise ForbiddenAddress("the host is an internal name")
    if len(labels) == 1:
        raise ForbiddenAddress("the host is a single label, not a public name")
    return name, None


def _ascii_name(host: str) -> str:
    """Return the host as lower-case ASCII; IDNA 2008 without any mapping of look-alikes."""
    # Only ASCII letters are lowered: str.lower() would turn KELVIN SIGN into a plain k.
    lowered = "".join(c.lower() if c.isascii() else c for c in host)
    if lowered.isascii() and "xn--" not in lowered:
        return lowered
    try:
        return idna.encode(lowered, strict=True).decode()
    except idna.IDNAError:
        raise ForbiddenAddress("the host is not a valid internationalised name") from None


def _ipv4(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise ForbiddenAddress("the host is an IPv4 address in an odd notation") from None


def _ipv6(text: str) -> IPv6Address:
    try:
        return IPv6Address(text)
    except ValueError:
        raise ForbiddenAddress("the host is not a valid IPv6 address") from None


def _check_literal(ip: IPAddress, *, allow_loopback: bool) -> tuple[str, IPAddress]:
    kind = why_not_public(ip)
    if kind is not None and not (allow_loopback and is_loopback(ip)):
        raise ForbiddenAddress(f"the address is not public ({kind})")
    return str(ip), ip
