"""``make docs``: write docs/ocpp-support.md from the adapters and from the marks of the tests."""

import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, Final

from core.commands.commands import Command
from csms.actions import ACTIONS, FROM_CHARGER, TO_CHARGER
from csms.adapter import Adapter
from csms.codes import Version
from csms.ocpp16 import OCPP16
from csms.ocpp201 import OCPP201
from tests.conformance.conversation import conversations
from tests.conformance.specification import PLACES

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "ocpp-support.md"
TESTS: Final = ROOT / "tests" / "conformance"
FLOOR: Final = "test_every_action"
MARKS_FILE: Final = "VOLTGATE_OCPP_MARKS"
_SHOWN_TESTS: Final = 2
_MAX_CALLS_FOLLOWED: Final = 3

INTRODUCTION: Final = """\
# What of OCPP is supported

<!-- Written by `make docs` from the code and the tests; a test fails when it is out of date. -->

Every request of OCPP 1.6-J (with the security extension) and of OCPP 2.0.1, in both directions.

- **How** says what becomes of a message of a charger, or by which command the platform asks. What
  no command asks for, an operator can still send:
  `POST /operator/v1/chargers/{id}/commands` takes any request of the charger's version, checks it
  against the official schema and sends it as it was written.
- **Tested by** names conversations over a real WebSocket that have this request on the wire. Each
  frame of the server in them is checked: valid by the official schema, compact, members in order.
"""


CASES: Final = """\
## Test cases of the Open Charge Alliance

The sequences of the alliance's test-case documents that have the central system as the system
under test, each a file that says who sends what: of 1.6 and of 2.0.1 those about boot, reset,
unlock, firmware, diagnostics, local lists, reservations, smart charging and triggered messages.
They run against a real WebSocket and the operator API with every test run. They are no certificate.
"""


@dataclass(frozen=True, slots=True)
class Marked:
    """A test and the requests that it puts on the wire."""

    file: str
    name: str
    pairs: frozenset[tuple[str, str]]


def page(tests: list[Marked]) -> str:
    """Return the text of the page."""
    parts = [INTRODUCTION]
    for adapter in (OCPP16, OCPP201):
        version: Version = adapter.version
        parts.append(f"## OCPP {version}: {len(ACTIONS[version])} actions\n")
        parts.append(_table(adapter, tests))
    parts += [CASES, _cases()]
    return "\n".join(parts)


def rows(adapter: Adapter, tests: list[Marked]) -> Iterator[tuple[str, ...]]:
    """Yield (action, block, section, direction, how, tested by) of each action of a version."""
    version: Version = adapter.version
    for action in sorted(sorted(ACTIONS[version]), key=lambda name: _order(*PLACES[version][name])):
        block, section = PLACES[version][action]
        tested = _tested_by(version, action, tests)
        yield action, block, section, _direction(version, action), _how(adapter, action), tested


