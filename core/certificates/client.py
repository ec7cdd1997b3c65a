"""Whom to trust when chargers show certificates: files of the settings, our authority, our list."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from core.certificates import authority, judging, store, x509s
from core.certificates.judging import Shown, Trust
from core.chargers.login import Judge
from core.chargers.states import RefusalReason
from core.kernel.db import Tx
from core.kernel.settings import Settings
from core.kernel.settings_certificates import CertificateSigner


class TlsUnusable(Exception):
    """The files of the settings make no TLS server; the text names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustFiles:
    """Authorities of others and their revocation lists, as read from the settings' files."""

    anchors: Sequence[x509.Certificate] = ()
    lists: Sequence[x509.CertificateRevocationList] = ()


def read_files(settings: Settings) -> TrustFiles:
    """Read the files of the settings.

    Raises:
        Unreadable: One holds something else.
        OSError: One cannot be read.
    """
    anchors: Sequence[x509.Certificate] = ()
    lists: Sequence[x509.CertificateRevocationList] = ()
    if settings.tls_client_ca is not None:
        anchors = _bundle(settings.tls_client_ca)
    if settings.tls_client_crl is not None:
        lists = _lists(settings.tls_client_crl)
    return TrustFiles(anchors=anchors, lists=lists)


async def anchors(tx: Tx, settings: Settings, files: TrustFiles) -> Sequence[x509.Certificate]:
    """Return the authorities whose client certificates are accepted."""
    if settings.signer is not CertificateSigner.BUILT_IN:
        return files.anchors
    own = await authority.certificate(tx)
    return [*files.anchors, *([] if own is None else [own])]


async def judge(tx: Tx, settings: Settings, files: TrustFiles, shown: Shown | None) -> Judge:
    """Return the judge of what one handshake showed; ``None``: something unreadable."""
    if shown is None:
        return lambda charger_id, names: RefusalReason.CERTIFICATE_UNREADABLE
    serials = [x509s.serial_hex(one.serial_number) for one in (shown.certificate, *shown.others)]
    trusted = Trust(
        anchors=await anchors(tx, settings, files),
        lists=files.lists,
        revoked=frozenset(await store.revoked_among(tx, serials)),
    )
    print_ = x509s.described(shown.certificate).fingerprint
    owners = await store.issued_to(tx, print_)

    def decide(charger_id: str | None, names: Sequence[str]) -> RefusalReason | None:
        """Refuse also what was signed for another charger, whatever it is named."""
        found = judging.problem(
            shown, trusted, names=names, organisation=settings.organisation, now=tx.now
        )
        if found is None and owners and charger_id not in owners:
            return RefusalReason.WRONG_CERTIFICATE_NAME
        return found

    return decide


async def serials(tx: Tx, settings: Settings, files: TrustFiles, shown: Shown) -> frozenset[str]:
    """Return the serial numbers on which a login with *shown* stands, up to the anchor."""
    return judging.chain_serials(shown, await anchors(tx, settings, files))


def _bundle(path: Path) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise x509s.Unreadable(f"{path}: no PEM certificates") from exc


def _lists(path: Path) -> Sequence[x509.CertificateRevocationList]:
    data = path.read_bytes()
    try:
        if b"-----BEGIN" not in data:
            return [x509.load_der_x509_crl(data)]
        end = b"-----END X509 CRL-----"
        parts = [part + end for part in data.split(end) if b"-----BEGIN" in part]
        return [x509.load_pem_x509_crl(part) for part in parts]
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise x509s.Unreadable(f"{path}: no revocation lists in PEM or DER") from exc
