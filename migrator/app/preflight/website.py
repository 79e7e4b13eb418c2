"""The bucket's website document: is there room for our rules, and what answers before them?"""

from __future__ import annotations

from collections.abc import Iterator

from migrator.app.preflight.facts import Facts
from migrator.app.preflight.finding import Finding, Level
from migrator.app.ruleset import Route, fitted
from migrator.domain import rules
from migrator.domain.cover import Unfinished
from migrator.errors import ForeignRuleShadows


def website(facts: Facts) -> Iterator[Finding]:
    """Look at rules and pages of others."""
    yield from _rules(facts)
    yield from _permanent(facts)
    yield from _pages(facts)


def _rules(facts: Facts) -> Iterator[Finding]:
    live, own, prefix = facts.website, facts.own, facts.spec.destination.prefix
    foreign = rules.foreign_count(live, own)
    rules.merge(live, own, fitted([Unfinished(prefix, Route.of(facts.spec))], [], foreign).rules)
    conflicts = rules.conflicts(live, own, [prefix])
    for conflict in conflicts:
        worst = conflict.severity == rules.SHADOWS
        yield Finding(
            Level.ERROR if worst else Level.WARNING,
            "rules.shadowed" if worst else "rules.carved",
            conflict.sentence,
            f"change or remove rule {conflict.rule_number} of the bucket; see: migrator rules show",
            ForeignRuleShadows.exit_code,
        )
    if not any(conflict.severity == rules.SHADOWS for conflict in conflicts):
        left = rules.MAX_RULES - foreign
        yield Finding(Level.OK, "rules.room", f"{foreign} foreign rules, {left} slots left for ours")


def _permanent(facts: Facts) -> Iterator[Finding]:
    for live in facts.document.rules:
        rule = live.rule
        if (
            live.fingerprint not in facts.own
            and rule.redirect.redirects
            and rule.redirect.code == 301
            and rules.related(rule.condition.key_prefix, facts.spec.destination.prefix)
        ):
            yield Finding(
                Level.WARNING,
                "rules.permanent",
                f"rule {rule.number} answers 301, which browsers and CDNs keep for good: those who met it do not come "
                "back to OSS after the migration",
                "change it to 302 now, and keep its target reachable for those who remember it",
            )


def _pages(facts: Facts) -> Iterator[Finding]:
    index, error = facts.document.index, facts.document.error
    if error is not None and error.status == 200:
        yield Finding(
            Level.WARNING,
            "rules.error-page-200",
            f"the error page {error.key!r} is answered with 200: once a rule is gone nobody can tell a missing object "
            "from one that is there, and the retirement cannot be observed",
            "set HttpStatus 404 in the bucket's ErrorDocument",
        )
    if index is None:
        return
    folders = [each.key for each in facts.sample if each.key.endswith("/")]
    if folders:
        yield Finding(
            Level.WARNING,
            "rules.index-page",
            f"the bucket's index page answers keys that end in / before any rule does, and the origin has such keys "
            f"({folders[0]!r})",
            "take the IndexDocument out until the job is done, or accept it for these keys",
        )
    if index.support_sub_dir:
        yield Finding(
            Level.NOTE,
            "rules.sub-directory-page",
            f"SupportSubDir: once a rule is gone, a missing key whose folder holds {index.suffix!r} is answered by "
            "that page instead of 404",
            "nothing, if the site is built for it",
        )
