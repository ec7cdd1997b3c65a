"""May a charger log in with a certificate? (S4) Pure: who is trusted and revoked is handed in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.certificates import x509s
from core.certificates.requesting import is_named
from core.chargers.states import RefusalReason

MAX_DEPTH: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whose certificates are accepted, and which are not.

    Attributes:
        anchors: Authorities; a chain ends at one of them.
        lists: Their revocation lists.
        revoked: Serial numbers (``x509s.serial_hex``) that an operator revoked.
    """

    anchors: Sequence[x509.Certificate] = ()
    lists: Sequence[x509.CertificateRevocationList] = ()
    revoked: Collection[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a charger showed: its certificate and what it sent along to prove it."""

    certificate: x509.Certificate
    others: Sequence[x509.Certificate] = ()


def problem(
    shown: Shown,
    trust: Trust,
    *,
    names: Collection[str],
    organisation: str | None,
    now: datetime,
) -> RefusalReason | None:
    """Return why a charger may not log in with its certificate, ``None`` if it may.

    Args:
        names: What its CN may be (OCPP 2.0.1 A00.FR.405: the serial number; here the identity,
            too).
        organisation: What its O has to be; ``None``: anything.
    """
    leaf = shown.certificate
    chain = _chain(shown, trust.anchors)
    if chain is None:
        return RefusalReason.CERTIFICATE_UNTRUSTED
    common = x509s.common_names(leaf.subject)
    named = len(common) == 1 and is_named(common[0], names)
    ours = organisation is None or x509s.organisations(leaf.subject) == [organisation]
    flaws = (
        (any(one.not_valid_after_utc <= now for one in chain), RefusalReason.CERTIFICATE_EXPIRED),
        (
            any(one.not_valid_before_utc > now for one in chain),
            RefusalReason.CERTIFICATE_NOT_YET_VALID,
        ),
        (_is_revoked(chain, trust), RefusalReason.CERTIFICATE_REVOKED),
        (not _is_for_clients(leaf), RefusalReason.CERTIFICATE_UNFIT),
        (not named, RefusalReason.WRONG_CERTIFICATE_NAME),
        (not ours, RefusalReason.WRONG_ORGANISATION),
    )
    return next((reason for is_so, reason in flaws if is_so), None)


def chain_serials(shown: Shown, anchors: Sequence[x509.Certificate]) -> frozenset[str]:
    """Return the serial numbers (``x509s.serial_hex``) of those shown that lead to an anchor."""
    chain = _chain(shown, anchors) or ()
    mine = [one for one in chain if one is shown.certificate or one in shown.others]
    return frozenset(x509s.serial_hex(one.serial_number) for one in mine)


def _chain(shown: Shown, anchors: Sequence[x509.Certificate]) -> Sequence[x509.Certificate] | None:
    """Return the certificate and its issuers up to an anchor; ``None`` if there is no such way."""
    chain = [shown.certificate]
    while len(chain) <= MAX_DEPTH:
        last = chain[-1]
        anchor = _issuer(last, anchors, below=len(chain) - 1)
        if anchor is not None:
            return [*chain, anchor]
        above = _issuer(last, [one for one in shown.others if one not in chain], len(chain) - 1)
        if above is None:
            return None
        chain.append(above)
    return None


def _issuer(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate], below: int
) -> x509.Certificate | None:
    """Return who of *candidates* signed a certificate; *below*: authorities between them."""
    for one in candidates:
        if one.subject == certificate.issuer and _may_sign(one, below):
            try:
                certificate.verify_directly_issued_by(one)
            except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                continue
            return one
    return None


def _may_sign(authority: x509.Certificate, below: int) -> bool:
    try:
        found = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    if not found.ca or (found.path_length is not None and found.path_length < below):
        return False
    try:
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.key_cert_sign


def _is_revoked(chain: Sequence[x509.Certificate], trust: Trust) -> bool:
    for one in chain:
        if x509s.serial_hex(one.serial_number) in trust.revoked:
            return True
        for list_ in trust.lists:
            if list_.issuer != one.issuer:
                continue
            signers = [above for above in chain if above.subject == list_.issuer]
            is_theirs = any(list_.is_signature_valid(above.public_key()) for above in signers)  # type: ignore[arg-type]
            entry = list_.get_revoked_certificate_by_serial_number(one.serial_number)
            if is_theirs and entry is not None:
                return True
    return False


def _is_for_clients(leaf: x509.Certificate) -> bool:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usages = None
    except ValueError:
        return False
    if usages is not None:
        good = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
        if not any(one in usages for one in good):
            return False
    return x509s.weakness(leaf.public_key()) is None
