"""What applicants are told by mail."""

from collections.abc import Sequence
from typing import Final

from core.joining.models import Application
from core.kernel.mail import Mail

_GREETING: Final = "Hello {name},\n\n"
_SIGNATURE: Final = "\n\n-- \nAbout the application {id} of {company}.\n"


def proof(application: Application, *, public_url: str, token: str) -> Mail:
    """Return the mail whose link proves the address."""
    base = public_url.rstrip("/")
    return _mail(
        application,
        "Please confirm your e-mail address",
        f"please open this page and confirm that this address is yours:\n\n"
        f"  {base}/join/{application.id}/{token}\n\n"
        f"A program can do the same: POST {base}/v1/partner_applications/{application.id}"
        f'/prove_email with {{"token": "{token}"}}.\n\n'
        "It works for seven days. If you did not apply, do nothing.\n\n"
        f"How your application stands, for whoever has its status token: {base}/join",
    )


def more_requested(application: Application, *, message: str) -> Mail:
    """Return the mail that tells what an operator asks for."""
    return _mail(
        application,
        "We have a question about your application",
        f"before we can decide, please answer this:\n\n{_quoted(message)}\n\n"
        "Upload documents and change your application with its status token; PATCH hands it in "
        "again.",
    )


def approved(application: Application) -> Mail:
    """Return the mail that tells of the approval."""
    return _mail(
        application,
        "Your application was approved",
        "you may go live. Get your first live key with the status token of the application, once: "
        f"POST /v1/partner_applications/{application.id}/live_key.",
    )


def rejected(application: Application, *, reasons: Sequence[str]) -> Mail:
    """Return the mail that tells of the rejection, and why."""
    listed = "\n".join(_quoted(reason) for reason in reasons)
    return _mail(
        application,
        "Your application was not accepted",
        f"we cannot accept your application:\n\n{listed}\n\nYour test keys have ended. You may "
        "apply again when this has changed.",
    )


def _mail(application: Application, subject: str, text: str) -> Mail:
    greeting = _GREETING.format(name=application.contact_name)
    signature = _SIGNATURE.format(id=application.id, company=application.legal_name)
    return Mail(to=application.email, subject=subject, text=f"{greeting}{text}{signature}")


def _quoted(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
