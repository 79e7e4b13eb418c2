"""Merge own rules into a bucket's website document without touching anything that belongs to others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import canonicalize

from migrator.domain.rules.conflicts import Conflict, conflicts_before, hidden_behind
from migrator.domain.rules.document import Document, LiveRule, parse
from migrator.domain.rules.model import MAX_RULES, MIGRATION_CODES, Rule
from migrator.domain.rules.numbering import assign, last_before
from migrator.domain.rules.render import content_of, fingerprint_of
from migrator.domain.rules.rewrite import rewrite, without_empty_container
from migrator.errors import Invalid, MalformedWebsite, MaskedSecret, RuleCapacityExceeded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Merge:
    """What publishing the desired own rules means for the live document."""

    after: bytes | None
    """The document to put; None: delete the configuration. Without a change it is the live document as it was."""
    changed: bool
    own: tuple[str, ...]
    """Fingerprints of the own rules in `after`, in the order of their numbers."""
    foreign_count: int
    missing_own: tuple[str, ...]
    """Recorded fingerprints whose rule is not in the live document: somebody deleted or edited it."""
    conflicts: tuple[Conflict, ...]
    """Foreign rules that answer keys under an own rule's prefix first."""
    hidden: tuple[Conflict, ...]
    """Foreign rules behind own ones, which answer first."""


def merge(live: bytes | None, own: Collection[str], desired: Iterable[Rule]) -> Merge:
    """Compute the document in which exactly `desired` are the own rules; numbers of `desired` are ignored.

    `own` are the recorded fingerprints of rules we wrote (of several revisions where it is not known which one
    stands). Longest prefix first. A rule that stands already keeps its number where the order allows it.
    Idempotent: merging again into `after` changes nothing.

    Raises MalformedWebsite; RuleCapacityExceeded over 20 rules; MaskedSecret when a document would have to be
    written that holds a foreign secret OSS does not show; Invalid for a rule that cannot be written, is doubled,
    or carries a 301.
    """
    document = parse(live)
    mine, foreign, missing = ownership(document, own)
    wanted = _ordered(desired)
    if len(foreign) + len(wanted) > MAX_RULES:
        left = max(0, MAX_RULES - len(foreign))
        raise RuleCapacityExceeded(
            f"{len(wanted)} own rules are needed, but the bucket holds {len(foreign)} foreign rules, "
            f"so only {left} of its {MAX_RULES} slots are left."
        )
    contents = [content_of(fingerprint_of(rule.numbered(1))) for rule in wanted]
    numbers = _numbers(contents, mine, foreign)
    numbered = [rule.numbered(number) for rule, number in zip(wanted, numbers, strict=True)]
    fingerprints = tuple(f"{number}:{content}" for number, content in zip(numbers, contents, strict=True))
    held = {found.fingerprint: found.rule.number for found in mine}
    drop = {found.rule.number for found in mine if found.fingerprint not in fingerprints}
    add = [rule for rule, name in zip(numbered, fingerprints, strict=True) if name not in held]
    changed = bool(drop or add)
    after = _write(document, foreign, own, fingerprints, drop, add) if changed else live
    others = [found.rule for found in foreign]
    return Merge(
        after=after,
        changed=changed,
        own=fingerprints,
        foreign_count=len(foreign),
        missing_own=missing,
        conflicts=tuple(
            c for rule in numbered for c in conflicts_before(others, rule.number, rule.condition.key_prefix)
        ),
        hidden=hidden_behind(others, numbered),
    )


def ownership(
    document: Document, own: Collection[str]
) -> tuple[tuple[LiveRule, ...], tuple[LiveRule, ...], tuple[str, ...]]:
    """Split the rules of a document into (own, foreign), and name the recorded fingerprints that are missing.

    A rule is own when its fingerprint was recorded. Where none stands under the recorded number, one rule of the
    same content under another number is taken for it: consoles renumber rules when they save.
    """
    exact = {found.fingerprint for found in document.rules} & set(own)
    present = {content_of(name) for name in exact}
    renumbered = {content_of(name) for name in own} - present
    mine, foreign = [], []
    for found in document.by_number:
        content = content_of(found.fingerprint)
        if found.fingerprint in exact:
            mine.append(found)
        elif content in renumbered:
            renumbered.discard(content)
            present.add(content)
            mine.append(found)
        else:
            foreign.append(found)
    missing = tuple(dict.fromkeys(name for name in own if content_of(name) not in present))
    return tuple(mine), tuple(foreign), missing


