"""What waits for its turn on a connection."""

from dataclasses import dataclass

from csms.calls import SentCall
from csms.protocol import Call, Refusal, Result


@dataclass(frozen=True, slots=True)
class Due:
    """A frame that is ready to be sent, when its turn comes."""

    text: str
    message_id: str | None


@dataclass(frozen=True, slots=True)
class Unheard:
    """A message that nobody has looked at yet."""

    text: str | bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a charger that waits for its answer; *is_plain*: see ``redact.is_plain``."""

    call: Call
    text: str
    at_s: float
    is_plain: bool


@dataclass(frozen=True, slots=True)
class Late:
    """An answer to a call of ours that nobody waits for any more."""

    sent: SentCall
    answer: Result | Refusal


Item = Due | Asked | Late
