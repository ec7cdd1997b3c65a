"""HTTP Message Signatures (RFC 9421) and Content-Digest (RFC 9530) of requests, without I/O.

Only what a signature of a request needs: derived components without parameters, and whole header
fields. Everything else is refused by name, never ignored.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import http_sf

from core.kernel.errors import PlatformError

TAG: Final = "voltgate"
"""``tag`` of signatures that are meant for this API."""

MAX_FIELD_CHARS: Final = 8192
MAX_COMPONENTS: Final = 50
DIGESTS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "sha-256": hashlib.sha256,
    "sha-512": hashlib.sha512,
}
_INPUT: Final = "signature-input"
_SIGNATURE: Final = "signature"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

Fields = Mapping[str, Sequence[str]]
"""Header fields by their names in lower case; each line's value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request as its signer sees it: by the address that partners know, not by that of a proxy.

    *path* and *query* are as they stand on the wire, percent-encoded; *query* has no ``?``.
    """

    method: str
    scheme: str
    authority: str
    path: str
    query: str
    fields: Fields
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One member of ``Signature-Input`` with its bytes.

    Attributes:
        components: What it covers, in its order.
        parameters: ``created``, ``keyid`` and so on, as structured field values.
        input: The member serialised anew, which is the value of ``@signature-params``.
    """

    label: str
    components: tuple[str, ...]
    parameters: Mapping[str, Any]
    input: str
    value: bytes

    def text(self, name: str) -> str | None:
        """Return a parameter that is a string; ``None``: it is not given.

        Raises:
            PlatformError: ``invalid_signature``: it is something else.
        """
        value = self.parameters.get(name)
        if value is not None and type(value) is not str:
            raise wrong(f"{name} must be a quoted string.", self)
        return value

    def instant(self, name: str) -> int | None:
        """Return a parameter that is Unix seconds, like ``text``."""
        value = self.parameters.get(name)
        if value is not None and type(value) is not int:
            raise wrong(f"{name} must be a whole number of Unix seconds.", self)
        return value


def wrong(detail: str, signature: Signature | None = None, **facts: Any) -> PlatformError:
    """Return the error of a signature that does not hold."""
    where = "" if signature is None else f"Signature {signature.label}: "
    return PlatformError("invalid_signature", f"{where}{detail}", **facts)


def address_of(public_url: str) -> tuple[str, str, str]:
    """Return scheme, normalised authority and path prefix of the address that partners use."""
    parts = urlsplit(public_url.rstrip("/"))
    host, scheme = (parts.hostname or "").lower(), parts.scheme.lower()
    host = f"[{host}]" if ":" in host else host
    is_default = parts.port is None or parts.port == _DEFAULT_PORTS.get(scheme)
    return scheme, host if is_default else f"{host}:{parts.port}", parts.path


def is_signed(fields: Fields) -> bool:
    """Tell whether a request says that it is signed, rightly or not."""
    return _INPUT in fields or _SIGNATURE in fields


def read(
    fields: Fields, *, wanted: Callable[[Mapping[str, Any]], bool] = lambda parameters: True
) -> list[Signature]:
    """Return the signatures of a request, in their order.

    Args:
        wanted: Tells by its parameters whether one is read; what others cover is not looked at.

    Raises:
        PlatformError: ``invalid_signature``: a field is missing, is no dictionary of RFC 9651, or
            has a member that can be no signature.
    """
    if _INPUT not in fields or _SIGNATURE not in fields:
        missing = "Signature" if _INPUT in fields else "Signature-Input"
        raise wrong(f"The header {missing} is missing.")
    inputs = _dictionary("Signature-Input", fields[_INPUT])
    values = _dictionary("Signature", fields[_SIGNATURE])
    if not inputs:
        raise wrong("Signature-Input is empty.")
    found = [(label, *_inner_list(label, member)) for label, member in inputs.items()]
    return [
        _signature(label, items, parameters, values)
        for label, items, parameters in found
        if wanted(parameters)
    ]


def base(message: Message, signature: Signature) -> str:
    """Return the signature base (RFC 9421 2.5).

    Raises:
        PlatformError: ``invalid_signature``: a component does not exist, or is not ASCII.
    """
    lines = [f'"{name}": {_value(message, signature, name)}' for name in signature.components]
    text = "\n".join([*lines, f'"@signature-params": {signature.input}'])
    if not text.isascii():
        raise wrong("it covers something that is not ASCII.", signature)
    return text


def require_covered(message: Message, signature: Signature) -> None:
    """Refuse a signature that leaves open what the request does.

    Raises:
        PlatformError: ``invalid_signature``, with ``missing_components``.
    """
    covered = set(signature.components)
    needed = ["@method"]
    if "@target-uri" not in covered:
        parts = ["@authority", "@path", *(["@query"] if message.query else [])]
        needed += parts if covered & set(parts) else ["@target-uri"]
    needed += ["content-digest"] if message.body else []
    # it stands for request_id, which is in the body otherwise
    needed += ["idempotency-key"] if "idempotency-key" in message.fields else []
    if missing := [name for name in needed if name not in covered]:
        raise wrong(f"it must cover {' '.join(missing)}.", signature, missing_components=missing)


