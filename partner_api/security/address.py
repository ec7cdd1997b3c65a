"""From which address a request comes (S18)."""

from collections.abc import Sequence
from functools import cache, lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from starlette.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(scope: Scope, trusted_proxies: Sequence[str]) -> str | None:
    """Return the real peer; what ``X-Forwarded-For`` says only where our own proxies wrote it.

    The list is read from its end, skipping proxies of ours: what a client puts at its beginning
    convinces nobody.
    """
    peer = scope.get("client")
    found = _parse(peer[0]) if peer else None
    if found is None:
        return None
    networks = _networks(tuple(trusted_proxies))
    for entry in reversed(_forwarded(scope)):
        if not any(found in network for network in networks):
            break
        before = _parse(entry)
        if before is None:
            break
        found = before
    return str(found)


def is_proxy(address: str | None, trusted_proxies: Sequence[str]) -> bool:
    """Tell whether *address* is a proxy of ours: it did not say for whom it asks."""
    found = _parse(address or "")
    return found is not None and any(
        found in network for network in _networks(tuple(trusted_proxies))
    )


@cache
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text, strict=False) for text in texts)


def _forwarded(scope: Scope) -> list[str]:
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [entry.strip() for value in values for entry in value.decode("latin-1").split(",")]


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
