"""Id tags of OCPP 1.6, and the verdict on one (7.3, 7.4)."""

from typing import Final

from core.chargers.record_models import IdToken
from core.chargers.states import TokenStatus
from core.kernel.times import rfc3339
from core.sessions import authorization
from csms.adapter import Block, Context, Route
from csms.ocpp16 import messages as m
from csms.protocol import Payload

MAX_ID_TAG_CHARS: Final = 20

STATUSES: Final = {
    TokenStatus.ACCEPTED: "Accepted",
    TokenStatus.BLOCKED: "Blocked",
    TokenStatus.EXPIRED: "Expired",
    TokenStatus.INVALID: "Invalid",
    TokenStatus.UNKNOWN: "Invalid",
    TokenStatus.CONCURRENT: "ConcurrentTx",
    TokenStatus.NOT_HERE: "Invalid",
    TokenStatus.NOT_NOW: "Invalid",
}


def id_tag_info(
    status: TokenStatus, group_token: str | None, about: IdToken | None = None
) -> Payload:
    """Return the ``idTagInfo``; a group that does not fit into an idTag is left out."""
    info: Payload = {}
    if about is not None and about.expires_at is not None:
        info["expiryDate"] = rfc3339(about.expires_at)
    if group_token is not None and len(group_token) <= MAX_ID_TAG_CHARS:
        info["parentIdTag"] = group_token
    info["status"] = STATUSES[status]
    return info


async def authorize(ctx: Context, msg: m.Authorize) -> Payload:
    """Answer Authorize (OCPP 1.6 4.1)."""
    judged = await authorization.authorize(
        ctx.tx, ctx.charger.id, msg.id_tag.upper(), may_start=True
    )
    return {"idTagInfo": id_tag_info(judged.status, judged.group_token, judged.about)}


AUTHORIZATION: Final = Block(routes={"Authorize": Route(message=m.Authorize, handle=authorize)})