def check_digest(message: Message) -> None:
    """Refuse a body that is not the one of ``Content-Digest`` (RFC 9530).

    Raises:
        PlatformError: ``invalid_signature``.
    """
    members = _dictionary("Content-Digest", message.fields.get("content-digest", ()))
    known = {name: member for name, member in members.items() if name in DIGESTS}
    if not known:
        raise wrong("Content-Digest must have sha-256 or sha-512.", component="content-digest")
    for name, member in known.items():
        value = member[0] if isinstance(member, tuple) else member
        computed = DIGESTS[name](message.body).digest()
        if not isinstance(value, bytes) or not hmac.compare_digest(value, computed):
            ours = base64.b64encode(computed).decode()
            raise wrong(
                f"Content-Digest is not of the body: of the {len(message.body)} bytes that came "
                f"it is {name}=:{ours}:",
                component="content-digest",
            )


def _inner_list(label: str, member: Any) -> tuple[list[Any], Mapping[str, Any]]:
    items, parameters = member if isinstance(member, tuple) else (member, {})
    if not isinstance(items, list):
        raise wrong(f'Signature-Input: {label} is no inner list, such as ("@method").')
    return items, parameters


def _signature(
    label: str, items: list[Any], parameters: Mapping[str, Any], values: Mapping[str, Any]
) -> Signature:
    if len(items) > MAX_COMPONENTS:
        raise wrong(f"Signature-Input: {label} covers more than {MAX_COMPONENTS} components.")
    names = [_name(label, item) for item in items]
    if len(set(names)) < len(names):
        raise wrong(f"Signature-Input: {label} covers a component twice.")
    value = values.get(label)
    value = value[0] if isinstance(value, tuple) else value
    if not isinstance(value, bytes):
        raise wrong(f"Signature has no bytes (:base64:) for {label} of Signature-Input.")
    try:
        serialised = http_sf.ser([(items, dict(parameters))])
    except (ValueError, TypeError) as exc:
        raise wrong(f"Signature-Input: {label}: {exc}.") from exc
    return Signature(
        label=label,
        components=tuple(names),
        parameters=parameters,
        input=serialised,
        value=value,
    )


def _name(label: str, item: Any) -> str:
    value, parameters = item if isinstance(item, tuple) else (item, {})
    if type(value) is not str:
        raise wrong(f"Signature-Input: components of {label} are quoted strings.")
    if parameters:
        raise wrong(
            f"Signature-Input: {label}: parameters of components ({value}) are not supported.",
            component=value,
        )
    return value


def _value(message: Message, signature: Signature, name: str) -> str:
    """Return the value of a component (RFC 9421 2.1 and 2.2)."""
    if name.startswith("@"):
        derived = _DERIVED.get(name)
        if derived is None:
            raise wrong(f"{name} is not supported.", signature, component=name)
        return derived(message)
    if name != name.lower() or name in {_INPUT, _SIGNATURE}:
        raise wrong(f"{name} cannot be covered.", signature, component=name)
    lines = message.fields.get(name)
    if lines is None:
        raise wrong(f"it covers the header {name}, which did not come.", signature, component=name)
    return ", ".join(line.strip(" \t") for line in lines)


def _target(message: Message) -> str:
    return message.path + (f"?{message.query}" if message.query else "")


_DERIVED: Final[Mapping[str, Callable[[Message], str]]] = {
    "@method": lambda message: message.method,
    "@target-uri": lambda message: f"{message.scheme}://{message.authority}{_target(message)}",
    "@authority": lambda message: message.authority,
    "@scheme": lambda message: message.scheme,
    "@request-target": _target,
    "@path": lambda message: message.path or "/",
    "@query": lambda message: f"?{message.query}",
}


def _dictionary(name: str, lines: Sequence[str]) -> Mapping[str, Any]:
    """Return the members of a dictionary field, each as ``http_sf`` gives it."""
    text = ", ".join(lines)
    if len(text) > MAX_FIELD_CHARS:
        raise wrong(f"{name} has more than {MAX_FIELD_CHARS} characters.")

    def twice(key: str, where: str) -> None:
        raise ValueError(f"{key} comes twice in a {where}")

    try:
        found = http_sf.parse(text.encode("latin-1"), tltype="dictionary", on_duplicate_key=twice)
    except (ValueError, OverflowError) as exc:
        raise wrong(f"{name} is no dictionary of structured fields (RFC 9651): {exc}.") from exc
    if not isinstance(found, dict):
        raise wrong(f"{name} is empty.")
    return found
