"""The distribution: small, typed, usable where nothing of the platform is."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import voltgate_client

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "clients" / "python"


def test_the_wheel_holds_the_package_and_names_what_it_needs(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*build, str(tmp_path)], cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("voltgate_client-*-py3-none-any.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
        archive.extractall(tmp_path / "installed")
    packed = {name for name in names if ".dist-info/" not in name}
    written = {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "voltgate_client").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == written
    assert "voltgate_client/py.typed" in packed
    assert re.findall(r"^Requires-Dist: ([a-z0-9]+)[^;\n]*$", metadata, re.MULTILINE) == [
        "httpx2",
        "msgspec",
    ]
    assert f"Version: {voltgate_client.__version__}" in metadata

    used = (
        "import sys; import voltgate_client; print(voltgate_client.__file__);"
        "print({'core', 'fastapi', 'pydantic', 'partner_api'} & set(sys.modules))"
    )
    there = {"PYTHONPATH": str(tmp_path / "installed"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", used],
        cwd=tmp_path,
        env=there,
        check=True,
        capture_output=True,
        text=True,
    )
    place, foreign = done.stdout.split("\n")[:2]
    assert place.startswith(str(tmp_path))
    assert foreign == "set()"


def test_version_and_license_are_those_of_the_platform() -> None:
    platform = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert voltgate_client.__version__ == platform["version"]
    assert (PROJECT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_license_and_the_readme_say_where_the_rest_is() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert "docs/partners/python.md" in readme
