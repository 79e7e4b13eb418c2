"""Edit single rules of a document on somebody's behalf: every byte that is not edited stays what it was."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from migrator.domain.rules.conflicts import Conflict, conflicts_before
from migrator.domain.rules.document import Document, LiveRule, meaning, parse
from migrator.domain.rules.edit import ownership
from migrator.domain.rules.model import MAX_NUMBER, Rule, in_order
from migrator.domain.rules.render import content_of
from migrator.domain.rules.rewrite import rewrite
from migrator.errors import Invalid, MaskedSecret, NotFound

_PANEL = {
    "RoutingRule": {"RuleNumber", "Condition", "Redirect"},
    "Condition": {"KeyPrefixEquals", "KeySuffixEquals", "HttpErrorCodeReturnedEquals", "IncludeHeader"},
    "IncludeHeader": {"Key", "Equals", "StartsWith", "EndsWith"},
    "Redirect": {
        "RedirectType",
        "PassQueryString",
        "Protocol",
        "HostName",
        "HttpRedirectCode",
        "ReplaceKeyWith",
        "EnableReplacePrefix",
        "ReplaceKeyPrefixWith",
    },
}
"""What a redirection rule can say in the panel."""
_STEP = 10
_WIDE_STEP = 1000
"""Behind migration rules, whose numbers grow in steps of 100 and need room."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One rule that is not in both documents as it was."""

    kind: Literal["added", "removed", "edited", "moved"]
    before: Rule | None
    after: Rule | None
    own: bool = False
    """It is a migration rule."""


def rule_at(document: Document, number: int) -> LiveRule:
    """Return the rule with that number. Raises NotFound naming those that exist."""
    for live in document.rules:
        if live.rule.number == number:
            return live
    known = ", ".join(str(live.rule.number) for live in document.by_number)
    raise NotFound(f"there is no rule {number}", hint=f"there are: {known}" if known else "the bucket has no rules")


def with_rule(document: Document, rule: Rule) -> bytes | None:
    """Return the document with one rule more. Raises Invalid when its number is taken or it cannot be written."""
    _refuse_taken(document, rule.number)
    return rewrite(document, add=[rule])


def editable(document: Document, number: int) -> Rule:
    """Return the rule with that number if the panel can say all that it says: an edit would lose the rest.

    Raises NotFound, Invalid.
    """
    standing = rule_at(document, number)
    more = beyond_panel(standing)
    if more:
        raise Invalid(
            f"rule {number} holds {', '.join(more)}, which the panel does not know and an edit would lose",
            hint="migrator rules export, edit the file, then migrator rules import",
        )
    return standing.rule


def with_edited(document: Document, rule: Rule) -> bytes | None:
    """Return the document with the rule of that number, which is `editable`, replaced."""
    return rewrite(document, drop={rule.number}, add=[rule])


def without_rule(document: Document, number: int) -> bytes | None:
    """Return the document without the rule; None when nothing is left. Raises NotFound."""
    return rewrite(document, drop={rule_at(document, number).rule.number})


def with_moved(document: Document, number: int, to: int) -> bytes | None:
    """Return the document with a rule of any kind under another number, and at the place that goes with it.

    Raises NotFound, and Invalid when the number is taken.
    """
    live = rule_at(document, number)
    if to == number:
        return document.raw
    _refuse_taken(document, to)
    written = live.element.first("RuleNumber")
    raw = document.raw
    assert raw is not None
    assert written is not None
    text = (
        raw[live.element.start : written.content_start] + str(to).encode() + raw[written.content_end : live.element.end]
    )
    start, end = len(raw[: live.element.start].rstrip()), live.element.end
    others = [other for other in document.by_number if other.rule.number != number]
    lower = [other for other in others if other.rule.number < to]
    if not others:
        return raw[: live.element.start] + text + raw[end:]
    place = lower[-1].element.end if lower else others[0].element.start
    piece = b"\n    " + text if lower else text + b"\n    "
    if place <= start:
        return raw[:place] + piece + raw[place:start] + raw[end:]
    return raw[:start] + raw[end:place] + piece + raw[place:]


def replaced(foreign: bytes | None, live: bytes | None, own: Collection[str]) -> bytes | None:
    """Return `foreign` as the whole foreign part, with the own rules as they stand in `live`.

    An own rule whose number is taken in `foreign` is left out: merging the own rules again finds it another one.
    """
    mine, _, _ = ownership(parse(live), own)
    base = parse(foreign)
    taken = {found.rule.number for found in base.rules}
    return rewrite(base, add=[found.rule for found in mine if found.rule.number not in taken])


