"""Certificate authorities, certificates and requests of the tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
ORGANISATION = "Test Charging"


def name_of(common: str, organisation: str | None = ORGANISATION) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organisation is not None:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(attributes)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key) -> bytes:
    return key.private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def request(
    common: str = "CP-1",
    *,
    organisation: str | None = ORGANISATION,
    key: Key | None = None,
    extensions: Sequence[x509.ExtensionType] = (),
) -> str:
    """Return a signing request as PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(name_of(common, organisation))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    made = builder.sign(key or new_key(), hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, as files."""

    certificate: x509.Certificate
    key: Key
    path: Path

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


@dataclass
class Pki:
    """One authority; its files are in *directory*."""

    directory: Path
    name: str = "Test CA"
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        self.certificate = self._built(name_of(self.name), self.key.public_key(), days=30, ca=True)
        self.path = self.directory / f"{self.name.replace(' ', '-')}.pem"
        self.path.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def server(self, *, file: str = "server.pem", days: int = 2) -> Issued:
        """Return a certificate for this machine, with its key in the same file."""
        loopback = x509.IPAddress(ip_address("127.0.0.1"))
        names = x509.SubjectAlternativeName([loopback, x509.DNSName("localhost")])
        return self.issue("localhost", file=file, days=days, extensions=[names])

    def issue(
        self,
        common: str = "CP-1",
        *,
        organisation: str | None = ORGANISATION,
        days: int = 2,
        begins: timedelta = timedelta(days=-1),
        file: str | None = None,
        key: Key | None = None,
        ca: bool = False,
        extensions: Sequence[x509.ExtensionType] = (),
    ) -> Issued:
        """Return a certificate that ends in *days* (ended, if negative)."""
        key = key or new_key()
        certificate = self._built(
            name_of(common, organisation),
            key.public_key(),
            days=days,
            ca=ca,
            begins=begins,
            extensions=extensions,
        )
        path = self.directory / (file or f"{certificate.serial_number:x}.pem")
        path.write_bytes(certificate.public_bytes(Encoding.PEM) + key_pem(key))
        return Issued(certificate, key, path)

    def revoking(self, *certificates: x509.Certificate) -> Path:
        """Return the file of a revocation list."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - timedelta(days=1))
            .next_update(now + timedelta(days=1))
        )
        for one in certificates:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(one.serial_number)
                .revocation_date(now - timedelta(hours=1))
                .build()
            )
            builder = builder.add_revoked_certificate(entry)
        path = self.directory / "crl.pem"
        path.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return path

    def _built(
        self,
        subject: x509.Name,
        public_key: Any,
        *,
        days: int,
        ca: bool = False,
        begins: timedelta = timedelta(days=-3),
        extensions: Sequence[x509.ExtensionType] = (),
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        begin = min(now + begins, now + timedelta(days=days - 1))
        if begins > timedelta(0):
            begin = now + begins
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name_of(self.name))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())
