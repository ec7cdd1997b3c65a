"""Checking what a manufacturer signed."""

import binascii
import hashlib
from base64 import b64decode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from simulator.certificates import parse_chain


def readable(certificate_pem: str) -> bool:
    """Tell whether a signing certificate can be read at all."""
    try:
        return bool(parse_chain(certificate_pem))
    except ValueError:
        return False


def holds(certificate_pem: str, signature: str, content: bytes) -> bool:
    """Tell whether the base64 *signature* is the certificate's over the SHA-256 of *content*.

    RSA signatures may be PSS or PKCS #1 1.5, others are ECDSA.
    """
    try:
        key = parse_chain(certificate_pem)[0].public_key()
        given = b64decode(signature, validate=True)
    except (ValueError, binascii.Error):
        return False
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            key.verify(given, content, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
    for scheme in (pss, padding.PKCS1v15()):
        try:
            key.verify(given, content, scheme, hashes.SHA256())
        except InvalidSignature:
            continue
        return True
    return False


def md5(content: bytes) -> str:
    """Return the checksum of published firmware (OCPP 2.0.1 L03)."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
