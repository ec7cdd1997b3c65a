"""Which files are generated, and their text."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from clients.generate.models import NOTE, models
from clients.generate.resources import api, resources
from clients.generate.sync import sync
from partner_api import openapi
from partner_api.app import ROUTERS

PACKAGE: Final = Path(__file__).parent.parent / "python" / "voltgate_client"
_CONFIG: Final = PACKAGE.parents[2] / "pyproject.toml"
_FIXES: Final = ("--fix", "--select", "I,F401,RUF022", "--exit-zero", "--no-cache")
_PUBLIC_URL: Final = "http://127.0.0.1:8080"
_SYNC_NOTE: Final = f"# Made from _async. {NOTE}\n"


def document() -> dict[str, Any]:
    """Return the OpenAPI document that the client is made from."""
    return openapi.document(ROUTERS, public_url=_PUBLIC_URL)


def texts() -> dict[Path, str]:
    """Return the generated files with their text."""
    found = document()
    tidy = _tidy(
        {
            "models.py": models(found),
            "_async/resources.py": resources(found),
            "_async/api.py": api(found),
        }
    )
    written = {path.name: path.read_text() for path in (PACKAGE / "_async").glob("*.py")}
    written |= {name.removeprefix("_async/"): text for name, text in tidy.items()}
    del written["models.py"]
    tidy |= _tidy({f"_sync/{name}": _SYNC_NOTE + sync(text) for name, text in written.items()})
    return {PACKAGE / name: text for name, text in tidy.items()}


def write() -> None:
    """Write them; take away those of the threads that nothing stands behind any more."""
    made = texts()
    for path in (PACKAGE / "_sync").glob("*.py"):
        if path not in made:
            path.unlink()
    for path, text in made.items():
        path.write_text(text)


def _tidy(made: Mapping[str, str]) -> dict[str, str]:
    """Return files of the package as the linter and the formatter want them."""
    with tempfile.TemporaryDirectory() as directory:
        package = Path(directory) / PACKAGE.name
        for name in ("__init__.py", "_async/__init__.py", "_sync/__init__.py", *made):
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            (package / name).write_text(made.get(name, ""))
        for arguments in (["check", *_FIXES], ["format"]):
            command = [
                sys.executable,
                "-m",
                "ruff",
                *arguments,
                "--quiet",
                "--config",
                str(_CONFIG),
            ]
            subprocess.run([*command, str(package)], check=True)  # noqa: S603 - our own linter
        return {name: (package / name).read_text() for name in made}
