"""What an applicant proves: that mail reaches it, and that its webhook address is its own."""

import secrets
from datetime import datetime
from typing import Final

from core.audit import service as audit
from core.audit.service import Actor
from core.joining import errands, mails, store
from core.joining.models import Application
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings

MAILS_PER_ADDRESS: Final = 5
"""Proofs a day that are sent to one e-mail address."""
CHALLENGES: Final = 20
"""A day, for one application: nobody uses us to knock at doors of others."""
TOKEN_BYTES: Final = 32

_WRONG: Final = "The token is wrong or older than seven days, or the address is proven already."


async def ask_for_email_proof(
    tx: Tx, vault: Vault, settings: Settings, application: Application
) -> Application:
    """Queue the mail with a token that proves the address; older tokens end.

    Raises:
        PlatformError: ``conflict``: the application is decided.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    changed = await store.change_open(
        tx,
        application.id,
        email_proven_at=None,
        email_token_hash=vault.hasher.hash(token.encode()),
        email_token_until=tx.now + errands.KEPT,
    )
    if changed is None:
        raise PlatformError("conflict", "The application is decided.")
    mail = mails.proof(changed, public_url=settings.public_url, token=token)
    await errands.queue_mail(tx, vault, changed, subject="proof", mail=mail)
    return changed


async def send_again(
    tx: Tx, vault: Vault, settings: Settings, actor: Actor, application: Application
) -> Application:
    """Send another mail that proves the address.

    Raises:
        PlatformError: ``conflict``: it is proven, or the application is decided; ``rate_limited``.
    """
    if application.email_proven_at is not None:
        raise PlatformError("conflict", "The e-mail address is proven already.")
    await count_mail(tx, vault, application.email)
    changed = await ask_for_email_proof(tx, vault, settings, application)
    await audit.record(tx, actor, "application.email_asked", application.id)
    return changed


async def prove_email(
    tx: Tx, vault: Vault, *, application_id: str, token: str, request_id: str | None
) -> datetime:
    """Take the token of the mail; return when the address was proven.

    Raises:
        PlatformError: ``invalid_credentials``: wrong, old or used, or no such application.
    """
    found = await store.application(tx, application_id)
    stored = None if found is None else found.email_token_hash
    matches = vault.hasher.matches(token.encode(), stored)
    until = None if found is None else found.email_token_until
    if found is None or not matches or until is None or until <= tx.now:
        raise PlatformError("invalid_credentials", _WRONG)
    proven = await store.prove_email(tx, found)
    if proven is None or proven.email_proven_at is None:
        raise PlatformError("invalid_credentials", _WRONG)
    actor = Actor(name=f"applicant:{application_id}", request_id=request_id)
    await audit.record(
        tx, actor, "application.email_proven", application_id, after={"email": proven.email}
    )
    return proven.email_proven_at


async def challenge(tx: Tx, vault: Vault, actor: Actor, application: Application) -> None:
    """Queue the challenge of the webhook address.

    Raises:
        PlatformError: ``conflict``: the application names none; ``rate_limited``.
    """
    if application.webhook_url is None:
        raise PlatformError("conflict", "The application names no webhook_url.")
    await _count(tx, f"challenge:{application.id}", CHALLENGES, "challenges")
    value = secrets.token_urlsafe(TOKEN_BYTES)
    await errands.queue_challenge(tx, vault, application, challenge=value)
    asked = {"url": application.webhook_url}
    await audit.record(tx, actor, "application.webhook_challenged", application.id, after=asked)


async def count_mail(tx: Tx, vault: Vault, email: str) -> None:
    """Count a mail to an address.

    Raises:
        PlatformError: ``rate_limited``.
    """
    fingerprint = vault.hasher.fingerprint(email.lower().encode())
    await _count(tx, f"mail:{fingerprint}", MAILS_PER_ADDRESS, "mails")


async def _count(tx: Tx, key: str, limit: int, what: str) -> None:
    if not await store.count(tx, key, limit=limit):
        raise PlatformError("rate_limited", f"At most {limit} {what} a day.", retry_after=3600)
