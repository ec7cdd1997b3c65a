"""Certificates of chargers that end soon are alerts until something takes their place."""

from datetime import timedelta

import pytest

from core.alerts import handling
from core.alerts.kinds import AlertKind
from core.alerts.models import Alert
from core.audit.service import CLI
from core.certificates import ending, holdings, signing
from core.certificates.signers import signer_for
from core.chargers import registry
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.page import Page
from core.kernel.settings import Settings
from tests.core.certificates.test_signing import asked
from tests.core.chargers.making import make_charger
from tests.pki import request


@pytest.fixture
def backend() -> str:
    return "sqlite"


async def looked(db: Database) -> list[Alert]:
    async with db.transaction() as tx:
        await ending.tell(tx, ahead=timedelta(days=7))
    async with db.transaction() as tx:
        found = await handling.list_alerts(tx, Page(), kind=AlertKind.CERTIFICATE_EXPIRING)
    return list(found.rows)


async def signed(db: Database, vault: Vault, settings: Settings, charger_id: str) -> None:
    async with db.transaction() as tx:
        charger = await registry.get(tx, charger_id)
    await asked(db, charger, request("CP-1"))
    await signing.sign_what_is_due(db, signer_for(db, vault, settings))
    async with db.transaction() as tx:
        await holdings.installed(tx, (await holdings.newest(tx))[0].id)


async def test_a_certificate_that_ends_is_an_alert_until_there_is_a_newer_one(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    charger = await make_charger(db, vault)
    await signed(db, vault, settings, charger.id)
    assert await looked(db) == []
    clock.advance(359 * 86_400)
    await looked(db)
    (alert,) = await looked(db)
    assert (alert.object_id, alert.status, alert.count) == (charger.id, "open", 1)
    assert "CP-1 ends on" in alert.title
    await signed(db, vault, settings, charger.id)
    (alert,) = await looked(db)
    assert alert.status == "resolved"


@pytest.mark.parametrize("how", ["revoked", "removed"])
async def test_a_certificate_that_nobody_needs_any_more_is_none(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock, how: str
) -> None:
    charger = await make_charger(db, vault)
    await signed(db, vault, settings, charger.id)
    clock.advance(359 * 86_400)
    assert [alert.status for alert in await looked(db)] == ["open"]
    async with db.transaction() as tx:
        if how == "revoked":
            serial = (await holdings.newest(tx))[0].serial_number
            await holdings.revoke(tx, CLI, serial, reason=None)
        else:
            await registry.delete(tx, CLI, charger.id)
    assert [alert.status for alert in await looked(db)] == ["resolved"]
