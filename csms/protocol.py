"""OCPP-J framing without sockets, clocks or tasks (Sans-I/O).

Source: OCPP-J 1.6 4.2, OCPP 2.0.1 part 4 4.2: CALL ``[2,id,action,payload]``, CALLRESULT
``[3,id,payload]``, CALLERROR ``[4,id,code,description,details]``.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from csms import codes
from csms.codes import Version
from csms.lenient import NotJson, NumberTooLong, depth_exceeds, parse_leniently, storable_text

Payload = dict[str, Any]
Deviation = Literal[
    "byte_order_mark", "not_a_number", "null_payload", "unstorable_text", "answer_incomplete"
]

CALL: Final = 2
CALLRESULT: Final = 3
CALLERROR: Final = 4
UNREADABLE_ID: Final = "-1"
MAX_DESCRIPTION_CHARS: Final = 255
# An id above the limit of the standard is echoed in its refusal, one above this is not: the size of
# an answer must not be the sender's choice.
MAX_ECHOED_ID_CHARS: Final = 255
MAX_ACTION_CHARS: Final = 64
MAX_NUMBER_CHARS: Final = 128

_decode_strictly = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
_PREFIX = re.compile(
    r'\ufeff?\s*\[\s*([234])\s*,\s*(?:"([^"\\\x00-\x1f]{1,255})"(?=\s*(?:[,\]]|$)))?'
)
# A run of MAX_NUMBER_CHARS digits has one at four neighbouring steps of 32: this sparse look costs
# a twentieth of a thorough one and seldom asks for it.
_STEP: Final = 32
_FOUR_DIGITS = re.compile(r"[0-9]{4}")


@dataclass(frozen=True, slots=True)
class FrameRules:
    """What a frame may be on one connection; a charger's profile may widen it.

    *null_payload*: ``null`` may stand for ``{}``; in 1.6 it always may (OCPP-J 1.6 4.2.1).
    """

    version: Version
    max_frame_chars: int = 262_144
    max_id_chars: int = 36
    max_depth: int = 32
    null_payload: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """The peer asks us something; we owe exactly one answer."""

    id: str
    action: str
    payload: Payload
    deviations: tuple[Deviation, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """The peer answered our call *id*."""

    id: str
    payload: Payload
    deviations: tuple[Deviation, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The peer answered our call *id* with a CALLERROR."""

    id: str
    code: str
    description: str
    details: Payload
    deviations: tuple[Deviation, ...] = ()


