"""What the documents say exists, and what exists is in the documents."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import pytest

from migrator import errors, jobfile
from migrator.cli.main import cli
from migrator.domain.states import Authority, JobState, Outcome, PrefixState, ShardState
from migrator.errors import Exit, Fatal
from migrator.settings import VARIABLES, Settings
from migrator.tracking.tables import metadata

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
README, RUNBOOK, JOBFILE, GLOSSARY = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/runbook.md", "docs/jobfile.md", "docs/glossary.md")
)
OURS = re.compile(r"(?:\./x|migrator)\s")
X_ALONE = {"setup", "test", "check", "lint", "types", "lock", "conformance", "help"}
"""Commands of ./x that are not the command line tool's."""


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row, header rows included."""
    lines = (line for line in text.splitlines() if line.startswith("|") and not set(line) <= set("|-: "))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level or above."""
    level = heading.count("#")
    _, _, rest = text.partition(f"\n{heading}\n")
    assert rest, f"there is no section {heading}"
    return re.split(rf"\n#{{1,{level}}} ", rest, maxsplit=1)[0]


# -- commands --------------------------------------------------------------------------------------------------------
def every_command(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name)


def told(page: Path) -> list[str]:
    """Return every command line of ours that a page tells people to type: in blocks, and in `inline code`."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|)\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    commands = (line.partition(" #")[0].partition(" > ")[0].strip() for line in [*lines, *inline])
    return sorted({line for line in commands if OURS.match(line) and not re.search(r"\s(and|is|or)\s", line)})


def test_every_command_is_in_the_runbook() -> None:
    listed = section(RUNBOOK, "## Commands")
    missing = [" ".join(path) for path in every_command() if f"`migrator {' '.join(path)}" not in listed]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_command_that_people_are_told_to_type_exists_with_its_options(page: Path) -> None:
    for line in told(page):
        program, *words = shlex.split(line)
        if program == "./x" and words[0] in X_ALONE:
            continue
        command: click.Command = cli
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, f"there is no such command: {line}"
            command = found
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
        options = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
        assert options <= known, f"{line}: there is no {options - known}"


def test_every_command_of_x_that_is_mentioned_exists() -> None:
    script = (ROOT / "x").read_text(encoding="utf-8")
    for name in X_ALONE:
        assert re.search(rf"^    {name}\)", script, re.MULTILINE), name


# -- settings, exit codes, errors ------------------------------------------------------------------------------------
def test_every_setting_is_in_the_readme_with_its_default() -> None:
    table = {cells[0].strip("`"): cells[1] for cells in rows(section(README, "## Settings")) if cells[0] != "variable"}
    assert list(table) == list(VARIABLES)
    for field in fields(Settings):
        default, shown = field.default, table[f"MIGRATOR_{field.name.upper()}"]
        if isinstance(default, float | int):
            assert float(shown.strip("`")) == default, field.name
        elif field.name == "broker_url":
            assert shown == "none"
        elif field.name != "database_url":
            assert shown == f"`{default}`"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_variable_that_is_mentioned_is_read(page: Path) -> None:
    mentioned = set(re.findall(r"\bMIGRATOR_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert {name for name in mentioned if not name.startswith("MIGRATOR_TEST_")} <= set(VARIABLES)


def test_every_exit_code_is_in_the_runbook() -> None:
    table = {(cells[0], cells[1]) for cells in rows(section(RUNBOOK, "## Exit codes")) if cells[0] != "code"}
    assert table == {(str(code.value), code.name) for code in Exit}


def test_everything_that_blocks_a_job_is_in_the_runbook() -> None:
    table = [cells[0] for cells in rows(section(RUNBOOK, "## What blocks a job"))]
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Fatal)]
    assert [kind for kind in kinds if (kind.__doc__ or "").split("\n", 1)[0] not in table] == []


def test_every_wait_is_in_the_runbook() -> None:
    """The constant parts of every reason that `domain/progress.py` can give."""
    tree = ast.parse((ROOT / "migrator/domain/progress.py").read_text(encoding="utf-8"))
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Wait" and node.args
    ]
    reasons = [
        part.value.strip(" :,")
        for call in calls
        for part in ast.walk(call.args[0])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    assert len(calls) >= 10
    table = " ".join(cells[0] for cells in rows(section(RUNBOOK, "## What a job waits for")))
    assert [reason for reason in reasons if reason and reason not in table] == []


# -- the job file ----------------------------------------------------------------------------------------------------
def every_field(part: dict[str, Any], defs: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, schema) of every field that holds a value; the schema says whether it is required."""
    for name, found in part["properties"].items():
        forms = [found, *found.get("oneOf", ())]
        for form in forms:
            if "$ref" in form:
                yield from every_field(defs[form["$ref"].rpartition("/")[2]], defs, f"{path}{name}.")
            elif form.get("type") == "array":
                yield f"{path}{name}[]", {**form["items"], "default": "none"}
            elif "oneOf" not in form:
                yield f"{path}{name}", {**form, "required": name in part.get("required", ())}


