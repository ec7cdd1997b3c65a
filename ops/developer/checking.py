"""What ``voltgate listen`` is asked, looked at before anything is connected."""

from collections.abc import Collection

import httpx2

from core.webhooks.types import EventType
from ops.developer.client import Refused


def check(forward_to: str | None, types: Collection[str]) -> None:
    """Refuse what cannot be listened with.

    Raises:
        Refused: The address is none, or there is no such type.
    """
    if unknown := sorted(set(types) - set(EventType)):
        raise Refused(
            f"There is no event type {', '.join(unknown)}.",
            then=f"These there are: {', '.join(EventType)}.",
        )
    try:
        address = httpx2.URL(forward_to or "http://localhost")
    except httpx2.InvalidURL:
        address = httpx2.URL("")
    if address.scheme not in {"http", "https"} or not address.host:
        raise Refused(
            f"{forward_to} is not an address to post to.",
            then="Name it whole: --forward-to http://localhost:3000/webhooks",
        )
