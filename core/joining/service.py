"""Use cases of applicants: apply, look, change, and take the keys that come of it."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final

from core.alerts.kinds import AlertKind
from core.alerts.service import raise_alert
from core.audit import service as audit
from core.audit.service import Actor
from core.joining import errands, forms, proofs, store
from core.joining.models import Application, Document
from core.joining.states import ApplicationStatus
from core.joining.views import form_view
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.ids import new_id
from core.kernel.settings import Settings
from core.partners import service as partners
from core.partners.models import ApiKey
from core.partners.scopes import Scope
from core.webhooks import partner_events

SECRET_BYTES: Final = 32
PER_EMAIL: Final = 3
"""Applications a day that name the same e-mail address."""
RETRY_AFTER_S: Final = 3600

_CREDENTIALS: Final = re.compile(r"bearer +vg_app_(?P<secret>[\w-]{43})", re.ASCII | re.IGNORECASE)
_INVALID: Final = "The status token is missing or wrong, or there is no such application."


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A new application, with what is shown only now: its status token and a test key."""

    application: Application
    status_token: str
    test_key: ApiKey
    test_key_text: str


def applicant(application_id: str, request_id: str | None) -> Actor:
    """Return who acts with the status token of an application."""
    return Actor(name=f"applicant:{application_id}", request_id=request_id)


async def submit(
    tx: Tx,
    vault: Vault,
    settings: Settings,
    *,
    form: Mapping[str, Any],
    terms_version: str,
    address: str | None,
    request_id: str | None,
) -> Submitted:
    """Take an application: its partner is there at once, for test mode.

    Args:
        form: All sections, see ``forms.read``.
        address: Of the applicant's machine, for the limits and for the operator.

    Raises:
        PlatformError: ``invalid_parameter``, ``webhook_url_forbidden``, ``rate_limited``;
            ``not_implemented``: none are taken online.
    """
    if settings.applications_per_day == 0:
        raise PlatformError(
            "not_implemented", "This platform takes no applications online; ask its operator."
        )
    columns = forms.read(form, settings)
    if terms_version != settings.terms_version:
        where = "" if settings.terms_url is None else f" ({settings.terms_url})"
        detail = f"the terms are at version {settings.terms_version}{where}"
        raise PlatformError(
            "invalid_parameter",
            f"/terms_version: {detail}",
            errors=[{"pointer": "/terms_version", "detail": detail}],
        )
    network = network_of(address)
    await _count(tx, f"from:{network}", settings.applications_per_address, "from your address")
    await _count(tx, email_key(vault, "apply", columns["email"]), PER_EMAIL, "with this address")
    await _count(tx, "all", settings.applications_per_day, "altogether")
    application_id, secret = new_id("app"), secrets.token_urlsafe(SECRET_BYTES)
    actor = applicant(application_id, request_id)
    partner = await partners.create_partner(tx, actor, name=columns["legal_name"], test_only=True)
    application = await store.add(
        tx,
        id=application_id,
        status=ApplicationStatus.SUBMITTED,
        partner_id=partner.id,
        terms_version=terms_version,
        address=network,
        token_hash=vault.hasher.hash(secret.encode()),
        **{"purpose": None, "webhook_url": None} | columns,
    )
    after = {**form_view(application), "terms_version": terms_version, "address": network}
    await audit.record(tx, actor, "application.submitted", application_id, after=after)
    key, text = await partner_events.create_key(
        tx,
        vault,
        actor,
        partner_id=partner.id,
        livemode=False,
        name="first test key",
        scopes=list(Scope),
    )
    application = await proofs.ask_for_email_proof(tx, vault, settings, application)
    if application.webhook_url is not None:
        await proofs.challenge(tx, vault, actor, application)
    await errands.queue_look_up(tx, vault, settings, application)
    _tell_operators(tx, application)
    return Submitted(
        application=application,
        status_token=f"vg_app_{secret}",
        test_key=key,
        test_key_text=text,
    )


