"""What is wrong with a rule that we are about to write, field by field, in plain sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.domain.rules.model import ALI_CDN, EXTERNAL, MAX_NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.domain.rules.model import Condition, Redirect, Rule

MAX_KEY_BYTES = 1023
MAX_HEADERS = 10
CODES = (301, 302, 307)

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-f:.]+\])(?::([0-9]{{1,5}}))?", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a rule."""

    field: str
    sentence: str


def can_be_written(text: str) -> bool:
    """Say whether XML can carry the text at all; a key prefix for which this is False cannot have a rule."""
    return not _NOT_XML.search(text)


def is_host(text: str) -> bool:
    """Say whether the text is a domain name or address with an optional port."""
    match = _HOST.fullmatch(text)
    return match is not None and (match[1] is None or 0 < int(match[1]) < 65536)


def validate(rule: Rule) -> tuple[Problem, ...]:
    """List everything that keeps this rule from being written; empty when it is fine.

    Rules that only others write (Mirror, Internal) are refused here, they are kept in a document all the same.
    """
    return (*_number(rule.number), *_condition(rule.condition), *_redirect(rule.redirect), *_replacement(rule))


def _number(number: int) -> Iterator[Problem]:
    if not 1 <= number <= MAX_NUMBER:
        yield Problem("number", f"The rule number must be a positive integer up to {MAX_NUMBER}, not {number}.")


def _text(field: str, text: str) -> Iterator[Problem]:
    found = _NOT_XML.search(text)
    if found:
        yield Problem(field, f"The character U+{ord(found[0]):04X} cannot be written in an XML document.")


def _key_part(field: str, text: str) -> Iterator[Problem]:
    yield from _text(field, text)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
        yield Problem(field, f"Object keys have at most {MAX_KEY_BYTES} bytes, so nothing can match.")


def _condition(condition: Condition) -> Iterator[Problem]:
    yield from _key_part("key_prefix", condition.key_prefix)
    yield from _key_part("key_suffix", condition.key_suffix)
    if condition.key_prefix.startswith(("/", "\\")):
        yield Problem("key_prefix", "Object keys never begin with / or \\, so nothing can match.")
    if condition.status is not None and not 400 <= condition.status <= 599:
        yield Problem("status", f"The HTTP status code must be 400 to 599, not {condition.status}.")
    if len(condition.headers) > MAX_HEADERS:
        yield Problem("headers", f"At most {MAX_HEADERS} header conditions are allowed, not {len(condition.headers)}.")
    for header in condition.headers:
        if not _HEADER_NAME.fullmatch(header.name):
            yield Problem("headers", f"{header.name!r} is not a header name.")
        if not (header.equals or header.starts_with or header.ends_with):
            yield Problem("headers", f"The condition on {header.name!r} names no value to compare with.")
        for value in (header.equals, header.starts_with, header.ends_with):
            yield from _text("headers", value)


def _redirect(redirect: Redirect) -> Iterator[Problem]:
    if redirect.kind not in {EXTERNAL, ALI_CDN}:
        yield Problem("kind", f"Rules of type {redirect.kind!r} are kept but never written; use External or AliCDN.")
    if redirect.protocol not in {"http", "https"}:
        yield Problem("protocol", f"The protocol must be http or https, not {redirect.protocol!r}.")
    if not is_host(redirect.host):
        yield Problem("host", f"{redirect.host!r} is not a domain name with an optional port.")
    if redirect.code not in CODES:
        yield Problem("code", f"The redirection code must be 301, 302 or 307, not {redirect.code}.")


def _replacement(rule: Rule) -> Iterator[Problem]:
    redirect = rule.redirect
    yield from _text("replace_key_with", redirect.replace_key_with)
    yield from _text("replace_key_prefix_with", redirect.replace_key_prefix_with)
    if redirect.replace_key_with and redirect.replace_key_prefix_with:
        yield Problem("replace_key_with", "Replacing the key and replacing its prefix exclude each other.")
    if redirect.replace_key_with and redirect.enable_replace_prefix:
        yield Problem("enable_replace_prefix", "It must not be set when the whole key is replaced.")
    if redirect.replace_key_prefix_with and not redirect.enable_replace_prefix:
        yield Problem(
            "enable_replace_prefix", "It must be set when the prefix is replaced: otherwise OSS may ignore it."
        )
    if redirect.enable_replace_prefix and not (rule.condition.key_prefix or redirect.replace_key_prefix_with):
        yield Problem("enable_replace_prefix", "There is no file name prefix to cut.")