class MalformedFrame(Exception):
    """A text that is no OCPP-J frame of this version.

    Attributes:
        reason: What is wrong, in a few words, without the content.
        code: The CALLERROR code to answer with; ``None`` when nothing may be answered.
        message_id: The id to answer with, ``"-1"`` where 2.x answers an unreadable id. Without a
            code it names our own call that was answered with nonsense, or is ``None``.
    """

    def __init__(self, reason: str, *, message_id: str | None, code: str | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message_id = message_id
        self.code = code


def decode(text: str | bytes, *, rules: FrameRules) -> Call | Result | Refusal:
    """Parse one frame; of a member given twice the last one counts.

    Strings of the result hold no NUL and no lone surrogate (each became U+FFFD), numbers may be NaN
    or infinite: ``deviations`` says so. An id is 1 to ``max_id_chars`` printable characters; one up
    to 255 is refused under itself, a longer one counts as unreadable.

    Raises:
        MalformedFrame: Anything else, with the answer that is due.
    """
    if isinstance(text, bytes):
        raise _unreadable("binary frame", rules)
    if len(text) > rules.max_frame_chars:
        raise _broken(f"frame longer than {rules.max_frame_chars} characters", text, rules)
    frame, deviations = _parse(text, rules)
    if not isinstance(frame, list) or not frame:
        raise _unreadable("not an array with message type and id", rules)
    kind = frame[0]
    message_id: str | None = frame[1] if len(frame) > 1 and _is_readable_id(frame[1]) else None
    if isinstance(kind, bool) or not isinstance(kind, int) or kind not in (2, 3, 4):
        raise _unknown_type(message_id, rules)
    if message_id is None:
        raise _unreadable("no printable message id of sane length", rules, kind=kind)
    if len(message_id) > rules.max_id_chars:
        reason = f"message id longer than {rules.max_id_chars} characters"
        raise _refused(reason, message_id, kind, rules)
    return _shaped(kind, message_id, frame[2:], deviations, rules)


def encode_call(message_id: str, action: str, payload: Payload) -> str:
    """Return the compact text of a CALL; members keep the order of *payload*."""
    return _text([CALL, message_id, action, payload])


def encode_result(message_id: str, payload: Payload) -> str:
    """Return the compact text of a CALLRESULT; members keep the order of *payload*."""
    return _text([CALLRESULT, message_id, payload])


def encode_error(message_id: str, code: str, description: str = "") -> str:
    """Return the compact text of a CALLERROR; the description is cut at 255 characters."""
    return _text([CALLERROR, message_id, code, description[:MAX_DESCRIPTION_CHARS], {}])


def _text(frame: list[Any]) -> str:
    try:
        return _encode(frame).decode()
    except UnicodeEncodeError:
        return _encode(storable_text(frame)[0]).decode()


def _parse(text: str, rules: FrameRules) -> tuple[Any, tuple[Deviation, ...]]:
    deviations: tuple[Deviation, ...] = ()
    suspicious = "\\u" in text
    try:
        long_number = len(text) > MAX_NUMBER_CHARS and _FOUR_DIGITS.search(text[::_STEP])
        frame = None if long_number else _strictly(text)
        if frame is None:
            suspicious = True
            frame, deviations = parse_leniently(text, max_number_chars=MAX_NUMBER_CHARS)
    except NumberTooLong:
        reason = f"number longer than {MAX_NUMBER_CHARS} characters"
        raise _broken(reason, text, rules, code=codes.PROPERTY_VIOLATION) from None
    except NotJson:
        raise _broken("not JSON", text, rules) from None
    except RecursionError:
        raise _broken(f"nested deeper than {rules.max_depth} levels", text, rules) from None
    openings = text.count("[") + text.count("{")
    if openings > rules.max_depth and depth_exceeds(frame, rules.max_depth):
        raise _broken(f"nested deeper than {rules.max_depth} levels", text, rules)
    if suspicious and isinstance(frame, list):
        content, changed = storable_text(frame[2:])
        frame[2:] = content
        deviations += ("unstorable_text",) if changed else ()
    return frame, deviations


def _strictly(text: str) -> Any:
    """Return the value of *text*, ``None`` where the strict parser refuses it."""
    try:
        return _decode_strictly(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None


def _shaped(
    kind: int,
    message_id: str,
    rest: list[Any],
    deviations: tuple[Deviation, ...],
    rules: FrameRules,
) -> Call | Result | Refusal:
    may_be_null = rules.null_payload or rules.version == "1.6"
    if may_be_null and kind in (CALL, CALLRESULT) and rest and rest[-1] is None:
        rest = [*rest[:-1], {}]
        deviations = (*deviations, "null_payload")
    match kind, rest:
        case 2, [str(action), dict(payload)] if 0 < len(action) <= MAX_ACTION_CHARS:
            return Call(message_id, action, payload, deviations)
        case 3, [dict(payload)]:
            return Result(message_id, payload, deviations)
        case 4, [str(code), str(description), dict(details)]:
            return Refusal(message_id, _clip(code), _clip(description), details, deviations)
        case 4, [str(code), *more]:
            description = more[0] if more and isinstance(more[0], str) else ""
            deviations = (*deviations, "answer_incomplete")
            return Refusal(message_id, _clip(code), _clip(description), {}, deviations)
        case 2, [str(), dict()]:
            reason = f"action is empty or longer than {MAX_ACTION_CHARS} characters"
        case 2, [_, dict()]:
            reason = "action is not a string"
        case 2, [_, _]:
            reason = "payload is not an object"
        case 2, _:
            reason = f"a CALL has 4 elements, not {len(rest) + 2}"
        case _:
            reason = "an answer of another shape"
    raise _refused(reason, message_id, kind, rules)


def _is_readable_id(message_id: object) -> bool:
    return (
        isinstance(message_id, str)
        and 0 < len(message_id) <= MAX_ECHOED_ID_CHARS
        and message_id.isprintable()
    )


def _broken(
    reason: str, text: str, rules: FrameRules, *, code: str | None = None
) -> MalformedFrame:
    """Refuse a text that was not parsed, under its id where the beginning still tells it."""
    found = _PREFIX.match(text)
    kind = int(found[1]) if found else None
    if found and kind and found[2] and found[2].isprintable():
        return _refused(reason, found[2], kind, rules, code=code)
    return _unreadable(reason, rules, kind=kind)


def _refused(
    reason: str, message_id: str, kind: int, rules: FrameRules, *, code: str | None = None
) -> MalformedFrame:
    """Refuse a frame whose id is known: a CALL gets its code, a broken answer gets none."""
    due = code or codes.FORMAT_VIOLATION[rules.version]
    return MalformedFrame(reason, message_id=message_id, code=due if kind == CALL else None)


def _unreadable(reason: str, rules: FrameRules, *, kind: int | None = None) -> MalformedFrame:
    """Refuse a frame without a usable id: 2.x answers "-1", 1.6 and answers get silence."""
    if rules.version == "1.6" or kind in (CALLRESULT, CALLERROR):
        return MalformedFrame(reason, message_id=None, code=None)
    return MalformedFrame(reason, message_id=UNREADABLE_ID, code=codes.RPC_FRAMEWORK_ERROR)


def _unknown_type(message_id: str | None, rules: FrameRules) -> MalformedFrame:
    """Refuse another message type: 1.6 ignores it (4.2), 2.x has a code for it."""
    reason = "unknown message type"
    if rules.version == "1.6":
        return MalformedFrame(reason, message_id=None, code=None)
    due = codes.MESSAGE_TYPE_NOT_SUPPORTED
    return MalformedFrame(reason, message_id=message_id or UNREADABLE_ID, code=due)


def _clip(text: str) -> str:
    return text[:MAX_DESCRIPTION_CHARS]
