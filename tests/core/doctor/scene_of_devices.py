"""A charger with certificates, a list, a hold and charging profiles as they should be."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table

from core.certificates.models import (
    authorities,
    certificate_requests,
    certificates,
    revocations,
)
from core.chargers.token_models import local_list_entries, local_lists
from core.desired.models import desired_states
from core.operations.hold_models import holds
from core.smart_charging.models import (
    charging_needs,
    charging_profile_reports,
    charging_profiles,
)

Rows = list[tuple[Table, dict[str, Any]]]


def rows(now: datetime) -> Rows:
    at = now - timedelta(hours=1)
    return [*_certificates(now, at), *_list(at), *_holds(now, at), *_charging(at)]


def _certificate(number: int, *, ends: datetime, at: datetime, **values: Any) -> dict[str, Any]:
    return {
        "number": number,
        "id": f"crt{number}",
        "charger_id": "cp",
        "use": "charging_station",
        "origin": "issued",
        "fingerprint": f"f{number}",
        "serial_number": f"a{number}",
        "subject": "CN=cp",
        "issuer": "CN=CA",
        "not_before": at,
        "not_after": ends,
        "chain": "-----BEGIN CERTIFICATE-----",
        "created_at": at,
        **values,
    }


def _certificates(now: datetime, at: datetime) -> Rows:
    long_before = at - timedelta(days=300)
    request = {
        "number": 1,
        "id": "csr",
        "charger_id": "cp",
        "use": "charging_station",
        "csr": "-----BEGIN CERTIFICATE REQUEST-----",
        "status": "installed",
        "attempts": 1,
        "due_at": at,
        "certificate_id": "crt2",
        "created_at": at,
        "changed_at": at,
    }
    old = _certificate(
        1, ends=now + timedelta(days=5), at=long_before, superseded_at=at, last_used_at=long_before
    )
    new = _certificate(2, ends=now + timedelta(days=365), at=at, last_used_at=at)
    revoked = {"number": 1, "serial_number": "a1", "revoked_at": at, "revoked_by": "cli"}
    sealed = {"name": "built_in", "certificate": "PEM", "sealed_key": "k0:abc", "created_at": at}
    return [
        (authorities, sealed),
        (certificates, old),
        (certificates, new),
        (certificate_requests, request),
        (revocations, revoked),
        (desired_states, _wish(101, "password", "basic_auth", at, sealed="k0:abc")),
    ]


def _wish(number: int, kind: str, key: str, at: datetime, **values: Any) -> dict[str, Any]:
    return {
        "number": number,
        "id": f"des{number}",
        "charger_id": "cp",
        "kind": kind,
        "key": key,
        "present": True,
        "wanted": {},
        "status": "accepted",
        "attempts": 1,
        "due_at": at,
        "requested_by": "cli",
        "created_at": at,
        "changed_at": at,
        **values,
    }


def _list(at: datetime) -> Rows:
    known = {
        "charger_id": "cp",
        "source": "all",
        "version": 2,
        "issued": 3,
        "seen_change": 0,
        "updated_at": at,
    }
    entry = {"charger_id": "cp", "token": "T", "kind": "Central", "digest": "d"}
    return [
        (local_lists, known),
        (local_list_entries, entry),
        (desired_states, _wish(102, "local_list", "list", at)),
    ]


def _holds(now: datetime, at: datetime) -> Rows:
    hold = {
        "number": 1,
        "id": "hld",
        "charger_id": "cp",
        "token": "T",
        "token_kind": "Central",
        "group_kind": "Central",
        "status": "active",
        "expires_at": now + timedelta(hours=1),
        "requested_by": "cli",
        "created_at": at,
        "updated_at": at,
    }
    over = {"number": 2, "id": "hld2", "status": "failed", "reason": "no answer", "expires_at": at}
    return [(holds, hold), (holds, hold | over)]


def _charging(at: datetime) -> Rows:
    profile = {
        "number": 1,
        "charger_id": "cp",
        "source": "CSO",
        "evse": 0,
        "profile_id": 1,
        "purpose": "charger_max",
        "stack_level": 0,
        "document": {},
        "learned": "accepted",
        "at": at,
    }
    other = {"number": 2, "profile_id": 2, "stack_level": 1}
    report = {
        "charger_id": "cp",
        "request": 1,
        "is_full": True,
        "parts": 1,
        "asked_at": at,
        "complete_at": at,
    }
    needs = {
        "charger_id": "cp",
        "evse": 1,
        "status": "planned",
        "needs": {},
        "told_at": at,
        "transaction_ref": "1",
        "plan": {},
    }
    return [
        (charging_profiles, profile),
        (charging_profiles, profile | other),
        (charging_profile_reports, report),
        (charging_needs, needs),
    ]
