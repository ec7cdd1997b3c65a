"""The built-in certificate authority of a development system (never of production)."""

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.certificates import store, x509s
from core.kernel.crypto import Vault
from core.kernel.db import Tx

NAME: Final = "built_in"
_LIFETIME: Final = timedelta(days=3650)
_BACK: Final = timedelta(hours=1)
"""A charger whose clock is a little behind has to find its certificate valid."""
_CONTEXT: Final = f"certificate_authorities:{NAME}"


async def certificate(tx: Tx) -> x509.Certificate | None:
    """Return the authority's certificate; ``None`` before its first use."""
    found = await store.authority(tx, NAME)
    return None if found is None else x509s.read_chain(found.certificate)[0]


async def create_once(
    tx: Tx, vault: Vault, *, organisation: str | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return the authority with its key, made now if there is none; the key is stored encrypted.

    Raises:
        Undecryptable: The key was encrypted with one that is gone.
    """
    found = await store.authority(tx, NAME)
    if found is None:
        key = ec.generate_private_key(ec.SECP256R1())
        made = _root(key, organisation=organisation or "Voltgate", now=tx.now)
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        sealed = vault.ring.encrypt(text, context=_CONTEXT)
        found = await store.add_authority(
            tx, name=NAME, certificate=x509s.pem_of([made]), sealed_key=sealed
        )
    if found is None:  # another node made one at the same time
        found = await store.authority(tx, NAME)
    if found is None:
        raise AssertionError("an authority that is there cannot be read")
    pem = vault.ring.decrypt(found.sealed_key, context=_CONTEXT).encode()
    private = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("the built-in authority has a key of another kind")
    return x509s.read_chain(found.certificate)[0], private


async def sign(
    tx: Tx,
    vault: Vault,
    csr: x509.CertificateSigningRequest,
    *,
    organisation: str | None,
    lifetime: timedelta,
) -> list[x509.Certificate]:
    """Return the chain for a request that was checked: one certificate, for clients only.

    Of the request only subject and key are taken. The root is left out: chargers have it.
    """
    root, key = await create_once(tx, vault, organisation=organisation)
    builder = (
        x509.CertificateBuilder()
        .subject_name(csr.subject)
        .issuer_name(root.subject)
        .public_key(csr.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(tx.now - _BACK)
        .not_valid_after(min(tx.now + lifetime, root.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(csr.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    return [builder.sign(key, hashes.SHA256())]


def _root(key: ec.EllipticCurvePrivateKey, *, organisation: str, now: datetime) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, "Voltgate development CA"),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
