"""Secrets out of frames before they are logged or stored; both versions, both directions.

What is a secret is known by the member's name, by the name of the variable beside its value, or by
its look (a password in a URL, a private key). The work goes by shape, not by action, so that it
holds for frames of any shape, vendors' data included.
"""

import json
import re
from typing import Any, Final

from csms.lenient import storable_text

MASK: Final = "***"
MAX_LOGGED_CHARS: Final = 16_384
_MAX_DEPTH: Final = 40
# What is cut off must not be the sign by which a secret is known.
_MARGIN_CHARS: Final = 512

_SECRET_WORDS: Final = (
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "authorizationkey",
    "privatekey",
    "apikey",
    "credential",
)
# Of every frame most have none of these: looking for plain words costs 2 us, a regex 40.
_HINTS: Final = (
    *_SECRET_WORDS,
    "notifycustomer",
    "private key",
    "pin",
    "psk",
    "puk",
    "keycode",
    '"server"',
    "@",
)
_STEMS: Final = (
    "pass",
    "pwd",
    "secret",
    "key",
    "credential",
    "notifycustomer",
    "pin",
    "psk",
    "puk",
    '"server"',
    "@",
)
"""Without one of these there is none of the hints."""
_SECRET_NAME = re.compile(
    rf"(?i:{'|'.join(_SECRET_WORDS)})"
    r"|(?:^|[^A-Za-z])(?i:pin|psk|puk)(?:$|[^A-Za-z])|[a-z](?:Pin|PIN|Psk|PSK|Puk|PUK)(?:$|[A-Z_])"
)
_CUSTOMER_INFORMATION: Final = frozenset({"data", "requestId", "seqNo", "generatedAt"})
_NAMED_VALUES: Final = frozenset({"value", "attributeValue", "actualValue"})
# Repetitions are bounded so that no text makes the search quadratic.
_URL_PASSWORD = re.compile(r"([a-z][a-z0-9+.-]{1,15}:(?:\\?/){2})[^\s\"]{0,256}@", re.IGNORECASE)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,32}-----|$)", re.DOTALL
)
_NESTED_SECRET = re.compile(
    rf"((?:{'|'.join(_SECRET_WORDS)}|simpin|(?<![a-z])pin)[a-z]{{0,16}}\\*[\"']?\s{{0,8}}[:=]\s{{0,8}})"
    r"(\\*[\"'][^\"'\\]*|[^\s,;&\"'}\]]+)",
    re.IGNORECASE,
)
_VALUE_MEMBER = re.compile(r"(\"(?:value|attributeValue|actualValue)\"\s{0,8}:\s{0,8})\"[^\"]*")


def redact_frame(
    text: str | bytes, *, max_chars: int = MAX_LOGGED_CHARS, plain: bool | None = None
) -> str:
    """Return a frame's text with secrets masked, cut at *max_chars*; never raises.

    The result can be stored: no NUL, no lone surrogate. A text without any hint of a secret comes
    back as it is, others in compact JSON. What does not parse is masked by its look alone.

    Args:
        plain: What ``is_plain`` says of the text, if it was asked.
    """
    frame = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    length = len(frame)
    if not (is_plain(frame) if plain is None else plain):
        try:
            value = json.loads(frame)
        except (ValueError, RecursionError):
            frame = _clean_broken(frame[: max_chars + _MARGIN_CHARS])
        else:
            escaped = "\\u" in frame
            frame = json.dumps(redact(value), separators=(",", ":"), ensure_ascii=escaped)
            length = len(frame)
    frame = frame[:max_chars]
    if not (frame.isascii() and "\0" not in frame):
        frame = storable_text(frame)[0]
    return frame if length <= max_chars else f"{frame}...[{length - max_chars} more characters]"


def is_plain(text: str) -> bool:
    """Tell whether a frame has no hint of a secret in it, so that ``redact`` changes nothing."""
    return "\\" not in text and not _is_suspicious(text)


def names_secret(name: str) -> bool:
    """Tell whether a setting of that name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def redact(value: Any) -> Any:
    """Return a copy of a JSON value with secrets masked."""
    return _walk(value, depth=0)


def _walk(node: Any, *, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return MASK
    match node:
        case str():
            return _clean_text(node)
        case list():
            return [_walk(item, depth=depth + 1) for item in node]
        case dict():
            return _object(node, depth=depth)
        case _:
            return node


def _object(node: dict[str, Any], *, depth: int) -> dict[str, Any]:
    hidden = {name for name in node if isinstance(name, str) and _SECRET_NAME.search(name)}
    if _names_secret(node):
        hidden |= (_NAMED_VALUES | {"variableAttribute"}) & node.keys()
    if node.get("type") == "KeyCode":
        hidden |= {"idToken"} & node.keys()
    if node.keys() >= _CUSTOMER_INFORMATION:  # what a charger stored of a person
        hidden.add("data")
    if "server" in node and "key" in node:  # a VPN; in 1.6 `key` is the name of a setting
        hidden.add("key")
    return {
        name: _masked(item) if name in hidden else _walk(item, depth=depth + 1)
        for name, item in node.items()
    }


def _names_secret(node: dict[str, Any]) -> bool:
    """Whether the object names a secret variable beside its value (1.6 `key`, 2.x `variable`)."""
    variable = node.get("variable")
    names = (node.get("key"), variable.get("name") if isinstance(variable, dict) else None)
    return any(isinstance(name, str) and _SECRET_NAME.search(name) for name in names)


def _masked(item: Any) -> Any:
    """Mask the leaves and keep the shape, so that a reader still sees what was sent."""
    match item:
        case None | bool():
            return item
        case list():
            return [_masked_attribute(entry) for entry in item]
        case _:
            return MASK


def _masked_attribute(entry: Any) -> Any:
    if isinstance(entry, dict):
        return {name: MASK if name == "value" else item for name, item in entry.items()}
    return MASK


def _clean_text(text: str) -> str:
    if not _is_suspicious(text):
        return text
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    return _NESTED_SECRET.sub(rf"\1{MASK}", text)


def _clean_broken(text: str) -> str:
    """Mask a text whose structure is lost: beside a secret's name every value is one."""
    lowered = text.lower()
    if any(word in lowered for word in _SECRET_WORDS):
        text = _VALUE_MEMBER.sub(rf'\1"{MASK}', text)
    return _clean_text(text)


def _is_suspicious(text: str) -> bool:
    lowered = text.lower()
    for stem in _STEMS:
        if stem in lowered:
            return any(hint in lowered for hint in _HINTS)
    return False
