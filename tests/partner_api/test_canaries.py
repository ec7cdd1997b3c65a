"""S19, S22: what is secret is shown once, to its owner; it stands nowhere in plain text."""

import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from prometheus_client import generate_latest
from sqlalchemy import select

from core.joining import errands
from core.joining import models as joining
from core.kernel import log, metrics
from core.kernel.crypto import Vault
from core.kernel.db import metadata
from core.sandbox.models import sandbox_chargers
from core.sandbox.service import password_context
from tests.partner_api.asgi import Answer, ask
from tests.partner_api.furnished import Furnished
from tests.partner_api.joining import form
from tests.partner_api.surface import CALLS

WRONG = "Wr0ngSecretThatNobodyMayEverReadAgain12345x"


@pytest.fixture
def logs(furnished: Furnished) -> Iterator[StringIO]:
    """What the process logs, from debug on, as in production."""
    before, handlers, stream = structlog.get_config(), logging.root.handlers[:], StringIO()
    log.configure(level="DEBUG", format_="json", bound={}, stream=stream)
    yield stream
    structlog.configure(**before)
    logging.root.handlers[:] = handlers


async def secrets_made(furnished: Furnished) -> dict[str, str]:
    """Let every secret be made that a partner or an applicant is ever shown."""
    live, app = furnished.scene.live, furnished.app
    made = (await ask(app, "POST", "/v1/partner_applications", body=form())).json()
    key = {"name": "canary", "scopes": ["keys:manage", "status:read"]}
    created = (await furnished.ask(live, "POST", "/v1/api_keys", body=key)).json()
    rotated = await furnished.ask(live, "POST", f"/v1/api_keys/{created['id']}/rotate")
    hook = {"url": "http://127.0.0.1:9999/canary"}
    endpoint = (await furnished.ask(live, "POST", "/v1/webhook_endpoints", body=hook)).json()
    path = f"/v1/webhook_endpoints/{endpoint['id']}/rotate_secret"
    resigned = await furnished.ask(live, "POST", path)
    inbox = await furnished.ask(furnished.scene.test, "POST", "/v1/test_helpers/inbox")
    found = {
        "status token": made["status_token"],
        "first test key": made["test_key"]["secret"],
        "key": created["secret"],
        "rotated key": rotated.json()["secret"],
        "webhook secret": endpoint["secret"],
        "rotated webhook secret": resigned.json()["secret"],
        "secret of the inbox": inbox.json()["secret"],
        "key in use": live.key,
    }
    return {name: text[-43:].removeprefix("whsec_") for name, text in found.items()}


async def sealed(furnished: Furnished, vault: Vault) -> dict[str, str]:
    """Return what the platform keeps to be read again: here it is opened."""
    found = {"pepper": vault_key(furnished)}
    async with furnished.db.transaction() as tx:
        for guest in await tx.all(select(sandbox_chargers)):
            context = password_context(guest.charger_id)
            found[f"password of {guest.name}"] = vault.ring.decrypt(guest.password, context=context)
        for errand in await tx.all(select(joining.errands), joining.Errand):
            needs = errands.needs_of(vault, errand)
            if needs is not None and "token=" in str(needs):
                text = str(needs).partition("token=")[2]
                found["token of a mail"] = text[:32].split()[0]
    return found


def vault_key(furnished: Furnished) -> str:
    key: str = furnished.app.services.settings.secret_key.get_secret_value()
    return key


async def everything_stored(furnished: Furnished) -> str:
    async with furnished.db.transaction() as tx:
        rows = [row for table in metadata.sorted_tables for row in await tx.all(select(table))]
    return "\n".join(repr(tuple(row)) for row in rows)


async def misuse(furnished: Furnished) -> list[Answer]:
    """Put secrets where they do not belong, and wrong ones where they do."""
    live, key = furnished.scene.live, furnished.scene.live.key
    wrong = f"{key[:-43]}{WRONG}"
    token = f"/v1/partner_applications/{live.has.application_id}"
    return [
        await ask(furnished.app, "GET", "/v1/partner", key=wrong),
        await ask(furnished.app, "GET", token, key=f"vg_app_{WRONG}"),
        await ask(furnished.app, "POST", f"{token}/prove_email", body={"token": WRONG}),
        await ask(furnished.app, "GET", f"/v1/sessions?key={key}", key=key),
        await furnished.ask(live, "POST", "/v1/start_charge", body={"authorization": key}),
        await furnished.ask(live, "POST", "/v1/start_charge", body={"secret": WRONG}),
        await furnished.ask(
            live, "PATCH", f"/v1/api_keys/{live.has.key_id}", body={"secret": WRONG}
        ),
        await furnished.ask(
            live, "POST", "/v1/webhook_endpoints", body={"url": "x", "secret": WRONG}
        ),
        await furnished.ask(live, "POST", "/v1/start_charge", body=f'{{"a": "{WRONG}'.encode()),
    ]


async def test_s19_s22_no_secret_stands_anywhere_after_it_was_shown(
    furnished: Furnished, vault: Vault, logs: StringIO
) -> None:
    secrets = {"wrong secret": WRONG, **await secrets_made(furnished)}
    answers = await misuse(furnished)
    for side in (furnished.scene.live, furnished.scene.test):
        for call in CALLS:
            if call.method == "GET" and not call.is_stream:
                path = call.path.format(**side.ids())
                answers.append(await furnished.ask(side, "GET", path, key=side.key_for(call)))
    await furnished.app.services.request_log.flush()
    secrets |= await sealed(furnished, vault)
    assert len(secrets) > 15
    places: dict[str, Any] = {
        "database": await everything_stored(furnished),
        "logs": logs.getvalue(),
        "metrics": generate_latest(metrics.REGISTRY).decode(),
        "answers": "\n".join(f"{one.headers} {one.body!r}" for one in answers),
    }
    assert "request_answered" in places["logs"]
    leaks = [
        f"{name} in the {place}"
        for name, secret in secrets.items()
        for place, text in places.items()
        if secret in text
    ]
    assert leaks == []
