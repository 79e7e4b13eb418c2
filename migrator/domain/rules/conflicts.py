"""Who answers first where a foreign rule and an own prefix overlap."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from migrator.domain.rules.model import Rule


class Severity(StrEnum):
    """How much of an own prefix a foreign rule answers."""

    SHADOWS = "shadows"
    """Every missing key of the prefix."""
    CARVES = "carves"
    """Some: a longer prefix, a suffix, a header."""


SHADOWS, CARVES = Severity.SHADOWS, Severity.CARVES


@dataclass(frozen=True, slots=True)
class Conflict:
    """A foreign rule that answers missing keys under `prefix` before an own rule can, or (hidden) no longer can."""

    rule_number: int
    prefix: str
    """The own prefix."""
    rule_prefix: str
    """The foreign rule's prefix: where it is longer than the own one, only keys under it are concerned."""
    severity: Severity
    sentence: str


def shadows(foreign: Rule, prefix: str) -> Conflict | None:
    """Say whether a foreign rule that is tried first can answer a missing key under the prefix."""
    condition = foreign.condition
    if not condition.covers_missing or not related(condition.key_prefix, prefix):
        return None
    limits = _limits(foreign, prefix)
    severity = Severity.CARVES if limits else Severity.SHADOWS
    which = f"missing keys under {prefix!r} {' and '.join(limits)}" if limits else f"every missing key under {prefix!r}"
    return Conflict(
        foreign.number,
        prefix,
        condition.key_prefix,
        severity,
        f"Foreign rule {foreign.number} ({_what(foreign)}) answers {which} before a rule of ours can.",
    )


def conflicts_before(foreign: Iterable[Rule], own_number: int, prefix: str) -> tuple[Conflict, ...]:
    """List the foreign rules that answer first for an own rule with that number over that prefix.

    A redirect without a status answers before the object is looked up, so it comes first whatever its number.
    """
    first = (rule for rule in foreign if rule.number < own_number or rule.answers_before_lookup)
    return tuple(found for rule in first if (found := shadows(rule, prefix)))


def hidden_behind(foreign: Iterable[Rule], own: Collection[Rule]) -> tuple[Conflict, ...]:
    """List the foreign rules that own rules with lower numbers keep from answering missing keys."""
    found = []
    for rule in foreign:
        for mine in own:
            if (
                rule.number > mine.number
                and not rule.answers_before_lookup
                and shadows(rule, mine.condition.key_prefix)
            ):
                whole = rule.condition.key_prefix.startswith(mine.condition.key_prefix)
                which = "every missing key it covers" if whole else f"keys under {mine.condition.key_prefix!r}"
                sentence = f"Own rule {mine.number} answers {which} before foreign rule {rule.number} ({_what(rule)})."
                severity = Severity.SHADOWS if whole else Severity.CARVES
                prefix = mine.condition.key_prefix
                found.append(Conflict(rule.number, prefix, rule.condition.key_prefix, severity, sentence))
    return tuple(found)


def related(a: str, b: str) -> bool:
    """Say whether some key lies under both prefixes."""
    return a.startswith(b) or b.startswith(a)


def _limits(foreign: Rule, prefix: str) -> list[str]:
    condition = foreign.condition
    limits = []
    if not prefix.startswith(condition.key_prefix):
        limits.append(f"that begin with {condition.key_prefix!r}")
    if condition.key_suffix:
        limits.append(f"that end with {condition.key_suffix!r}")
    if condition.headers:
        names = ", ".join(header.name for header in condition.headers)
        limits.append(f"for requests whose headers fit ({names})")
    return limits


def _what(rule: Rule) -> str:
    where = f"prefix {rule.condition.key_prefix!r}" if rule.condition.key_prefix else "any key"
    return f"{rule.redirect.kind}, {where}"
