"""What partners ask for, and how a repeated request is recognised."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339
from core.operations import step_store, store
from core.operations.models import Operation, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """On whose behalf: a partner, in live or test mode."""

    partner_id: str
    livemode: bool

    @property
    def name(self) -> str:
        """How audit trail and commands call it."""
        return f"partner:{self.partner_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where the platform stops a session by itself."""

    max_energy_wh: int | None = None
    max_minutes: int | None = None
    max_amount: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    request_id: str
    connector_id: str
    user_ref: str | None = None
    id_token: str | None = None
    limits: Limits | None = None
    on_late_start: Literal["stop", "keep"] = "stop"
    reservation_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """End a session, named by *session_id* or by the request that started it."""

    request_id: str
    session_id: str | None = None
    start_request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveRequest:
    request_id: str
    connector_id: str
    expires_at: datetime
    user_ref: str | None = None
    id_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReservationRequest:
    request_id: str
    reservation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockRequest:
    request_id: str
    connector_id: str


Request = StartRequest | StopRequest | ReserveRequest | CancelReservationRequest | UnlockRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The operation of a request; *replayed*: an earlier request made it."""

    operation: Operation
    steps: Sequence[Step]
    replayed: bool


def canonical(request: Request) -> dict[str, Any]:
    """Return the request as stored and compared: without its id and what was left out."""
    document = asdict(request, dict_factory=_without_none)
    del document["request_id"]
    return document


def _without_none(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in items
        if value is not None
    }


def same(one: Any, other: Any) -> bool:
    """Tell whether two documents mean the same: order of keys and ``1`` or ``1.0`` aside."""
    return _text(one) == _text(other)


def _text(document: Any) -> str:
    return json.dumps(_whole(document), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_whole(member) for member in value]
    return value


async def replay(tx: Tx, requester: Requester, type_: str, request: Request) -> Accepted | None:
    """Return the operation that an earlier request with this request_id made, or ``None``.

    Raises:
        PlatformError: ``idempotency_key_reused``: it asked for something else.
    """
    earlier = await store.by_request(
        tx,
        partner_id=requester.partner_id,
        livemode=requester.livemode,
        request_id=request.request_id,
    )
    if earlier is None:
        return None
    if earlier.type != type_ or not same(earlier.body, canonical(request)):
        raise PlatformError(
            "idempotency_key_reused",
            "Use a new request_id for a new request; this one belongs to another.",
            operation_id=earlier.id,
        )
    return await answer(tx, earlier, replayed=True)


async def answer(tx: Tx, operation: Operation, *, replayed: bool = False) -> Accepted:
    """Return *operation* with its steps so far, as the answer to a request.

    It may have been claimed for the charger since, in the same transaction.
    """
    steps = await step_store.of_operation(tx, operation.id, until=operation.sequence)
    return Accepted(operation=operation, steps=steps, replayed=replayed)
