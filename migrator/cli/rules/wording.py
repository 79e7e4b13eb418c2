"""Rules, plans and covers as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from migrator.domain.cover import Cover
from migrator.domain.rules import Condition, Redirect, Rule, parse
from migrator.domain.rules.byhand import Difference
from migrator.domain.simulate import Change, Outcome

if TYPE_CHECKING:
    from migrator.app.byhand import Plan

_SIGNS = {"added": "+", "removed": "-", "edited": "~", "moved": ">"}


def rule_line(rule: Rule) -> str:
    """Say what a rule does: when it answers, and where it sends readers."""
    return f"{rule.number}  {condition_words(rule.condition)} -> {redirect_words(rule.redirect, rule.condition)}"


def condition_words(condition: Condition) -> str:
    """Spell the prerequisite."""
    said = [f"status {condition.status}" if condition.status else "any status"]
    said += [f"prefix {condition.key_prefix!r}"] if condition.key_prefix else []
    said += [f"suffix {condition.key_suffix!r}"] if condition.key_suffix else []
    for header in condition.headers:
        tests = {"equals": header.equals, "starts with": header.starts_with, "ends with": header.ends_with}
        said += [f"header {header.name} {kind} {value!r}" for kind, value in tests.items() if value]
    return ", ".join(said)


def redirect_words(redirect: Redirect, condition: Condition) -> str:
    """Spell the origin URL with ${key} for the key and ${rest} for what follows the prefix."""
    if not redirect.redirects:
        return f"{redirect.kind} {redirect.mirror_url}".strip()
    if redirect.replace_key_with:
        path = redirect.replace_key_with
    elif redirect.enable_replace_prefix or redirect.replace_key_prefix_with:
        path = redirect.replace_key_prefix_with + ("${rest}" if condition.key_prefix else "${key}")
    else:
        path = "${key}"
    query = "?${query}" if redirect.pass_query_string else ""
    cdn = ", followed by Alibaba Cloud CDN" if redirect.kind == "AliCDN" else ""
    scheme, host = redirect.protocol or "(scheme of the request)", redirect.host or "(host of the request)"
    return f"{redirect.code} {scheme}://{host}/{path}{query}{cdn}"


def outcome_words(outcome: Outcome) -> str:
    """Spell an answer."""
    return " ".join(part for part in (str(outcome.status), outcome.error_code, outcome.location) if part)


def difference_line(each: Difference) -> str:
    """Spell one changed rule as a line of a diff."""
    whose = "  (migration rule)" if each.own else ""
    before, after = each.before, each.after
    if each.kind == "moved" and before and after:
        return f"> {before.number} becomes {rule_line(after)}{whose}"
    if each.kind == "edited" and before and after:
        return f"~ {rule_line(before)}\n  becomes {rule_line(after)}{whose}"
    rule = after or before or Rule()
    return f"{_SIGNS[each.kind]} {rule_line(rule)}{whose}"


def change_row(change: Change) -> tuple[str, ...]:
    """Spell one prefix whose answer changes: prefix, example, before, after."""
    request = change.request
    asked = f"{request.key}" + (f" (OSS says {request.status})" if request.status not in (None, 404) else "")
    asked += "".join(f" [{name}: {value}]" for name, value in request.headers.items())
    return (change.prefix or "(everything)", asked, outcome_words(change.before), outcome_words(change.after))


CHANGES = ("PREFIX", "EXAMPLE", "BEFORE", "AFTER")


def plan_lines(plan: Plan) -> Iterator[str]:
    """Spell what would change, before the examples."""
    for each in plan.differences:
        yield from difference_line(each).split("\n")
    if plan.pages:
        yield "~ the index document, the error document or another setting outside the rules"
    count = len(parse(plan.after).rules)
    yield f"{count} of 20 rules from then on" if plan.after else "nothing is left: the configuration is deleted"


def concern_lines(plan: Plan) -> Iterator[str]:
    """Spell lint's findings and other warnings."""
    for finding in plan.findings:
        where = f"rule {finding.rule_number}: " if finding.rule_number else ""
        yield f"warning: {where}{finding.sentence} [{finding.code}]"
    for warning in plan.warnings:
        yield f"warning: {warning}"


def cover_rows(cover: Cover[Any], spelled: Iterable[str]) -> list[tuple[object, ...]]:
    """Spell a cover's rules: prefix, where to, for how many, over how many in vain, their weight, why."""
    return [
        (each.prefix or "(everything)", where, each.covers, each.over_count, each.over_weight, each.reason)
        for each, where in zip(cover.rules, spelled, strict=True)
    ]


def cover_json(cover: Cover[Any], routes: Iterable[Mapping[str, object]]) -> dict[str, object]:
    """Return a cover as plain data; `routes` say where each rule sends readers."""
    rules = [
        {
            "prefix": each.prefix,
            "covers": each.covers,
            "over_weight": each.over_weight,
            "over_count": each.over_count,
            "reason": each.reason,
            **route,
        }
        for each, route in zip(cover.rules, routes, strict=True)
    ]
    return {"rules": rules, "over_coverage": cover.over_coverage}


COVER = ("PREFIX", "ANSWERS", "FOR PREFIXES", "NEEDLESSLY OVER", "WEIGHT", "WHY")
