"""A server with TLS on a real socket, and chargers that connect to it with certificates."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from core.chargers import login
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from tests.csms.live import PASSWORD, Running, basic, running
from tests.pki import ORGANISATION, Issued, Pki

UNAUTHORIZED = 401


def with_tls(settings: Settings, pki: Pki, **values: Any) -> Settings:
    """Return settings that serve TLS with a certificate of *pki*, and trust its clients."""
    update = {
        "ocpp_tls_port": 0,
        "tls_certificate": pki.server().path,
        "tls_client_ca": pki.path,
        "organisation": ORGANISATION,
        **values,
    }
    return settings.model_copy(update=update)


@asynccontextmanager
async def secure(
    db: Database, settings: Settings, vault: Vault, pki: Pki, **values: Any
) -> AsyncIterator[Running]:
    async with running(db, with_tls(settings, pki, **values), vault) as server:
        yield server


def client_context(pki: Pki, shown: Issued | Path | None = None) -> ssl.SSLContext:
    """Return what a charger has: the authority to trust, its own certificate."""
    context = ssl.create_default_context(cadata=pki.pem)
    if shown is not None:
        context.load_cert_chain(shown if isinstance(shown, Path) else shown.path)
    return context


def dial(
    server: Running,
    context: ssl.SSLContext | None,
    identity: str = "CP-1",
    *,
    version: str = "ocpp1.6",
    password: str | None = None,
    headers: dict[str, str] | None = None,
) -> connect:
    """Return a connection to be entered; without *context* it is plain ``ws://``."""
    url = server.csms.url if context is None else server.csms.tls_url
    sent = dict(headers or {}) | ({} if password is None else basic(identity, password))
    return connect(
        f"{url}/{identity}",
        ssl=context,
        subprotocols=[Subprotocol(version)],
        additional_headers=sent,
        compression=None,
        ping_interval=None,
    )


async def outcome(server: Running, context: ssl.SSLContext | None, **values: Any) -> int | str:
    """Return 101, the HTTP status of a refusal, or ``tls`` where TLS itself failed."""
    try:
        async with dial(server, context, **values) as socket:
            assert isinstance(socket, ClientConnection)
            return 101
    except InvalidStatus as exc:
        is_alike = bytes(exc.response.body or b"") == b"Identity or password is wrong.\n"
        status = exc.response.status_code
        return status if is_alike or status != UNAUTHORIZED else "another 401"
    except (ssl.SSLError, InvalidMessage, ConnectionError, EOFError):
        return "tls"


async def reasons(server: Running) -> list[str]:
    """Return why handshakes were refused, the newest first."""
    async with server.db.transaction() as tx:
        return [row.reason for row in await login.refusals(tx)]


__all__ = ["PASSWORD", "client_context", "dial", "outcome", "reasons", "secure", "with_tls"]
