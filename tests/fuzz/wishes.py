"""One wish of every kind for a charger, and another of what can be wished away."""

from core.audit.service import CLI
from core.certificates import installing, key_change, signing
from core.certificates.signers import BuiltInSigner
from core.certificates.states import CertificateUse, RootUse
from core.chargers import id_tokens
from core.chargers.models import Charger
from core.commands.monitoring import Place
from core.desired import availability, local_list, variables
from core.desired import service as desired
from core.desired.models import Desired
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.settings import Settings
from core.smart_charging import service as charging
from core.upkeep import display, firmware, monitors
from core.upkeep.display import MessageSpec
from core.upkeep.firmware import FirmwareSpec
from csms.codes import Version
from tests.core.smart_charging.making import profile
from tests.pki import new_key, request

TOKENS = 25
"""More than fit into one message."""


async def allow_tokens(db: Database) -> None:
    async with db.transaction() as tx:
        for number in range(TOKENS):
            await id_tokens.put(tx, CLI, f"T{number}")


async def wish_all(
    db: Database, settings: Settings, vault: Vault, charger: Charger, version: Version, root: str
) -> None:
    """Wish all that a charger can be; *root* is the PEM of a certificate."""
    async with db.transaction() as tx:
        members = {"name": "MeterInterval"}
        if version != "1.6":
            members["component"] = "SampledDataCtrlr"
        await variables.wish(tx, vault, CLI, charger, members=members, value="60")
        await availability.wish(tx, CLI, charger, operative=False, evse=1)
        await local_list.wish(tx, CLI, charger, source="all")
        await charging.want(tx, CLI, charger, profile((0, 16), id=1))
        for use, present in ((RootUse.CSMS, True), (RootUse.MANUFACTURER, False)):
            await installing.want(tx, CLI, charger, use=use, pem=root, present=present)
        await key_change.rotate(tx, vault, CLI, charger.id)
        await firmware.want(tx, vault, CLI, charger, _firmware())
        if version != "1.6":
            await _wish_what_only_201_knows(tx, charger)
        csr = request(charger.identity, key=new_key())
        own = CertificateUse.CHARGING_STATION
        await signing.ask(tx, charger, csr=csr, use=own, organisation=None)
    await signing.sign_what_is_due(db, BuiltInSigner(db, vault, settings))


def _firmware() -> FirmwareSpec:
    return FirmwareSpec(location="https://files.example.org/fw.bin", version="2.0")


async def _wish_what_only_201_knows(tx: Tx, charger: Charger) -> None:
    await display.want(tx, CLI, charger, MessageSpec(message=1, content="Closed"))
    await display.unwant(tx, CLI, charger, 2)
    place = Place(component="EVSE", variable="Power")
    for kind in ("UpperThreshold", "LowerThreshold"):
        made = await monitors.want(tx, CLI, charger, place=place, type_=kind, value=1.0, severity=5)
    await monitors.unwant(tx, CLI, charger, made)


async def wishes_of(db: Database, charger: Charger) -> list[Desired]:
    async with db.transaction() as tx:
        return list(await desired.of_charger(tx, charger.id))