def _order(block: str, section: str) -> tuple[str, list[tuple[bool, int, str]]]:
    """Return the key that puts 4.10 behind 4.9."""
    parts = re.findall(r"[0-9]+|[A-Z]+", section)
    return block, [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _table(adapter: Adapter, tests: list[Marked]) -> str:
    lines = [
        "| Action | Block | Section | Sent by | How | Tested by |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in rows(adapter, tests)]
    return "\n".join(lines) + "\n"


def _cases() -> str:
    lines = ["| OCPP | Case | Conversation |", "|---|---|---|"]
    for one in conversations():
        place = one.path.relative_to(TESTS).as_posix()
        lines.append(f"| {one.version} | {one.case} | [{one.name}](../tests/conformance/{place}) |")
    return "\n".join(lines) + "\n"


def _direction(version: Version, action: str) -> str:
    senders = {"charger": FROM_CHARGER, "platform": TO_CHARGER}
    return ", ".join(name for name, actions in senders.items() if action in actions[version])


def _how(adapter: Adapter, action: str) -> str:
    version: Version = adapter.version
    parts = []
    if action in FROM_CHARGER[version]:
        route = adapter.routes.get(action)
        parts.append(
            "Acknowledged; kept in the frame log."
            if route is None
            else f"{_source(route.handle)}: {_first_line(route.handle)}"
        )
    if action in TO_CHARGER[version]:
        found = list(_commands(adapter, action))
        parts.append(
            "<br>".join(f"Command `{one.kind}`{_purpose(one)}" for one in found)
            or "An operator's raw command, sent as written."
        )
    return "<br>".join(part.replace("|", "\\|") for part in parts)


def _first_line(handle: Callable[..., Any]) -> str:
    text = inspect.getdoc(handle) or handle.__name__.replace("_", " ")
    return text.splitlines()[0].replace("``", "`")


def _source(handle: Callable[..., Any]) -> str:
    path = Path(inspect.getsourcefile(handle) or "").relative_to(ROOT).as_posix()
    return f"[`{handle.__name__}`](../{path})"


def _purpose(command: type[Command]) -> str:
    text = command.__doc__ or ""
    if not text or text.startswith(f"{command.__name__}("):  # what dataclasses write themselves
        return "."
    return f": {text.strip().splitlines()[0]}".replace("``", "`")


def _commands(adapter: Adapter, action: str) -> Iterator[type[Command]]:
    """Yield the commands whose encoder names *action*, itself or in a function it calls."""
    for command, encode in sorted(adapter._encoders.items(), key=lambda pair: pair[0].kind):
        if action in set(_constants(encode, _MAX_CALLS_FOLLOWED)):
            yield command


def _constants(function: Any, depth: int) -> Iterator[str]:
    function = inspect.unwrap(function)
    code: CodeType | None = getattr(function, "__code__", None)
    if code is None:
        return
    yield from _texts(code.co_consts)
    for name in code.co_names if depth else ():
        known = function.__globals__.get(name)
        if inspect.isfunction(known) and known.__module__.startswith("csms.ocpp"):
            yield from _constants(known, depth - 1)
        elif isinstance(known, str):
            yield known


def _texts(constants: tuple[Any, ...]) -> Iterator[str]:
    for constant in constants:
        match constant:
            case str():
                yield constant
            case tuple():
                yield from _texts(constant)
            case CodeType():
                yield from _texts(constant.co_consts)


def _tested_by(version: Version, action: str, tests: list[Marked]) -> str:
    found = [one for one in tests if (version, action) in one.pairs]
    specific = [one for one in found if not one.file.startswith(FLOOR)] or found
    specific.sort(key=lambda one: (len(one.pairs), one.file, one.name))
    shown = [
        f"[{one.name.removeprefix('test_').replace('_', ' ')}](../tests/conformance/{one.file})"
        for one in specific[:_SHOWN_TESTS]
    ]
    more = len(specific) - len(shown)
    return "<br>".join(shown) + (f"<br>and {more} more" if more else "")


def collected() -> list[Marked]:
    """Return the marked tests, as pytest collects them in a process of its own.

    Raises:
        subprocess.CalledProcessError: Some test module does not import.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "marks.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly"]
        command += ["-p", "no:cacheprovider", "-p", "no:xdist", str(TESTS)]
        environment = {**_environment(), MARKS_FILE: str(path)}
        subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        found = json.loads(path.read_text())
    return [Marked(one["file"], one["name"], frozenset(map(tuple, one["pairs"]))) for one in found]


def dump(items: list[Any], path: Path) -> None:
    """Write what ``collected`` reads: the marks of collected tests, parameters put together."""
    pairs: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for item in items:
        key = item.path.relative_to(TESTS).as_posix(), item.originalname
        chosen = item.callspec.params.get("version") if hasattr(item, "callspec") else None
        marks = {(str(mark.args[0]), str(mark.args[1])) for mark in item.iter_markers("ocpp")}
        kept = {pair for pair in marks if chosen in (None, pair[0])}
        if kept:
            pairs.setdefault(key, set()).update(kept)
    found = [
        {"file": file, "name": name, "pairs": sorted(marks)}
        for (file, name), marks in sorted(pairs.items())
    ]
    path.write_text(json.dumps(found))


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "PYTEST" not in name}


if __name__ == "__main__":
    PAGE.write_text(page(collected()))
