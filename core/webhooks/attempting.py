"""One attempt to deliver: signed, sent, and what came of it."""

from datetime import timedelta

from core.kernel import failpoints, tracing
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.webhook_signature import sign
from core.webhooks import inbox
from core.webhooks.endpoints import secret_context
from core.webhooks.outbox import Claim
from core.webhooks.recording import Outcome
from core.webhooks.transport import Transport, post


class Attempts:
    """Makes attempts at deliveries that are claimed.

    Args:
        timeout: The longest that one may take.
    """

    def __init__(
        self, db: Database, vault: Vault, transport: Transport, *, timeout: timedelta
    ) -> None:
        self._db = db
        self._vault = vault
        self._transport = transport
        self._timeout = timeout

    async def make(self, claim: Claim) -> Outcome:
        """Make one attempt; that the receiver cannot be reached is its outcome."""
        with tracing.span(
            "webhook", parent=claim.traceparent, delivery_id=claim.id, event_id=claim.event_id
        ) as span:
            outcome = await self._attempted(claim)
            span.note(
                attempt=claim.attempts + 1,
                status=None if outcome.result is None else outcome.result.status_code,
            )
            return outcome

    async def _attempted(self, claim: Claim) -> Outcome:
        at = self._db.now()
        if claim.url == inbox.URL:
            return Outcome(claim=claim, at=at, result=inbox.TAKEN, kept=self._headers(claim))
        result = await post(
            self._transport,
            claim.url,
            body=claim.body.encode(),
            headers=self._headers(claim),
            timeout_s=self._timeout.total_seconds(),
        )
        failpoints.hit("webhooks.posted")
        return Outcome(claim=claim, at=at, result=result)

    def _headers(self, claim: Claim) -> dict[str, str]:
        """Return the headers of Standard Webhooks, signed anew for each attempt (I13)."""
        timestamp = int(self._db.clock.unix())
        context = secret_context(claim.endpoint_id)
        stored = [claim.secret]
        until = claim.previous_secret_until
        if claim.previous_secret is not None and until is not None and until > self._db.now():
            stored.append(claim.previous_secret)
        secrets = [self._vault.ring.decrypt(text, context=context) for text in stored]
        traceparent = tracing.current()
        return ({} if traceparent is None else {tracing.HEADER: traceparent}) | {
            "content-type": "application/json",
            "webhook-id": claim.event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(
                secrets,
                message_id=claim.event_id,
                timestamp=timestamp,
                body=claim.body.encode(),
            ),
        }
