"""What is recorded across chargers and partners: refusals, quarantine, audit, invariants."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query

from core.audit import chain
from core.audit import service as audit
from core.chargers import frame_log, login
from core.doctor import service as doctor
from core.kernel.times import rfc3339
from ops.operator_api.deps import NewestFirst, newest_page, resource
from ops.operator_api.views import audit_view, quarantined_view, refusal_view
from partner_api.answers import listed
from partner_api.deps import Transaction
from partner_api.fields import Count

routes = resource("", tag="records", reads_only=True)


@routes.get("/refused_handshakes", summary="Chargers that could not connect, and why")
async def refused_handshakes(
    tx: Transaction,
    identity: Annotated[str | None, Query(max_length=64, description="Whatever its case.")] = None,
    limit: Annotated[Count, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """The newest first; `fix` says what to do. The charger itself is never told."""
    found = await login.refusals(tx, identity=identity, limit=limit + 1)
    data = [refusal_view(refusal) for refusal in found[:limit]]
    return listed(data, has_more=len(found) > limit, next_cursor=None)


@routes.get("/quarantined_messages", summary="Messages that were not believed")
async def quarantined_messages(
    page: NewestFirst,
    tx: Transaction,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
) -> dict[str, Any]:
    """Acknowledged and kept as they came, never billed; the newest first."""
    found = await frame_log.quarantined(
        tx, charger_id=charger_id, before_number=page.before_number, limit=page.limit + 1
    )
    return newest_page(found, page, quarantined_view)


@routes.get("/audit", summary="Who did what, the newest first")
async def audit_trail(
    page: NewestFirst,
    tx: Transaction,
    object_id: Annotated[str | None, Query(max_length=64)] = None,
) -> dict[str, Any]:
    """Append-only; `object_id`: what was done to one object.

    `seal` and `hash` are null until a worker has sealed the entry, for about a second.
    """
    found = await audit.entries(
        tx, object_id=object_id, before_number=page.before_number, limit=page.limit + 1
    )
    return newest_page(found, page, audit_view)


@routes.get("/audit/head", summary="Where the chain of the audit trail ends")
async def audit_head(tx: Transaction) -> dict[str, Any]:
    """Note it outside from time to time: what is cut off later is noticed by it.

    `seal` 0: nothing has been sealed yet.
    """
    head = await chain.head(tx)
    return {
        "object": "audit_head",
        "seal": 0 if head is None else head.seal,
        "hash": chain.GENESIS if head is None else head.hash,
        "sealed_at": None if head is None else rfc3339(head.sealed_at),
    }


@routes.get("/audit/verification", summary="Is the audit trail as it was sealed?")
async def verify_audit_trail(
    tx: Transaction,
    after_seal: Annotated[Count, Query(ge=0, le=2**53 - 1, description="Begin after it.")] = 0,
    limit: Annotated[Count, Query(ge=1, le=10_000, description="Entries of this piece.")] = 1000,
) -> dict[str, Any]:
    """Follow the chain of hashes for a piece; the next one begins after `verified_to`.

    `broken` is the first place that does not hold; what comes after it is not looked at.
    """
    found = await chain.verify(tx, after_seal=after_seal, limit=limit)
    return {
        "object": "audit_verification",
        "intact": found.broken is None,
        "checked": found.checked,
        "verified_to": found.seal,
        "hash": found.hash,
        "at_end": found.at_end,
        "broken": None if found.broken is None else asdict(found.broken),
    }


@routes.get("/doctor", summary="Do the invariants hold?")
async def examine(tx: Transaction) -> dict[str, Any]:
    """Every check that the database can answer, now; reads whole tables, writes nothing."""
    findings = await doctor.examine(tx)
    return {
        "object": "doctor",
        "clean": not findings,
        "checks": len(doctor.CHECKS),
        "findings": [doctor.finding_view(finding) for finding in findings],
    }
