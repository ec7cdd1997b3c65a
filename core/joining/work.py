"""A worker's part: send the mails, challenge the webhooks, ask the registry, keep the evidence."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from core.alerts.kinds import AlertKind
from core.alerts.service import raise_alert
from core.audit import service as audit
from core.audit.service import PLATFORM
from core.joining import documents, errands, store
from core.joining.models import Errand
from core.joining.registry import Company, Registry, RegistryAway, registry_for, same_name
from core.joining.states import ErrandKind, ErrandStatus
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.mail import Mail, Mailer, MailNotSent, mailer_for
from core.kernel.settings import Settings
from core.kernel.tasks import side_by_side
from core.webhooks.sender import transport_for
from core.webhooks.transport import post

log = structlog.get_logger()

LEASE: Final = timedelta(minutes=4)
"""Longer than any errand takes: a mail has six steps of 30 s at most."""
AT_ONCE: Final = 10
AGAIN_AFTER: Final = {
    ErrandKind.MAIL: (60, 300, 900, 3600, 10_800),
    ErrandKind.WEBHOOK: (10, 60),
    ErrandKind.REGISTRY: (60, 300, 900),
}
"""Seconds until the next attempt; after the last one an errand has failed."""
_ECHO_IN: Final = "challenge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an attempt: *done*, or to be tried again; *result* is the evidence."""

    done: bool
    result: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Whom the worker asks; what is ``None`` is not set, and its errands wait."""

    mailer: Mailer | None
    registry: Registry | None


def outside_for(db: Database, settings: Settings) -> Outside:
    """Return what the settings name."""
    return Outside(mailer=mailer_for(db, settings), registry=registry_for(settings))


async def run_errands(
    db: Database,
    vault: Vault,
    settings: Settings,
    outside: Outside,
    kinds: Collection[ErrandKind] = tuple(ErrandKind),
) -> int:
    """Do what is due, some at a time, none in a transaction; return how many were tried."""
    unset = {ErrandKind.MAIL} if outside.mailer is None else set()
    unset |= {ErrandKind.REGISTRY} if outside.registry is None else set()
    able = set(kinds) - unset
    if not able:
        return 0
    async with db.transaction() as tx:
        claimed = await store.claim_errands(tx, able, until=tx.now + LEASE, limit=AT_ONCE)
    await side_by_side(_run(db, vault, settings, outside, errand) for errand in claimed)
    return len(claimed)


async def tidy_up(db: Database, settings: Settings) -> None:
    """Delete counts of past days, what nobody waits for, and documents that nobody needs."""
    async with db.transaction() as tx:
        yesterday = (tx.now - timedelta(days=1)).date().isoformat()
        await store.forget_counts(tx, before_day=yesterday)
        await store.drop_old_errands(tx, before=tx.now - errands.KEPT)
    await documents.sweep(db, settings)


async def _run(
    db: Database, vault: Vault, settings: Settings, outside: Outside, errand: Errand
) -> None:
    needs = errands.needs_of(vault, errand)
    if needs is None:
        outcome = Outcome(done=False, result={"error": "it cannot be decrypted"})
    elif errand.kind is ErrandKind.MAIL:
        outcome = await _send(outside.mailer, needs)
    elif errand.kind is ErrandKind.WEBHOOK:
        outcome = await _challenge(db, settings, needs)
    else:
        outcome = await _look_up(outside.registry, needs)
    async with db.transaction() as tx:
        await _record(tx, errand, needs or {}, outcome)
    if not outcome.done:
        log.warning(
            "errand_failed",
            errand_id=errand.id,
            kind=errand.kind,
            attempt=errand.attempts,
            error=outcome.result.get("error"),
        )


async def _send(mailer: Mailer | None, needs: dict[str, Any]) -> Outcome:
    if mailer is None:
        return Outcome(done=False, result={"error": "no mail server is set"})
    try:
        await mailer.send(Mail(**needs))
    except MailNotSent as exc:
        return Outcome(done=False, result={"error": exc.reason})
    return Outcome(done=True, result={"to": needs["to"]})


async def _challenge(db: Database, settings: Settings, needs: dict[str, Any]) -> Outcome:
    """Post the challenge; proven is an address whose answer repeats it.

    A server that knows nothing of us may answer 200 to everything, but it does not know the value
    until it reads it, and does not send it back unless somebody has taught it to.
    """
    body = json.dumps({"type": "webhook_challenge", "challenge": needs["challenge"]}).encode()
    async with transport_for(settings, db.clock) as transport:
        attempt = await post(
            transport,
            needs["url"],
            body=body,
            headers={"content-type": "application/json"},
            timeout_s=settings.webhook_timeout.total_seconds(),
        )
    facts: dict[str, Any] = {
        "url": needs["url"],
        "status_code": attempt.status_code,
        "duration_ms": attempt.duration_ms,
    }
    if not attempt.is_delivered:
        error = attempt.detail or f"it answered with HTTP {attempt.status_code}"
        return Outcome(done=False, result={**facts, "error": error})
    if _echo(attempt.excerpt) != needs["challenge"]:
        error = 'it did not answer {"challenge": "..."} with the value that was sent'
        return Outcome(done=False, result={**facts, "error": error})
    return Outcome(done=True, result=facts)


def _echo(text: str) -> object:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return answer.get(_ECHO_IN) if isinstance(answer, dict) else None


async def _look_up(registry: Registry | None, needs: dict[str, Any]) -> Outcome:
    if registry is None:
        return Outcome(done=False, result={"error": "no registry is set"})
    try:
        answer = await registry.look_up(Company(**needs))
    except RegistryAway as exc:
        return Outcome(done=False, result={"error": exc.reason, "asked": needs})
    facts: dict[str, Any] = {"asked": needs, "found": answer is not None, "answer": answer}
    told = None if answer is None else answer.get("legal_name")
    if isinstance(told, str):
        facts["name_matches"] = same_name(told, needs["legal_name"])
    return Outcome(done=True, result=facts)


async def _record(tx: Tx, errand: Errand, needs: dict[str, Any], outcome: Outcome) -> None:
    delays: Sequence[int] = AGAIN_AFTER[errand.kind]
    if not outcome.done and errand.attempts <= len(delays):
        due_at = tx.now + timedelta(seconds=delays[errand.attempts - 1])
        await store.postpone_errand(tx, errand, due_at=due_at, result=outcome.result)
        return
    to = ErrandStatus.DONE if outcome.done else ErrandStatus.FAILED
    ended = await store.finish_errand(tx, errand, to, result=outcome.result)
    if ended is None:
        return
    if errand.kind is ErrandKind.WEBHOOK and outcome.done:
        proven = await store.prove_webhook(tx, errand.application_id, url=needs["url"])
        action = "application.webhook_proven" if proven else "application.webhook_changed_meanwhile"
    else:
        action = f"application.{errand.kind}_{to}"
    facts = {"errand_id": errand.id, "subject": errand.subject, "result": outcome.result}
    await audit.record(tx, PLATFORM, action, errand.application_id, after=facts)
    if errand.kind is ErrandKind.MAIL and not outcome.done:
        raise_alert(
            tx,
            AlertKind.MAIL_NOT_SENT,
            key=errand.application_id,
            object_id=errand.application_id,
            title=f"A mail of application {errand.application_id} could not be sent",
            facts={"mail": errand.subject, "error": outcome.result.get("error")},
        )
