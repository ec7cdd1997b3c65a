"""Certificates: of chargers, signed for them, installed in them, revoked; the built-in CA."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field

from core.certificates import authority, holdings, installing, signing, x509s
from core.certificates.states import CertificateUse, RootUse
from core.chargers import registry
from core.desired import service as desired
from core.kernel.errors import PlatformError, not_found
from core.kernel.settings_certificates import CertificateSigner
from core.kernel.times import rfc3339
from ops.operator_api.deps import ADMIN, READS, SUPPORT, Acting, NewestFirst, newest_page, resource
from ops.operator_api.security_views import (
    certificate_view,
    installed_view,
    request_view,
    revocation_view,
    wanted_view,
)
from ops.operator_api.views import command_view
from partner_api.deps import Config, Secrets, Transaction
from partner_api.fields import In

routes = resource("", tag="security")

ChargerId = Annotated[str | None, Query(max_length=64)]
_MAX_DAYS = 3650
_ROOTS = {use.value: use for use in sorted(installing.INSTALLABLE)}


class ToInstall(In):
    """A root certificate that a charger should trust."""

    use: str = Field(
        description="`csms`, `manufacturer`, `v2g` or `mobility_operator`; 1.6 knows the first two."
    )
    certificate: str = Field(max_length=20_000, description="One certificate as PEM.")


class ToRevoke(In):
    serial_number: str = Field(max_length=80, description="Hexadecimal, as openssl shows it.")
    reason: str | None = Field(None, max_length=200)


class ToRenew(In):
    use: str = Field("charging_station", description="`charging_station` or `v2g`.")


class ToAsk(In):
    use: str | None = Field(
        None, description="As in the list; left out: all uses (1.6: `csms`, one at a time)."
    )


@routes.get("/certificates", dependencies=[READS], summary="Chargers' certificates")
async def list_certificates(
    page: NewestFirst,
    tx: Transaction,
    charger_id: ChargerId = None,
    current: Annotated[
        bool, Query(description="Only those that nothing replaced and nobody revoked.")
    ] = False,
    expires_within_days: Annotated[
        int | None, Query(ge=0, le=_MAX_DAYS, description="Implies `current`; ended ones, too.")
    ] = None,
) -> dict[str, Any]:
    """The newest first: signed for chargers here (`issued`), or shown by them (`seen`)."""
    days = expires_within_days
    found = await holdings.newest(
        tx,
        charger_id=charger_id,
        current=current or days is not None,
        ends_before=None if days is None else tx.now + timedelta(days=days),
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, certificate_view)


@routes.get("/certificates/authority", dependencies=[READS], summary="The built-in CA")
async def show_authority(tx: Transaction, vault: Secrets, settings: Config) -> dict[str, Any]:
    """Its root certificate, made at first use: install it wherever its certificates are checked."""
    if settings.signer is not CertificateSigner.BUILT_IN:
        raise not_found("built-in CA (VOLTGATE_CERTIFICATE_SIGNER is another)")
    root, _ = await authority.create_once(tx, vault, organisation=settings.organisation)
    facts = x509s.described(root)
    return {
        "object": "certificate_authority",
        "subject": facts.subject,
        "serial_number": facts.serial_number,
        "fingerprint": facts.fingerprint,
        "not_after": rfc3339(facts.not_after),
        "certificate": x509s.pem_of([root]),
    }


@routes.get("/certificates/{certificate_id}", dependencies=[READS], summary="One certificate")
async def show_certificate(certificate_id: str, tx: Transaction) -> dict[str, Any]:
    """With its chain as PEM."""
    found = await holdings.get(tx, certificate_id)
    return {**certificate_view(found), "chain": found.chain}


@routes.get("/certificate_requests", dependencies=[READS], summary="What chargers asked to sign")
async def list_requests(
    page: NewestFirst, tx: Transaction, charger_id: ChargerId = None
) -> dict[str, Any]:
    """The newest first; a `refused` one says why, so does a `failed` or `rejected` one."""
    found = await signing.requests(
        tx, charger_id=charger_id, before_number=page.before_number, limit=page.limit + 1
    )
    return newest_page(found, page, request_view)


@routes.get("/certificate_requests/{request_id}", dependencies=[READS], summary="One request")
async def show_request(request_id: str, tx: Transaction) -> dict[str, Any]:
    """With the request itself as PEM."""
    found = await signing.get(tx, request_id)
    return {**request_view(found), "csr": found.csr}


@routes.post("/revocations", status_code=201, dependencies=[ADMIN], summary="Revoke a certificate")
async def revoke(body: ToRevoke, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Whoever signed it. Holds for logins from now on; to end a connection, disable its charger."""
    return revocation_view(await holdings.revoke(tx, actor, body.serial_number, reason=body.reason))


