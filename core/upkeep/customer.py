"""Customer information (OCPP 2.0.1 N09, N10): what a charger keeps of a person.

Personal: the request is stored encrypted, the text until it is shown to an admin, once, or until
its retention is over; who asked and who looked stands in the audit trail.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers.checks import invalid
from core.chargers.models import Charger
from core.chargers.text import storable
from core.commands.commands import seal_context
from core.commands.customer import CustomerInformation
from core.commands.models import CommandRow
from core.desired import local_list
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.upkeep import report_store as store
from core.upkeep import reports, transfers
from core.upkeep.facts import Part
from core.upkeep.report_models import Report
from core.upkeep.states import ReportKind, ReportStatus

TOKEN_TYPES: Final = (
    "Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization",
)  # fmt: skip
HASHES: Final = ("SHA256", "SHA384", "SHA512")
MAX_DATA_CHARS: Final = 512
BATCH: Final = 100

_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,128}")
_SERIAL: Final = re.compile(r"[0-9A-Fa-f]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateHash:
    """The hash of a customer's certificate (OCPP 2.0.1 CertificateHashDataType)."""

    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSpec:
    """Whose data, and whether to report them, to clear them, or both in this order.

    Exactly one of *customer* (an identifier that the operator gave), *token* and *certificate*.
    """

    report: bool
    clear: bool
    customer: str | None = None
    token: str | None = None
    token_type: str | None = None
    certificate: CertificateHash | None = None


def command(vault: Vault, charger: Charger, spec: CustomerSpec) -> CustomerInformation:
    """Return the request; who it is about stands in it only encrypted.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    _check(spec)
    personal: dict[str, Any] = {
        "customer": spec.customer,
        "token": spec.token,
        "token_type": spec.token_type,
        "certificate": None
        if spec.certificate is None
        else {
            "hashAlgorithm": spec.certificate.algorithm,
            "issuerNameHash": spec.certificate.issuer_name_hash,
            "issuerKeyHash": spec.certificate.issuer_key_hash,
            "serialNumber": spec.certificate.serial_number,
        },
    }
    sealed = vault.ring.encrypt(json.dumps(personal), context=seal_context(charger.id))
    return CustomerInformation(
        request=transfers.new_request(), report=spec.report, clear=spec.clear, sealed=sealed
    )


async def forget_listed(tx: Tx, actor: Actor, charger: Charger, spec: CustomerSpec) -> None:
    """Take the token of a customer who is cleared off the charger's local list of chosen ones.

    The list is sent again by that (OCPP 2.0.1 N10.FR.02). Lists that follow the platform's id
    tokens change with those.
    """
    if spec.clear and spec.token is not None:
        await local_list.withdraw(tx, actor, charger, spec.token)


async def begun(tx: Tx, actor: Actor, asked: CustomerInformation, row: CommandRow) -> Report:
    """Note the report of a queued request, and in the audit trail who asked."""
    about = {"report": asked.report, "clear": asked.clear}
    report = await reports.begin(
        tx, row, kind=ReportKind.CUSTOMER_INFORMATION, request=asked.request, asked=about
    )
    after = {"charger_id": row.charger_id, **about}
    await audit.record(tx, actor, "customer_information.requested", report.id, after=after)
    return report


async def reported(tx: Tx, part: Part, data: str) -> None:
    """Keep a part of the text; what nobody asked for is dropped, also after a mere clearing."""
    report = await reports.find(tx, part, ReportKind.CUSTOMER_INFORMATION)
    if report is None or report.shown_at is not None or not report.asked["report"]:
        return
    text = storable(data, max_chars=MAX_DATA_CHARS)
    await reports.take(tx, report, part, entries=1, data=text)


async def reveal(tx: Tx, actor: Actor, report_id: str) -> tuple[Report, str]:
    """Return the text and delete it: it is shown once.

    Raises:
        PlatformError: ``not_found``; ``conflict``: not there yet, shown before, or too old.
    """
    report = await reports.get(tx, report_id, kind=ReportKind.CUSTOMER_INFORMATION)
    if report.status in (ReportStatus.REQUESTED, ReportStatus.RECEIVING):
        raise PlatformError("conflict", f"The report is {report.status}; look again later.")
    parts = await store.parts_of(tx, report_id)
    if not parts or report.shown_at is not None:
        what = "was shown before" if report.shown_at is not None else "is empty, or was too old"
        raise PlatformError("conflict", f"The report {what}; ask the charger again.")
    await store.remove_parts(tx, report_id)
    await store.change(tx, report_id, shown_at=tx.now)
    await audit.record(tx, actor, "customer_information.shown", report_id)
    found = await reports.get(tx, report_id, kind=ReportKind.CUSTOMER_INFORMATION)
    return found, "".join(data or "" for _, data in parts)


async def delete_older(tx: Tx, before: datetime) -> int:
    """Delete the texts of reports that have not changed since *before*; return how many."""
    kind = ReportKind.CUSTOMER_INFORMATION
    old = await store.with_old_parts(tx, kind, before, limit=BATCH)
    for report_id in old:
        await store.remove_parts(tx, report_id)
    return len(old)


def _check(spec: CustomerSpec) -> None:
    if not (spec.report or spec.clear):
        raise invalid("report", "or clear is true: else nothing is asked")
    given = [spec.customer, spec.token, spec.certificate]
    if sum(one is not None for one in given) != 1:
        raise invalid("customer", "or token or certificate says who it is about: exactly one")
    _check_text("customer", spec.customer, 64)
    _check_text("token", spec.token, 36)
    if (spec.token is None) != (spec.token_type is None):
        raise invalid("token_type", "goes with token")
    if spec.token_type is not None and spec.token_type not in TOKEN_TYPES:
        raise invalid("token_type", f"is one of {', '.join(TOKEN_TYPES)}")
    if spec.certificate is not None:
        _check_hash(spec.certificate)


def _check_text(name: str, value: str | None, limit: int) -> None:
    if value is not None and (not value or value != storable(value, max_chars=limit)):
        raise invalid(name, f"has 1 to {limit} characters, none of them NUL")


def _check_hash(given: CertificateHash) -> None:
    if given.algorithm not in HASHES:
        raise invalid("certificate/algorithm", f"is one of {', '.join(HASHES)}")
    for name in ("issuer_name_hash", "issuer_key_hash"):
        if not _HEX.fullmatch(getattr(given, name)):
            raise invalid(f"certificate/{name}", "is at most 128 hexadecimal digits")
    if not _SERIAL.fullmatch(given.serial_number):
        raise invalid("certificate/serial_number", "is at most 40 hexadecimal digits")
