"""How operators see profiles of chargers, vendors' messages and local lists."""

from typing import Any

from core.chargers import local_lists
from core.chargers.charger_profiles import Profile
from core.chargers.models import Charger
from core.chargers.transfer_models import DataTransfer
from core.desired import local_list
from core.desired import service as desired
from core.desired.models import Desired
from core.kernel.db import Tx
from core.kernel.times import rfc3339, rfc3339_or_none


def charger_profile_view(profile: Profile) -> dict[str, Any]:
    """Return a profile as JSON."""
    return {
        "object": "charger_profile",
        "id": profile.id,
        "name": profile.name,
        "builtin": profile.id.startswith("builtin:"),
        "charger_id": profile.charger_id,
        "vendor": profile.vendor,
        "model": profile.model,
        "firmware": profile.firmware,
        "rules": dict(profile.rules),
        "note": profile.note,
    }


def data_transfer_view(transfer: DataTransfer) -> dict[str, Any]:
    """Return a vendor's message; what is very long is ``{"cut": its beginning}``."""
    return {
        "id": transfer.number,
        "object": "data_transfer",
        "at": rfc3339(transfer.at),
        "charger_id": transfer.charger_id,
        "direction": transfer.direction,
        "vendor_id": transfer.vendor_id,
        "message_id": transfer.message_id,
        "data": transfer.data,
        "status": transfer.status,
        "answer": transfer.answer,
        "command_id": transfer.command_id,
    }


async def local_list_view(tx: Tx, charger: Charger) -> dict[str, Any]:
    """Return what belongs into a charger's list, what it has taken and what it bears."""
    known = await local_lists.find(tx, charger.id)
    wished = await desired.find(tx, charger.id, local_list.NAME, local_list.KEY)
    has, wanted = await local_lists.counts(tx, charger)
    limits = await local_lists.limits_of(tx, charger)
    return {
        "object": "local_list",
        "charger_id": charger.id,
        "source": None if known is None else known.source,
        **_standing(wished),
        "entries": has,
        "entries_wanted": wanted,
        "version": None if known is None else known.version,
        "reported_version": None if known is None else known.reported_version,
        "reported_at": None if known is None else rfc3339_or_none(known.reported_at),
        "limits": {
            "entries": limits.entries,
            "entries_per_message": limits.items,
            "bytes_per_message": limits.message_bytes,
        },
    }


def _standing(wished: Desired | None) -> dict[str, Any]:
    if wished is None:
        return {"desired_state_id": None, "status": None, "reason": None, "progress": None}
    return {
        "desired_state_id": wished.id,
        "status": wished.status,
        "reason": wished.reason,
        "progress": wished.progress,
    }
