"""An audit trail that is not as it was written becomes an alert."""

from dataclasses import asdict

from core.alerts import service as alerts
from core.alerts.kinds import AlertKind
from core.audit import chain, store
from core.audit.chain import GENESIS, RECENT, Verified
from core.kernel.db import Database


async def look(db: Database) -> None:
    """Follow the chain for its newest 10,000 entries, a piece in each transaction."""
    async with db.transaction() as tx:
        last = await store.last_seal(tx)
    found = Verified(seal=max(0, last - RECENT), hash=GENESIS, checked=0, at_end=False)
    while not found.at_end and found.broken is None:
        async with db.transaction() as tx:
            found = await chain.verify(tx, after_seal=found.seal)
    if found.broken is None:
        return
    async with db.transaction() as tx:
        alerts.raise_alert(
            tx,
            AlertKind.AUDIT_CHAIN_BROKEN,
            key="audit",
            title=f"The audit trail is not as it was written, from place {found.broken.seal} on",
            facts=asdict(found.broken),
        )
