"""``voltgate partner signatures``, ``key signing-keys`` and ``key revoke-signing-key``."""

from typing import Any

from core.audit.service import CLI
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.settings import FixedSettings
from core.partners import signing_keys
from core.partners.signing_models import Algorithm
from tests.ops.cli.test_cli import as_json, database, in_database, migrated, ok, voltgate

__all__ = ["database", "migrated"]


def test_signatures_are_demanded_and_signing_keys_revoked(database: str) -> None:
    partner = as_json("partner", "create", "Acme")["id"]
    key = as_json("key", "create", "--partner", partner)["id"]
    assert as_json("partner", "signatures", partner) == {
        "live_control": False,
        "everybody": False,
        "can_sign": False,
    }
    assert voltgate("key", "change", key, "--require-signature").exit_code == 1

    async def attach(tx: Tx) -> Any:
        return await signing_keys.create(
            tx,
            Vault(FixedSettings()),
            CLI,
            partner_id=partner,
            api_key_id=key,
            algorithm=Algorithm.HMAC_SHA256,
        )

    in_database(database, attach)
    assert as_json("key", "change", key, "--require-signature")["require_signature"] is True
    demanded = as_json("partner", "signatures", partner, "--require")
    assert (demanded["live_control"], demanded["can_sign"]) == (True, True)
    assert "yes" in ok("partner", "signatures", partner)
    (signing_key,) = as_json("key", "signing-keys")
    assert signing_key["api_key_id"] == key
    revoked = as_json("key", "revoke-signing-key", signing_key["id"])
    assert revoked["revoked_at"] is not None
    assert voltgate("key", "revoke-signing-key", signing_key["id"]).exit_code == 1
    assert as_json("key", "change", key, "--no-require-signature")["require_signature"] is False
    assert as_json("partner", "signatures", partner, "--optional")["live_control"] is False
