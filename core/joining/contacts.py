"""How a person can be reached: names, e-mail addresses and telephone numbers, checked by form."""

import re
from typing import Final

import idna

from core.webhooks.addresses import INTERNAL_SUFFIXES

MAX_EMAIL: Final = 254
"""RFC 5321 4.5.3.1.3, without the angle brackets."""
MAX_LOCAL: Final = 64

_LOCAL: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII
)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_TOP: Final = re.compile(r"(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})", re.ASCII)
_PHONE: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_PHONE_FURNITURE: Final = re.compile(r"[ ().\-/]")
_MIN_LABELS: Final = 2


class Unreachable(Exception):
    """Nobody can be reached like this; *reason* says what is expected."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def name(text: str) -> str:
    """Return a person's or company's name without needless white space.

    Raises:
        Unreachable: No letter in it, or control characters.
    """
    found = " ".join(text.split())
    if not all(c.isprintable() for c in found):
        raise Unreachable("without control characters")
    if not any(c.isalpha() for c in found):
        raise Unreachable("a name has letters")
    return found


def email(text: str) -> str:
    """Return an address (RFC 5321, ASCII before the @) with its domain in lower-case ASCII.

    Raises:
        Unreachable: It is none, or not one of the Internet.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or len(local) > MAX_LOCAL or _LOCAL.fullmatch(local) is None:
        raise Unreachable("an e-mail address such as ana@example.com")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode() if domain else ""
    except (idna.IDNAError, UnicodeError) as exc:
        raise Unreachable("the part after the @ is no domain name") from exc
    labels = ascii_domain.split(".")
    well_formed = len(labels) >= _MIN_LABELS and all(_LABEL.fullmatch(one) for one in labels)
    if not well_formed or _TOP.fullmatch(labels[-1]) is None:
        raise Unreachable("the part after the @ is no domain name")
    if labels[-1] in INTERNAL_SUFFIXES:
        raise Unreachable("the part after the @ is no domain of the Internet")
    found = f"{local}@{ascii_domain}"
    if len(found) > MAX_EMAIL:
        raise Unreachable(f"at most {MAX_EMAIL} characters")
    return found


def phone(text: str) -> str:
    """Return a number in the international form (E.164), ``+`` and 7 to 15 digits.

    Raises:
        Unreachable: It is none.
    """
    found = _PHONE_FURNITURE.sub("", text)
    if _PHONE.fullmatch(found) is None:
        raise Unreachable("the international form, such as +49 30 1234567")
    return found