@routes.get("/revocations", dependencies=[READS], summary="Revoked certificates")
async def list_revocations(page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """The newest first."""
    found = await holdings.revocations(tx, before_number=page.before_number, limit=page.limit + 1)
    return newest_page(found, page, revocation_view)


@routes.delete(
    "/revocations/{serial_number}",
    status_code=204,
    dependencies=[ADMIN],
    summary="Withdraw a revocation",
)
async def unrevoke(serial_number: str, tx: Transaction, actor: Acting) -> Response:
    """The certificate is accepted again."""
    await holdings.unrevoke(tx, actor, serial_number)
    return Response(status_code=204)


@routes.post(
    "/chargers/{charger_id}/certificates",
    status_code=202,
    dependencies=[ADMIN],
    summary="Install a root certificate in a charger",
)
async def install(
    charger_id: str, body: ToInstall, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Wanted from now on: sent when the charger is there, compared with what it reports."""
    charger = await registry.get(tx, charger_id)
    wish = await installing.want(tx, actor, charger, use=_root(body.use), pem=body.certificate)
    return wanted_view(wish)


@routes.get(
    "/chargers/{charger_id}/certificates",
    dependencies=[READS],
    summary="Certificates of a charger: wanted, and as it reported them",
)
async def show_of_charger(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """`installed` is what the charger last said; ask it anew with `POST .../report`."""
    await registry.get(tx, charger_id)
    wishes = await desired.of_charger(tx, charger_id, kind=installing.CERTIFICATE.name)
    have = await installing.installed(tx, charger_id)
    return {
        "object": "charger_certificates",
        "wanted": [wanted_view(one) for one in wishes],
        "installed": [installed_view(one) for one in have],
    }


@routes.delete(
    "/chargers/{charger_id}/certificates/{wanted_id}",
    status_code=202,
    dependencies=[ADMIN],
    summary="Remove a certificate from a charger",
)
async def remove(charger_id: str, wanted_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """By the id of the wanted one; it disappears from the list when the charger has removed it."""
    charger = await registry.get(tx, charger_id)
    wish = await desired.get(tx, wanted_id)
    if wish.charger_id != charger_id or wish.kind != installing.CERTIFICATE.name:
        raise not_found("wanted certificate")
    gone = await installing.want(
        tx,
        actor,
        charger,
        use=RootUse(wish.wanted["use"]),
        pem=wish.wanted["certificate"],
        present=False,
    )
    return wanted_view(gone)


@routes.post(
    "/chargers/{charger_id}/certificates/report",
    status_code=202,
    dependencies=[SUPPORT],
    summary="Ask a charger which certificates it has",
)
async def ask(charger_id: str, body: ToAsk, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Answers with the command; what it brings is then in the list."""
    charger = await registry.get(tx, charger_id)
    use = None if body.use is None else _use_of(body.use)
    return command_view(await installing.ask(tx, actor, charger, use=use))


@routes.post(
    "/chargers/{charger_id}/certificates/renew",
    status_code=202,
    dependencies=[SUPPORT],
    summary="Ask a charger for a new certificate request",
)
async def renew(charger_id: str, body: ToRenew, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """It answers with a request, which is signed and sent back by itself."""
    charger = await registry.get(tx, charger_id)
    try:
        use = CertificateUse(body.use)
    except ValueError as exc:
        raise PlatformError("invalid_parameter", "use is charging_station or v2g.") from exc
    return command_view(await holdings.renew(tx, actor, charger, use))


def _root(text: str) -> RootUse:
    if text not in _ROOTS:
        raise PlatformError("invalid_parameter", f"use is one of {', '.join(_ROOTS)}.")
    return _ROOTS[text]


def _use_of(text: str) -> RootUse:
    try:
        return RootUse(text)
    except ValueError as exc:
        uses = ", ".join(use.value for use in RootUse)
        raise PlatformError("invalid_parameter", f"use is one of {uses}.") from exc
