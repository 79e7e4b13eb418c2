"""A website document as JSON with OSS's own element names, and back; nothing is lost but comments and layout."""

from __future__ import annotations

import json
import re
from typing import TypeAlias

from migrator.domain.rules.document import ROOT, RULE, RULES, parse
from migrator.domain.rules.validate import can_be_written
from migrator.domain.rules.xmltree import MAX_DEPTH, Element
from migrator.errors import Invalid

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_NUMBERS = frozenset({"RuleNumber", "HttpErrorCodeReturnedEquals", "HttpRedirectCode", "HttpStatus", "Type"})
_LISTS = frozenset({RULE, "IncludeHeader"})
"""Written as lists even where there is one."""
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


def to_json(raw: bytes | None) -> str:
    """Return the document as indented JSON text. Raises Invalid where JSON cannot say what the XML says."""
    root = parse(raw).root
    value: Json = _value(root) if root is not None else {}
    return json.dumps({ROOT: value or {}}, indent=2, ensure_ascii=False)


def from_json(text: str) -> bytes | None:
    """Return the XML document that JSON text describes; None when it describes nothing.

    The outer "WebsiteConfiguration" may be left out, and rules may be a plain list. Raises Invalid naming the place.
    """
    try:
        data: Json = json.loads(text, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the file is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise Invalid('the file must hold an object, such as {"RoutingRules": [...]}')
    inner = data.get(ROOT) if set(data) == {ROOT} else data
    if inner in (None, {}) or (isinstance(inner, str) and not inner.strip()):
        return None
    if not isinstance(inner, dict):
        raise Invalid(f"{ROOT}: must be an object")
    rules = inner.get(RULES)
    if isinstance(rules, list):
        inner = {**inner, RULES: {RULE: rules}}
    lines = _lines(ROOT, inner, ROOT, 0)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + "\n".join(lines) + "\n").encode()


def _value(element: Element) -> Json:
    if (element.attributes or element.namespace) and element.name != ROOT:
        raise Invalid(
            f"<{element.name}> has attributes or a namespace of its own, which JSON cannot say",
            hint="use --format xml",
        )
    if not element.children:
        return _leaf(element.name, element.text)
    if element.text.strip():
        raise Invalid(f"<{element.name}> mixes text and elements, which JSON cannot say", hint="use --format xml")
    found: dict[str, Json] = {}
    for name in dict.fromkeys(child.name for child in element.children):
        values = [_value(child) for child in element.children if child.name == name]
        found[name] = values if len(values) > 1 or name in _LISTS else values[0]
    return found


def _leaf(name: str, text: str) -> Json:
    if name in _NUMBERS and _NUMBER.fullmatch(text):
        return int(text)
    return {"true": True, "false": False}.get(text, text)


def _lines(name: str, value: Json, path: str, depth: int) -> list[str]:
    """Render one field: a list is the same element several times."""
    if not _NAME.fullmatch(name):
        raise Invalid(f"{path}: {name!r} is no element name")
    if depth > MAX_DEPTH:
        raise Invalid(f"{path}: nested too deeply")
    margin = "  " * depth
    if isinstance(value, list):
        return [
            line for at, each in enumerate(value) for line in _lines(name, _flat(each, path), f"{path}[{at}]", depth)
        ]
    if isinstance(value, dict):
        inner = [line for key, each in value.items() for line in _lines(key, each, f"{path}.{key}", depth + 1)]
        return [f"{margin}<{name}>", *inner, f"{margin}</{name}>"]
    if isinstance(value, float):
        raise Invalid(f"{path}: {value!r} is neither text, a whole number, true nor false")
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if not can_be_written(text):
        raise Invalid(f"{path}: holds a control character that XML cannot carry")
    return [f"{margin}<{name}>{text.translate(_ESCAPES)}</{name}>"]


def _flat(value: Json, path: str) -> Json:
    if isinstance(value, list):
        raise Invalid(f"{path}: holds a list inside a list")
    return value


def _without_doubles(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name} is given twice; keep one of them")
        found[name] = value
    return found
