"""What an applicant writes, checked: every mistake is named at once."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from core.joining import contacts, registrations
from core.joining.contacts import Unreachable
from core.joining.registrations import NotARegistration
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.webhooks.addresses import ForbiddenAddress, check_url

SECTIONS: Final = ("company", "contact", "purpose", "webhook_url")


def read(form: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the columns of an application for the sections that *form* has.

    Args:
        form: ``company`` {legal_name, country, registration_number, address, website},
            ``contact`` {name, email, phone}, ``purpose``, ``webhook_url``.

    Raises:
        PlatformError: ``invalid_parameter`` with every mistake; ``webhook_url_forbidden``.
    """
    wrong: list[dict[str, str]] = []
    found: dict[str, Any] = {}
    if "company" in form:
        found |= _company(form["company"], wrong)
    if "contact" in form:
        found |= _contact(form["contact"], wrong)
    if "purpose" in form:
        found["purpose"] = form["purpose"]
    if wrong:
        detail = f"{wrong[0]['pointer']}: {wrong[0]['detail']}"
        raise PlatformError("invalid_parameter", detail, errors=wrong)
    if "webhook_url" in form:
        found["webhook_url"] = form["webhook_url"]
        if form["webhook_url"] is not None:
            check_webhook(form["webhook_url"], settings)
    return found


def check_webhook(url: str, settings: Settings) -> None:
    """Refuse an address that a webhook may not go to (S16).

    Raises:
        PlatformError: ``webhook_url_forbidden``.
    """
    insecure = settings.webhook_allow_insecure
    try:
        check_url(url, allow_insecure=insecure, allow_loopback=insecure)
    except ForbiddenAddress as exc:
        raise PlatformError("webhook_url_forbidden", f"{exc.reason.capitalize()}.") from exc


def _company(company: Mapping[str, Any], wrong: list[dict[str, str]]) -> dict[str, Any]:
    country = company["country"]
    found: dict[str, Any] = {"country": country, "website": company.get("website")}
    found["legal_name"] = _tried(contacts.name, company["legal_name"], "/company/legal_name", wrong)
    found["place"] = {
        part: None if text is None else " ".join(text.split())
        for part, text in company["address"].items()
    }
    if country not in registrations.COUNTRIES:
        wrong.append(
            {"pointer": "/company/country", "detail": "two letters of ISO 3166-1, such as DE"}
        )
        return found
    if found["website"] is not None and not _is_website(found["website"]):
        wrong.append(
            {"pointer": "/company/website", "detail": "an address such as https://example.com"}
        )
    try:
        registration = registrations.read(country, company["registration_number"])
    except NotARegistration as exc:
        wrong.append({"pointer": "/company/registration_number", "detail": exc.reason})
    else:
        found["registration_kind"] = registration.kind
        found["registration_number"] = registration.number
    return found


def _contact(contact: Mapping[str, Any], wrong: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "contact_name": _tried(contacts.name, contact["name"], "/contact/name", wrong),
        "email": _tried(contacts.email, contact["email"], "/contact/email", wrong),
        "phone": _tried(contacts.phone, contact["phone"], "/contact/phone", wrong),
    }


def _tried(
    check: Callable[[str], str], text: str, pointer: str, wrong: list[dict[str, str]]
) -> str:
    try:
        return check(text)
    except Unreachable as exc:
        wrong.append({"pointer": pointer, "detail": exc.reason})
        return text


def _is_website(text: str) -> bool:
    """Tell whether it is a link that an operator's browser can show; nothing here opens it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    printable = all(c.isprintable() and not c.isspace() for c in text)
    return printable and parts.scheme in {"http", "https"} and "." in (parts.hostname or "")
