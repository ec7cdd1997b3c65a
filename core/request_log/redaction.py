"""Secrets out of calls before they are stored.

What is a secret is known by the name of the member or parameter, or by its look. A body that is not
JSON has no names to go by, so nothing of it is kept.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, quote

import msgspec

from core.request_log.models import (
    MAX_AGENT_CHARS,
    MAX_PATH_CHARS,
    MAX_QUERY_CHARS,
    Body,
    Call,
    Omitted,
)

MAX_BODY_BYTES: Final = 4096
"""Of what is kept, after it was redacted and shortened."""

MAX_READ_BYTES: Final = 16_384
"""Of a body that is looked at at all."""

HIDDEN: Final = "[hidden]"
_MAX_DEPTH: Final = 20
_MAX_CHARS: Final = 500
_MAX_ITEMS: Final = 20
_MAX_PARAMETERS: Final = 50
_COMMON_CHARS: Final = 64
"""Of names that are remembered: longer ones are nobody's fields."""

_SECRET_NAME: Final = re.compile(
    r"secret|passw|passphrase|pwd|authorization|credential|token|signature|jwt|bearer|cookie"
    r"|(?:api|access|private|signing|encryption)[_-]?key"
    r"|(?:^|[_-])(?:key|pin|otp|puk)$"
    r"|^d$",  # of a JWK: somebody sent the private half
    re.IGNORECASE,
)
# Repetitions after a class of their own characters: no text makes the search quadratic.
_SECRET_LOOK: Final = re.compile(
    r"(vg_(?:live|test|op|app)_)[\w-]+|((?:wh|sg)sec_)[\w+/=~-]+|((?:basic|bearer)\s)[\w+/=.~-]+"
    r"|(eyJ)[\w-]{10,}\.[\w-]+\.[\w-]*"
    r"|(-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY-----)[^-]*(?:-{1,4}[^-]+)*",
    re.IGNORECASE | re.ASCII,
)
# Of most bodies none of these is a part; to look for plain words costs a tenth of the rest.
_HINTS: Final = (
    b"vg_",
    b"whsec_",
    b"sgsec_",
    b"basic",
    b"bearer",
    b"eyj",
    b"-----begin",
    b"://",
    b"\\",
)
_URL_PASSWORD: Final = re.compile(r"(://)[^\s/?#@\"]{1,512}@")
_URL_QUERY: Final = re.compile(r"(://[^\s?#\"]{1,2048}\?)[^\s\"]+")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_OPERATION: Final = re.compile(r"op_[0-9a-z]{26}", re.ASCII)


def row_of(call: Call) -> dict[str, Any]:
    """Return the columns of a call but ``updated_at``, with nothing secret in any of them."""
    asked, request_omitted = _read(call.request)
    answered, response_omitted = _read(call.response)
    request_body, request_omitted = _kept(call.request, asked, request_omitted)
    response_body, response_omitted = _kept(call.response, answered, response_omitted)
    return {
        "id": call.id,
        "partner_id": call.partner_id,
        "livemode": call.livemode,
        "key_id": call.key_id,
        "at": call.at,
        "method": call.method[:10],
        "path": clean(call.path)[:MAX_PATH_CHARS],
        "route": call.route,
        "query": redact_query(call.query) or None,
        "status": call.status,
        "code": call.code,
        "duration_ms": call.duration_ms,
        "remote_address": call.remote_address,
        "user_agent": _agent(call.user_agent),
        "request_id": _request_id(asked, call.idempotency_key),
        "operation_id": _operation_id(call.path, answered),
        "replayed": call.replayed,
        "request_bytes": call.request.size_bytes,
        "request_body": request_body,
        "request_omitted": request_omitted,
        "response_bytes": call.response.size_bytes,
        "response_body": response_body,
        "response_omitted": response_omitted,
    }


def names_secret(name: str) -> bool:
    """Tell whether what goes by this name is never kept."""
    return _is_secret(name) if len(name) <= _COMMON_CHARS else _is_secret.__wrapped__(name)


@lru_cache(4096)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def clean(text: str) -> str:
    """Return *text* without what looks like a secret, and without what cannot be stored."""
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1{HIDDEN}@", text)
        text = _URL_QUERY.sub(rf"\1{HIDDEN}", text)
    text = _SECRET_LOOK.sub(lambda found: next(filter(None, found.groups())) + HIDDEN, text)
    return text.replace("\0", "")


def redact(value: Any, *, look: bool = True) -> Any:
    """Return a copy of a JSON value, secrets hidden, long texts and lists cut.

    Args:
        look: Texts are looked at, too; needless where nothing hints at a secret in any of them.
    """
    return _walk(value, clean if look else _as_it_is, depth=0)


def redact_query(query: str) -> str:
    """Return a query string with secrets hidden, at most 500 characters of it."""
    if not query:
        return ""
    parts = query.split("&", _MAX_PARAMETERS)[:_MAX_PARAMETERS]
    pairs = parse_qsl("&".join(parts), keep_blank_values=True)
    shown = "&".join(
        f"{quote(clean(name), safe='[]')}={_shown(name, value)}" for name, value in pairs
    )
    return shown[:MAX_QUERY_CHARS]


def _shown(name: str, value: str) -> str:
    return HIDDEN if names_secret(name) else quote(clean(value), safe="[]:,*@")


def _as_it_is(text: str) -> str:
    return text


def _walk(node: Any, cleaned: Callable[[str], str], *, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return HIDDEN
    match node:
        case str():
            return _short(cleaned(node))
        case list():
            items = [_walk(item, cleaned, depth=depth + 1) for item in node[:_MAX_ITEMS]]
            more = len(node) - _MAX_ITEMS
            return items if more <= 0 else [*items, f"...[{more} more]"]
        case dict():
            return {
                _short(cleaned(name)): _masked(item)
                if names_secret(name)
                else _walk(item, cleaned, depth=depth + 1)
                for name, item in node.items()
            }
        case _:
            return node


def _masked(item: Any) -> Any:
    return item if item is None or isinstance(item, bool) else HIDDEN


def _short(text: str) -> str:
    more = len(text) - _MAX_CHARS
    return text if more <= 0 else f"{text[:_MAX_CHARS]}...[{more} more characters]"


def _read(body: Body) -> tuple[Any, Omitted | None]:
    """Return the JSON of a body (``None``: there is none) and why it is left out, if it is."""
    if body.omitted is not None:
        return None, body.omitted
    if not body.content:
        return None, None
    try:
        return msgspec.json.decode(body.content), None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, Omitted.NOT_JSON


def _kept(body: Body, document: Any, omitted: Omitted | None) -> tuple[str | None, Omitted | None]:
    if document is None:
        return None, omitted
    lowered = (body.content or b"").lower()
    text = msgspec.json.encode(redact(document, look=any(hint in lowered for hint in _HINTS)))
    if len(text) > MAX_BODY_BYTES:
        return None, Omitted.TOO_LARGE
    return text.decode(), None


def _agent(header: str | None) -> str | None:
    return None if header is None else clean(header)[:MAX_AGENT_CHARS]


def _request_id(asked: Any, header: str | None) -> str | None:
    given = asked.get("request_id", header) if isinstance(asked, dict) else header
    if not isinstance(given, str) or not _REQUEST_ID.fullmatch(given):
        return None
    return clean(given)


def _operation_id(path: str, answered: Any) -> str | None:
    if isinstance(answered, dict):
        member = "id" if answered.get("object") == "operation" else "operation_id"
        given = answered.get(member)
        if isinstance(given, str) and _OPERATION.fullmatch(given):
            return given
    found = _OPERATION.search(path)
    return None if found is None else found[0]