def refuse_masked(document: bytes | None, what: str) -> None:
    """Raise MaskedSecret when putting the document would destroy a secret that OSS does not show."""
    for found in parse(document).by_number:
        if found.masked:
            number = found.rule.number
            raise MaskedSecret(
                f"Rule {number} of {what} holds a secret (MirrorAuth/AccessKeySecret) that is not shown in it; "
                "writing it would destroy the secret.",
                hint=f"remove rule {number} first (migrator rules remove) and let its owner set it up again, "
                "or let it use a role (MirrorUsingRole) instead of a key",
            )


def beyond_panel(live: LiveRule) -> tuple[str, ...]:
    """Name what a rule says and the panel cannot: elements, and the types Mirror and Internal."""
    found = [] if live.rule.redirect.redirects else [f"the type {live.rule.redirect.kind}"]
    pending = [live.element]
    while pending:
        element = pending.pop()
        for child in element.children:
            known = child.name in _PANEL.get(element.name, ()) and not child.namespace
            if not known and (child.text.strip() or child.children or child.attributes):
                found.append(child.name)
            elif child.name in _PANEL:
                pending.append(child)
    return tuple(dict.fromkeys(found))


def free_number(
    document: Document, own: Collection[str], *, before: int | None = None, behind: int | None = None
) -> int:
    """Return a number for a new rule: right before or behind another one; by default behind all.

    Raises NotFound for a rule that is not there, Invalid where no number is free between neighbours.
    """
    numbers = [live.rule.number for live in document.by_number]
    if before is None and behind is None:
        step = _WIDE_STEP if ownership(document, own)[0] else _STEP
        return min((max(numbers, default=0) // step + 1) * step, MAX_NUMBER)
    pivot = rule_at(document, before if behind is None else behind).rule.number  # type: ignore[arg-type]
    if behind is None:
        low, high = max((n for n in numbers if n < pivot), default=0), pivot
    else:
        low, high = pivot, min((n for n in numbers if n > pivot), default=pivot + 2 * _STEP)
    middle = (low + high) // 2
    if middle == low:
        raise Invalid(
            f"no number is free between {low} and {high}",
            hint=f"move one of them first, e.g.: migrator rules move {max(numbers)} --to {max(numbers) + _STEP}",
        )
    return middle


def differences(before: bytes | None, after: bytes | None, own: Collection[str] = ()) -> tuple[Difference, ...]:
    """List the rules that are not in both documents as they were, by number; `own` marks migration rules."""
    old, new = parse(before), parse(after)
    mine = {content_of(name) for name in own}
    gone = {live.rule.number: live for live in _missing(old.by_number, new.by_number)}
    come = {live.rule.number: live for live in _missing(new.by_number, old.by_number)}
    found = []
    for number, live in sorted(come.items()):
        content = content_of(live.fingerprint)
        earlier = next((n for n, other in gone.items() if content_of(other.fingerprint) == content), None)
        if earlier is not None:
            found.append(Difference("moved", gone.pop(earlier).rule, live.rule, content in mine))
        elif number in gone:
            found.append(Difference("edited", gone.pop(number).rule, live.rule, content in mine))
        else:
            found.append(Difference("added", None, live.rule, content in mine))
    found += [Difference("removed", live.rule, None, content_of(live.fingerprint) in mine) for live in gone.values()]
    return tuple(sorted(found, key=lambda each: (each.after or each.before or Rule()).number))


def pages_differ(before: bytes | None, after: bytes | None) -> bool:
    """Say whether something outside of the rules differs: index document, error document, elements nobody knows."""
    return meaning(parse(before))[1] != meaning(parse(after))[1]


def same_question(document: Document, rule: Rule) -> Iterable[Rule]:
    """Yield the other rules with the same file name prefix and suffix, which the console does not accept."""
    for live in document.by_number:
        a, b = live.rule.condition, rule.condition
        if live.rule.number != rule.number and (a.key_prefix, a.key_suffix) == (b.key_prefix, b.key_suffix):
            yield live.rule


def in_front(prefixes: Iterable[str], own: Sequence[Rule], foreign: Sequence[Rule]) -> Iterator[Conflict]:
    """Yield which of the foreign rules answer missing keys under the prefixes before the own rule for them does."""
    tried = in_order(own)
    for prefix in prefixes:
        rule = next((rule for rule in tried if prefix.startswith(rule.condition.key_prefix)), None)
        if rule is not None:
            yield from conflicts_before(foreign, rule.number, prefix)


def _missing(these: Sequence[LiveRule], those: Sequence[LiveRule]) -> list[LiveRule]:
    names = {live.fingerprint for live in those}
    return [live for live in these if live.fingerprint not in names]


def _refuse_taken(document: Document, number: int) -> None:
    if not 1 <= number <= MAX_NUMBER:
        raise Invalid(f"--number: must be 1 to {MAX_NUMBER}, not {number}", hint="leave it out to append the rule")
    if any(live.rule.number == number for live in document.rules):
        raise Invalid(f"--number: {number} is taken by another rule", hint=f"choose another, or say --before {number}")
