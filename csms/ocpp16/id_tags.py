"""The verdict on an id tag in the words of OCPP 1.6 (7.3, 7.4)."""

from typing import Final

from core.chargers.states import TokenStatus
from csms.protocol import Payload

MAX_ID_TAG_CHARS: Final = 20

STATUSES: Final = {
    TokenStatus.ACCEPTED: "Accepted",
    TokenStatus.BLOCKED: "Blocked",
    TokenStatus.EXPIRED: "Expired",
    TokenStatus.INVALID: "Invalid",
    TokenStatus.CONCURRENT: "ConcurrentTx",
}


def id_tag_info(status: TokenStatus, group_token: str | None) -> Payload:
    """Return the ``idTagInfo``; a group that does not fit into an idTag is left out."""
    info: Payload = {}
    if group_token is not None and len(group_token) <= MAX_ID_TAG_CHARS:
        info["parentIdTag"] = group_token
    info["status"] = STATUSES[status]
    return info
