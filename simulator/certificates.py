"""Certificates a charger holds: CAs it trusts, its own, and the keys it waits with.

Kinds are named in the words of OCPP 2.0.1; 1.6 has two of them under names of its own.
"""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulator.config import ChargerConfig
from simulator.ledger import Payload

CSMS_ROOT = "CSMSRootCertificate"
MANUFACTURER_ROOT = "ManufacturerRootCertificate"
V2G_ROOT = "V2GRootCertificate"
MO_ROOT = "MORootCertificate"
V2G_CHAIN = "V2GCertificateChain"
STATION_CERTIFICATE = "ChargingStationCertificate"
V2G_CERTIFICATE = "V2GCertificate"

MAX_PEM_CHARACTERS = 10_000
_UNREADABLE = (ValueError, UnsupportedAlgorithm, binascii.Error)


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A CA certificate."""

    use: str
    pem: str
    certificate: x509.Certificate


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A certificate chain with its private key, both PEM."""

    chain_pem: str
    key_pem: str = field(repr=False)

    @property
    def chain(self) -> list[x509.Certificate]:
        """Return the chain, the charger's own certificate first."""
        return parse_chain(self.chain_pem)


@dataclass(kw_only=True)
class Certificates:
    """The certificate store of one charger."""

    roots: list[Installed] = field(default_factory=list)
    identity: Identity | None = None
    """With which the charger logs in (profile 3)."""
    v2g: Identity | None = None
    """With which it speaks to cars."""
    waiting: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    """Key of the last CSR by kind, until its certificate comes."""

    def of(self, use: str) -> list[Installed]:
        """Return the installed CAs of a kind."""
        return [root for root in self.roots if root.use == use]


def stocked(config: ChargerConfig) -> Certificates:
    """Return the certificates a new charger comes with.

    Raises ``OSError`` or ``ValueError`` for files that are missing or not PEM.
    """
    store = Certificates()
    if config.ca_file is not None:
        for certificate in parse_chain(config.ca_file.read_text(encoding="ascii")):
            store.roots.append(
                Installed(use=CSMS_ROOT, pem=as_pem(certificate), certificate=certificate)
            )
    if config.client_certificate is not None and config.client_key is not None:
        store.identity = Identity(
            chain_pem=config.client_certificate.read_text(encoding="ascii"),
            key_pem=config.client_key.read_text(encoding="ascii"),
        )
    return store


def parse_chain(pem: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM text; raises ``ValueError`` if there is none."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except _UNREADABLE as error:
        raise ValueError("no PEM certificate") from error


def as_pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def install(store: Certificates, use: str, pem: str, *, limit: int, now: datetime) -> str:
    """Take a CA certificate: Accepted, Rejected (not usable) or Failed (no room) (M05)."""
    try:
        (certificate, *_) = parse_chain(pem)
    except ValueError:
        return "Rejected"
    if len(pem) > MAX_PEM_CHARACTERS or certificate.not_valid_after_utc <= now:
        return "Rejected"
    if any(root.use == use and root.certificate == certificate for root in store.roots):
        return "Accepted"
    if len(store.roots) >= limit:
        return "Failed"
    store.roots.append(Installed(use=use, pem=as_pem(certificate), certificate=certificate))
    return "Accepted"


def delete(store: Certificates, wanted: Payload) -> str:
    """Remove the CA with this hash data: Accepted, NotFound, or Failed if it is in use (M04)."""
    for root in list(store.roots):
        if same(hash_data(root.certificate, _known(store), wanted["hash_algorithm"]), wanted):
            last = root.use == CSMS_ROOT and len(store.of(CSMS_ROOT)) == 1
            if last and store.identity is not None:
                return "Failed"
            store.roots.remove(root)
            return "Accepted"
    own = [identity for identity in (store.identity, store.v2g) if identity is not None]
    for identity in own:
        chain = identity.chain
        if same(hash_data(chain[0], chain[1:] + _known(store), wanted["hash_algorithm"]), wanted):
            return "Failed"
    return "NotFound"


def same(one: Payload, other: Payload) -> bool:
    """Compare hash data; hexadecimal digits have no case, serial numbers no leading zeros."""

    def key(data: Payload) -> tuple[str, ...]:
        serial = str(data["serial_number"]).lower().lstrip("0") or "0"
        hashes_ = (str(data["issuer_name_hash"]).lower(), str(data["issuer_key_hash"]).lower())
        return (str(data["hash_algorithm"]), *hashes_, serial)

    return key(one) == key(other)


def _known(store: Certificates) -> list[x509.Certificate]:
    return [root.certificate for root in store.roots]


def hash_data(
    certificate: x509.Certificate,
    issuers: Sequence[x509.Certificate] = (),
    algorithm: str = "SHA256",
) -> Payload:
    """Return CertificateHashDataType: hashes of the issuer's name and key, and the serial number.

    The issuer is looked for among *issuers*; a certificate whose issuer is not there is taken for
    its own, as a self-signed one is.
    """
    issuer = next((one for one in issuers if one.subject == certificate.issuer), certificate)
    return {
        "hash_algorithm": algorithm,
        "issuer_name_hash": _digest(certificate.issuer.public_bytes(), algorithm),
        "issuer_key_hash": _digest(_key_bits(issuer), algorithm),
        "serial_number": f"{certificate.serial_number:x}",
    }


def _digest(data: bytes, algorithm: str) -> str:
    chosen = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}
    digest = hashes.Hash(chosen[algorithm])
    digest.update(data)
    return digest.finalize().hex()


def _key_bits(certificate: x509.Certificate) -> bytes:
    """Return the subject public key as RFC 6960 hashes it: the bits without tag and length."""
    info = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = _inside(info)
    return _inside(body[_length(body) :])[1:]  # the first octet counts unused bits


def _header(der: bytes) -> tuple[int, int]:
    size = der[1]
    if size < 0x80:  # noqa: PLR2004 - X.690 8.1.3: the short form
        return 2, size
    octets = size & 0x7F
    return 2 + octets, int.from_bytes(der[2 : 2 + octets], "big")


def _length(der: bytes) -> int:
    header, size = _header(der)
    return header + size


def _inside(der: bytes) -> bytes:
    header, size = _header(der)
    return der[header : header + size]


def new_csr(store: Certificates, use: str, *, name: str, organization: str) -> str:
    """Make a key pair, keep it, and return the PEM request to have it signed (A02)."""
    key = ec.generate_private_key(ec.SECP256R1())
    store.waiting[use] = key
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        ]
    )
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()


def take_signed(store: Certificates, use: str, chain_pem: str, *, now: datetime) -> bool:
    """Use a signed certificate if it is valid and belongs to the key that waits for it."""
    key = store.waiting.get(use)
    try:
        chain = parse_chain(chain_pem)
    except ValueError:
        return False
    own = chain[0]
    if key is None or not own.not_valid_before_utc <= now < own.not_valid_after_utc:
        return False
    if own.public_key() != key.public_key() or not _linked(chain):
        return False
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    identity = Identity(chain_pem="".join(as_pem(one) for one in chain), key_pem=pem)
    if use == V2G_CERTIFICATE:
        store.v2g = identity
    else:
        store.identity = identity
    del store.waiting[use]
    return True


def _linked(chain: Sequence[x509.Certificate]) -> bool:
    try:
        for own, issuer in pairwise(chain):
            own.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