def takes(field: dict[str, Any]) -> str:
    """Spell what a field takes, limits included."""
    if "enum" in field:
        spelled = [str(each) if isinstance(each, int) else f"`{each}`" for each in field["enum"]]
        return ", ".join(spelled[:-1]) + f" or {spelled[-1]}"
    if "anyOf" in field:
        assert [each["type"] for each in field["anyOf"]] == ["string", "null"]
        return "text or null"
    if field["type"] == "boolean":
        return "true or false"
    if field["type"] in ("integer", "number"):
        word = "whole number" if field["type"] == "integer" else "number"
        return f"{word}, {field['minimum']} to {field['maximum']}"
    if "pattern" in field:
        return f"text like `{field['pattern']}`"
    least, most = field.get("minLength"), field.get("maxLength")
    if least and least == most:
        return f"text, {least} character"
    if least:
        return f"text, {least} character or more"
    return f"text, at most {most} characters" if most else "text"


def default_of(path: str, field: dict[str, Any]) -> str:
    if field.get("required"):
        return "required"
    if path == "destination.region":
        return "the environment's `OSS_REGION`"
    default = field["default"]
    if default in ("", "none"):
        return {"": "empty"}.get(default, default)
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default)}`"


def test_every_field_of_the_job_file_is_described_with_its_limits_and_default() -> None:
    schema = json.loads(jobfile.schema())
    table = {cells[0].strip("`"): cells[1:3] for cells in rows(section(JOBFILE, "## Fields")) if cells[0] != "field"}
    wanted = {path: [takes(field), default_of(path, field)] for path, field in every_field(schema, schema["$defs"])}
    assert table == wanted


def test_the_example_job_file_is_valid() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", JOBFILE, re.DOTALL)
    assert jobfile.parse(example.encode(), "the example").name == "photos"


def test_every_table_is_in_the_architecture() -> None:
    stored = section((DOCS / "architecture.md").read_text(encoding="utf-8"), "## What is stored")
    named = {name for cells in rows(stored)[1:] for name in re.findall(r"`(\w+)`", cells[0])}
    assert named == set(metadata.tables)


def test_policies_are_valid_json() -> None:
    policies = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", RUNBOOK, re.DOTALL)]
    assert [policy["Version"] for policy in policies] == ["1", "2012-10-17"]


# -- words -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("### Of a job", JobState),
        ("### Of a prefix", PrefixState),
        ("### Of a shard", ShardState),
        ("### Outcomes of an object", Outcome),
        ("### Write authority", Authority),
    ],
)
def test_the_glossary_has_exactly_the_states_of_the_code(heading: str, kind: type[StrEnum]) -> None:
    listed = [cells[0].strip("`") for cells in rows(section(GLOSSARY, heading))[1:]]
    assert listed == [each.value for each in kind]


def sentences(kind: type[StrEnum]) -> dict[str, str]:
    """Return what the code says of each member: the string below it."""
    tree = ast.parse((ROOT / "migrator/domain/states.py").read_text(encoding="utf-8"))
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    said = {}
    for member, below in zip(found.body, found.body[1:], strict=False):
        if isinstance(member, ast.Assign) and isinstance(below, ast.Expr):
            said[ast.literal_eval(member.value)] = ast.literal_eval(below.value)
    return said


@pytest.mark.parametrize("kind", [JobState, PrefixState, ShardState, Authority])
def test_the_glossary_says_of_each_state_what_the_code_says(kind: type[StrEnum]) -> None:
    said = sentences(kind)
    assert set(said) == {each.value for each in kind}
    assert [sentence for sentence in said.values() if f"| {sentence} |" not in GLOSSARY] == []


# -- links and places ------------------------------------------------------------------------------------------------
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub spells them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_relative_links_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    for link in links:
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        goal = (page.parent / place).resolve() if place else page
        assert goal.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(goal), f"{link}: there is no such heading"


@pytest.mark.parametrize("page", [*PAGES, *DOCS.rglob("*.py")], ids=page_id)
def test_no_place_of_one_machine_is_named(page: Path) -> None:
    found = re.findall(r"(?<![\w.:/])/(?:home|root|work|tmp|Users|mnt|opt)/[\w./-]*", page.read_text(encoding="utf-8"))
    assert found == []


def test_pictures_are_small() -> None:
    pictures = list((DOCS / "images").iterdir())
    assert pictures
    assert [each.name for each in pictures if each.stat().st_size > 200_000] == []


def test_every_decision_is_in_the_index() -> None:
    index = (DOCS / "adr/README.md").read_text(encoding="utf-8")
    decisions = sorted(page.name for page in (DOCS / "adr").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in decisions] == list(range(1, len(decisions) + 1))
    assert [name for name in decisions if f"({name})" not in index] == []
