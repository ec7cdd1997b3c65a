"""What must be true when everything has come to rest: one judge for every test that moves data.

The database alone is judged by ``voltgate doctor``. Here it is compared with what others wrote down
themselves: each charger's ledger (what it sent, and what was acknowledged), each partner's record
of the answers it got, each receiver's log of webhooks. Nobody here believes the platform.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select

from core.chargers.models import chargers
from core.doctor.service import examine
from core.kernel.db import Database, Tx
from core.operations.models import operations
from core.operations.states import MACHINE
from core.sessions.models import meter_values, orders, sessions, transaction_messages
from ops.demo.receiver import OUTCOMES, Receiver
from simulator.ledger import Kind, Ledger, SentMessage, Transaction

REMOTE_STARTS: Final = ("RemoteStartTransaction", "RequestStartTransaction")
_HARMLESS: Final = frozenset({None, "disconnected", "no answer"})
"""How an attempt may end other than with an answer: the charger tries again."""
NOBODY: Final[Mapping[str, Receiver]] = {}


@dataclass(slots=True)
class Promises:
    """What a partner was told: ``request_id`` to the id of the operation in the 202."""

    accepted: dict[str, str] = field(default_factory=dict)

    def keep(self, request_id: str, operation_id: str) -> list[str]:
        """Take a 202 down; return what is wrong with it: another operation than before (I2)."""
        known = self.accepted.setdefault(request_id, operation_id)
        if known == operation_id:
            return []
        return [f"I2: {request_id} was {known}, and is {operation_id} now"]


async def violations(
    db: Database,
    ledgers: Sequence[Ledger],
    receivers: Mapping[str, Receiver] = NOBODY,
    promises: Promises | None = None,
    *,
    wrong_clocks: Collection[str] = (),
) -> list[str]:
    """Return what does not hold, in words with the number of the invariant; to be asked at rest.

    At rest means: every charger is online with nothing left to say, and no operation and no
    delivery is under way.

    Args:
        receivers: By the id of the partner; each hears every outcome of live operations.
        wrong_clocks: Identities of chargers whose clocks are wrong: when their readings were made
            is for the platform to say.
    """
    async with db.transaction() as tx:
        findings = await examine(tx)
        stored = await _stored(tx)
    found = [f"{one.invariant}: {one.title}: {one.rows[:3]}" for one in findings]
    for ledger in ledgers:
        found += _of_ledger(stored, ledger, clock_is_right=ledger.identity not in wrong_clocks)
    found += _sent_twice(ledgers)
    found += _of_operations(stored, ledgers)
    found += [] if promises is None else _of_promises(stored, promises)
    for partner_id, receiver in receivers.items():
        found += _of_receiver(stored, partner_id, receiver)
    return found


async def check_invariants(
    db: Database,
    ledgers: Sequence[Ledger],
    receivers: Mapping[str, Receiver] = NOBODY,
    promises: Promises | None = None,
) -> None:
    """Fail with everything that does not hold."""
    found = await violations(db, ledgers, receivers, promises)
    assert not found, "\n".join(found)


@dataclass(frozen=True, slots=True)
class _Stored:
    charger_ids: Mapping[str, str]
    sessions: Mapping[tuple[str, str], Any]
    """By charger and the transaction's own reference."""
    orders: Mapping[str, Any]
    readings: Mapping[str, set[datetime]]
    messages: Mapping[tuple[str, int], str]
    """2.x: by session and seqNo."""
    operations: Mapping[str, Any]


async def _stored(tx: Tx) -> _Stored:
    named = await tx.all(select(chargers.c.id, chargers.c.identity))
    seen = await tx.all(select(sessions))
    readings: dict[str, set[datetime]] = {}
    for row in await tx.all(select(meter_values.c.session_id, meter_values.c.at)):
        readings.setdefault(row.session_id, set()).add(row.at)
    told = select(
        transaction_messages.c.session_id, transaction_messages.c.seq, transaction_messages.c.key
    ).where(transaction_messages.c.seq.is_not(None))
    return _Stored(
        charger_ids={row.identity: row.id for row in named},
        sessions={(row.charger_id, row.transaction_ref): row for row in seen},
        orders={row.session_id: row for row in await tx.all(select(orders))},
        readings=readings,
        messages={(row.session_id, row.seq): row.key for row in await tx.all(told)},
        operations={row.id: row for row in await tx.all(select(operations))},
    )


# The charger's truth.


def _of_ledger(stored: _Stored, ledger: Ledger, *, clock_is_right: bool) -> Iterator[str]:
    charger_id = stored.charger_ids.get(ledger.identity, "")
    told = 0
    for transaction in ledger.transactions():
        if not any(message.acknowledged for message in transaction.messages):
            continue
        told += 1
        where = f"{ledger.identity} transaction {transaction.transaction_id}"
        session = stored.sessions.get((charger_id, transaction.transaction_id or ""))
        if session is None:
            yield f"I17: {where}: acknowledged, and not stored"
            continue
        if clock_is_right:
            yield from _of_readings(stored, where, transaction, session)
        yield from _of_transaction(stored, where, transaction, session)
    held = sum(1 for charger, _ in stored.sessions if charger == charger_id)
    if held != told:
        yield f"I18: {ledger.identity}: {told} transactions were told, {held} are stored"
    for message in ledger.messages:
        yield from _of_message(ledger, message)


