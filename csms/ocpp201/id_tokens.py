"""Id tokens of OCPP 2.0.1, and the verdict on one (IdTokenType, IdTokenInfoType)."""

from typing import Final

from core.chargers.states import TokenStatus
from csms.ocpp201 import messages as m
from csms.protocol import Payload

MAX_ID_TOKEN_CHARS: Final = 36
_NOBODY: Final = "NoAuthorization"

STATUSES: Final = {
    TokenStatus.ACCEPTED: "Accepted",
    TokenStatus.BLOCKED: "Blocked",
    TokenStatus.EXPIRED: "Expired",
    TokenStatus.INVALID: "Invalid",
    TokenStatus.CONCURRENT: "ConcurrentTx",
}


def token_of(id_token: m.IdToken | None) -> str | None:
    """Return the token, in upper case as case does not count; ``None`` where nobody showed one."""
    if id_token is None or id_token.type == _NOBODY or not id_token.id_token:
        return None
    return id_token.id_token.upper()


def id_token_info(status: TokenStatus, group_token: str | None) -> Payload:
    """Return the ``idTokenInfo``; a group that does not fit into an idToken is left out."""
    info: Payload = {"status": STATUSES[status]}
    if group_token is not None and len(group_token) <= MAX_ID_TOKEN_CHARS:
        info["groupIdToken"] = {"idToken": group_token, "type": "Central"}
    return info
