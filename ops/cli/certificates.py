"""``voltgate certificate``: of chargers; ending, signed, revoked. And a charger's new password."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from core.audit.service import CLI
from core.certificates import authority, holdings, installing, key_change, signing, x509s
from core.certificates.states import CertificateUse, RootUse
from core.chargers import registry, security_events
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.settings_certificates import CertificateSigner
from ops.cli.chargers import Named, the_charger
from ops.cli.output import Json, print_facts, print_rows, say
from ops.cli.running import Opened, transact
from ops.operator_api.security_views import (
    certificate_view,
    request_view,
    revocation_view,
    rotation_view,
    security_event_view,
    wanted_view,
)
from ops.operator_api.views import command_view

app = typer.Typer()
charger_app = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=200, help="Rows at most.")]
Of = Annotated[str | None, typer.Option("--charger", help="Identity, or cp_...")]


@app.command("list")
def list_certificates(
    *,
    charger: Of = None,
    expires_within: Annotated[
        int | None, typer.Option(min=0, max=3650, help="Days; those that have ended, too.")
    ] = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List the certificates that chargers use or were given.

    Example: voltgate certificate list --expires-within 30
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        before = None if expires_within is None else tx.now + timedelta(days=expires_within)
        found = await holdings.newest(
            tx,
            charger_id=await _id(tx, charger),
            current=expires_within is not None,
            ends_before=before,
            limit=limit,
        )
        return [certificate_view(one) for one in found]

    columns = ["charger_id", "use", "subject", "serial_number", "not_after", "installed_at"]
    print_rows("Certificates", columns, transact(work), as_json=json)


@app.command()
def requests(*, charger: Of = None, limit: Limit = 100, json: Json = False) -> None:
    """List what chargers asked to be signed, and what came of it.

    Example: voltgate certificate requests --charger CP-1
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await signing.requests(tx, charger_id=await _id(tx, charger), limit=limit)
        return [request_view(one) for one in found]

    columns = ["created_at", "charger_id", "use", "status", "reason"]
    print_rows("Certificate requests", columns, transact(work), as_json=json)


@app.command()
def renew(
    charger: Named,
    *,
    use: Annotated[CertificateUse, typer.Option()] = CertificateUse.CHARGING_STATION,
    json: Json = False,
) -> None:
    """Ask a connected charger for a new request; the certificate then follows by itself.

    Example: voltgate certificate renew CP-1
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        return command_view(await holdings.renew(tx, CLI, await the_charger(tx, charger), use))

    print_facts(transact(work), as_json=json)


@app.command()
def install(
    charger: Named,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="PEM file.")],
    *,
    use: Annotated[RootUse, typer.Option(help="What the charger is to trust it for.")] = (
        RootUse.CSMS
    ),
    json: Json = False,
) -> None:
    """Install a root certificate in a charger, now or when it is back.

    Example: voltgate certificate install CP-1 root.pem --use csms
    """
    pem = file.read_text(errors="replace")

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        found = await the_charger(tx, charger)
        return wanted_view(await installing.want(tx, CLI, found, use=use, pem=pem))

    print_facts(transact(work), as_json=json)


@app.command()
def revoke(
    serial_number: Annotated[str, typer.Argument(help="Hexadecimal, as openssl shows it.")],
    *,
    reason: Annotated[str | None, typer.Option(help="For people.")] = None,
    json: Json = False,
) -> None:
    """Accept a certificate no more, whoever signed it.

    Example: voltgate certificate revoke 4f2a... --reason "charger stolen"
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        return revocation_view(await holdings.revoke(tx, CLI, serial_number, reason=reason))

    print_facts(transact(work), as_json=json)


@app.command("authority")
def show_authority() -> None:
    """Print the root certificate of the built-in CA as PEM; made at first use.

    Example: voltgate certificate authority > root.pem
    """

    async def work(tx: Tx, opened: Opened) -> str:
        if opened.settings.signer is not CertificateSigner.BUILT_IN:
            raise PlatformError("not_found", "VOLTGATE_CERTIFICATE_SIGNER is not built_in.")
        organisation = opened.settings.organisation
        root, _ = await authority.create_once(tx, opened.vault, organisation=organisation)
        return x509s.pem_of([root])

    typer.echo(transact(work), nl=False)


@charger_app.command("rotate-password")
def rotate_password(
    charger: Named,
    *,
    status: Annotated[
        bool, typer.Option("--status", help="Only show how far the last change is.")
    ] = False,
    json: Json = False,
) -> None:
    """Give a charger a new random password over OCPP, now or when it is back; nobody sees it.

    Until it is known whether the charger took it, the old and the new one are accepted.

    Examples:
        voltgate charger rotate-password CP-1

        voltgate charger rotate-password CP-1 --status
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        found = await the_charger(tx, charger)
        if status:
            wish = await key_change.state(tx, found.id)
        else:
            wish = await key_change.rotate(tx, opened.vault, CLI, found.id)
        if wish is None:
            raise PlatformError("not_found", "No new password was asked for.")
        return rotation_view(await registry.get(tx, found.id), wish)

    view = transact(work)
    print_facts(view, as_json=json)
    if not json and not status:
        say(f"[bold]next[/bold]  voltgate charger rotate-password {charger} --status")


@charger_app.command("security-events")
def list_security_events(
    charger: Annotated[str | None, typer.Argument(help="Identity, or cp_...; left out: all.")] = (
        None
    ),
    *,
    critical: Annotated[bool, typer.Option("--critical", help="Only critical ones.")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List what chargers reported about security, and what was noticed about them.

    Example: voltgate charger security-events --critical
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await security_events.newest(
            tx, charger_id=await _id(tx, charger), critical=critical or None, limit=limit
        )
        return [security_event_view(one) for one in found]

    columns = ["received_at", "charger_id", "source", "type", "critical", "tech_info"]
    print_rows("Security events", columns, transact(work), as_json=json)


async def _id(tx: Tx, named: str | None) -> str | None:
    return None if named is None else (await the_charger(tx, named)).id
