"""Mails: a small port, and SMTP behind it (RFC 5321, STARTTLS as in RFC 3207)."""

import asyncio
import smtplib
import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from core.kernel.db import Database
from core.kernel.settings import Settings
from core.kernel.tls import shared_context

_PORTS: Final = {"smtp": 587, "smtps": 465}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST_STEPS: Final = 6
"""Connect, greet, secure, log in, hand over, say goodbye: each may take the time of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message of plain text to one address."""

    to: str
    subject: str
    text: str


class MailNotSent(Exception):
    """The server did not take it; *reason* is free of secrets."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Mailer(Protocol):
    """Sends mails."""

    async def send(self, mail: Mail) -> None:
        """Hand *mail* over to a server.

        Raises:
            MailNotSent: It refused, failed, or did not answer in time.
        """


class SmtpMailer:
    """Hands each mail to one server, over a connection of its own.

    Args:
        timeout_s: Of each step; the whole takes at most six of them.
    """

    def __init__(self, db: Database, url: str, *, sender: str, timeout_s: float) -> None:
        self._db = db
        self._parts = urlsplit(url)
        self._sender = sender
        self._timeout_s = timeout_s

    async def send(self, mail: Mail) -> None:
        """Hand *mail* over; raises as ``Mailer.send`` does."""
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(self._db.now())
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        cord = _Cord()
        try:
            async with asyncio.timeout(self._timeout_s * LONGEST_STEPS):
                await asyncio.to_thread(self._hand_over, message, cord)
        except TimeoutError as exc:
            raise MailNotSent("the mail server did not answer in time") from exc
        except smtplib.SMTPResponseException as exc:
            raise MailNotSent(f"the mail server answered {exc.smtp_code}") from exc
        except (smtplib.SMTPException, OSError) as exc:
            raise MailNotSent(f"the mail server failed ({type(exc).__name__})") from exc
        finally:
            cord.cut()

    def _hand_over(self, message: EmailMessage, cord: "_Cord") -> None:
        with closing(self._connected(cord)) as server:
            if self._parts.scheme == "smtp" and self._parts.hostname not in _LOOPBACK:
                server.starttls(context=shared_context())
            if self._parts.username:
                server.login(unquote(self._parts.username), unquote(self._parts.password or ""))
            server.send_message(message)
            with suppress(smtplib.SMTPException, OSError):  # it has the mail by now
                server.quit()

    def _connected(self, cord: "_Cord") -> smtplib.SMTP:
        host = self._parts.hostname or ""
        port = self._parts.port or _PORTS[self._parts.scheme]
        if self._parts.scheme == "smtps":
            context = shared_context()
            return _SecureSmtp(cord, host, port, timeout=self._timeout_s, context=context)
        return _Smtp(cord, host, port, timeout=self._timeout_s)


class _Cord:
    """Ends a connection from outside of the thread that waits for it.

    The timeout of a socket is that of one byte: a server that sends one now and then would hold
    the thread for ever, and could be handed a mail that was given up long ago.
    """

    def __init__(self) -> None:
        self.server: smtplib.SMTP | None = None
        self.is_cut = False

    def cut(self) -> None:
        """End what goes on, and let nothing begin."""
        self.is_cut = True
        held = None if self.server is None else self.server.sock
        if isinstance(held, socket.socket):
            with suppress(OSError):
                socket.socket.shutdown(held, socket.SHUT_RDWR)


class _Smtp(smtplib.SMTP):
    def __init__(self, cord: _Cord, *where: Any, **how: Any) -> None:
        self._cord = cord
        cord.server = self
        super().__init__(*where, **how)

    def getreply(self) -> tuple[int, bytes]:
        _refuse_if_cut(self._cord)
        return super().getreply()


class _SecureSmtp(smtplib.SMTP_SSL):
    def __init__(self, cord: _Cord, *where: Any, **how: Any) -> None:
        self._cord = cord
        cord.server = self
        super().__init__(*where, **how)

    def getreply(self) -> tuple[int, bytes]:
        _refuse_if_cut(self._cord)
        return super().getreply()


def _refuse_if_cut(cord: _Cord) -> None:
    if cord.is_cut:
        raise smtplib.SMTPServerDisconnected("given up")


def mailer_for(db: Database, settings: Settings) -> Mailer | None:
    """Return what sends mails; ``None``: nothing is set, and operators see them instead."""
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    return SmtpMailer(
        db,
        settings.smtp_url.get_secret_value(),
        sender=settings.mail_from,
        timeout_s=settings.mail_timeout.total_seconds(),
    )
