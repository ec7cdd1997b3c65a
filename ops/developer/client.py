"""A client of the partner API as a developer uses it."""

from typing import Any, Final, Self

import httpx2

from core.kernel.tls import shared_context

_TIMEOUT_S: Final = 40.0
_FIRST_ERROR: Final = 400


class Refused(Exception):
    """The API, or the way to it, said no; the message tells a developer why."""

    def __init__(self, message: str, *, code: str | None = None, then: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.then = then


class Api:
    """The partner API as a developer uses it. Used as a context.

    Args:
        only_test: Refuse a key of live mode: what is to be done concerns test mode alone.
    """

    def __init__(self, url: str, key: str, *, only_test: bool = True) -> None:
        self.url = url.rstrip("/")
        if only_test and not key.startswith("vg_test_"):
            raise Refused("This is for test mode: use a key that begins with vg_test_.")
        self.http = httpx2.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_S,
            trust_env=False,
            verify=shared_context(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str) -> Any:
        """Return the JSON of a GET.

        Raises:
            Refused: It is no 2xx, or there is no answer.
        """
        return self._call("GET", path, None)

    def post(self, path: str, body: Any = None) -> Any:
        """Return the JSON of a POST; raises as ``get`` does."""
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: Any) -> Any:
        try:
            answer = self.http.request(method, path, json=body)
        except httpx2.HTTPError as exc:
            raise Refused(f"{self.url} does not answer: {exc}") from exc
        if answer.status_code >= _FIRST_ERROR:
            raise refusal(answer)
        return answer.json()


def refusal(answer: httpx2.Response) -> Refused:
    """Return what a problem document says."""
    try:
        problem = answer.json()
        code = problem["code"]
        then = None
        if code == "invalid_credentials":  # it is often one of another platform
            address = f"{answer.request.url.scheme}://{answer.request.url.netloc.decode()}"
            then = f"Is VOLTGATE_API_KEY a key of {address} (VOLTGATE_API_URL)?"
        return Refused(f"{code}: {problem['detail']}", code=code, then=then)
    except (ValueError, KeyError, TypeError):
        return Refused(f"The answer is {answer.status_code}; is this a partner API?")
