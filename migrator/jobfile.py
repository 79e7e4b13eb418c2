"""Read a job file: YAML without its traps, and errors that name the field and what would be right."""

from __future__ import annotations

import difflib
import json
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from migrator.errors import Invalid
from migrator.spec import TAGS, DiscoverSpec, JobSpec

MAX_BYTES = 4 * 1024**2
_MAX_DEPTH = 32


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases (they can explode) and without duplicate keys (the first would be lost silently)."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise Invalid(f"line {line}: YAML aliases are not allowed in a job file")
        if self.depth > _MAX_DEPTH:
            raise Invalid(f"line {line}: nested too deeply; a job file has {_MAX_DEPTH} levels at most")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise Invalid(f"line {key_node.start_mark.line + 1}: a field's name must be plain text")
            if key_node.value in seen:
                raise Invalid(f"line {key_node.start_mark.line + 1}: {key_node.value} is given twice; keep one of them")
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def read(path: Path) -> JobSpec:
    """Read and validate a job file. Raises Invalid with one line per problem."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Invalid(
            f"cannot read {path}: {error.strerror}", hint="migrator init job.yaml writes one to edit"
        ) from error
    if len(raw) > MAX_BYTES:
        raise Invalid(f"{path} is larger than {MAX_BYTES // 1024**2} MiB; a job file is a page of text")
    return parse(raw, str(path))


def parse(raw: bytes, name: str = "job file") -> JobSpec:
    """Validate a job file's text. Raises Invalid with one line per problem."""
    try:
        data = yaml.load(raw.decode("utf-8-sig"), Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except UnicodeDecodeError as error:
        raise Invalid(f"{name} is not UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}, line {mark.line + 1}" if mark else name
        raise Invalid(f"{where}: not valid YAML: {getattr(error, 'problem', error)}") from error
    except Invalid as error:
        raise Invalid(f"{name}, {error}") from error
    if not isinstance(data, dict):
        raise Invalid(f"{name} is empty or not a mapping", hint="migrator init job.yaml writes one to edit")
    try:
        return JobSpec.model_validate(data)
    except ValidationError as error:
        problems = dict.fromkeys(
            _sentence(each["loc"], each["type"], each["msg"], each["input"]) for each in error.errors()
        )
        raise Invalid(
            "\n".join(f"{name}: {problem}" for problem in problems),
            hint="migrator schema prints every field and its limits",
        ) from error


def dump(spec: JobSpec) -> str:
    """Render a spec for the tracking database; `load` gives it back."""
    return spec.model_dump_json(by_alias=True)


def load(text: str) -> JobSpec:
    """Read back what `dump` wrote."""
    return JobSpec.model_validate_json(text)


def schema() -> str:
    """Return the JSON Schema of job files, for editors."""
    return json.dumps(JobSpec.model_json_schema(by_alias=True), indent=2)


def _sentence(loc: Sequence[int | str], kind: str, message: str, value: object) -> str:
    # Pydantic names union members in the path; people wrote no such thing.
    path = ".".join(str(each) for each in loc if each not in TAGS)
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), _fields(loc), 1)
        return f"{path}: there is no such field" + (f"; did you mean {near[0]}?" if near else "")
    if kind == "missing":
        return f"{path}: is missing"
    message = message.removeprefix("Value error, ")
    shown = repr(value) if isinstance(value, str | int | float | bool) or value is None else ""
    if not path:
        return message
    return f"{path}: {message[:1].lower()}{message[1:]}" + (f" (it is {shown[:120]})" if shown else "")


def _fields(loc: Sequence[int | str]) -> list[str]:
    model: type[BaseModel] = JobSpec
    for step in loc[:-1]:
        if step == "prefixes":
            model = DiscoverSpec
            continue
        field = next((each for name, each in model.model_fields.items() if (each.alias or name) == step), None)
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            model = field.annotation
    return [field.alias or name for name, field in model.model_fields.items()]
