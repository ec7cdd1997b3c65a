"""A server-sent stream of the partner API, followed over broken connections."""

import time
from collections.abc import Callable, Iterator
from typing import Final

import httpx2

from ops.developer.client import Api, Refused, refusal

CONNECT_WITHIN_S: Final = 10.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 5.0
_SILENT_FOR_S: Final = 45.0
"""The API sends a comment every 15 s; so much longer without one is a broken connection."""

_GIVE_UP: Final = frozenset({400, 401, 403, 404, 410})
"""What another attempt would be answered with, too; anything else may pass."""


def follow(
    api: Api,
    path: str,
    *,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[httpx2.ServerSentEvent]:
    """Yield what comes; a connection that breaks is made anew, after the last that came.

    Raises:
        Refused: The key may not, or is not good any more; or there is no such API.
    """
    last, pause_s = "", FIRST_PAUSE_S
    while True:
        try:
            for sent in _connection(api, path, last, say=say):
                last, pause_s = sent.id or last, FIRST_PAUSE_S
                if sent.data:  # else it only tells where the stream begins
                    yield sent
            reason = "the stream has ended"
        except httpx2.SSEError as exc:
            raise Refused(f"{api.url} sends no events; is this a partner API?") from exc
        except httpx2.HTTPError as exc:
            reason = f"{api.url} does not answer ({exc or type(exc).__name__})"
        say(f"{reason}; trying again in {pause_s:g} s")
        sleep(pause_s)
        pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)


def _connection(
    api: Api, path: str, last: str, *, say: Callable[[str], None]
) -> Iterator[httpx2.ServerSentEvent]:
    headers = {"Last-Event-ID": last} if last else {}
    timeout = httpx2.Timeout(CONNECT_WITHIN_S, read=_SILENT_FOR_S)
    with api.http.stream("GET", path, headers=headers, timeout=timeout) as stream:
        if stream.status_code in _GIVE_UP:
            stream.read()
            raise refusal(stream)
        stream.raise_for_status()
        say("connected")
        yield from httpx2.EventSource(stream)
