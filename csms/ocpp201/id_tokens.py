"""Id tokens of OCPP 2.0.1, and the verdict on one (IdTokenType, IdTokenInfoType)."""

from typing import Final

from core.chargers.record_models import IdToken
from core.chargers.states import TokenStatus
from core.chargers.token_formats import NOBODY
from core.kernel.times import rfc3339_or_none
from csms.ocpp201 import messages as m
from csms.protocol import Payload

MAX_ID_TOKEN_CHARS: Final = 36

STATUSES: Final = {
    TokenStatus.ACCEPTED: "Accepted",
    TokenStatus.BLOCKED: "Blocked",
    TokenStatus.EXPIRED: "Expired",
    TokenStatus.INVALID: "Invalid",
    TokenStatus.UNKNOWN: "Unknown",
    TokenStatus.CONCURRENT: "ConcurrentTx",
    TokenStatus.NOT_HERE: "NotAtThisLocation",
    TokenStatus.NOT_NOW: "NotAtThisTime",
}


def token_of(id_token: m.IdToken | None) -> str | None:
    """Return the token, in upper case as case does not count; ``None`` where nobody showed one."""
    if id_token is None or id_token.type == NOBODY or not id_token.id_token:
        return None
    return id_token.id_token.upper()


def id_token_info(
    status: TokenStatus, group_token: str | None, about: IdToken | None = None
) -> Payload:
    """Return the ``idTokenInfo``; a group that does not fit into an idToken is left out."""
    group = None
    if group_token is not None and len(group_token) <= MAX_ID_TOKEN_CHARS:
        kind = "Central" if about is None else about.group_kind
        group = {"idToken": group_token, "type": kind}
    told: Payload = {"status": STATUSES[status], "groupIdToken": group}
    if about is not None:
        told = {
            "status": STATUSES[status],
            "cacheExpiryDateTime": rfc3339_or_none(about.expires_at),
            "chargingPriority": about.charging_priority,
            "language1": about.language1,
            "evseId": about.evses,
            "groupIdToken": group,
            "language2": about.language2,
            "personalMessage": about.personal_message,
        }
    return {name: value for name, value in told.items() if value is not None}
