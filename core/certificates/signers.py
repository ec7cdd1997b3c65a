"""Who signs: the built-in authority, a service of yours over HTTP, or nobody."""

from http import HTTPStatus
from typing import Final, Protocol

import httpx2
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding as Form
from cryptography.hazmat.primitives.serialization import PublicFormat

from core.certificates import authority, requesting, x509s
from core.certificates.states import CertificateUse
from core.kernel import asking
from core.kernel.crypto import Undecryptable, Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.kernel.settings_certificates import CertificateSigner

MAX_ANSWER_BYTES: Final = 100_000


class NotSigned(Exception):
    """The signer refused: asking again brings the same."""


class SignerAway(Exception):
    """The signer could not be reached, or failed: to be asked again."""


class Signer(Protocol):
    """Signs requests that were checked."""

    async def sign(self, csr: str, *, use: CertificateUse, identity: str) -> list[x509.Certificate]:
        """Return the chain, the charger's certificate first.

        Raises:
            NotSigned, SignerAway: There is none.
        """


class NoSigner:
    """Refuses: nobody was set to sign (``VOLTGATE_CERTIFICATE_SIGNER=none``)."""

    async def sign(self, csr: str, *, use: CertificateUse, identity: str) -> list[x509.Certificate]:
        """Raise ``NotSigned``."""
        raise NotSigned("nobody signs here; set VOLTGATE_CERTIFICATE_SIGNER")


class BuiltInSigner:
    """The authority of a development system, with its key in the database."""

    def __init__(self, db: Database, vault: Vault, settings: Settings) -> None:
        self._db = db
        self._vault = vault
        self._settings = settings

    async def sign(self, csr: str, *, use: CertificateUse, identity: str) -> list[x509.Certificate]:
        """Return a certificate for clients, signed at once."""
        request = requesting.read(csr)
        try:
            async with self._db.transaction() as tx:
                return await authority.sign(
                    tx,
                    self._vault,
                    request,
                    organisation=self._settings.organisation,
                    lifetime=self._settings.certificate_lifetime,
                )
        except Undecryptable as exc:
            raise NotSigned("the key of the built-in CA cannot be decrypted") from exc


class HttpSigner:
    """A service of the operator: POST the CSR as PEM, answer 200 with the chain as PEM.

    The body is JSON: ``{"csr", "use", "identity"}``. A 4xx is a refusal (408, 425 and 429 are
    not); anything else is tried again later.

    Args:
        timeout_s: Of the whole question.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        timeout_s: float,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._headers = {
            "Accept": "application/pem-certificate-chain",
            "Content-Type": "application/json",
        }
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._transport = transport

    async def sign(self, csr: str, *, use: CertificateUse, identity: str) -> list[x509.Certificate]:
        """Return what the service answers, if it is a certificate of the request's key."""
        body = {"csr": csr, "use": use.value, "identity": identity}
        try:
            answer = await asking.post(
                self._url,
                content=msgspec.json.encode(body),
                headers=self._headers,
                timeout_s=self._timeout_s,
                max_bytes=MAX_ANSWER_BYTES,
                transport=self._transport,
            )
        except asking.NoAnswer as exc:
            raise SignerAway(f"the signer {exc.reason}") from exc
        if answer.status_code in _REFUSING:
            raise NotSigned(f"the signer refused with HTTP {answer.status_code}")
        if answer.status_code != HTTPStatus.OK:
            raise SignerAway(f"the signer answered with HTTP {answer.status_code}")
        try:
            chain = x509s.read_chain(answer.content.decode("ascii", "replace"))
        except x509s.Unreadable as exc:
            raise SignerAway(f"the signer's answer is of no use: {exc}") from exc
        if _key(chain[0]) != _key(requesting.read(csr)):
            raise NotSigned("the signer's certificate is for another key than the request's")
        return chain


_AGAIN: Final = frozenset({408, 425, 429})
_REFUSING: Final = frozenset(range(400, 500)) - _AGAIN


def signer_for(db: Database, vault: Vault, settings: Settings) -> Signer:
    """Return the signer that the settings name."""
    match settings.signer:
        case CertificateSigner.BUILT_IN:
            return BuiltInSigner(db, vault, settings)
        case CertificateSigner.HTTP:
            token = settings.certificate_signer_token
            return HttpSigner(
                settings.certificate_signer_url or "",
                token=None if token is None else token.get_secret_value(),
                timeout_s=settings.certificate_signer_timeout.total_seconds(),
            )
        case _:
            return NoSigner()


def _key(owner: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return owner.public_key().public_bytes(Form.DER, PublicFormat.SubjectPublicKeyInfo)
