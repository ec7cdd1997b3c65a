"""SQL of certificates. Every change of their tables is in this file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, delete, func, insert, select, update

from core.certificates.models import (
    Authority,
    CertificateRequest,
    ChargerCertificate,
    InstalledCertificate,
    Revocation,
    authorities,
    certificate_requests,
    certificates,
    installed_certificates,
    revocations,
)
from core.certificates.states import MACHINE, CertificateUse, Origin, RequestStatus, RootUse
from core.chargers.models import chargers
from core.kernel.db import Tx
from core.kernel.queries import query
from core.kernel.rows import guarded_move, insert_once

UNDER_WAY = frozenset({RequestStatus.OPEN, RequestStatus.SIGNED})


async def authority(tx: Tx, name: str) -> Authority | None:
    return await tx.one_or_none(select(authorities).where(authorities.c.name == name), Authority)


async def add_authority(tx: Tx, **values: Any) -> Authority | None:
    """Insert; ``None`` if another node was first."""
    return await insert_once(tx, authorities, Authority, created_at=tx.now, **values)


async def add_request(tx: Tx, **values: Any) -> CertificateRequest | None:
    """Insert; ``None`` if one of the same charger and use is under way."""
    return await insert_once(
        tx, certificate_requests, CertificateRequest, created_at=tx.now, changed_at=tx.now, **values
    )


async def request(tx: Tx, request_id: str) -> CertificateRequest | None:
    statement = select(certificate_requests).where(certificate_requests.c.id == request_id)
    return await tx.one_or_none(statement, CertificateRequest)


async def move_request(
    tx: Tx,
    request_id: str,
    to: RequestStatus,
    *,
    sources: frozenset[RequestStatus] | None = None,
    **values: Any,
) -> CertificateRequest | None:
    return await guarded_move(
        tx,
        certificate_requests,
        CertificateRequest,
        MACHINE,
        request_id,
        to,
        sources=sources,
        changed_at=tx.now,
        **values,
    )


async def under_way(tx: Tx, charger_id: str, use: CertificateUse) -> CertificateRequest | None:
    table = certificate_requests.c
    statement = select(certificate_requests).where(
        table.charger_id == charger_id, table.use == use, table.status.in_(sorted(UNDER_WAY))
    )
    return await tx.one_or_none(statement, CertificateRequest)


async def requests_since(tx: Tx, charger_id: str, since: datetime) -> int:
    table = certificate_requests.c
    statement = select(func.count()).where(
        table.charger_id == charger_id, table.created_at >= since
    )
    return int(await tx.scalar(statement))


async def requests(
    tx: Tx, *, charger_id: str | None, before_number: int | None, limit: int
) -> Sequence[CertificateRequest]:
    table = certificate_requests.c
    statement = select(certificate_requests).order_by(table.number.desc()).limit(limit)
    if charger_id is not None:
        statement = statement.where(table.charger_id == charger_id)
    if before_number is not None:
        statement = statement.where(table.number < before_number)
    return await tx.all(statement, CertificateRequest)


async def due_requests(tx: Tx, *, limit: int) -> Sequence[str]:
    return await tx.scalars(_due_requests(limit, now=tx.now))


@query
def _due_requests(limit: int, *, now: datetime) -> Executable:
    table = certificate_requests.c
    return (
        select(table.id)
        .where(table.status == RequestStatus.OPEN, table.due_at <= now)
        .order_by(table.due_at)
        .limit(limit)
    )


async def lease_request(tx: Tx, request_id: str, *, until: datetime) -> CertificateRequest | None:
    """Take an open request that is due for signing; ``None`` if somebody else did."""
    table = certificate_requests.c
    statement = (
        update(certificate_requests)
        .where(table.id == request_id, table.status == RequestStatus.OPEN, table.due_at <= tx.now)
        .values(due_at=until, attempts=table.attempts + 1, changed_at=tx.now)
        .returning(certificate_requests)
    )
    return await tx.one_or_none(statement, CertificateRequest)


async def postpone_request(tx: Tx, request_id: str, *, due_at: datetime, reason: str) -> None:
    table = certificate_requests.c
    statement = update(certificate_requests).where(
        table.id == request_id, table.status == RequestStatus.OPEN
    )
    await tx.execute(statement.values(due_at=due_at, reason=reason, changed_at=tx.now))


async def add_certificate(tx: Tx, **values: Any) -> ChargerCertificate | None:
    """Insert; ``None`` if the charger's certificate is known already."""
    return await insert_once(tx, certificates, ChargerCertificate, created_at=tx.now, **values)


async def certificate(tx: Tx, certificate_id: str) -> ChargerCertificate | None:
    statement = select(certificates).where(certificates.c.id == certificate_id)
    return await tx.one_or_none(statement, ChargerCertificate)


async def certificate_by_print(
    tx: Tx, charger_id: str, fingerprint: str
) -> ChargerCertificate | None:
    table = certificates.c
    statement = select(certificates).where(
        table.charger_id == charger_id, table.fingerprint == fingerprint
    )
    return await tx.one_or_none(statement, ChargerCertificate)


