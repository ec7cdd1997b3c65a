"""Vendors' own messages (DataTransfer): who answers which, and what happens when nobody does.

A hook is an async function from a :class:`Transfer` to a :class:`Reply`, registered for a vendor
or for one message of a vendor:

    @data_transfer("com.example", "TariffShown")
    async def shown(transfer: Transfer) -> Reply:
        return Reply(status="Accepted")

or found in an installed package by the entry point group ``voltgate.data_transfer``, whose names
are ``vendorId`` or ``vendorId/messageId``. It runs outside of any transaction, for a limited time;
what it raises costs the charger a ``Rejected`` and nobody else anything.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Final, Literal, TypeVar

import structlog

log = structlog.get_logger()

GROUP: Final = "voltgate.data_transfer"
Status = Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
_STATUSES: Final = frozenset({"Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"})
_ANY: Final = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A DataTransfer of a charger; *data* is a text in 1.6 and any JSON in 2.0.1."""

    charger_id: str
    identity: str
    ocpp_version: str
    vendor_id: str
    message_id: str | None
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the charger is told; in 1.6 *data* has to be a text."""

    status: Status
    data: Any = None


Hook = Callable[[Transfer], Awaitable[Reply]]
H = TypeVar("H", bound=Hook)


class Hooks:
    """Hooks by vendor and message. Those of entry points are loaded when the first is wanted."""

    def __init__(self, *, group: str | None = None) -> None:
        self._hooks: dict[tuple[str, str | None], Hook] = {}
        self._group = group

    def register(self, vendor_id: str, message_id: str | None, hook: Hook) -> None:
        """Have *hook* answer a vendor's *message_id*, or with ``None`` all it has no other for.

        Raises:
            ValueError: Another hook answers it already.
        """
        if (vendor_id, message_id) in self._hooks:
            raise ValueError(f"two hooks answer {vendor_id}/{message_id or '*'}")
        self._hooks[(vendor_id, message_id)] = hook

    def unregister(self, vendor_id: str, message_id: str | None) -> None:
        """Have nobody answer it any more."""
        self._hooks.pop((vendor_id, message_id), None)

    def _find(self, vendor_id: str, message_id: str | None) -> Hook | Status:
        self._load()
        found = self._hooks.get((vendor_id, message_id)) or self._hooks.get((vendor_id, _ANY))
        if found is not None:
            return found
        known = any(vendor == vendor_id for vendor, _ in self._hooks)
        return "UnknownMessageId" if known else "UnknownVendorId"

    def _load(self) -> None:
        group, self._group = self._group, None
        if group is None:
            return
        for entry in entry_points(group=group):
            vendor_id, _, message_id = entry.name.partition("/")
            try:
                self.register(vendor_id, message_id or None, entry.load())
            except (ImportError, AttributeError, ValueError) as exc:
                log.warning("data_transfer_hook_unusable", name=entry.name, error=str(exc))

    async def answer(self, transfer: Transfer, *, timeout_s: float) -> Reply:
        """Return what the hook for *transfer* says, or the standard's word where there is none.

        A hook that fails, hangs or says what cannot be sent is a ``Rejected``; never raises.
        """
        hook = self._find(transfer.vendor_id, transfer.message_id)
        if isinstance(hook, str):
            return Reply(status=hook)
        running = asyncio.ensure_future(_run(hook, transfer))
        try:
            await asyncio.wait([running], timeout=timeout_s)
        finally:
            is_done = running.done()
            running.cancel()
        if not is_done:
            log.warning("data_transfer_hook_timed_out", vendor_id=transfer.vendor_id)
            return Reply(status="Rejected")
        return _reply_of(running, transfer)


async def _run(hook: Hook, transfer: Transfer) -> Reply:
    return await hook(transfer)


def _reply_of(running: "asyncio.Future[Reply]", transfer: Transfer) -> Reply:
    failure = None if running.cancelled() else running.exception()
    if running.cancelled() or failure is not None:
        log.warning("data_transfer_hook_failed", vendor_id=transfer.vendor_id, exc_info=failure)
        return Reply(status="Rejected")
    reply = running.result()
    if not _can_be_sent(reply, transfer.ocpp_version):
        log.warning("data_transfer_reply_unusable", vendor_id=transfer.vendor_id)
        return Reply(status="Rejected")
    return reply


def _can_be_sent(reply: object, version: str) -> bool:
    if not isinstance(reply, Reply) or reply.status not in _STATUSES:
        return False
    if version == "1.6":
        return reply.data is None or isinstance(reply.data, str)
    try:
        json.dumps(reply.data, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


HOOKS: Final = Hooks(group=GROUP)
"""The hooks of this process."""


def data_transfer(vendor_id: str, message_id: str | None = None) -> Callable[[H], H]:
    """Make a function the hook for a vendor's message, or for all its messages."""

    def register(hook: H) -> H:
        HOOKS.register(vendor_id, message_id, hook)
        return hook

    return register
