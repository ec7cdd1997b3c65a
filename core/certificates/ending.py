"""Certificates of chargers that end soon although nothing took their place: alerts."""

from datetime import datetime, timedelta
from typing import Final

from core.alerts.kinds import AlertKind
from core.alerts.service import raise_alert, resolve, unresolved_keys
from core.certificates import holdings
from core.certificates.models import ChargerCertificate
from core.chargers import registry
from core.kernel.db import Tx
from core.kernel.times import rfc3339

_PAGE: Final = 200
_RAISED_AT_ONCE: Final = 500


async def tell(tx: Tx, *, ahead: timedelta) -> None:
    """Raise an alert for each that ends within *ahead*, and resolve those that are over.

    Of very many that are new some wait for the next pass.
    """
    found = await _ending(tx, ends_before=tx.now + ahead)
    told = await unresolved_keys(tx, AlertKind.CERTIFICATE_EXPIRING)
    for key in sorted(told.difference(found)):
        resolve(tx, AlertKind.CERTIFICATE_EXPIRING, key)
    for key in sorted(set(found) - told)[:_RAISED_AT_ONCE]:
        certificate = found[key]
        charger = await registry.get(tx, certificate.charger_id)
        raise_alert(
            tx,
            AlertKind.CERTIFICATE_EXPIRING,
            key=key,
            object_id=charger.id,
            title=f"The certificate of charger {charger.identity} ends on "
            f"{certificate.not_after.date().isoformat()}",
            facts={
                "certificate_id": certificate.id,
                "identity": charger.identity,
                "not_after": rfc3339(certificate.not_after),
            },
        )


async def _ending(tx: Tx, *, ends_before: datetime) -> dict[str, ChargerCertificate]:
    """Return, by id, the certificates in use that end before an instant."""
    found: dict[str, ChargerCertificate] = {}
    before_number: int | None = None
    while True:
        page = await holdings.newest(
            tx, current=True, ends_before=ends_before, before_number=before_number, limit=_PAGE
        )
        found |= {each.id: each for each in page if each.installed_at is not None}
        if len(page) < _PAGE:
            return found
        before_number = page[-1].number