async def change_certificate(tx: Tx, certificate_id: str, **values: Any) -> None:
    statement = update(certificates).where(certificates.c.id == certificate_id)
    await tx.execute(statement.values(**values))


async def supersede_others(tx: Tx, newest: ChargerCertificate) -> None:
    """Mark the certificates that *newest* takes the place of."""
    table = certificates.c
    statement = update(certificates).where(
        table.charger_id == newest.charger_id,
        table.use == newest.use,
        table.id != newest.id,
        table.superseded_at.is_(None),
        table.not_after <= newest.not_after,
    )
    await tx.execute(statement.values(superseded_at=tx.now))


async def certificates_newest(
    tx: Tx,
    *,
    charger_id: str | None,
    current: bool,
    ends_before: datetime | None,
    before_number: int | None,
    limit: int,
) -> Sequence[ChargerCertificate]:
    table = certificates.c
    statement = select(certificates).order_by(table.number.desc()).limit(limit)
    if charger_id is not None:
        statement = statement.where(table.charger_id == charger_id)
    if current:
        revoked = select(revocations.c.serial_number)
        statement = statement.where(
            table.superseded_at.is_(None),
            table.serial_number.not_in(revoked),
            table.charger_id.in_(select(chargers.c.id).where(chargers.c.removed_at.is_(None))),
        )
    if ends_before is not None:
        statement = statement.where(table.not_after < ends_before)
    if before_number is not None:
        statement = statement.where(table.number < before_number)
    return await tx.all(statement, ChargerCertificate)


async def to_renew(
    tx: Tx, *, ends_before: datetime, asked_before: datetime, limit: int
) -> Sequence[ChargerCertificate]:
    """Return certificates in use that end soon, whose connected chargers were not asked lately."""
    table = certificates.c
    here = select(chargers.c.id).where(
        chargers.c.removed_at.is_(None), chargers.c.node_id.is_not(None)
    )
    statement = (
        select(certificates)
        .where(
            table.superseded_at.is_(None),
            table.installed_at.is_not(None),
            table.not_after < ends_before,
            table.charger_id.in_(here),
            table.renewal_asked_at.is_(None) | (table.renewal_asked_at < asked_before),
        )
        .order_by(table.not_after)
        .limit(limit)
    )
    return await tx.all(statement, ChargerCertificate)


async def add_revocation(tx: Tx, **values: Any) -> Revocation | None:
    """Insert; ``None`` if it is revoked already."""
    return await insert_once(tx, revocations, Revocation, revoked_at=tx.now, **values)


async def revocation(tx: Tx, serial_number: str) -> Revocation | None:
    statement = select(revocations).where(revocations.c.serial_number == serial_number)
    return await tx.one_or_none(statement, Revocation)


async def newest_revocations(
    tx: Tx, *, before_number: int | None, limit: int
) -> Sequence[Revocation]:
    table = revocations.c
    statement = select(revocations).order_by(table.number.desc()).limit(limit)
    if before_number is not None:
        statement = statement.where(table.number < before_number)
    return await tx.all(statement, Revocation)


async def revoked_after(tx: Tx, number: int) -> Sequence[Revocation]:
    statement = select(revocations).where(revocations.c.number > number)
    return await tx.all(statement.order_by(revocations.c.number), Revocation)


async def revoked_among(tx: Tx, serial_numbers: Sequence[str]) -> Sequence[str]:
    column = revocations.c.serial_number
    return await tx.scalars(select(column).where(column.in_(sorted(serial_numbers))))


async def issued_to(tx: Tx, fingerprint: str) -> Sequence[str]:
    """Return the chargers that a certificate was signed for."""
    table = certificates.c
    statement = select(table.charger_id).where(
        table.fingerprint == fingerprint, table.origin == Origin.ISSUED
    )
    return await tx.scalars(statement)


async def named_otherwise(tx: Tx, charger_id: str, name: str) -> bool:
    """Tell whether another charger has *name* as its identity or serial number."""
    table = chargers.c
    statement = select(table.id).where(
        table.id != charger_id,
        table.removed_at.is_(None),
        (table.identity_key == name.lower()) | (table.serial_number == name),
    )
    return await tx.scalar(statement.limit(1)) is not None


async def remove_revocation(tx: Tx, serial_number: str) -> Revocation | None:
    statement = delete(revocations).where(revocations.c.serial_number == serial_number)
    return await tx.one_or_none(statement.returning(revocations), Revocation)


async def put_installed(
    tx: Tx, charger_id: str, uses: Sequence[RootUse], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Replace what a charger reported of *uses*."""
    table = installed_certificates.c
    where = (table.charger_id == charger_id, table.use.in_(sorted(uses)))
    await tx.execute(delete(installed_certificates).where(*where))
    if rows:
        common = {"charger_id": charger_id, "reported_at": tx.now}
        await tx.execute(insert(installed_certificates), [{**row, **common} for row in rows])


async def installed(
    tx: Tx, charger_id: str, *, use: RootUse | None = None
) -> Sequence[InstalledCertificate]:
    table = installed_certificates.c
    statement = select(installed_certificates).where(table.charger_id == charger_id)
    if use is not None:
        statement = statement.where(table.use == use)
    return await tx.all(statement.order_by(table.number), InstalledCertificate)
