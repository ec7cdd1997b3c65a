"""``serve``, and ``api``, ``csms``, ``worker`` for one role: run until a signal comes."""

import asyncio
import contextlib
import errno
import signal
import socket
import sys
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

import structlog
import typer
from rich.panel import Panel
from sqlalchemy.exc import SQLAlchemyError

from core.audit.service import CLI
from core.certificates.client import TlsUnusable
from core.kernel import failpoints, memory
from core.kernel import log as logs
from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import Environment, Settings
from core.operators import service as operators
from core.operators.models import Role as OperatorRole
from migrations import run as migrations
from ops.cli.addresses import is_loopback
from ops.cli.output import MISUSED, fail, out
from ops.cli.running import load_settings, require_tables, unreachable
from ops.roles import Role

if TYPE_CHECKING:
    from ops.serve import Platform

log = structlog.get_logger()

_PORTS: Final = {
    Role.API: "api_port",
    Role.CSMS: "ocpp_port",
    Role.WORKER: "operator_port",
}
"""Every process has the operators' port; it is listed once."""


def run_roles(roles: Collection[Role]) -> None:
    """Serve *roles* until SIGINT or SIGTERM; exit 1 or 2 with a reason if that is not possible."""
    settings = load_settings()
    _configure_logs(settings)
    _refuse_unsafe(settings, roles)
    memory.return_what_is_freed()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_serve(settings, roles))
        except DatabaseUnavailable as exc:
            raise unreachable(settings) from exc
        except TlsUnusable as exc:
            raise fail(
                f"No TLS server can be made of the files that the settings name: {exc}.",
                then="See docs/operators/certificates.md.",
                code=MISUSED,
            ) from exc
        except OSError as exc:
            raise _not_listening(settings, roles, exc) from exc
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


async def _serve(settings: Settings, roles: Collection[Role]) -> None:
    from ops.serve import platform  # noqa: PLC0415 - whoever may not serve need not wait for it

    await _prepare(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    memory.collect_seldom()
    async with platform(settings, roles=roles) as running:
        token = await _first_token(running)
        _announce(running, roles, token)
        if running.csms is not None and running.csms.tls is not None and hasattr(signal, "SIGHUP"):
            loop.add_signal_handler(signal.SIGHUP, running.csms.tls.reload)
        await stop.wait()
        log.info("stop_requested")
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one does not wait
            loop.remove_signal_handler(number)
    log.info("platform_stopped")


async def _prepare(settings: Settings) -> None:
    if settings.environment is Environment.PRODUCTION:
        await require_tables(settings)
        return
    try:
        before, after = await migrations.upgrade(settings.database_url)
    except (SQLAlchemyError, OSError) as exc:
        raise unreachable(settings) from exc
    if before != after:
        log.info("database_migrated", before=before, after=after)


async def _first_token(running: "Platform") -> str | None:
    """Make an operator token where there is none yet; only in development."""
    if running.settings.environment is not Environment.DEVELOPMENT:
        return None
    async with running.db.transaction() as tx:
        if await operators.list_tokens(tx):
            return None
        _, text = await operators.create_token(
            tx, running.vault, CLI, name="first", role=OperatorRole.ADMIN
        )
    return text


def _announce(running: "Platform", roles: Collection[Role], token: str | None) -> None:
    addresses = {"operator_url": running.operator_url}
    if running.api_url is not None:
        addresses["api_url"] = running.api_url
    if running.csms is not None:
        addresses["ocpp_url"] = running.ocpp_url
    log.info("platform_started", roles=sorted(roles), **addresses)
    if running.settings.environment is not Environment.DEVELOPMENT:
        return
    lines = []
    if running.csms is not None:
        lines.append(f"chargers   {running.ocpp_url}/IDENTITY")
        tls_url = running.csms.tls_url
        if tls_url is not None and tls_url != running.ocpp_url:
            lines.append(f"           {tls_url}/IDENTITY")
    if running.api_url is not None:
        lines.append(f"partners   {running.api_url}/v1        {running.api_url}/docs")
    lines.append(f"operators  {running.operator_url}/operator/v1    {running.operator_url}/metrics")
    if token is not None:
        lines += [
            "",
            f"operator token (shown once)  [bold]{token}[/bold]",
            "",
            "next: voltgate station create, voltgate charger register, voltgate partner create",
        ]
    out().print(Panel("\n".join(lines), title="Voltgate runs; Ctrl-C ends it", expand=False))


def _configure_logs(settings: Settings) -> None:
    chosen = "log_format" in settings.model_fields_set
    is_person = sys.stderr.isatty() and settings.environment is Environment.DEVELOPMENT
    format_ = "console" if is_person and not chosen else settings.log_format
    logs.configure(level=settings.log_level, format_=format_, bound={"node": settings.node_id})


def _refuse_unsafe(settings: Settings, roles: Collection[Role]) -> None:
    if settings.environment is Environment.PRODUCTION and failpoints.armed():
        raise fail("VOLTGATE_FAILPOINT kills the process: not in production.", code=MISUSED)
    if Role.CSMS not in roles or is_loopback(settings.host):
        return
    if settings.tls_certificate is not None and not settings.allow_insecure_ocpp:
        return  # they are only served over TLS
    if not settings.allow_insecure_ocpp:
        raise fail(
            f"Chargers would send their passwords unencrypted to {settings.host}.",
            then="Set VOLTGATE_TLS_CERTIFICATE; or put a TLS proxy in front "
            "(docs/operators/run.md) and set VOLTGATE_ALLOW_INSECURE_OCPP=true.",
            code=MISUSED,
        )
    log.warning("ocpp_unencrypted", host=settings.host, port=settings.ocpp_port)


def _not_listening(settings: Settings, roles: Collection[Role], exc: OSError) -> Exception:
    names = ["operator_port", *(_PORTS[role] for role in roles)]
    taken = [name for name in dict.fromkeys(names) if not _is_free(settings, name)]
    if exc.errno == errno.EADDRINUSE and taken:
        ports = ", ".join(str(getattr(settings, name)) for name in taken)
        change = " ".join(f"VOLTGATE_{name.upper()}=..." for name in taken)
        return fail(
            f"Port {ports} of {settings.host} is in use.",
            then=f"End what listens there, or choose another: {change} voltgate serve",
        )
    return fail(f"Cannot listen on {settings.host}: {exc.strerror or exc}")


def _is_free(settings: Settings, name: str) -> bool:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, getattr(settings, name)))
        except OSError:
            return False
    return True


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's, which doubles what a node can do, where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
