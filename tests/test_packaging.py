"""An installed wheel must be complete: the revisions travel inside it, and nothing else does."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def contents(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_folder_alembic_is_not_a_package() -> None:
    """It would shadow the library for everything that runs from the repository's root."""
    assert (ROOT / "alembic" / "env.py").is_file()
    assert not list((ROOT / "alembic").rglob("__init__.py"))


def test_the_wheel_holds_every_revision(wheel: Path) -> None:
    revisions = {path.name for path in (ROOT / "alembic" / "versions").glob("*.py")}
    assert revisions
    assert {f"migrator/_alembic/versions/{name}" for name in revisions} | {"migrator/_alembic/env.py"} <= contents(
        wheel
    )


def test_the_wheel_holds_what_is_not_python(wheel: Path) -> None:
    tracked = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "migrator").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert set(tracked) <= contents(wheel)


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in contents(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"migrator", "workers"}
    assert not [name for name in contents(wheel) if name.endswith((".pyc", ".db"))]


def test_a_wheel_upgrades_a_database_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    """Unpacked, not installed: what it depends on is here already. No trace of the repository in the way."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(site)!r})\n"
        "import migrator\n"
        f"assert migrator.__file__.startswith({str(site)!r}), migrator.__file__\n"
        "from migrator.tracking import schema\n"
        "from migrator.tracking.engine import connect\n"
        f"engine = connect('sqlite:///{tmp_path / 'tracking.db'}')\n"
        "schema.upgrade(engine)\n"
        "assert schema.current(engine) == schema.head()\n"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run([sys.executable, "-c", program], cwd=elsewhere, check=True)


@pytest.fixture
def requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *itertools.chain.from_iterable(project["optional-dependencies"].values())]


def test_every_dependency_says_why_it_is_here(requirements: list[str]) -> None:
    lines = (ROOT / "docs" / "dependencies.md").read_text().splitlines()
    rows = {line.split("|")[1].strip() for line in lines if line.startswith("|")} - {"package", "---"}
    assert {re.split(r"[<>=;~! ]", requirement)[0] for requirement in requirements} == rows


def test_the_lock_pins_every_dependency_with_hashes(requirements: list[str]) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    for requirement in requirements:
        name = re.split(r"[\[<>=;~! ]", requirement)[0]
        pin = rf"^{re.escape(name)}(\[\w+\])?==\S+( ; .*)? \\\n    --hash="
        assert re.search(pin, lock, re.MULTILINE), f"{name}: run ./x lock"
