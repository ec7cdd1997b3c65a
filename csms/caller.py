"""Who is at the other end of a handshake: address, encryption, certificate (S4, S18).

Directly, the socket says it. Behind one of our own proxies (``VOLTGATE_TRUSTED_PROXIES``) its
headers say it; anybody else may send those headers, and they are ignored:

* ``X-Forwarded-For``: the address, read from the end, proxies of ours skipped;
* ``X-Forwarded-Proto: https`` (or ``wss``): the charger came over TLS;
* ``X-SSL-Client-Cert`` (PEM, percent-encoded, as nginx's ``$ssl_client_escaped_cert``), or
  ``Client-Cert`` and ``Client-Cert-Chain`` of RFC 9440: its certificate.
"""

import base64
import binascii
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final
from urllib.parse import unquote

from websockets.datastructures import Headers

from core.certificates import x509s
from core.certificates.judging import Shown

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_HEADER_CHARS: Final = 32_768
_ESCAPED: Final = ("X-SSL-Client-Cert", "SSL-Client-Cert")
_DER: Final = re.compile(r":([A-Za-z0-9+/=]*):")
_ENCRYPTED: Final = frozenset({"https", "wss"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Attributes of a handshake that are not in its request.

    Attributes:
        address: The real peer.
        encrypted: Whether the charger speaks TLS, to us or to our proxy.
        has_certificate: Whether it showed a certificate.
        shown: That certificate; ``None`` if it cannot be read.
    """

    address: str
    encrypted: bool
    has_certificate: bool = False
    shown: Shown | None = None


def networks(texts: Sequence[str]) -> Sequence[Network]:
    """Return the networks of the proxies that are believed.

    Raises:
        ValueError: One is no network.
    """
    return [ip_network(text, strict=False) for text in texts]


def caller_of(
    peer: str, ssl_object: ssl.SSLObject | None, headers: Headers, proxies: Sequence[Network]
) -> Caller:
    """Return who is calling.

    Args:
        peer: The address of the socket's other end.
        ssl_object: Of the socket; ``None``: it is not encrypted.
        proxies: Whose headers are believed.
    """
    found = _parse(peer)
    if found is None or not _is_one_of(found, proxies):
        return _direct(str(found or peer), ssl_object)
    protocols = _last(headers, "X-Forwarded-Proto")
    encrypted = protocols is not None and protocols.lower() in _ENCRYPTED
    has_certificate, shown = _forwarded_certificate(headers)
    return Caller(
        address=str(_behind(found, headers, proxies)),
        encrypted=encrypted,
        has_certificate=encrypted and has_certificate,
        shown=shown,
    )


def _direct(address: str, ssl_object: ssl.SSLObject | None) -> Caller:
    if ssl_object is None:
        return Caller(address=address, encrypted=False)
    der = ssl_object.getpeercert(binary_form=True)
    if der is None:
        return Caller(address=address, encrypted=True)
    shown = _shown([der, *_sent_along(ssl_object, der)])
    return Caller(address=address, encrypted=True, has_certificate=True, shown=shown)


def _sent_along(ssl_object: Any, leaf: bytes) -> list[bytes]:
    """Return the further certificates that the other end sent (public from Python 3.13 on)."""
    if hasattr(ssl_object, "get_unverified_chain"):
        chain = list(ssl_object.get_unverified_chain())
    else:
        inner = ssl_object._sslobj  # noqa: SLF001 - there is no other way before 3.13
        form = ssl._ssl.ENCODING_DER  # type: ignore[attr-defined]  # noqa: SLF001
        chain = [one.public_bytes(form) for one in inner.get_unverified_chain() or ()]
    return [der for der in chain if der != leaf][: x509s.MAX_CERTIFICATES]


def _forwarded_certificate(headers: Headers) -> tuple[bool, Shown | None]:
    for name in _ESCAPED:
        text = _last(headers, name, commas=False)
        if text:
            return True, _of_escaped(text)
    text = _last(headers, "Client-Cert", commas=False)
    if not text:
        return False, None
    others = ",".join(headers.get_all("Client-Cert-Chain"))
    if len(text) + len(others) > MAX_HEADER_CHARS:
        return True, None
    try:
        ders = [base64.b64decode(one, validate=True) for one in _DER.findall(f"{text},{others}")]
    except binascii.Error:
        return True, None
    return True, _shown(ders)


def _of_escaped(text: str) -> Shown | None:
    if len(text) > MAX_HEADER_CHARS:
        return None
    try:
        leaf, *others = x509s.read_chain(unquote(text).replace("\t", "\n"))
    except x509s.Unreadable:
        return None
    return Shown(certificate=leaf, others=others)


def _shown(ders: Sequence[bytes]) -> Shown | None:
    if not ders or len(ders) > x509s.MAX_CERTIFICATES + 1:
        return None
    try:
        leaf, *others = [x509s.read_der(der) for der in ders]
    except x509s.Unreadable:
        return None
    return Shown(certificate=leaf, others=others)


def _behind(found: Address, headers: Headers, proxies: Sequence[Network]) -> Address:
    values = ",".join(headers.get_all("X-Forwarded-For"))[-MAX_HEADER_CHARS:]
    for entry in reversed(values.split(",")):
        if not _is_one_of(found, proxies):
            break
        before = _parse(entry.strip())
        if before is None:
            break
        found = before
    return found


def _last(headers: Headers, name: str, *, commas: bool = True) -> str | None:
    """Return what the nearest proxy wrote: the end of a list."""
    values = headers.get_all(name)
    if not values:
        return None
    return values[-1].rpartition(",")[2].strip() if commas else values[-1].strip()


def _is_one_of(address: Address, proxies: Sequence[Network]) -> bool:
    return any(address in network for network in proxies)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
