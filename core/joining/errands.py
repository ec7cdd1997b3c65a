"""What is to be done outside for an application: queued in its transaction, done by a worker."""

import json
from datetime import timedelta
from typing import Any, Final

from core.joining import store
from core.joining.models import Application, Errand
from core.joining.states import ErrandKind
from core.kernel.crypto import Undecryptable, Vault
from core.kernel.db import Tx
from core.kernel.ids import new_id
from core.kernel.mail import Mail
from core.kernel.settings import Settings

KEPT: Final = timedelta(days=7)
"""So long an errand may wait, and so long the text of a mail that was not sent is kept."""


async def queue_mail(
    tx: Tx, vault: Vault, application: Application, *, subject: str, mail: Mail
) -> Errand:
    """Queue a mail to the applicant; one of the same *subject* that waits is dropped."""
    needs = {"to": mail.to, "subject": mail.subject, "text": mail.text}
    return await _queue(tx, vault, application.id, ErrandKind.MAIL, subject, needs)


async def queue_challenge(
    tx: Tx, vault: Vault, application: Application, *, challenge: str
) -> Errand:
    """Queue the proof that the applicant controls its webhook address."""
    needs = {"url": application.webhook_url, "challenge": challenge}
    return await _queue(tx, vault, application.id, ErrandKind.WEBHOOK, ErrandKind.WEBHOOK, needs)


async def queue_look_up(
    tx: Tx, vault: Vault, settings: Settings, application: Application
) -> Errand | None:
    """Queue a question to the registry; ``None``: no registry is set."""
    if settings.registry_url is None:
        return None
    return await _queue(
        tx,
        vault,
        application.id,
        ErrandKind.REGISTRY,
        ErrandKind.REGISTRY,
        {
            "country": application.country,
            "registration_kind": application.registration_kind,
            "registration_number": application.registration_number,
            "legal_name": application.legal_name,
        },
    )


def needs_of(vault: Vault, errand: Errand) -> dict[str, Any] | None:
    """Return what an errand needs; ``None``: it is over, or the key is off the ring."""
    if errand.sealed is None:
        return None
    try:
        text = vault.ring.decrypt(errand.sealed, context=_context(errand.id))
    except Undecryptable:
        return None
    found: dict[str, Any] = json.loads(text)
    return found


async def _queue(
    tx: Tx,
    vault: Vault,
    application_id: str,
    kind: ErrandKind,
    subject: str,
    needs: dict[str, Any],
) -> Errand:
    await store.drop_errands(tx, application_id, kind=kind, subject=subject)
    errand_id = new_id("err")
    return await store.add_errand(
        tx,
        id=errand_id,
        application_id=application_id,
        kind=kind,
        subject=subject,
        sealed=vault.ring.encrypt(json.dumps(needs), context=_context(errand_id)),
    )


def _context(errand_id: str) -> str:
    return f"application_errands:{errand_id}"
