"""Which prefixes get another answer under another document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.domain.rules.conflicts import related
from migrator.domain.rules.model import in_order
from migrator.domain.simulate.engine import simulate
from migrator.domain.simulate.facts import Bucket, Outcome, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from migrator.domain.rules.document import Document
    from migrator.domain.rules.model import HeaderCondition, Rule

_STEM = "\u2026"
"""A character that keys hardly hold: a probe `prefix + _STEM` stands for the keys no longer rule names."""


@dataclass(frozen=True, slots=True)
class Change:
    """A prefix of which at least one request gets another answer; the request is an example."""

    prefix: str
    request: Request
    before: Outcome
    after: Outcome


def diff(before: Document, after: Document, prefixes: Iterable[str], *, below: bool = True) -> tuple[Change, ...]:
    """List the prefixes under which some key gets another status or Location, with one example each.

    Without `below`, keys under a longer prefix that some rule names do not count.
    Examples are built from the conditions of the rules of both documents (longer prefixes, suffixes, headers,
    statuses), so a difference that the rules can make is found. Index and error pages are taken to exist.
    """
    return tuple(change for prefix in prefixes if (change := _change(before, after, prefix, below=below)))


def compared(before: Document, after: Document, prefixes: Iterable[str] = ()) -> tuple[Change, ...]:
    """List every prefix that the rules of either document name and whose own keys get another answer, in byte order.

    `prefixes` are looked at besides; so are keys that no prefix of a rule covers, under the empty prefix.
    """
    named = (live.rule.condition.key_prefix for document in (before, after) for live in document.rules)
    return diff(before, after, sorted({"", *named, *prefixes}), below=False)


def _change(before: Document, after: Document, prefix: str, *, below: bool) -> Change | None:
    old, new = _relevant(before, prefix), _relevant(after, prefix)
    pages_differ = before.index != after.index or before.error != after.error
    if not pages_differ and [_unnumbered(rule) for rule in old] == [_unnumbered(rule) for rule in new]:
        return None
    buckets = [Bucket(objects=_Pages(before, after, below=subdirectories)) for subdirectories in (False, True)]
    for request in _requests([*old, *new], prefix, below=below):
        for bucket in buckets:
            first, second = simulate(before, request, bucket), simulate(after, request, bucket)
            if (first.status, first.location, first.body_from) != (second.status, second.location, second.body_from):
                return Change(prefix, request, first, second)
    return None


class _Pages:
    """A bucket that holds the index and error pages of the documents, on request those of sub-directories too."""

    def __init__(self, *documents: Document, below: bool) -> None:
        self.errors = {document.error.key for document in documents if document.error}
        self.indexes = {document.index.suffix for document in documents if document.index}
        self.below = below

    def __contains__(self, key: object) -> bool:
        if key in self.errors or key in self.indexes:
            return True
        return self.below and isinstance(key, str) and any(key.endswith("/" + page) for page in self.indexes)


def _relevant(document: Document, prefix: str) -> tuple[Rule, ...]:
    rules = in_order(live.rule for live in document.rules)
    return tuple(rule for rule in rules if related(rule.condition.key_prefix, prefix))


def _unnumbered(rule: Rule) -> Rule:
    return rule.numbered(0)


def _requests(rules: list[Rule], prefix: str, *, below: bool) -> Iterator[Request]:
    """Yield requests that tell the rules apart."""
    longer = [r.condition.key_prefix for r in rules if r.condition.key_prefix.startswith(prefix)]
    stems = dict.fromkeys([prefix, *(longer if below else ())])
    suffixes = dict.fromkeys(["", *(r.condition.key_suffix for r in rules), "/"])
    statuses = dict.fromkeys([404, *(r.condition.status for r in rules if r.condition.status), 200])
    headers: list[dict[str, str]] = [{}]
    headers += [{h.name: _fitting(h) for h in r.condition.headers} for r in rules if r.condition.headers]
    for status in statuses:
        for stem in stems:
            for suffix in suffixes:
                for sent in headers:
                    yield Request(stem + _STEM + suffix, headers=sent, query="q=1", status=status)


def _fitting(header: HeaderCondition) -> str:
    return header.equals or header.starts_with + header.ends_with
