"""The values of a back-to-origin rule: when it answers, and where it sends the reader."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

EXTERNAL = "External"
ALI_CDN = "AliCDN"
MIRROR = "Mirror"
INTERNAL = "Internal"

MAX_RULES = 20
"""Rules one bucket may hold, of all kinds together, per the OSS documentation of PutBucketWebsite."""
MAX_NUMBER = 2**31 - 1
DEFAULT_CODE = 301
"""What OSS answers when a rule names no code. Browsers and CDNs keep a 301 for good: never for a migration."""
MIGRATION_CODES = (302, 307)
KEY_VARIABLE = "${key}"
"""Stands for the requested key in `Redirect.replace_key_with`."""


@dataclass(frozen=True, slots=True)
class HeaderCondition:
    """A test of one request header; every part that is not empty must hold. Names ignore case."""

    name: str
    equals: str = ""
    starts_with: str = ""
    ends_with: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """When a rule answers: everything that is set must hold."""

    key_prefix: str = ""
    status: int | None = None
    """What OSS would have answered (400..599). None: every request, also for objects that exist."""
    key_suffix: str = ""
    headers: tuple[HeaderCondition, ...] = ()

    @property
    def covers_missing(self) -> bool:
        """Say whether a missing object can meet this condition as far as the status goes."""
        return self.status is None or self.status == 404


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a rule sends the reader. Absent elements read as OSS's defaults."""

    kind: str = EXTERNAL
    """External, AliCDN (the same for a CDN that follows by itself), Mirror, Internal, or a word we do not know."""
    protocol: str = ""
    host: str = ""
    """Domain with an optional port; empty: the host of the request."""
    code: int = DEFAULT_CODE
    pass_query_string: bool = False
    replace_key_with: str = ""
    replace_key_prefix_with: str = ""
    enable_replace_prefix: bool = False
    """True: the condition's key prefix is replaced by `replace_key_prefix_with`, or cut when that is empty."""
    mirror_url: str = ""
    """Of Mirror rules; what else they hold lives on in the document only."""
    mirror_allows_head: bool = False

    @property
    def redirects(self) -> bool:
        """Say whether the reader gets a 3xx (External, AliCDN)."""
        return self.kind in {EXTERNAL, ALI_CDN}


@dataclass(frozen=True, slots=True)
class Rule:
    """One RoutingRule. OSS tries rules in ascending number; the first whose condition holds answers."""

    number: int = 0
    """0: not numbered yet."""
    condition: Condition = field(default_factory=Condition)
    redirect: Redirect = field(default_factory=Redirect)

    @property
    def answers_before_lookup(self) -> bool:
        """Say whether it answers before OSS looks the object up: a redirect without a status, whatever its number."""
        return self.condition.status is None and self.redirect.kind != MIRROR

    def numbered(self, number: int) -> Rule:
        """Return the same rule under another number."""
        return replace(self, number=number)


def in_order(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Sort as OSS answers: what answers before the object is looked up, then by number."""
    return tuple(sorted(rules, key=lambda rule: (not rule.answers_before_lookup, rule.number)))


def new_key(rule: Rule, key: str) -> str:
    """Return the key that the rule's redirect asks for instead of `key`, not encoded.

    `replace_key_prefix_with` counts without `enable_replace_prefix` too: documents older than that element rely on it.
    """
    redirect = rule.redirect
    if redirect.replace_key_with:
        return redirect.replace_key_with.replace(KEY_VARIABLE, key)
    if redirect.enable_replace_prefix or redirect.replace_key_prefix_with:
        return redirect.replace_key_prefix_with + key[len(rule.condition.key_prefix) :]
    return key
