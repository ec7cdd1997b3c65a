"""One question over HTTP to a server outside: bounded in time and in size, never redirected."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx2

from core.kernel.tls import shared_context

MAX_ANSWER_BYTES: Final = 16_384
_PLAIN: Final = "identity"
"""Nothing is unpacked: a small answer could become a large one."""


class NoAnswer(Exception):
    """Nothing came that can be used; *reason* completes "the server ...", free of secrets."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said."""

    status_code: int
    content: bytes


async def post(
    url: str,
    *,
    content: bytes,
    headers: Mapping[str, str],
    timeout_s: float,
    max_bytes: int = MAX_ANSWER_BYTES,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Answer:
    """Return what the server answers to a POST; a redirect is an answer like any other.

    The environment's proxies are not used.

    Args:
        timeout_s: Of the whole question: look-up, connection, request and answer.
        max_bytes: Largest answer.
        transport: Instead of the network.

    Raises:
        NoAnswer: No connection, no answer within the time, or one that is too large.
    """
    plain = {**headers, "Accept-Encoding": _PLAIN}
    try:
        async with (
            asyncio.timeout(timeout_s),
            httpx2.AsyncClient(
                timeout=timeout_s,
                trust_env=False,
                follow_redirects=False,
                verify=shared_context(),
                transport=transport,
            ) as client,
            client.stream("POST", url, content=content, headers=plain) as answer,
        ):
            if answer.headers.get("content-encoding", _PLAIN) != _PLAIN:
                raise NoAnswer("answered in an encoding that was not asked for")
            found = bytearray()
            async for chunk in answer.aiter_bytes():
                found += chunk
                if len(found) > max_bytes:
                    raise NoAnswer(f"answered more than {max_bytes} bytes")
            return Answer(status_code=answer.status_code, content=bytes(found))
    except (TimeoutError, httpx2.TimeoutException) as exc:
        raise NoAnswer("did not answer in time") from exc
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as exc:
        raise NoAnswer(f"cannot be asked ({type(exc).__name__})") from exc
