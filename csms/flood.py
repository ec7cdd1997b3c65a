"""A charger that goes on sending too fast, however slowly it is read (S6)."""

import structlog

from core.chargers import security_events
from core.kernel import failpoints
from core.kernel.errors import DatabaseUnavailable
from csms.node import Node
from csms.pace import Pace

log = structlog.get_logger()


async def is_over(node: Node, charger_id: str, pace: Pace) -> bool:
    """Tell whether a charger has used up its allowance for too long; if so, it is recorded."""
    over_s = pace.over_s
    if over_s <= node.settings.flood_tolerance.total_seconds():
        return False
    failpoints.enter("socket", "flooding")
    limit = node.settings.frames_per_second
    log.warning("socket_given_up", reason="frame_flood", frames_per_second=limit)
    text = f"more than {limit} frames a second for {over_s:.0f} s"
    try:
        async with node.db.transaction() as tx:
            await security_events.noticed(tx, charger_id, "FrameFlood", text)
    except DatabaseUnavailable:
        log.warning("frame_flood_not_recorded")
    return True
