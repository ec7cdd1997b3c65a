"""Rules of the house that a reader of one file cannot see. CONTRIBUTING.md says each in words."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from zipfile import ZipFile

import pytest
import yaml

from core.kernel.settings import Settings

ROOT = Path(__file__).parent.parent
SHIPPED = ("core", "csms", "ops", "partner_api", "simulator", "migrations")
GENERATED = frozenset(
    f"clients/python/voltgate_client/{name}.py"
    for name in ("models", "_async/resources", "_sync/resources")
)
"""Made from the OpenAPI document (tests/clients/test_generated.py compares); nobody edits them."""

LIMIT = 400
FORBIDDEN_NAMES = {"operator", "platform", "queue", "types"}
UNFINISHED = re.compile(
    r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|raise NotImplementedError|not implemented yet"
    r"|place" + r"holder|for" + r" now)\b"
)
CATCH_ALL_ALLOWED = {
    "core/kernel/aside.py",  # a work in a thread; who asked for it is told
    "core/kernel/gathering.py",
    "core/kernel/joint.py",
    "core/kernel/tasks.py",  # a loop in the background
    "core/kernel/together.py",
    "core/jobs/runner.py",  # a job
    "core/webhooks/sender.py",  # a delivery, which is a job
    "csms/connection.py",  # a frame
    "csms/dispatcher.py",  # a dispatch
    "csms/inbound.py",  # a frame of a charger
    "csms/pump.py",  # a command
    "partner_api/middleware.py",  # a request
}
"""Where ``except Exception`` may stand: each handles one unit of work and logs the traceback."""


def _python_files(*parts: str) -> list[Path]:
    roots = [ROOT / part for part in parts or (*SHIPPED, "benchmarks", "clients", "tests")]
    return sorted(path for root in roots for path in root.rglob("*.py"))


def _markdown_files() -> list[Path]:
    below = [path for part in ("docs", "clients") for path in (ROOT / part).rglob("*.md")]
    return sorted([*ROOT.glob("*.md"), *below])


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _lines(*parts: str) -> Iterator[tuple[str, str]]:
    for path in _python_files(*parts):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            yield f"{_name(path)}:{number}", line


def test_no_file_is_over_400_lines() -> None:
    written = [path for path in _python_files() if path.parent.name != "versions"]
    lengths = {_name(path): len(path.read_text().splitlines()) for path in written}
    for name in GENERATED:
        del lengths[name]
    assert {name: length for name, length in lengths.items() if length > LIMIT} == {}


def test_commit_stands_once_in_the_code_base() -> None:
    found = [where for where, line in _lines(*SHIPPED) if re.search(r"\.commit\(", line)]
    assert [where.split(":")[0] for where in found] == ["core/kernel/db.py"]


def test_no_package_takes_the_name_of_a_standard_module() -> None:
    assert {path.parent.name for path in _python_files()} & FORBIDDEN_NAMES == set()


@pytest.mark.parametrize("mark", ["noqa", "type: ignore"])
def test_every_silenced_check_is_named(mark: str) -> None:
    named = re.compile(r"# (noqa: [A-Z]+\d+|type: ignore\[[a-z-]+)")
    silenced = re.compile(rf"#\s*{mark}")
    found = [where for where, line in _lines() if silenced.search(line) and not named.search(line)]
    assert found == []


def test_nothing_shipped_is_unfinished() -> None:
    assert [f"{where} {line}" for where, line in _lines(*SHIPPED) if UNFINISHED.search(line)] == []


def test_docs_promise_nothing_unfinished() -> None:
    files = [path for path in _markdown_files() if path.name != "CHANGELOG.md"]
    assert [_name(path) for path in files if UNFINISHED.search(path.read_text())] == []


def test_exceptions_are_caught_by_name() -> None:
    """``except Exception`` stands around one frame, one group, one job, one dispatch, no more."""
    found = {
        _name(path)
        for path in _python_files(*SHIPPED)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and _is_broad(node)
    }
    assert found <= CATCH_ALL_ALLOWED


def _is_broad(handler: ast.ExceptHandler) -> bool:
    """Tell whether *handler* swallows anything; one that raises again only cleans up."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(names & {"Exception", "BaseException"})


