"""The charger's own book: what it sent, what was acknowledged, what it was asked."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from simulator.clock import timestamp

Payload = dict[str, Any]


class Kind(StrEnum):
    """Kinds of transaction messages."""

    START = "start"
    STOP = "stop"
    EVENT = "event"
    METER = "meter"


@dataclass(kw_only=True)
class Attempt:
    """One time a message went over the wire."""

    message_id: str
    sent_at: datetime
    answered_at: datetime | None = None
    answer: Payload | None = None
    error: str | None = None


@dataclass(kw_only=True)
class SentMessage:
    """A transaction message the charger created, and what became of it."""

    kind: Kind
    key: str
    """Stable identity of the message, whatever message ids carry it."""
    action: str
    payload: Payload
    transaction: int
    created_at: datetime
    offline: bool
    attempts: list[Attempt] = field(default_factory=list)
    abandoned: bool = False

    @property
    def acknowledged(self) -> bool:
        """Tell whether any attempt was answered with a CALLRESULT."""
        return any(attempt.answer is not None for attempt in self.attempts)

    @property
    def answer(self) -> Payload | None:
        """Return the first answer."""
        return next((a.answer for a in self.attempts if a.answer is not None), None)

    @property
    def first_sent_at(self) -> datetime | None:
        """Return when it first went out."""
        return self.attempts[0].sent_at if self.attempts else None

    @property
    def acknowledged_at(self) -> datetime | None:
        """Return when it was first answered with a CALLRESULT."""
        return next((a.answered_at for a in self.attempts if a.answer is not None), None)


@dataclass(kw_only=True)
class ReceivedCall:
    """A CALL of the central system and the charger's answer."""

    at: datetime
    message_id: str
    action: str
    payload: Payload
    answer: Payload | None = None
    error: str | None = None


@dataclass(kw_only=True)
class Transaction:
    """One charging transaction as the charger knows it; energy in Wh."""

    ref: int
    """Number of the transaction in this charger's life, from 1."""
    connector: int
    token: str
    """Empty while a 2.0.1 transaction that began with the cable waits for one."""
    started_at: datetime
    meter_start_wh: int
    transaction_id: str | None = None
    """1.6: the integer the central system gave, as text; 2.0.1: the charger's own."""
    token_status: str | None = None
    """What the central system said of the token in its answer to the start."""
    token_type: str | None = None
    remote_start_id: int | None = None
    remote: bool = False
    reservation_id: int | None = None
    ended_at: datetime | None = None
    meter_stop_wh: int | None = None
    stop_reason: str | None = None
    next_seq_no: int = 0
    """2.0.1: seqNo of the next TransactionEvent."""
    recorded: bool = False
    """Written into the book after the fact, not lived through."""
    forgotten: bool = False
    """The charger lost it in a reboot and will never report its end."""
    messages: list[SentMessage] = field(default_factory=list)

    @property
    def energy_wh(self) -> int | None:
        """Return the energy of an ended transaction."""
        return None if self.meter_stop_wh is None else self.meter_stop_wh - self.meter_start_wh

    @property
    def acknowledged(self) -> bool:
        """Tell whether every message of this transaction was acknowledged."""
        return bool(self.messages) and all(message.acknowledged for message in self.messages)


@dataclass
class Ledger:
    """Everything one charger did and was asked, in order."""

    identity: str
    version: str
    messages: list[SentMessage] = field(default_factory=list)
    received: list[ReceivedCall] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    """Frames sent, by action; repeats count."""
    errors: list[str] = field(default_factory=list)
    """CALLERRORs received and answers that never came, in words."""
    refusals: list[str] = field(default_factory=list)
    """Why connecting failed, oldest first."""
    connections: int = 0
    unmatched: list[str] = field(default_factory=list)
    """Message ids of answers that nobody waited for any more: late ones, or second ones."""
    _transactions: list[Transaction] = field(default_factory=list)

    def add_transaction(self, transaction: Transaction) -> None:
        """Take a new transaction into the book."""
        self._transactions.append(transaction)

    def transactions(self) -> list[Transaction]:
        """Return every transaction of the charger's life, oldest first."""
        return list(self._transactions)

    def transaction(self, transaction_id: str | int) -> Transaction:
        """Return the transaction the central system knows by this id.

        Raises ``LookupError`` if there is none.
        """
        for transaction in reversed(self._transactions):
            if transaction.transaction_id == str(transaction_id):
                return transaction
        raise LookupError(f"no transaction {transaction_id}")

    def calls_received(self, action: str | None = None) -> list[ReceivedCall]:
        """Return the CALLs of the central system, all or of one action."""
        return [call for call in self.received if action in {None, call.action}]

    def of_kind(self, *kinds: Kind) -> list[SentMessage]:
        """Return the transaction messages of these kinds, oldest first."""
        return [message for message in self.messages if message.kind in kinds]

    def unacknowledged(self) -> list[SentMessage]:
        """Return the transaction messages nobody acknowledged yet."""
        return [message for message in self.messages if not message.acknowledged]

    def as_json(self) -> Payload:
        """Return the whole book as a JSON document."""
        return {
            "identity": self.identity,
            "version": self.version,
            "connections": self.connections,
            "refusals": self.refusals,
            "sent": dict(self.sent),
            "errors": self.errors,
            "transactions": [_transaction(transaction) for transaction in self._transactions],
            "messages": [_message(message) for message in self.messages],
            "received": [_plain(vars(call)) for call in self.received],
        }


def _transaction(transaction: Transaction) -> Payload:
    fields = _plain({k: v for k, v in vars(transaction).items() if k != "messages"})
    keys = [message.key for message in transaction.messages]
    return {
        **fields,
        "energy_wh": transaction.energy_wh,
        "acknowledged": transaction.acknowledged,
        "messages": keys,
    }


def _message(message: SentMessage) -> Payload:
    fields = _plain({k: v for k, v in vars(message).items() if k != "attempts"})
    attempts = [_plain(vars(attempt)) for attempt in message.attempts]
    return {**fields, "acknowledged": message.acknowledged, "attempts": attempts}


def _plain(fields: Mapping[str, Any]) -> Payload:
    return {k: timestamp(v) if isinstance(v, datetime) else v for k, v in fields.items()}
