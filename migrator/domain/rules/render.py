"""A rule as XML text, every field written out so that nothing rests on a default of OSS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.domain.rules.canonical import digest
from migrator.domain.rules.validate import validate
from migrator.domain.rules.xmltree import parse_tree
from migrator.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.domain.rules.model import Condition, Redirect, Rule

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
"""Control characters become references: XML readers turn a bare CR into LF, and may trim white space."""


def render(rule: Rule, *, margin: str = "", tag_prefix: str = "") -> str:
    """Return the RoutingRule element, indented behind `margin`, without a final newline.

    Never writes EnableReplacePrefix false beside a replacement: its meaning is not documented.
    Raises Invalid for a rule that `validate` complains about.
    """
    problems = validate(rule)
    if problems:
        named = "; ".join(f"{problem.field}: {problem.sentence}" for problem in problems)
        raise Invalid(f"The rule for {rule.condition.key_prefix!r} cannot be written. {named}")
    lines = [
        "<RoutingRule>",
        f"  <RuleNumber>{rule.number}</RuleNumber>",
        *_container("Condition", list(_condition(rule.condition))),
        *_container("Redirect", list(_redirect(rule.redirect))),
        "</RoutingRule>",
    ]
    text = "\n".join(margin + line for line in lines)
    # Escaped text holds no "<", so every one begins a tag.
    return text.replace("<", f"<{tag_prefix}").replace(f"<{tag_prefix}/", f"</{tag_prefix}") if tag_prefix else text


def fingerprint_of(rule: Rule) -> str:
    """Return the fingerprint that the rule has once it stands in a document."""
    return f"{rule.number}:{digest(parse_tree(render(rule).encode()))}"


def content_of(fingerprint: str) -> str:
    """Return the part of a fingerprint that does not depend on the rule's number."""
    return fingerprint.partition(":")[2]


def _leaf(name: str, value: str) -> str:
    return f"<{name}>{value.translate(_ESCAPES)}</{name}>"


def _container(name: str, lines: list[str]) -> list[str]:
    if not lines:
        return [f"  <{name}></{name}>"]
    return [f"  <{name}>", *(f"    {line}" for line in lines), f"  </{name}>"]


def _condition(condition: Condition) -> Iterator[str]:
    if condition.key_prefix:
        yield _leaf("KeyPrefixEquals", condition.key_prefix)
    if condition.key_suffix:
        yield _leaf("KeySuffixEquals", condition.key_suffix)
    if condition.status is not None:
        yield _leaf("HttpErrorCodeReturnedEquals", str(condition.status))
    for header in condition.headers:
        yield "<IncludeHeader>"
        yield "  " + _leaf("Key", header.name)
        tests = {"Equals": header.equals, "StartsWith": header.starts_with, "EndsWith": header.ends_with}
        yield from ("  " + _leaf(name, value) for name, value in tests.items() if value)
        yield "</IncludeHeader>"


def _redirect(redirect: Redirect) -> Iterator[str]:
    yield _leaf("RedirectType", redirect.kind)
    yield _leaf("PassQueryString", str(redirect.pass_query_string).lower())
    yield _leaf("Protocol", redirect.protocol)
    yield _leaf("HostName", redirect.host)
    yield _leaf("HttpRedirectCode", str(redirect.code))
    if redirect.replace_key_with:
        yield _leaf("ReplaceKeyWith", redirect.replace_key_with)
    if redirect.enable_replace_prefix:
        yield _leaf("EnableReplacePrefix", "true")
    if redirect.replace_key_prefix_with:
        yield _leaf("ReplaceKeyPrefixWith", redirect.replace_key_prefix_with)
