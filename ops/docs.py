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

from core.alerts.kinds import KINDS, Explained
from core.kernel.settings import Settings

_OPERATORS: Final = Path(__file__).parent.parent / "docs" / "operators"
SETTINGS_PAGE: Final = _OPERATORS / "settings.md"
ALERTS_PAGE: Final = _OPERATORS / "alerts.md"
_KINDS_BEGIN: Final = "<!-- Made from core/alerts/kinds.py by `python -m ops.docs`. -->\n"
_KINDS_END: Final = "<!-- The end of what is made. -->\n"

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


def alerts_page(text: str) -> str:
    """Return ``docs/operators/alerts.md``: *text* with its table of kinds as the code has it."""
    before, _, rest = text.partition(_KINDS_BEGIN)
    _, _, after = rest.partition(_KINDS_END)
    head = "| Kind | Severity | What it means | What to do | Resolved |\n|---|---|---|---|---|\n"
    rows = "".join(
        f"| `{kind}` | {told.severity} | {told.means} | {told.advice} | {_resolved(told)} |\n"
        for kind, told in KINDS.items()
    )
    return f"{before}{_KINDS_BEGIN}\n{head}{rows}\n{_KINDS_END}{after}"


def _resolved(told: Explained) -> str:
    if told.resolved_when is not None:
        return told.resolved_when
    if told.ends_after is None:
        return "by you"
    days, rest = divmod(told.ends_after, timedelta(days=1))
    span = f"{days} days" if days else f"{rest // timedelta(hours=1)} h"
    return f"{span} after it was last seen"


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
    ALERTS_PAGE.write_text(alerts_page(ALERTS_PAGE.read_text()))


if __name__ == "__main__":
    main()
