"""What only a simulation can compare: the wire, every byte of every webhook, every answer."""

import base64
import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from core.chargers.models import chargers
from core.commands.models import commands
from core.kernel.db import Database, Tx
from core.webhooks.models import deliveries, endpoints, events
from core.webhooks.types import covers
from simulator.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One POST as a receiver got it; *status* is what it answered, ``None``: nothing."""

    event_id: str
    timestamp: int
    signature: str
    body: bytes
    status: int | None

    @property
    def was_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True, kw_only=True)
class ReceiverLog:
    """Everything that came to one endpoint; *secrets* are those that may have signed."""

    endpoint_id: str
    secrets: list[str]
    posts: list[Post] = field(default_factory=list)


async def compare(
    db: Database,
    ledgers: Sequence[Ledger],
    receivers: Sequence[ReceiverLog],
    *,
    is_calm: bool,
) -> list[str]:
    """Return what does not hold, in words with the number of the invariant.

    Args:
        is_calm: Nothing went wrong: then timestamps grow, and what was taken never comes again.
    """
    async with db.transaction() as tx:
        found: list[str] = []
        for ledger in ledgers:
            found += [f"{fact} ({ledger.identity})" for fact in await _calls(tx, ledger)]
        for receiver in receivers:
            found += await _webhooks(tx, receiver)
            found += _attempts(receiver) if is_calm else []
    return found


async def _calls(tx: Tx, ledger: Ledger) -> list[str]:
    """I6, I27: what was on the wire was committed as sent before; I28: one answer to each call."""
    statement = (
        select(commands.c.message_id)
        .join(chargers, chargers.c.id == commands.c.charger_id)
        .where(chargers.c.identity == ledger.identity, commands.c.sent_at.is_not(None))
    )
    sent = set(await tx.scalars(statement))
    ids = Counter(call.message_id for call in ledger.received)
    found = [f"I27: {one} was used {count} times" for one, count in ids.items() if count > 1]
    found += [
        f"I6: {one} was on the wire, and is not stored as sent" for one in ids if one not in sent
    ]
    answered = {
        attempt.message_id
        for message in ledger.messages
        for attempt in message.attempts
        if attempt.answer is not None
    }
    again = [one for one, count in Counter(ledger.unmatched).items() if count > 1]
    again += [one for one in ledger.unmatched if one in answered]
    return found + [f"I28: {one} was answered twice" for one in again]


async def _webhooks(tx: Tx, receiver: ReceiverLog) -> list[str]:
    endpoint = await tx.one(select(endpoints).where(endpoints.c.id == receiver.endpoint_id))
    rows = await tx.all(
        select(events.c.id, events.c.type, events.c.body, events.c.created_at).where(
            events.c.partner_id == endpoint.partner_id, events.c.livemode == endpoint.livemode
        )
    )
    bodies = {row.id: row.body for row in rows}
    return [
        *_posts(receiver, bodies),
        *await _arrived(tx, receiver, rows, endpoint),
    ]


def _posts(receiver: ReceiverLog, bodies: dict[str, str]) -> Iterator[str]:
    for post in receiver.posts:
        if post.event_id not in bodies:
            yield f"I11: {post.event_id} was posted, and is not in the database"
        elif post.body.decode() != bodies[post.event_id]:
            yield f"I13: {post.event_id} was posted with other bytes than are stored"
        if not _is_genuine(post, receiver.secrets):
            yield f"I13: {post.event_id} was posted with a wrong signature"


def _attempts(receiver: ReceiverLog) -> Iterator[str]:
    by_event: defaultdict[str, list[Post]] = defaultdict(list)
    for post in receiver.posts:
        by_event[post.event_id].append(post)
    for event_id, posts in by_event.items():
        stamps = [post.timestamp for post in posts]
        if stamps != sorted(stamps):
            yield f"I13: {event_id}: the timestamps of its attempts do not grow: {stamps}"
        if any(post.was_taken for post in posts[:-1]):
            yield f"I14: {event_id} was sent again after it was taken"


async def _arrived(tx: Tx, receiver: ReceiverLog, rows: Sequence[Any], endpoint: Any) -> list[str]:
    """I12: an event that the endpoint wants has a delivery; what counts as delivered arrived."""
    found = []
    of_endpoint = await tx.all(
        select(deliveries.c.event_id, deliveries.c.status, deliveries.c.attempts).where(
            deliveries.c.endpoint_id == receiver.endpoint_id
        )
    )
    known = {row.event_id: row for row in of_endpoint}
    taken = {post.event_id for post in receiver.posts if post.was_taken}
    for row in rows:
        wanted = covers(endpoint.event_types, row.type) and row.created_at > endpoint.created_at
        delivery = known.get(row.id)
        if delivery is None:
            if wanted and endpoint.enabled:
                found.append(f"I12: {row.type} {row.id} has no delivery")
        elif delivery.status == "delivered" and row.id not in taken:
            found.append(f"I12: {row.type} {row.id} is delivered, and the receiver never took it")
        elif delivery.status == "due":
            found.append(
                f"I12: {row.type} {row.id} is still due after {delivery.attempts} attempts"
            )
    return found


def _is_genuine(post: Post, secrets: Iterable[str]) -> bool:
    signed = f"{post.event_id}.{post.timestamp}.".encode() + post.body
    given = {part.removeprefix("v1,") for part in post.signature.split()}
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        if digest in given:
            return True
    return False
