"""``python -m ops.docs``: write the pages that are made from code.

A test compares them with the code, so they are never out of date.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from core.kernel.settings import Settings

SETTINGS_PAGE: Final = Path(__file__).parent.parent / "docs" / "operators" / "settings.md"

_HEAD: Final = """\
# Settings

Made from the code by `python -m ops.docs`; edit `core/kernel/settings.py`.

Settings come from the environment, or from a file `.env` in the working directory; the
environment wins. Every default runs on one machine without any service. A value that cannot be
used ends the process at its start, with the variable's name. Durations are ISO 8601 (`PT60S`,
`P30D`) or a number of seconds; lists are separated by commas. The command line, the server and
every role read the same variables: give all processes of one platform the same ones, except for
`VOLTGATE_NODE_ID`.

With `VOLTGATE_ENVIRONMENT=production` a process refuses to start with a secret that is the
default or shorter than 32 characters, and with `VOLTGATE_WEBHOOK_ALLOW_INSECURE`. A good secret:

```sh
python3 -c 'import secrets; print(secrets.token_urlsafe(48))'
```

| Variable | Default | What it does |
|---|---|---|
"""


def settings_page() -> str:
    """Return ``docs/operators/settings.md``."""
    return _HEAD + "".join(_rows())


def _rows() -> Iterator[str]:
    own = [name for name in Settings.model_fields if name in Settings.__annotations__]
    for name in [*own, *(name for name in Settings.model_fields if name not in own)]:
        field = Settings.model_fields[name]
        text = field.description or ""
        choices = _choices(field)
        if choices:
            text = f"{text} One of {choices}."
        yield f"| `VOLTGATE_{name.upper()}` | {_default(field)} | {text} |\n"


def _choices(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{value}`" for value in kind)
    return ""


def _default(field: FieldInfo) -> str:
    """Return a default as it would be written in the environment."""
    if field.default_factory is not None:
        return "host name and process id"
    match field.default:
        case SecretStr():
            return "a fixed one, for development"
        case None | ():
            return "none"
        case bool() as value:
            return f"`{str(value).lower()}`"
        case timedelta() as value:
            return f"`{_iso(value)}`"
        case value:
            return f"`{value}`"


def _iso(duration: timedelta) -> str:
    if duration.days and not duration.seconds:
        return f"P{duration.days}D"
    return f"PT{int(duration.total_seconds())}S"


def main() -> None:
    """Write every page."""
    SETTINGS_PAGE.parent.mkdir(parents=True, exist_ok=True)
    SETTINGS_PAGE.write_text(settings_page())


if __name__ == "__main__":
    main()
