"""What is dangerous or useless in a website document, whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from migrator.domain.rules.hosts import internal_host, same_host
from migrator.domain.rules.model import KEY_VARIABLE, MAX_RULES, in_order, new_key
from migrator.domain.rules.validate import validate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from migrator.domain.rules.document import Document, LiveRule
    from migrator.domain.rules.model import Condition, HeaderCondition, Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. Codes are stable words for scripts."""

    code: str
    rule_number: int | None
    """None: about the document as a whole."""
    severity: Literal["error", "warning"]
    sentence: str


def lint(document: Document, *, bucket_hosts: Collection[str] = ()) -> tuple[Finding, ...]:
    """List what will hurt readers or does nothing; rules in the order in which OSS tries them.

    `bucket_hosts` are the names under which readers reach the bucket itself, for finding loops.
    Codes: too-many, permanent, no-status, query, downgrade, internal-host, loop, broad-suffix, unreachable, shadowed,
    duplicate, invalid, masked-secret, unknown-element, index-page, error-200.
    """
    rules = document.by_number
    found = list(_whole(document))
    for live in rules:
        found += _single(live)
        found += _loop(live.rule, [other.rule for other in rules], bucket_hosts)
    found += _pairs([live.rule for live in rules])
    return tuple(sorted(found, key=lambda finding: (finding.rule_number or 0, finding.code)))


def _whole(document: Document) -> Iterator[Finding]:
    if len(document.rules) > MAX_RULES:
        yield Finding("too-many", None, "error", f"{len(document.rules)} rules; OSS takes at most {MAX_RULES}.")
    if document.index and any(live.rule.condition.covers_missing for live in document.rules):
        yield Finding(
            "index-page",
            None,
            "warning",
            f"Keys ending in / are answered with the index page ({document.index.suffix}) before any 404 rule.",
        )
    if document.error and document.error.status == 200:
        yield Finding(
            "error-200",
            None,
            "warning",
            f"The error page {document.error.key} is answered with 200: readers take it for the object.",
        )


def _single(live: LiveRule) -> Iterator[Finding]:
    rule, number = live.rule, live.rule.number
    if live.masked:
        yield Finding(
            "masked-secret", number, "warning", "It holds a secret OSS does not show; no edit can be written."
        )
    if live.unknown:
        names = ", ".join(dict.fromkeys(live.unknown))
        yield Finding("unknown-element", number, "warning", f"It holds {names}, whose effect is not simulated.")
    if not rule.redirect.redirects:
        return
    redirect, condition = rule.redirect, rule.condition
    for problem in validate(rule):
        if problem.field not in {"host", "protocol"} or redirect.host:
            yield Finding("invalid", number, "warning", f"{problem.field}: {problem.sentence}")
    if redirect.code == 301:
        yield Finding(
            "permanent", number, "error", "It answers 301, which browsers and CDNs keep after the rule is gone."
        )
    if condition.status is None:
        yield Finding("no-status", number, "warning", "It names no status, so it also redirects objects that exist.")
    if redirect.pass_query_string:
        yield Finding(
            "query", number, "warning", "It passes the query string: signatures of presigned URLs reach the other side."
        )
    if redirect.protocol == "http":
        yield Finding("downgrade", number, "warning", "It redirects to http: browsers block that from https pages.")
    if redirect.host and (why := internal_host(redirect.host)):
        yield Finding("internal-host", number, "error", f"Readers cannot reach {redirect.host}: it is {why}.")
    if condition.key_suffix and not condition.key_prefix:
        yield Finding(
            "broad-suffix",
            number,
            "warning",
            f"It takes every key of the bucket that ends with {condition.key_suffix!r}.",
        )


def _loop(rule: Rule, rules: Sequence[Rule], own: Collection[str]) -> Iterator[Finding]:
    host = rule.redirect.host
    if not rule.redirect.redirects or (host and not any(same_host(host, name) for name in own)):
        return
    where = rule.redirect.host or "the host of the request"
    if rule.redirect.replace_key_with and KEY_VARIABLE not in rule.redirect.replace_key_with:
        page = rule.redirect.replace_key_with
        if any(_takes(other, page) for other in rules):
            sentence = f"It redirects to {page!r} on {where}; readers loop as long as that page is missing."
            yield Finding("loop", rule.number, "warning", sentence)
        return
    asked = new_key(rule, rule.condition.key_prefix + "x" + rule.condition.key_suffix)
    if any(_takes(other, asked) for other in rules):
        sentence = f"It redirects to {where}, which is this bucket, where a rule redirects the new key again."
        yield Finding("loop", rule.number, "error", sentence)


def _takes(rule: Rule, key: str) -> bool:
    condition = rule.condition
    matches = key.startswith(condition.key_prefix) and key.endswith(condition.key_suffix)
    return rule.redirect.redirects and condition.covers_missing and matches


def _pairs(rules: Sequence[Rule]) -> Iterator[Finding]:
    for earlier, later in combinations(in_order(rules), 2):
        a, b = earlier.condition, later.condition
        if a == b:
            sentence = f"Rule {earlier.number} has the same condition and answers first; this rule never does."
            yield Finding("duplicate", later.number, "warning", sentence)
        elif _covers(a, b):
            sentence = f"Rule {earlier.number} answers first whatever this rule could answer."
            yield Finding("unreachable", later.number, "warning", sentence)
        elif _cuts_in(a, b):
            sentence = f"Rule {earlier.number} is tried first and answers a part of what this rule covers."
            yield Finding("shadowed", later.number, "warning", sentence)


def _status_within(a: Condition, b: Condition) -> bool:
    return a.status is None or a.status == b.status


def _covers(a: Condition, b: Condition) -> bool:
    """Say whether every request that meets b meets a."""
    keys = b.key_prefix.startswith(a.key_prefix) and b.key_suffix.endswith(a.key_suffix)
    return keys and _status_within(a, b) and all(any(_implies(mine, h) for mine in b.headers) for h in a.headers)


def _implies(strong: HeaderCondition, weak: HeaderCondition) -> bool:
    if strong.name.lower() != weak.name.lower():
        return False
    begins, ends = strong.equals or strong.starts_with, strong.equals or strong.ends_with
    return (
        (not weak.equals or weak.equals == strong.equals)
        and begins.startswith(weak.starts_with)
        and ends.endswith(weak.ends_with)
    )


def _cuts_in(a: Condition, b: Condition) -> bool:
    """Say whether a, although no longer in prefix, takes some keys of b: mostly not what the author of b meant."""
    suffixes = a.key_suffix.endswith(b.key_suffix) or b.key_suffix.endswith(a.key_suffix)
    return b.key_prefix.startswith(a.key_prefix) and suffixes and _status_within(a, b)
