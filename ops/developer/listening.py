"""``voltgate listen``: events of test mode, as they happen, signed and posted to your machine."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import httpx2
import msgspec

from core.kernel.tls import shared_context
from core.kernel.webhook_signature import sign
from ops.developer.client import Api
from ops.developer.following import follow

FORWARD_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """An event, and what your machine answered: a status, or why there is none."""

    event_id: str
    type: str
    status: int | None
    error: str | None
    duration_ms: int


def listen(
    api: Api,
    *,
    forward_to: str | None,
    secret: str,
    types: Collection[str] = (),
    count: int | None = None,
    tell: Callable[[Forwarded], None],
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Forward what happens from now on, until *count* events were; without an end if ``None``.

    A connection that breaks is made anew, after the last event that came: none is left out.

    Args:
        forward_to: Where to; ``None``: only tell.
        secret: ``whsec_...``: what is posted is signed with it, as Standard Webhooks says.
        types: Of these types only; all if empty.
        tell: Called for each event.
        say: Called when the connection is made or lost.

    Raises:
        Refused: The key may not, or is not good any more.
    """
    told = 0
    with httpx2.Client(
        timeout=FORWARD_TIMEOUT_S, trust_env=False, verify=shared_context()
    ) as target:
        for sent in follow(api, "/v1/events/stream", say=say, sleep=sleep):
            if types and sent.event not in types:
                continue
            tell(_forward(target, forward_to, secret, sent))
            told += 1
            if told == count:
                return


def _forward(
    target: httpx2.Client, url: str | None, secret: str, sent: httpx2.ServerSentEvent
) -> Forwarded:
    """Post one event as a webhook; it is not posted again if that fails."""
    body = sent.data.encode()
    event_id: str = msgspec.json.decode(body)["id"]
    if url is None:
        return Forwarded(event_id=event_id, type=sent.event, status=None, error=None, duration_ms=0)
    timestamp, began_s = int(time.time()), time.monotonic()
    status, error = None, None
    try:
        answer = target.post(
            url,
            content=body,
            headers={
                "content-type": "application/json",
                "webhook-id": event_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(
                    [secret], message_id=event_id, timestamp=timestamp, body=body
                ),
            },
        )
        status = answer.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        error = str(exc) or type(exc).__name__
    duration_ms = round((time.monotonic() - began_s) * 1000)
    return Forwarded(
        event_id=event_id, type=sent.event, status=status, error=error, duration_ms=duration_ms
    )