async def authenticate(
    tx: Tx, vault: Vault, application_id: str, header_value: str | None
) -> Application:
    """Return the application whose status token somebody shows.

    An unknown application and a wrong token take the same way and get the same answer (S14).

    Raises:
        PlatformError: ``invalid_credentials``.
    """
    parts = _CREDENTIALS.fullmatch(header_value or "")
    secret = parts["secret"] if parts else ""
    found = await store.application(tx, application_id)
    matches = vault.hasher.matches(secret.encode(), None if found is None else found.token_hash)
    if parts is None or found is None or not matches:
        raise PlatformError("invalid_credentials", _INVALID)
    return found


async def documents_of(tx: Tx, application: Application) -> Sequence[Document]:
    """Return the documents of an application, in the order of their arrival."""
    return await store.documents_of(tx, application.id)


async def amend(
    tx: Tx,
    vault: Vault,
    settings: Settings,
    application: Application,
    *,
    form: Mapping[str, Any],
    request_id: str | None,
) -> Application:
    """Change the sections that *form* has, and hand the application in again.

    What was proven of an address that changes is proven no more.

    Raises:
        PlatformError: ``conflict``: nobody asked for more; and as ``submit`` does.
    """
    actor = applicant(application.id, request_id)
    columns = forms.read(form, settings)
    is_new_email = columns.get("email", application.email) != application.email
    is_new_url = columns.get("webhook_url", application.webhook_url) != application.webhook_url
    is_new_company = "company" in form
    if is_new_email:
        await proofs.count_mail(tx, vault, columns["email"])
        columns |= {"email_proven_at": None}
    if is_new_url:
        columns |= {"webhook_proven_at": None}
    amended = await store.move(
        tx, application.id, ApplicationStatus.SUBMITTED, requested=None, **columns
    )
    if amended is None:
        raise PlatformError(
            "conflict", "Nobody asked for more: an application is changed when that is requested."
        )
    await audit.record(
        tx,
        actor,
        "application.amended",
        application.id,
        before={**form_view(application), "status": application.status},
        after={**form_view(amended), "status": amended.status},
    )
    if is_new_email:
        amended = await proofs.ask_for_email_proof(tx, vault, settings, amended)
    if is_new_url and amended.webhook_url is not None:
        await proofs.challenge(tx, vault, actor, amended)
    if is_new_company:
        await errands.queue_look_up(tx, vault, settings, amended)
    _tell_operators(tx, amended)
    return amended


async def claim_live_key(
    tx: Tx, vault: Vault, application: Application, *, request_id: str | None
) -> tuple[ApiKey, str]:
    """Make the first live key of an approved applicant, once; it makes the others with it.

    Raises:
        PlatformError: ``conflict``: not approved, or it was claimed.
    """
    held = await store.reserve_live_key(tx, application.id)
    if held is None:
        raise PlatformError(
            "conflict",
            "There is one live key for an approved application, shown once: the application is "
            "not approved, or the key was claimed.",
        )
    actor = applicant(application.id, request_id)
    key, text = await partner_events.create_key(
        tx,
        vault,
        actor,
        partner_id=held.partner_id,
        livemode=True,
        name="first live key",
        scopes=list(Scope),
    )
    await store.set_live_key(tx, application.id, key.id)
    await audit.record(
        tx, actor, "application.live_key_claimed", application.id, after={"key_id": key.id}
    )
    return key, text


def network_of(address: str | None) -> str:
    """Return what is limited together: an IPv4 address, or the /64 of an IPv6 one."""
    if address is None:
        return "unknown"
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        return str(ip_network(f"{address.partition('%')[0]}/64", strict=False))
    return address


def email_key(vault: Vault, purpose: str, email: str) -> str:
    """Return under what the uses of an e-mail address are counted, without telling it."""
    return f"{purpose}:{vault.hasher.fingerprint(email.lower().encode())}"


def _tell_operators(tx: Tx, application: Application) -> None:
    raise_alert(
        tx,
        AlertKind.PARTNER_APPLICATION_WAITING,
        key=application.id,
        object_id=application.id,
        title=f"The application of {application.legal_name} waits for you",
        facts={"legal_name": application.legal_name, "country": application.country},
    )


async def _count(tx: Tx, key: str, limit: int, what: str) -> None:
    if not await store.count(tx, key, limit=limit):
        raise PlatformError(
            "rate_limited",
            f"At most {limit} applications a day {what}.",
            retry_after=RETRY_AFTER_S,
        )
