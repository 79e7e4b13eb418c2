"""The raw website document of a bucket read into values, with nothing lost: the bytes stay beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.domain.rules.canonical import Normal, digest, normal, unknown_names
from migrator.domain.rules.model import DEFAULT_CODE, EXTERNAL, Condition, HeaderCondition, Redirect, Rule
from migrator.domain.rules.xmltree import Element, parse_tree
from migrator.errors import MalformedWebsite

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "WebsiteConfiguration"
RULES = "RoutingRules"
RULE = "RoutingRule"

_VOID: tuple[Normal, ...] = (("IndexDocument", (), "", ()), ("ErrorDocument", (), "", ()))
"""What some clients write where nothing is configured; it means nothing."""
_INTEGER = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class LiveRule:
    """One rule as it stands in a document."""

    rule: Rule
    fingerprint: str
    """`<number>:<hash of the meaning>`; survives what OSS fills in or reorders when it gives a document back."""
    unknown: tuple[str, ...]
    """Elements in it whose effect is not known here (Lua, future ones)."""
    masked: bool
    """It holds a secret that OSS does not show, so writing the rule back would destroy the secret."""
    element: Element


@dataclass(frozen=True, slots=True)
class IndexDocument:
    """What OSS serves for keys ending in / (and, with sub-directories, for keys that lack the /)."""

    suffix: str
    support_sub_dir: bool = False
    kind: int = 0
    """For a missing key without trailing /, with sub-directories: 0 redirect to key/, 1 nothing, 2 serve the page."""


@dataclass(frozen=True, slots=True)
class ErrorDocument:
    """What OSS serves instead of its own 404."""

    key: str
    status: int = 404


@dataclass(frozen=True, slots=True)
class Document:
    """A website document. `raw` None: the bucket has none."""

    raw: bytes | None
    root: Element | None
    rules: tuple[LiveRule, ...] = ()
    """In document order."""
    index: IndexDocument | None = None
    error: ErrorDocument | None = None

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is configured: no rule, no index or error document, no element we do not know."""
        if self.root is None:
            return True
        return not self.rules and not any(_weighs(child) for child in self.root.children)

    @property
    def by_number(self) -> tuple[LiveRule, ...]:
        """The rules in the order in which OSS tries them."""
        return tuple(sorted(self.rules, key=lambda live: live.rule.number))


def parse(raw: bytes | None) -> Document:
    """Read a website document; None and empty bytes read as the empty document.

    Raises MalformedWebsite where the document is not understood well enough to edit it safely.
    """
    if not raw:
        return Document(None, None)
    root = parse_tree(raw)
    if root.name != ROOT:
        raise MalformedWebsite(f"The website document is a <{root.name}>, not a <{ROOT}>.")
    if len(root.all(RULES)) > 1:
        raise MalformedWebsite(f"The website document holds more than one <{RULES}>.")
    container = root.first(RULES)
    rules = tuple(_live(element) for element in container.all(RULE)) if container else ()
    numbers = [live.rule.number for live in rules]
    if len(set(numbers)) < len(numbers):
        raise MalformedWebsite("The website document gives two rules the same number.")
    return Document(raw, root, rules, _index(root.first("IndexDocument")), _error(root.first("ErrorDocument")))


def same_meaning(a: bytes | None, b: bytes | None) -> bool:
    """Say whether OSS behaves the same under both documents as far as anybody can tell from them.

    Defaults, white space, spelling of booleans and the order of known elements do not count; anything else does.
    """
    return meaning(parse(a)) == meaning(parse(b))


def meaning(document: Document) -> tuple[tuple[Normal, ...], tuple[Normal, ...]]:
    """Return (rules in the order of their numbers, everything else) in comparable form."""
    if document.root is None:
        return (), ()
    rules = tuple(normal(live.element) for live in document.by_number)
    others = (child for child in document.root.children if child.name != RULES or child.namespace)
    strangers = (c for r in document.root.all(RULES) for c in r.children if c.name != RULE or c.namespace)
    kept = (normal(child) for child in (*others, *strangers))
    return rules, tuple(sorted(found for found in kept if found not in _VOID))


