"""Moving files, if the charger is told to do it for real."""

import ssl
from functools import cache
from urllib.parse import urlsplit

import httpx2

TIMEOUT_S = 30.0
MAX_BYTES = 64 << 20


class TransferFailed(Exception):
    """A file did not come or did not go."""


def is_web(location: str) -> bool:
    """Tell whether the location is one this charger can reach (http or https)."""
    try:
        return urlsplit(location).scheme.lower() in {"http", "https"}
    except ValueError:
        return False


async def download(location: str) -> bytes:
    """Return the file at *location*; raises :class:`TransferFailed`."""
    if not is_web(location):
        raise TransferFailed("only http and https")
    content = bytearray()
    try:
        async with (
            _client(follow_redirects=True) as client,
            client.stream("GET", location) as response,
        ):
            response.raise_for_status()
            async for block in response.aiter_bytes():
                content += block
                if len(content) > MAX_BYTES:
                    raise TransferFailed("the file is too large")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise TransferFailed(type(error).__name__) from error
    return bytes(content)


async def upload(location: str, name: str, content: bytes) -> None:
    """PUT *content*; a location that ends with ``/`` gets the file name added.

    Raises :class:`TransferFailed`.
    """
    if not is_web(location):
        raise TransferFailed("only http and https")
    target = f"{location}{name}" if location.endswith("/") else location
    try:
        async with _client() as client:
            response = await client.put(target, content=content)
            response.raise_for_status()
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise TransferFailed(type(error).__name__) from error


def _client(*, follow_redirects: bool = False) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        timeout=TIMEOUT_S, trust_env=False, verify=_trusting(), follow_redirects=follow_redirects
    )


@cache
def _trusting() -> ssl.SSLContext:
    """Return TLS with the certificates of the system, read once for all chargers: it takes long."""
    return httpx2.create_ssl_context(trust_env=False)
