"""What the contract service is asked (OCPP 2.0.1 C07, M01 to M06), and its null implementation.

Nothing here touches the database: a question may take seconds, and no transaction waits for it.
"""

import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from cryptography.x509 import ocsp

from core.contracts.https import Endpoint, Line, ServiceFailed
from core.kernel.settings import Settings

log = structlog.get_logger()

NOT_CONFIGURED: Final = "NotConfigured"
CERTIFICATE_STATUSES: Final = frozenset(
    {
        "Accepted",
        "SignatureError",
        "CertificateExpired",
        "CertificateRevoked",
        "NoCertificateAvailable",
        "CertChainError",
        "ContractCancelled",
    }
)
"""AuthorizeCertificateStatusEnumType, which is also what the service answers with."""

MAX_EXI_CHARS: Final = 7500
MAX_OCSP_CHARS: Final = 5500
OCSP_KEPT: Final = 10_000
"""OCSP answers that one process keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """What became of a question: *accepted* with *data*, or not, with the *reason*.

    *status* is the certificate's (``authorize``); *data* is the EXI or the OCSP response.
    """

    accepted: bool
    status: str | None = None
    data: str = ""
    reason: str | None = None


class Contracts:
    """The contract service that the settings name, or none.

    Args:
        line: How it is reached; made when the first question is asked, if not given.
        unix: Wall clock in Unix seconds, for how long OCSP answers are good.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        line: Line | None = None,
        unix: Callable[[], float] = time.time,
    ) -> None:
        token = settings.contract_service_token
        self._endpoint: Endpoint | None = None
        if settings.contract_service_url is not None:
            self._endpoint = Endpoint(
                url=settings.contract_service_url,
                token=None if token is None else token.get_secret_value(),
                timeout_s=settings.contract_service_timeout.total_seconds(),
                allow_private=settings.contract_service_allow_private,
            )
        self._line = line
        self._unix = unix
        self._ocsp: OrderedDict[tuple[str, ...], tuple[float, str]] = OrderedDict()

    def close(self) -> None:
        """Let go of what questions shared."""
        if self._line is not None:
            self._line.close()

    async def authorize(
        self,
        *,
        charger: str,
        token: str,
        certificate: str | None,
        hashes: list[dict[str, str]],
    ) -> Certified:
        """Return the status of a contract certificate (C07); without a service nobody vouches."""
        question = {
            "charger": charger,
            "id_token": token,
            "certificate": certificate,
            "certificate_hash_data": hashes,
        }
        try:
            answer = await self._ask("/authorize", question)
            status = _certificate_status(answer)
        except ServiceFailed as exc:
            return Certified(accepted=False, status="NoCertificateAvailable", reason=exc.reason)
        return Certified(accepted=status == "Accepted", status=status)

    async def ev_certificate(
        self, *, charger: str, schema_version: str, action: str, exi_request: str
    ) -> Certified:
        """Return the EXI response that installs or updates a contract certificate (M01, M02)."""
        question = {
            "charger": charger,
            "schema_version": schema_version,
            "action": action,
            "exi_request": exi_request,
        }
        try:
            answer = await self._ask("/ev_certificate", question)
            exi = answer.get("exi_response", "")
            _check_text(exi, name="exi_response", max_chars=MAX_EXI_CHARS)
        except ServiceFailed as exc:
            return Certified(accepted=False, reason=exc.reason)
        accepted = answer.get("status") == "Accepted"
        reason = None if accepted else _reason(answer)
        return Certified(accepted=accepted, data=exi, reason=reason)

    async def certificate_status(self, *, charger: str, ocsp_request: dict[str, str]) -> Certified:
        """Return the OCSP response for a certificate (M06), kept until its next update."""
        names = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")
        key = tuple(ocsp_request[name].lower() for name in names)
        kept = self._ocsp.get(key)
        if kept is not None and kept[0] > self._unix():
            return Certified(accepted=True, data=kept[1])
        try:
            answer = await self._ask(
                "/certificate_status", {"charger": charger, "ocsp_request_data": ocsp_request}
            )
            if answer.get("status") != "Accepted":
                return Certified(accepted=False, reason=_reason(answer))
            result = answer.get("ocsp_result", "")
            _check_text(result, name="ocsp_result", max_chars=MAX_OCSP_CHARS)
            good_until_s = _next_update(result)
        except ServiceFailed as exc:
            return Certified(accepted=False, reason=exc.reason)
        if good_until_s is not None:
            self._keep(key, good_until_s, result)
        return Certified(accepted=True, data=result)

    def _keep(self, key: tuple[str, ...], good_until_s: float, result: str) -> None:
        self._ocsp[key] = (good_until_s, result)
        self._ocsp.move_to_end(key)
        while len(self._ocsp) > OCSP_KEPT:
            self._ocsp.popitem(last=False)

    async def _ask(self, path: str, question: Mapping[str, Any]) -> dict[str, Any]:
        if self._endpoint is None:
            raise ServiceFailed(NOT_CONFIGURED, "VOLTGATE_CONTRACT_SERVICE_URL is not set")
        if self._line is None:
            self._line = Line()
        try:
            answer = await self._line.ask(self._endpoint, path, question)
        except ServiceFailed as exc:
            log.warning("contract_service_failed", path=path, reason=exc.reason, detail=exc.detail)
            raise
        if not isinstance(answer, dict):
            raise ServiceFailed("InvalidAnswer", "not an object")
        return answer


def _certificate_status(answer: Mapping[str, Any]) -> str:
    status = answer.get("certificate_status")
    if not isinstance(status, str) or status not in CERTIFICATE_STATUSES:
        raise ServiceFailed("InvalidAnswer", "certificate_status is none of the standard")
    return status


def _check_text(value: object, *, name: str, max_chars: int) -> None:
    if not isinstance(value, str) or len(value) > max_chars or not value.isascii():
        raise ServiceFailed("InvalidAnswer", f"{name} is not {max_chars} ASCII characters or less")


def _reason(answer: Mapping[str, Any]) -> str:
    """Return the service's own reason code, if it fits a statusInfo."""
    reason = answer.get("reason")
    fits = isinstance(reason, str) and 0 < len(reason) <= 20 and reason.isascii()  # noqa: PLR2004
    return str(reason) if fits else "Refused"


def _next_update(result: str) -> float | None:
    """Return until when an OCSP response is good, in Unix seconds; ``None``: do not keep it.

    Raises:
        ServiceFailed: It is no OCSP response.
    """
    try:
        response = ocsp.load_der_ocsp_response(base64.b64decode(result, validate=True))
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return None
        until = response.next_update_utc
    except (binascii.Error, ValueError) as exc:
        raise ServiceFailed("InvalidAnswer", "ocsp_result is no OCSP response") from exc
    return None if until is None else until.timestamp()
