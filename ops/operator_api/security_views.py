"""How operators see certificates, changes of passwords and security events."""

from typing import Any, Final

from core.certificates.models import (
    CertificateRequest,
    ChargerCertificate,
    InstalledCertificate,
    Revocation,
)
from core.chargers.models import Charger
from core.chargers.security_models import SecurityEvent
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.times import rfc3339, rfc3339_or_none

_ROTATION: Final = {
    DesiredStatus.PENDING: "pending",
    DesiredStatus.SENT: "pending",
    DesiredStatus.DRIFTED: "pending",
    DesiredStatus.ACCEPTED: "changed",
    DesiredStatus.REJECTED: "refused",
}


def certificate_view(one: ChargerCertificate) -> dict[str, Any]:
    """Return a charger's certificate as JSON."""
    return {
        "id": one.id,
        "object": "certificate",
        "charger_id": one.charger_id,
        "use": one.use,
        "origin": one.origin,
        "subject": one.subject,
        "issuer": one.issuer,
        "serial_number": one.serial_number,
        "fingerprint": one.fingerprint,
        "not_before": rfc3339(one.not_before),
        "not_after": rfc3339(one.not_after),
        "installed_at": rfc3339_or_none(one.installed_at),
        "last_used_at": rfc3339_or_none(one.last_used_at),
        "superseded_at": rfc3339_or_none(one.superseded_at),
        "renewal_asked_at": rfc3339_or_none(one.renewal_asked_at),
        "created_at": rfc3339(one.created_at),
    }


def request_view(one: CertificateRequest) -> dict[str, Any]:
    """Return a certificate request as JSON."""
    return {
        "id": one.id,
        "object": "certificate_request",
        "charger_id": one.charger_id,
        "use": one.use,
        "status": one.status,
        "reason": one.reason,
        "attempts": one.attempts,
        "certificate_id": one.certificate_id,
        "created_at": rfc3339(one.created_at),
        "changed_at": rfc3339(one.changed_at),
    }


def revocation_view(one: Revocation) -> dict[str, Any]:
    """Return a revocation as JSON."""
    return {
        "object": "revocation",
        "serial_number": one.serial_number,
        "reason": one.reason,
        "revoked_at": rfc3339(one.revoked_at),
        "revoked_by": one.revoked_by,
    }


def installed_view(one: InstalledCertificate) -> dict[str, Any]:
    """Return what a charger says it has as JSON."""
    return {
        "object": "installed_certificate",
        "use": one.use,
        "hash_algorithm": one.hash_algorithm,
        "issuer_name_hash": one.issuer_name_hash,
        "issuer_key_hash": one.issuer_key_hash,
        "serial_number": one.serial_number,
        "reported_at": rfc3339(one.reported_at),
    }


def wanted_view(wish: Desired) -> dict[str, Any]:
    """Return a certificate that a charger should have, or not, and how far it is."""
    return {
        "id": wish.id,
        "object": "wanted_certificate",
        "charger_id": wish.charger_id,
        "present": wish.present,
        **{name: wish.wanted[name] for name in ("use", "subject", "serial_number", "fingerprint")},
        "reported": wish.reported,
        "reported_at": rfc3339_or_none(wish.reported_at),
        "status": wish.status,
        "reason": wish.reason,
        "attempts": wish.attempts,
        "changed_at": rfc3339(wish.changed_at),
    }


def rotation_view(charger: Charger, wish: Desired) -> dict[str, Any]:
    """Return how far a change of a password is, without either password."""
    status = _ROTATION[wish.status]
    if status == "changed" and charger.next_credential is not None:
        status = "pending"
    return {
        "object": "password_rotation",
        "charger_id": charger.id,
        "status": status,
        "accepted_passwords": 1 if charger.next_credential is None else 2,
        "attempts": wish.attempts,
        "reason": wish.reason,
        "requested_by": wish.requested_by,
        "created_at": rfc3339(wish.created_at),
        "changed_at": rfc3339(wish.changed_at),
    }


def security_event_view(event: SecurityEvent) -> dict[str, Any]:
    """Return a security event as JSON."""
    return {
        "id": event.id,
        "object": "security_event",
        "charger_id": event.charger_id,
        "source": event.source,
        "type": event.type,
        "known": event.known,
        "critical": event.critical,
        "tech_info": event.tech_info,
        "happened_at": rfc3339_or_none(event.happened_at),
        "received_at": rfc3339(event.received_at),
    }
