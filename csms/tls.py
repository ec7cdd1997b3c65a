"""TLS of the chargers' port: its settings, and new certificates without a restart (S2).

Client certificates are asked for, not demanded. A chain that leads to no authority of ours fails
in the handshake already, for TLS libraries end it there; everything else about a certificate
(names, dates, revocation) is judged by the door, which can say what would fix it.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography import x509

from core.certificates import authority, client, x509s
from core.certificates.client import TlsUnusable, TrustFiles
from core.chargers import login
from core.chargers.states import RefusalReason
from core.kernel import failpoints, metrics
from core.kernel.crypto import Undecryptable, Vault
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import Settings
from core.kernel.settings_certificates import CertificateSigner

log = structlog.get_logger()

LOOK_EVERY_S: Final = 2.0
SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
STATIC_RSA_SUITES: Final = "AES256-GCM-SHA384:AES128-GCM-SHA256"
"""TLS_RSA_WITH_AES_* (OCPP 2.0.1 A00.FR.318): no forward secrecy."""
NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME: the door judges the dates, and can explain."""
NOBODY: Final = "(unknown)"
BEFORE: Final = "(TLS handshake)"

_UNTRUSTED: Final = "certificate verify failed"


class Swapping(ssl.SSLContext):
    """A context whose new connections are made by another one, which can be replaced.

    Attributes:
        inner: The one that counts now.
    """

    inner: ssl.SSLContext

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Make the TLS side of a new connection."""
        return self.inner.wrap_bio(*args, **kwargs)


@dataclass(slots=True)
class Failures:
    """TLS handshakes that failed since somebody looked, by reason."""

    counts: Counter[str]

    def note(self, exc: ssl.SSLError) -> None:
        """Count a failure."""
        verify = getattr(exc, "verify_message", None)
        reason = _UNTRUSTED if verify else (exc.reason or "unknown").lower()
        self.counts[reason[:60]] += 1
        metrics.TLS_FAILURES.labels(_label(reason)).inc()
        log.info("tls_handshake_failed", reason=reason, detail=verify)


class Tls:
    """The TLS side of the chargers' port, reloaded when its files change.

    Attributes:
        context: To listen with.
        files: Authorities and revocation lists for the door.
    """

    def __init__(self, db: Database, settings: Settings, vault: Vault) -> None:
        self._db = db
        self._settings = settings
        self._vault = vault
        self._seen: Sequence[tuple[str, float, int]] = ()
        self._failures = Failures(Counter())
        self._own: x509.Certificate | None = None
        self.context = Swapping(ssl.PROTOCOL_TLS_SERVER)
        self.files = TrustFiles()

    async def start(self) -> None:
        """Load everything for the first time.

        Raises:
            TlsUnusable: The files make no TLS server.
        """
        if self._settings.signer is CertificateSigner.BUILT_IN and self.is_on:
            try:
                async with self._db.transaction() as tx:
                    self._own, _ = await authority.create_once(
                        tx, self._vault, organisation=self._settings.organisation
                    )
            except Undecryptable:
                log.warning("built_in_authority_unusable")
        self._seen = _state(self._settings)
        self._load()

    @property
    def is_on(self) -> bool:
        """Whether there is a certificate to serve TLS with."""
        return self._settings.tls_certificate is not None

    async def watch(self) -> None:
        """Take over files that change, until cancelled; broken ones leave everything as it was."""
        failpoints.enter("door", "certificates")
        while True:
            await self._db.clock.sleep(LOOK_EVERY_S)
            state = await asyncio.to_thread(_state, self._settings)
            if state != self._seen:
                self._seen = state
                self.reload()
            await self._report()

    def reload(self) -> bool:
        """Read the files again; tell whether they are used now. Open connections go on."""
        try:
            self._load()
        except TlsUnusable as exc:
            log.error("tls_reload_failed", detail=str(exc), kept="the previous files")  # noqa: TRY400
            return False
        log.info("tls_reloaded")
        return True

    def _load(self) -> None:
        try:
            files = client.read_files(self._settings)
        except (OSError, x509s.Unreadable) as exc:
            raise TlsUnusable(str(exc)) from exc
        if self.is_on:
            anchors = [*files.anchors, *([] if self._own is None else [self._own])]
            self.context.inner = _context(self._settings, anchors, self._failures.note)
        self.files = files

    async def _report(self) -> None:
        """Record certificates of unknown authorities among the refused handshakes."""
        counts, self._failures.counts = self._failures.counts, Counter()
        if not counts[_UNTRUSTED]:
            return
        try:
            async with self._db.transaction() as tx:
                await login.refuse(
                    tx,
                    identity=NOBODY,
                    address=BEFORE,
                    reason=RefusalReason.CERTIFICATE_UNTRUSTED,
                )
        except DatabaseUnavailable:
            log.warning("tls_failures_not_recorded")


def _context(
    settings: Settings, anchors: Sequence[x509.Certificate], note: Callable[[ssl.SSLError], None]
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_SINGLE_ECDH_USE
    suites = f"{SUITES}:{STATIC_RSA_SUITES}" if settings.tls_static_rsa else SUITES
    context.set_ciphers(suites)
    context.sslobject_class = _noting(note)
    certificate, key = settings.tls_certificate, settings.tls_key
    try:
        context.load_cert_chain(certificate or Path(), key)
    except (OSError, ssl.SSLError) as exc:
        shown = certificate if key is None else f"{certificate} with {key}"
        raise TlsUnusable(f"{shown}: {exc}") from exc
    if anchors:
        context.load_verify_locations(cadata=x509s.pem_of(anchors))
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME) | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _noting(note: Callable[[ssl.SSLError], None]) -> type[ssl.SSLObject]:
    class Noting(ssl.SSLObject):
        """A TLS connection that tells of a failed handshake; nobody else would hear of it."""

        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as exc:
                note(exc)
                raise

    return Noting


def _state(settings: Settings) -> Sequence[tuple[str, float, int]]:
    """Return what tells that a file has changed: its time and its size."""
    paths = (
        settings.tls_certificate,
        settings.tls_key,
        settings.tls_client_ca,
        settings.tls_client_crl,
    )
    found = []
    for path in paths:
        if path is None:
            continue
        try:
            status = path.stat()
        except OSError:
            found.append((str(path), 0.0, -1))
        else:
            found.append((str(path), status.st_mtime, status.st_size))
    return found


_LABELS: Final = frozenset(
    {_UNTRUSTED, "unsupported_protocol", "no_shared_cipher", "http_request", "wrong_version_number"}
)


def _label(reason: str) -> str:
    return reason if reason in _LABELS else "other"