def _of_transaction(
    stored: _Stored, where: str, transaction: Transaction, session: Any
) -> Iterator[str]:
    if transaction.ended_at is None or not transaction.acknowledged:
        return
    order = stored.orders.get(session.id)
    if session.ended_at is None or order is None:
        yield f"I20: {where}: its end is acknowledged, and there is no order"
    elif order.body["energy_wh"] != transaction.energy_wh:
        said = order.body["energy_wh"]
        yield f"I22: {where}: {transaction.energy_wh} Wh at the charger, {said} Wh in the order"


def _of_readings(
    stored: _Stored, where: str, transaction: Transaction, session: Any
) -> Iterator[str]:
    known = stored.readings.get(session.id, set())
    for message in transaction.messages:
        if not message.acknowledged:
            continue
        seq = message.payload.get("seqNo")
        if message.kind is Kind.EVENT and (session.id, seq) not in stored.messages:
            yield f"I17: {where}: event {seq} is acknowledged, and not stored"
        if message.kind is not Kind.METER:
            continue
        missing = {_instant(one["timestamp"]) for one in message.payload["meterValue"]} - known
        if missing:
            yield f"I17: {where}: readings of {sorted(missing)} are acknowledged, and not stored"


def _of_message(ledger: Ledger, message: SentMessage) -> Iterator[str]:
    if message.abandoned:
        yield f"I19: {ledger.identity}: {message.key} was given up"
    errors = {attempt.error for attempt in message.attempts} - _HARMLESS
    if errors:
        yield f"I19: {ledger.identity}: {message.key} was answered with {errors}"
    answers = {
        attempt.answer["transactionId"]
        for attempt in message.attempts
        if attempt.answer is not None and "transactionId" in attempt.answer
    }
    if len(answers) > 1:
        yield f"I18: {ledger.identity}: {message.key} was answered with the ids {answers}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# Operations.


def _started_by(ledgers: Sequence[Ledger]) -> Counter[str]:
    return Counter(
        str(call.payload.get("idTag") or call.payload.get("idToken", {}).get("idToken"))
        for ledger in ledgers
        for action in REMOTE_STARTS
        for call in ledger.calls_received(action)
    )


def _sent_twice(ledgers: Sequence[Ledger]) -> list[str]:
    return [
        f"I6: the start of token {token} was sent {count} times"
        for token, count in _started_by(ledgers).items()
        if count > 1
    ]


def _of_operations(stored: _Stored, ledgers: Sequence[Ledger]) -> Iterator[str]:
    known = {stored.charger_ids.get(ledger.identity): ledger for ledger in ledgers}
    for row in stored.operations.values():
        if row.status not in MACHINE.final:
            yield f"I4: operation {row.id} ({row.type}) is {row.status} at rest"
        ledger = known.get(row.charger_id)
        if row.type != "start_charge" or row.token is None or ledger is None:
            continue
        did = any(
            transaction.token == row.token
            and any(message.acknowledged for message in transaction.messages)
            for transaction in ledger.transactions()
        )
        if row.status == "succeeded" and not did:
            yield f"I7: operation {row.id} succeeded, the charger told of no transaction"


def _of_promises(stored: _Stored, promises: Promises) -> Iterator[str]:
    by_request: dict[str, list[str]] = {}
    for row in stored.operations.values():
        by_request.setdefault(row.request_id, []).append(row.id)
    for request_id, operation_id in promises.accepted.items():
        ids = by_request.get(request_id, [])
        if ids != [operation_id]:
            yield f"I1, I2: {request_id} was answered with {operation_id}, there is {ids}"


# Webhooks.


def _of_receiver(stored: _Stored, partner_id: str, receiver: Receiver) -> Iterator[str]:
    if receiver.forged:
        yield f"I13: {receiver.forged} webhooks bore no valid signature"
    told: dict[str, list[str]] = {}
    for event in receiver.all(*OUTCOMES):
        told.setdefault(event["data"]["object"]["id"], []).append(event["type"])
    for operation_id, types in told.items():
        row = stored.operations.get(operation_id)
        now = None if row is None else f"operation.{row.status}"
        if types != [now]:
            yield f"I10, I15: {operation_id} was told as {types}, and is {now}"
    for operation_id, row in stored.operations.items():
        is_due = row.partner_id == partner_id and row.livemode and row.status in MACHINE.final
        if is_due and operation_id not in told:
            yield f"I12: the outcome of {operation_id} ({row.status}) was never told"
