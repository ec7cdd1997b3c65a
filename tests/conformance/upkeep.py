"""What the conversations about firmware and logs share."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.audit.service import CLI
from core.desired import service as desired
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.upkeep import firmware, logs, transfers
from core.upkeep.firmware import KEY, KIND, FirmwareSpec
from core.upkeep.logs import LogSpec
from core.upkeep.models import Transfer
from core.upkeep.states import TransferKind, TransferStatus
from tests.conformance.support import ask, charger_of, row_of
from tests.csms.live import BOOT, RawCharger, Running
from tests.eventually import eventually

LOCATION = "https://files.example.org/cp-2.1.bin"
SIGNATURE = "c2lnbmF0dXJl"


def certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "firmware")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


async def want_firmware(server: Running, **spec: Any) -> Desired:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        wanted = FirmwareSpec(**{"location": LOCATION} | spec)
        return await firmware.want(tx, server.vault, CLI, row, wanted)


async def the_wish(server: Running) -> Desired:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        found = await desired.find(tx, row.id, KIND, KEY)
    assert found is not None
    return found


async def wish_is(server: Running, status: DesiredStatus, reason: str | None) -> Desired:
    async def probe() -> Desired | None:
        found = await the_wish(server)
        return found if (found.status, found.reason) == (status, reason) else None

    return await eventually(probe)


async def all_transfers(server: Running, *kinds: TransferKind) -> list[Transfer]:
    """Return the transfers, oldest first."""
    row = await row_of(server)
    async with server.db.transaction() as tx:
        found = await transfers.list_transfers(
            tx, charger_id=None if row is None else row.id, kinds=kinds or tuple(TransferKind)
        )
    return list(reversed(found))


async def transfer_is(
    server: Running, status: TransferStatus, word: str | None, *, index: int = -1
) -> Transfer:
    async def probe() -> Transfer | None:
        found = await all_transfers(server)
        if not found:
            return None
        one = found[index]
        return one if (one.status, one.word) == (status, word) else None

    return await eventually(probe)


async def sweep_unanswered(server: Running) -> None:
    """Wait until the work of the workers has ended the one transfer without an answer."""

    async def probe() -> bool:
        async with server.db.transaction() as tx:
            return await transfers.close_unanswered(tx) == 1

    await eventually(probe)


async def words_of(server: Running, transfer: Transfer) -> list[str]:
    async with server.db.transaction() as tx:
        return [one.word for one in await transfers.news_of(tx, transfer.id)]


async def ask_log(server: Running, **spec: Any) -> Transfer:
    row = await charger_of(server)
    given = LogSpec(**{"location": "ftp://files.example.org/logs/"} | spec)
    command = logs.command(server.vault, row, given)
    queued = await ask(server, command)
    async with server.db.transaction() as tx:
        return await logs.begun(tx, command, queued)


async def boot_with(cp: RawCharger, version: str) -> None:
    boot = BOOT[cp.version]
    if cp.version == "1.6":
        await cp.result("BootNotification", {**boot, "firmwareVersion": version})
    else:
        station = {**boot["chargingStation"], "firmwareVersion": version}
        await cp.result(
            "BootNotification", {"chargingStation": station, "reason": "FirmwareUpdate"}
        )
