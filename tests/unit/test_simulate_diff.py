"""Two documents are compared by what readers under each prefix get."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rules_strategies import RULES

from migrator.domain.rules import merge, migration_rule, parse, parse_redirect_url, render
from migrator.domain.simulate import Bucket, Request, diff, simulate

BASE = parse_redirect_url("https://legacy.example.com/")


def published(*prefixes, base=BASE):
    return parse(merge(None, (), [migration_rule(prefix, "", base) for prefix in prefixes]).after)


def changed(a, b, prefixes):
    return [change.prefix for change in diff(a, b, prefixes)]


def document(rules):
    inner = "".join(render(rule.numbered(number)) for number, rule in enumerate(rules, 1))
    return parse(f"<WebsiteConfiguration><RoutingRules>{inner}</RoutingRules></WebsiteConfiguration>".encode())


def test_only_the_prefixes_whose_outcome_changes_are_listed():
    a, b = published("a/", "b/", "c/"), published("a/", "c/", "d/")
    assert changed(a, b, ["a/", "b/", "c/", "d/", "e/", "b/x/"]) == ["b/", "d/", "b/x/"]
    assert changed(a, a, ["a/", ""]) == []


def test_folding_prefixes_under_their_parent_changes_the_neighbours_only():
    assert changed(published("a/b/", "a/c/"), published("a/"), ["a/b/", "a/c/", "a/d/", "a/"]) == ["a/d/", "a/"]


def test_numbers_do_not_matter_the_order_does():
    a = document([migration_rule("a/", "", BASE), migration_rule("", "", BASE)])
    other = parse_redirect_url("https://other.example.com/")
    b = document([migration_rule("", "", other), migration_rule("a/", "", BASE)])
    assert changed(published("a/", ""), a, ["a/", "b/"]) == []
    assert changed(a, b, ["a/", "b/"]) == ["a/", "b/"]


def test_an_example_shows_the_difference():
    (change,) = diff(published("a/"), published(), ["a/"])
    assert change.request.key.startswith("a/")
    assert change.before.status == 302
    assert change.after.status == 404


def test_index_and_error_pages_change_outcomes_too():
    index = "<IndexDocument><Suffix>i.html</Suffix>{}</IndexDocument>"
    error = "<ErrorDocument><Key>e.html</Key></ErrorDocument>"
    plain = parse(None)
    below = "<SupportSubDir>true</SupportSubDir>"
    for pages in (index.format(""), index.format(below), error, error + index.format(below)):
        assert changed(plain, parse(f"<WebsiteConfiguration>{pages}</WebsiteConfiguration>".encode()), ["a/"]) == ["a/"]


SMALL = st.lists(RULES.filter(lambda rule: len(rule.condition.headers) < 2), max_size=3)


@given(SMALL, SMALL, st.sampled_from(["", "a", "b/"]), st.text("ab/.", max_size=3))
@settings(deadline=None)
def test_where_no_difference_is_reported_readers_see_none(one, other, prefix, rest):
    a, b = document(one), document(other)
    if changed(a, b, [prefix]):
        return
    for status in (404, 403, 200):
        request = Request(prefix + rest + "k", status=status)
        first, second = simulate(a, request, Bucket()), simulate(b, request, Bucket())
        assert (first.status, first.location) == (second.status, second.location)