def foreign_count(live: bytes | None, own: Collection[str]) -> int:
    """Return how many of the bucket's slots foreign rules hold."""
    return len(ownership(parse(live), own)[1])


def conflicts(live: bytes | None, own: Collection[str], prefixes: Iterable[str]) -> tuple[Conflict, ...]:
    """List the foreign rules that would answer missing keys under these prefixes before an own rule could.

    For prefixes whose rule does not stand yet it is judged by the place where `merge` puts new rules.
    """
    mine, foreign, _ = ownership(parse(live), own)
    others = [found.rule for found in foreign]
    standing = {found.rule.condition.key_prefix: found.rule.number for found in mine}
    home = last_before(min(standing.values(), default=None), [rule.number for rule in others]) + 1
    return tuple(c for prefix in prefixes for c in conflicts_before(others, standing.get(prefix, home), prefix))


def foreign_part(raw: bytes | None, own: Collection[str]) -> bytes:
    """Return everything that is not ours as canonical XML (C14N 2.0, comments kept, indentation not).

    Equal before and after every merge. Empty when nothing foreign is configured.
    """
    document = parse(raw)
    mine, _, _ = ownership(document, own)
    rest = without_empty_container(rewrite(document, drop={found.rule.number for found in mine}))
    return canonicalize(rest.decode("utf-8-sig"), with_comments=True, strip_text=True).encode() if rest else b""


def _ordered(desired: Iterable[Rule]) -> list[Rule]:
    """Check and sort the own rules: a longer prefix is tried before every shorter one it may lie under."""
    rules = sorted(desired, key=lambda rule: (-len(rule.condition.key_prefix), rule.condition.key_prefix))
    for rule in rules:
        if rule.redirect.code not in MIGRATION_CODES:
            raise Invalid(
                f"The own rule for {rule.condition.key_prefix!r} carries {rule.redirect.code}; a migration redirects "
                "with 302 or 307, because browsers and caches keep a 301 for good."
            )
    seen = Counter(rule.condition for rule in rules)
    doubled = [condition.key_prefix for condition, times in seen.items() if times > 1]
    if doubled:
        raise Invalid(
            f"Two own rules have the same condition (prefix {doubled[0]!r}); only the first would ever answer."
        )
    return rules


def _numbers(contents: Sequence[str], mine: Sequence[LiveRule], foreign: Sequence[LiveRule]) -> tuple[int, ...]:
    stands = {content_of(found.fingerprint): found.rule.number for found in reversed(mine)}
    held = {position: stands[content] for position, content in enumerate(contents) if content in stands}
    home = min((found.rule.number for found in mine), default=None)
    return assign(len(contents), held, [found.rule.number for found in foreign], home)


def _write(
    document: Document,
    foreign: Sequence[LiveRule],
    own_before: Collection[str],
    own_after: Collection[str],
    drop: Collection[int],
    add: Sequence[Rule],
) -> bytes | None:
    masked = next((found.rule.number for found in foreign if found.masked), None)
    if masked is not None:
        raise MaskedSecret(
            f"Foreign rule {masked} holds a secret (MirrorAuth/AccessKeySecret) that OSS does not show; "
            "writing the document back would destroy it.",
            hint=f"take rule {masked} out, or let its owner use a role (MirrorUsingRole) instead of a key",
        )
    after = rewrite(document, drop=drop, add=add)
    if foreign_part(document.raw, own_before) != foreign_part(after, own_after):
        raise MalformedWebsite("The website document cannot be edited without changing what others configured.")
    return after
