"""Is a certificate signing request one that we sign? Pure: nothing is stored or asked here."""

import re
from collections.abc import Collection
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from core.certificates import x509s

MAX_CSR_CHARS: Final = 5500
_PEM: Final = re.compile(
    r"-----BEGIN (NEW )?CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]{1,8000}"
    r"-----END (NEW )?CERTIFICATE REQUEST-----"
)
_GOOD_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class Unacceptable(Exception):
    """A request that is refused.

    Attributes:
        code: At most 20 characters, for OCPP's ``reasonCode``.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def read(text: str) -> x509.CertificateSigningRequest:
    """Return a request in PEM, as chargers send it, whose signature is right.

    Raises:
        Unacceptable: It is not.
    """
    found = _PEM.search(text) if len(text) <= MAX_CSR_CHARS else None
    if found is None:
        raise Unacceptable("InvalidCSR", "it is no PEM certificate request")
    try:
        csr = x509.load_pem_x509_csr(found[0].encode("ascii"))
        is_signed = csr.is_signature_valid
        list(csr.extensions)
        x509s.common_names(csr.subject)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as exc:
        raise Unacceptable("InvalidCSR", "it does not parse as a certificate request") from exc
    if not is_signed:
        raise Unacceptable("InvalidCSR", "its signature is wrong")
    return csr


def check(
    csr: x509.CertificateSigningRequest, *, names: Collection[str], organisation: str | None
) -> None:
    """Check what a request asks for.

    Args:
        names: What its CN may be: the charger's identity, its serial number.
        organisation: What its O has to be; ``None``: anything.

    Raises:
        Unacceptable: It asks for something else.
    """
    if weak := x509s.weakness(csr.public_key()):
        raise Unacceptable("InvalidCSR", weak)
    if not isinstance(csr.signature_hash_algorithm, _GOOD_HASHES):
        raise Unacceptable("InvalidCSR", "it is not signed with SHA-256 or better")
    common = x509s.common_names(csr.subject)
    if len(common) != 1 or not is_named(common[0], names):
        raise Unacceptable(
            "InvalidCommonName",
            f"its CN is {_shown(common)}, and has to be one of {_shown(sorted(names))}",
        )
    if organisation is not None and x509s.organisations(csr.subject) != [organisation]:
        found = _shown(x509s.organisations(csr.subject))
        raise Unacceptable("InvalidOrganization", f"its O is {found}, not {organisation}")
    _check_extensions(csr.extensions, names)


def is_named(name: str, names: Collection[str]) -> bool:
    """Tell whether a CN is one of *names*, whatever its case."""
    return name.strip().lower() in {one.lower() for one in names}


def _check_extensions(extensions: x509.Extensions, names: Collection[str]) -> None:
    for extension in extensions:
        match extension.value:
            case x509.BasicConstraints(ca=True):
                raise Unacceptable("InvalidCSR", "it asks for a certificate authority (CA:TRUE)")
            case x509.KeyUsage(key_cert_sign=True) | x509.KeyUsage(crl_sign=True):
                raise Unacceptable("InvalidCSR", "it asks for a key that signs certificates")
            case x509.SubjectAlternativeName() as alternative:
                _check_alternatives(alternative, names)
            case _:
                pass


def _check_alternatives(found: x509.SubjectAlternativeName, names: Collection[str]) -> None:
    for name in found:
        is_text = isinstance(name, (x509.DNSName, x509.UniformResourceIdentifier))
        if not is_text or not is_named(str(name.value), names):
            raise Unacceptable("InvalidCSR", "its subjectAltName names somebody else")


def _shown(values: list[str]) -> str:
    return ", ".join(value[:64] for value in values[:3]) or "missing"
