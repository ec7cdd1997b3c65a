"""What certificates and requests say: parsed, described, hashed. Pure; no rule stands here."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

MAX_PEM_CHARS: Final = 20_000
MAX_CERTIFICATES: Final = 10
MIN_RSA_BITS: Final = 2048
MIN_EC_BITS: Final = 224
"""OCPP 2.0.1 A00.FR.502, 503: RSA or DSA of 2048 bits, elliptic curves of 224."""

_SERIAL_END: Final = 2**160
HASHES: Final = {"SHA256": hashlib.sha256, "SHA384": hashlib.sha384, "SHA512": hashlib.sha512}
"""By their names in OCPP."""

_BLOCK: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,16000}-----END CERTIFICATE-----"
)


class Unreadable(Exception):
    """The text is no certificate; its words may be shown to an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashData:
    """A certificate as OCPP names it: by hashes of its issuer, and its serial number in hex."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


def read_chain(text: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM text in their order.

    Raises:
        Unreadable: There is none, one does not parse, or there are too many.
    """
    if len(text) > MAX_PEM_CHARS * MAX_CERTIFICATES:
        raise Unreadable("the text is too long for certificates")
    blocks = _BLOCK.findall(text)
    if not blocks:
        raise Unreadable("there is no PEM certificate (-----BEGIN CERTIFICATE-----) in it")
    if len(blocks) > MAX_CERTIFICATES:
        raise Unreadable(f"there are more than {MAX_CERTIFICATES} certificates in it")
    return [_certificate(block.encode("ascii")) for block in blocks]


def read_der(data: bytes) -> x509.Certificate:
    """Return a certificate in DER.

    Raises:
        Unreadable: It does not parse.
    """
    try:
        found = x509.load_der_x509_certificate(data)
        described(found)
    except (ValueError, UnsupportedAlgorithm, OverflowError) as exc:
        raise Unreadable("it does not parse as a certificate") from exc
    return found


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        found = x509.load_pem_x509_certificate(pem)
        described(found)
    except (ValueError, UnsupportedAlgorithm, OverflowError) as exc:
        raise Unreadable("a certificate in it does not parse") from exc
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is stored and shown of a certificate."""

    fingerprint: str
    serial_number: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime


def described(certificate: x509.Certificate) -> Described:
    """Return the facts of a certificate.

    Raises:
        ValueError: A part of it, which is parsed only now, is broken.
    """
    if not 0 < certificate.serial_number < _SERIAL_END:
        raise ValueError("its serial number is not one of RFC 5280 4.1.2.2")
    return Described(
        fingerprint=hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        serial_number=serial_hex(certificate.serial_number),
        subject=_shown(certificate.subject),
        issuer=_shown(certificate.issuer),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def serial_hex(number: int) -> str:
    """Return a serial number as OCPP writes it: lower-case hex without leading zeros."""
    return f"{number:x}"


def same_serial(one: str, other: str) -> bool:
    """Compare serial numbers in hex as different chargers write them."""
    return normal_serial(one) == normal_serial(other)


def normal_serial(text: str) -> str:
    """Return a serial number as ``serial_hex`` writes it."""
    return text.replace(":", "").strip().lower().removeprefix("0x").lstrip("0") or "0"


def pem_of(chain: Sequence[x509.Certificate]) -> str:
    """Return certificates as PEM in their order."""
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate names itself as its issuer: a root."""
    return certificate.subject == certificate.issuer


def hash_data(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str = "SHA256"
) -> HashData:
    """Return how OCPP names *certificate* (CertificateHashDataType; RFC 6960 4.1.1)."""
    digest = HASHES[algorithm]
    return HashData(
        hash_algorithm=algorithm,
        issuer_name_hash=digest(certificate.issuer.public_bytes()).hexdigest(),
        issuer_key_hash=digest(_key_bits(issuer)).hexdigest(),
        serial_number=serial_hex(certificate.serial_number),
    )


def names(subject: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    """Return the values of one attribute of a name."""
    values = [attribute.value for attribute in subject.get_attributes_for_oid(oid)]
    return [value for value in values if isinstance(value, str)]


def common_names(subject: x509.Name) -> list[str]:
    """Return the CNs of a name."""
    return names(subject, NameOID.COMMON_NAME)


def organisations(subject: x509.Name) -> list[str]:
    """Return the Os of a name."""
    return names(subject, NameOID.ORGANIZATION_NAME)


def weakness(key: object) -> str | None:
    """Return what is wrong with the kind or size of a public key."""
    match key:
        case rsa.RSAPublicKey():
            small = key.key_size < MIN_RSA_BITS
            return f"its RSA key has {key.key_size} bits, not {MIN_RSA_BITS}" if small else None
        case ec.EllipticCurvePublicKey():
            small = key.key_size < MIN_EC_BITS
            return f"its EC key has {key.key_size} bits, not {MIN_EC_BITS}" if small else None
        case _:
            return "its key is neither RSA nor ECDSA"


def _key_bits(certificate: x509.Certificate) -> bytes:
    """Return the content of the subjectPublicKey bit string, which is what RFC 6960 hashes."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _shown(name: x509.Name) -> str:
    text = name.rfc4514_string().replace("\x00", "\ufffd")
    return text.encode("utf-8", errors="replace").decode()[:300]
