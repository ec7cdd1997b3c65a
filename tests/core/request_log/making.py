"""Calls as the partner API would note them."""

from typing import Any

from core.kernel.db import Database
from core.kernel.ids import new_id
from core.request_log.models import Body, Call
from core.request_log.recorder import RequestLog

PARTNER = "prt_" + "1" * 26


def call(db: Database | None = None, **values: Any) -> Call:
    given: dict[str, Any] = {
        "id": new_id("req"),
        "partner_id": PARTNER,
        "livemode": True,
        "key_id": "key_" + "2" * 26,
        "at": None if db is None else db.now(),
        "method": "POST",
        "path": "/v1/start_charge",
        "route": "/v1/start_charge",
        "query": "",
        "status": 202,
        "code": None,
        "duration_ms": 3,
        "remote_address": "192.0.2.1",
        "user_agent": "tests",
        "idempotency_key": None,
        "replayed": False,
        "request": Body(0),
        "response": Body(0),
    }
    return Call(**given | values)


async def logged(db: Database, *calls: Call) -> None:
    """Write calls now."""
    log = RequestLog(db)
    for one in calls:
        log.add(one)
    await log.flush()