def redact(raw: bytes) -> bytes:
    """Return the document with every secret replaced by ***, for people and for storage; all else byte for byte."""
    secrets = sorted(_find(parse_tree(raw), "AccessKeySecret"), key=lambda element: element.start)
    pieces, position = [], 0
    for secret in secrets:
        if not secret.self_closing:
            pieces += [raw[position : secret.content_start], b"***"]
            position = secret.content_end
    return b"".join([*pieces, raw[position:]])


def fingerprint(rule: Rule, element: Element) -> str:
    """Return the exact fingerprint of a rule that stands in a document."""
    return f"{rule.number}:{digest(element)}"


def _weighs(child: Element) -> bool:
    """Say whether a child of the root configures anything; an empty rule container does not."""
    return not (child.name == RULES and not child.namespace and not child.children)


def _live(element: Element) -> LiveRule:
    condition, redirect = element.first("Condition"), element.first("Redirect")
    rule = Rule(
        _integer(element, "RuleNumber", 0),
        _condition(condition, element) if condition else Condition(),
        _redirect(redirect) if redirect else Redirect(),
    )
    if rule.number < 1:
        raise MalformedWebsite("The website document holds a rule without a number.")
    return LiveRule(rule, fingerprint(rule, element), unknown_names(element), _masked(element), element)


def _condition(element: Element, rule: Element) -> Condition:
    status = _integer(element, "HttpErrorCodeReturnedEquals", 0)
    headers = tuple(
        HeaderCondition(h.value("Key").strip(), h.value("Equals"), h.value("StartsWith"), h.value("EndsWith"))
        for h in element.all("IncludeHeader")
    )
    if any(not header.name for header in headers):
        raise MalformedWebsite(f"Rule {rule.value('RuleNumber').strip()} tests a header without a name.")
    return Condition(element.value("KeyPrefixEquals"), status or None, element.value("KeySuffixEquals"), headers)


def _redirect(element: Element) -> Redirect:
    return Redirect(
        kind=element.value("RedirectType").strip() or EXTERNAL,
        protocol=element.value("Protocol").strip(),
        host=element.value("HostName").strip(),
        code=_integer(element, "HttpRedirectCode", DEFAULT_CODE),
        pass_query_string=_flag(element, "PassQueryString"),
        replace_key_with=element.value("ReplaceKeyWith"),
        replace_key_prefix_with=element.value("ReplaceKeyPrefixWith"),
        enable_replace_prefix=_flag(element, "EnableReplacePrefix"),
        mirror_url=element.value("MirrorURL").strip(),
        mirror_allows_head=_flag(element, "MirrorAllowHeadObject"),
    )


def _index(element: Element | None) -> IndexDocument | None:
    if element is None or not element.value("Suffix"):
        return None
    return IndexDocument(element.value("Suffix"), _flag(element, "SupportSubDir"), _integer(element, "Type", 0))


def _error(element: Element | None) -> ErrorDocument | None:
    if element is None or not element.value("Key"):
        return None
    return ErrorDocument(element.value("Key"), _integer(element, "HttpStatus", 404))


def _integer(element: Element, name: str, default: int) -> int:
    text = element.value(name).strip()
    if not text:
        return default
    if not _INTEGER.fullmatch(text):
        raise MalformedWebsite(f"The website document says {name} {text[:40]!r}, which is not a number.")
    return int(text)


def _flag(element: Element, name: str) -> bool:
    return element.value(name).strip().lower() == "true"


def _masked(element: Element) -> bool:
    for secret in _find(element, "AccessKeySecret"):
        text = secret.text.strip()
        if "***" in text or (text and not text.strip("*")):
            return True
    # A key id whose secret is left out altogether is a secret that is not shown, too.
    auths = _find(element, "MirrorAuth")
    return any(auth.value("AccessKeyId").strip() and not auth.value("AccessKeySecret").strip() for auth in auths)


def _find(element: Element, name: str) -> Iterator[Element]:
    for child in element.children:
        if child.name == name:
            yield child
        yield from _find(child, name)