def test_log_events_are_constants_in_snake_case() -> None:
    levels = {"debug", "info", "warning", "error", "exception", "critical"}
    found = []
    for path in _python_files(*SHIPPED):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(ast.Attribute(ast.Name("log" | "_log"), attr), args) if (
                    attr in levels
                ):
                    event = args[0].value if args and isinstance(args[0], ast.Constant) else None
                    if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", str(event)):
                        found.append(f"{_name(path)}:{node.lineno}")
    assert found == []


def test_tests_wait_for_conditions_and_not_for_a_time() -> None:
    slept = re.compile(r"\b(anyio|asyncio|time)\.sleep\((0\.\d*[1-9]|[1-9])")
    assert [where for where, line in _lines("tests") if slept.search(line)] == []


@pytest.mark.parametrize("path", _markdown_files(), ids=_name)
def test_links_in_docs_resolve(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    broken = [
        target
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if not re.match(r"[a-z]+:", target) and not _resolves(path, target)
    ]
    assert broken == []


def _resolves(path: Path, target: str) -> bool:
    file, _, anchor = unquote(target).partition("#")
    found = (path.parent / file).resolve() if file else path
    if not found.exists():
        return False
    return not anchor or anchor in {_anchor(line) for line in found.read_text().splitlines()}


def _anchor(line: str) -> str | None:
    """Return the anchor that GitHub gives a heading."""
    if not line.startswith("#"):
        return None
    return re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")


def test_decision_records_have_their_parts_and_are_listed() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    listed = (ROOT / "docs" / "adr" / "README.md").read_text()
    parts = ("## Context", "## Decision", "## Consequences", "## Alternatives", "## References")
    numbers = [path.name[:4] for path in records]
    assert len(set(numbers)) == len(numbers), "two records have one number"
    for path in records:
        text = path.read_text()
        assert path.name in listed
        assert [part for part in parts if part not in text] == []


def test_changelog_knows_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_lock_names_every_dependency_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[<>=;~! ]", requirement)[0] for requirement in wanted}
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, flags=re.MULTILINE))
    assert names - locked == set()
    assert "://" not in lock
    assert "--" not in lock


def test_compose_has_every_role_healthy_and_no_secret() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert set(services) == {"postgres", "redis", "migrate", "csms", "api", "worker"}
    for name, service in services.items():
        assert "test" in service["healthcheck"] or name == "migrate"
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|DATABASE_URL", variable):
                assert "${" in value, f"{name}: {variable} is written down"
    assert services["csms"]["command"] == ["serve", "--role", "csms"]
    assert services["api"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_environment_example_holds_every_variable_of_the_compose_file_and_no_secret() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    example = (ROOT / ".env.example").read_text()
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", example, flags=re.MULTILINE))
    assert set(re.findall(r"\$\{([A-Z_]+)", compose)) - {"VOLTGATE_VERSION"} == set(given)
    assert [name for name in given if re.search("PASSWORD|SECRET|KEYS", name) and given[name]] == []


def test_image_runs_without_root() -> None:
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^USER voltgate$", last_stage, flags=re.MULTILINE)


def test_settings_in_the_compose_file_exist() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    fields = {f"VOLTGATE_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"^ +(VOLTGATE_[A-Z_]+):", compose, flags=re.MULTILINE)) <= fields


def test_wheel_holds_everything_that_runs(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = {_name(p) for part in SHIPPED for p in (ROOT / part).rglob("*") if p.is_file()}
    texts = {
        p.relative_to(ROOT / "docs").as_posix()
        for p in (ROOT / "docs/partners").rglob("*")
        if p.is_file()
    }
    served = {f"partner_api/site/content/{name}" for name in texts | {"CHANGELOG.md"}}
    assert packed == {name for name in files if "__pycache__" not in name} | served


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert phony
    explained = re.findall(r"^([a-z]+):.*## \S", makefile, flags=re.MULTILINE)
    assert sorted(phony[1].split()) == sorted(explained)
