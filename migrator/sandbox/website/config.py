"""The website configuration as values, and how it is read from a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.sandbox.website import xml
from migrator.sandbox.website.refusal import invalid

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

EXTERNAL, ALICDN, INTERNAL, MIRROR = "External", "AliCDN", "Internal", "Mirror"
DEFAULT_CODE = 301
"""Per the OSS documentation of PutBucketWebsite; browsers may keep a 301 for good."""


@dataclass(frozen=True, slots=True)
class HeaderTest:
    """One IncludeHeader. Empty tests are not applied; with none of them the header must merely be there."""

    name: str
    equals: str
    starts_with: str
    ends_with: str


@dataclass(frozen=True, slots=True)
class Condition:
    """All of it must hold. An empty one holds for every request."""

    prefix: str = ""
    suffix: str = ""
    status: int | None = None
    headers: tuple[HeaderTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """What a rule that fired answers."""

    type: str
    protocol: str
    host: str
    code: int
    pass_query: bool
    replace_key_with: str
    replace_prefix_with: str
    replace_prefix: bool
    mirror_head: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One RoutingRule."""

    number: int
    condition: Condition
    redirect: Redirect


@dataclass(frozen=True, slots=True)
class IndexDocument:
    """The page for keys that end in a slash."""

    suffix: str
    sub_directories: bool
    type: int
    """For a missing key without a slash: 0 redirect to the folder, 1 not found, 2 serve the folder's page."""


@dataclass(frozen=True, slots=True)
class ErrorDocument:
    """The page for keys that do not exist."""

    key: str
    status: int


@dataclass(frozen=True, slots=True)
class Config:
    """A bucket's website configuration, rules in the order in which they are tried."""

    index: IndexDocument | None
    error: ErrorDocument | None
    rules: tuple[Rule, ...]


def parse(document: bytes) -> Config:
    """Read a document that `validate` accepted (or would accept). Raises Refused otherwise, but checks less."""
    root = xml.read(document)
    rules = [_rule(element) for element in root.findall("RoutingRules/RoutingRule")]
    return Config(
        index=_index(root.find("IndexDocument")),
        error=_error(root.find("ErrorDocument")),
        rules=tuple(sorted(rules, key=lambda rule: rule.number)),
    )


def text(parent: Element | None, name: str) -> str:
    """Return a child's text verbatim (keys may hold white space); empty when there is no such child."""
    return (parent.findtext(name) or "") if parent is not None else ""


def word(parent: Element | None, name: str) -> str:
    """Return a child's text without surrounding white space."""
    return text(parent, name).strip()


def integer(parent: Element | None, name: str) -> int | None:
    """Return a child's number; None when it is absent or empty. Raises Refused when it is no number."""
    value = word(parent, name)
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise invalid(name, value)
    return int(value)


def boolean(parent: Element | None, name: str) -> bool | None:
    """Return a child's truth in any spelling of case (Python SDKs send True); None when absent or empty."""
    value = word(parent, name)
    if not value:
        return None
    if value.lower() not in {"true", "false"}:
        raise invalid(name, value)
    return value.lower() == "true"


def _index(element: Element | None) -> IndexDocument | None:
    suffix = word(element, "Suffix")
    if not suffix:
        return None
    return IndexDocument(suffix, bool(boolean(element, "SupportSubDir")), integer(element, "Type") or 0)


def _error(element: Element | None) -> ErrorDocument | None:
    key = word(element, "Key")
    return ErrorDocument(key, integer(element, "HttpStatus") or 404) if key else None


def _rule(element: Element) -> Rule:
    redirect = _redirect(element.find("Redirect"))
    return Rule(integer(element, "RuleNumber") or 0, _condition(element.find("Condition"), redirect.type), redirect)


def _condition(element: Element | None, redirect_type: str) -> Condition:
    status = integer(element, "HttpErrorCodeReturnedEquals")
    if redirect_type == MIRROR:
        # Mirroring happens for missing objects only, whether the condition says so or not.
        status = 404
    return Condition(
        prefix=text(element, "KeyPrefixEquals"),
        suffix=text(element, "KeySuffixEquals"),
        status=status,
        headers=tuple(_header_test(test) for test in _all(element, "IncludeHeader")),
    )


def _header_test(element: Element) -> HeaderTest:
    return HeaderTest(
        word(element, "Key").lower(), text(element, "Equals"), text(element, "StartsWith"), text(element, "EndsWith")
    )


def _redirect(element: Element | None) -> Redirect:
    return Redirect(
        type=word(element, "RedirectType") or EXTERNAL,
        protocol=word(element, "Protocol"),
        host=word(element, "HostName"),
        code=integer(element, "HttpRedirectCode") or DEFAULT_CODE,
        pass_query=bool(boolean(element, "PassQueryString")),
        replace_key_with=text(element, "ReplaceKeyWith"),
        replace_prefix_with=text(element, "ReplaceKeyPrefixWith"),
        replace_prefix=bool(boolean(element, "EnableReplacePrefix")),
        mirror_head=bool(boolean(element, "MirrorAllowHeadObject")),
    )


def _all(element: Element | None, name: str) -> list[Element]:
    return element.findall(name) if element is not None else []
