"""The registry of companies: a small port, and a service of the operator's behind it."""

import json
import unicodedata
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec

from core.kernel import asking
from core.kernel.settings import Settings

MAX_ANSWER_BYTES: Final = 16_384


class RegistryAway(Exception):
    """The registry could not be asked, or its answer is of no use: to be asked again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Whom the registry is asked about."""

    country: str
    registration_kind: str
    registration_number: str
    legal_name: str


class Registry(Protocol):
    """Knows companies."""

    async def look_up(self, company: Company) -> dict[str, Any] | None:
        """Return what the registry says of a company; ``None``: it knows no such number.

        Raises:
            RegistryAway: It did not say anything.
        """


class HttpRegistry:
    """A service of the operator: POST the company as JSON, answer 200 with what is known of it.

    The answer is a JSON object of at most 16 KiB; its ``legal_name``, if it has one, is compared.
    404 means that there is no such company; anything else is tried again.

    Args:
        timeout_s: Of the whole question.
    """

    def __init__(self, url: str, *, token: str | None, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    async def look_up(self, company: Company) -> dict[str, Any] | None:
        """Ask the service; raises as ``Registry.look_up`` does."""
        body = {
            "country": company.country,
            "registration_kind": company.registration_kind,
            "registration_number": company.registration_number,
            "legal_name": company.legal_name,
        }
        try:
            answer = await asking.post(
                self._url,
                content=msgspec.json.encode(body),
                headers=self._headers,
                timeout_s=self._timeout_s,
                max_bytes=MAX_ANSWER_BYTES,
            )
        except asking.NoAnswer as exc:
            raise RegistryAway(f"the registry {exc.reason}") from exc
        return _read(answer)


def _read(answer: asking.Answer) -> dict[str, Any] | None:
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    if answer.status_code != HTTPStatus.OK:
        raise RegistryAway(f"the registry answered with HTTP {answer.status_code}")
    try:
        found = msgspec.json.decode(answer.content, type=dict[str, Any])
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()  # no lone surrogates
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise RegistryAway("the registry's answer is no JSON object") from exc
    if b"\\u0000" in answer.content:
        raise RegistryAway("the registry's answer has a NUL, which cannot be stored")
    return found


def registry_for(settings: Settings) -> Registry | None:
    """Return the registry that the settings name; ``None``: nobody is asked."""
    if settings.registry_url is None:
        return None
    token = settings.registry_token
    return HttpRegistry(
        settings.registry_url,
        token=None if token is None else token.get_secret_value(),
        timeout_s=settings.registry_timeout.total_seconds(),
    )


def same_name(one: str, other: str) -> bool:
    """Tell whether two names of a company are the same but for case, width and punctuation."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c.isalnum())
