"""Deviations from OCPP as they are met: named, gathered in memory, counted for each charger.

Whoever tolerates something says so by ``note`` (inside a transaction) or ``Tally.note`` (where
there is none); both only remember. ``Tally.take`` is written set-wise by ``flush``, every few
seconds and when a socket closes, never in the transaction of a message.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from core.chargers import compliance_store
from core.chargers.deviations_catalogue import CATALOGUE
from core.chargers.text import storable, storable_or_none
from core.kernel.db import Tx

MAX_EXCERPT_CHARS: Final = 500
MAX_CODES: Final = 64
MAX_ACTIONS: Final = 64
OTHER_ACTION: Final = "other"
ROWS_AT_ONCE: Final = 500

_NOTES: Final = "deviations"

CODE_OF_REASON: Final[Mapping[str, str]] = {
    "additionalProperties": "unknown_member",
    "clock_suspect": "clock_wrong",
    "enum": "enum_off_list",
    "maxLength": "text_too_long",
    "message_conflict": "transaction_message_conflict",
    "naive_timestamp": "timestamp_without_zone",
    "not_handled": "content_doubtful",
    "placeholder_zero": "register_placeholder_zero",
    "reading_after_stop": "meter_after_stop",
    "register_fell": "register_fell",
    "register_jumped": "register_jumped",
    "required": "member_missing",
    "same_key_other_content": "transaction_message_conflict",
    "sequence_gap": "sequence_gap",
    "stop_register_fell": "register_fell",
    "stop_register_jumped": "register_jumped",
    "token_reused": "token_reused",
    "type": "type_wrong",
    "value_impossible": "value_impossible",
}
"""From a schema keyword, a reason for quarantine or a flag of a session to the code."""


@dataclass(slots=True)
class Seen:
    """One deviation of one charger, since it was last written."""

    count: int
    first_at: datetime
    last_at: datetime
    action: str | None
    message_id: str | None
    excerpt: str | None


@dataclass(slots=True)
class Tally:
    """What one connection saw and is not written yet; bounded, and cheap to add to."""

    charger_id: str
    deviations: dict[str, Seen] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)

    def note(
        self,
        code: str,
        *,
        at: datetime,
        action: str | None = None,
        message_id: str | None = None,
        excerpt: str | None = None,
    ) -> None:
        """Count one deviation; *excerpt* is the frame, without its secrets."""
        seen = self.deviations.get(code)
        if seen is not None:
            seen.count += 1
            seen.last_at = at
            return
        if len(self.deviations) < MAX_CODES:
            self.deviations[code] = Seen(1, at, at, action, message_id, excerpt)

    def saw(self, action: str) -> None:
        """Count a call, so that a report can say what was checked."""
        if action not in self.actions and len(self.actions) >= MAX_ACTIONS:
            action = OTHER_ACTION
        self.actions[action] = self.actions.get(action, 0) + 1

    def take(self, *, with_actions: bool) -> "Tally":
        """Return what has gathered and forget it here."""
        taken = Tally(self.charger_id, self.deviations, self.actions if with_actions else {})
        self.deviations = {}
        if with_actions:
            self.actions = {}
        return taken

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to write."""
        return not self.deviations and not self.actions


def note(tx: Tx, *reasons: str) -> None:
    """Note deviations found while a message is handled; whoever owns the connection counts them.

    Args:
        reasons: Codes, or flags and reasons that ``code_of`` knows; others mean nothing here.
    """
    noted: dict[str, None] = tx.info.setdefault(_NOTES, {})
    for reason in reasons:
        code = code_of(reason)
        if code is not None:
            noted[code] = None


def noted(tx: Tx) -> Sequence[str]:
    """Return the codes that were noted in *tx*, each once."""
    found: dict[str, None] = tx.info.get(_NOTES, {})
    return tuple(found)


def taken(tx: Tx) -> Sequence[str]:
    """Return the codes that were noted in *tx*, and forget them there."""
    return tuple(tx.info.pop(_NOTES, ()))


def codes_of(reasons: Iterable[str]) -> Sequence[str]:
    """Return the codes that *reasons* stand for, each once."""
    return sorted({code for reason in reasons if (code := code_of(reason)) is not None})


def code_of(reason: str) -> str | None:
    """Return the code that *reason* stands for; ``None`` for what is no deviation.

    A reason is a code, a flag of a session, a reason for quarantine, or ``KEYWORD at /POINTER``.
    """
    keyword, at, _ = reason.partition(" at /")
    if keyword in CATALOGUE:
        return keyword
    return CODE_OF_REASON.get(keyword, "content_invalid" if at else None)


async def flush(tx: Tx, tallies: Sequence[Tally]) -> None:
    """Write what connections saw: two statements, however many chargers."""
    deviations = [
        {
            "charger_id": tally.charger_id,
            "code": code,
            "count": seen.count,
            "first_at": seen.first_at,
            "last_at": seen.last_at,
            "action": storable_or_none(seen.action, max_chars=64),
            "message_id": storable_or_none(seen.message_id, max_chars=64),
            "excerpt": None
            if seen.excerpt is None
            else storable(seen.excerpt, max_chars=MAX_EXCERPT_CHARS),
        }
        for tally in tallies
        for code, seen in tally.deviations.items()
    ]
    actions = [
        {
            "charger_id": tally.charger_id,
            "action": storable(action, max_chars=64),
            "count": count,
            "last_at": tx.now,
        }
        for tally in tallies
        for action, count in tally.actions.items()
    ]
    # One order of locks for every node.
    if deviations:
        deviations.sort(key=lambda row: (str(row["charger_id"]), str(row["code"])))
        await compliance_store.count_deviations(tx, deviations)
    if actions:
        actions.sort(key=lambda row: (str(row["charger_id"]), str(row["action"])))
        await compliance_store.count_actions(tx, actions)
