"""Who answers first is judged as the simulator answers."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.domain.rules import (
    Condition,
    HeaderCondition,
    Redirect,
    Rule,
    Severity,
    conflicts,
    merge,
    migration_rule,
    parse,
    parse_redirect_url,
    render,
    shadows,
)
from migrator.domain.simulate import Request, simulate

BASE = parse_redirect_url("https://legacy.example.com/")
TO_FOREIGN = Redirect("External", "https", "f.example", 302)
KEYS = ["".join(letters) for length in range(1, 6) for letters in product("ab", repeat=length)]
SENT = HeaderCondition("x-team", "red")

SHORT = st.text("ab", max_size=3)
FOREIGN = st.builds(
    Rule,
    st.just(1),
    st.builds(
        Condition,
        SHORT,
        st.sampled_from([404, 404, None, 403]),
        st.sampled_from(["", "", "a", "bb"]),
        st.sampled_from([(), (), (SENT,)]),
    ),
    st.just(TO_FOREIGN),
)


def document(*rules):
    inner = "".join(render(rule) for rule in rules)
    return f"<WebsiteConfiguration><RoutingRules>{inner}</RoutingRules></WebsiteConfiguration>".encode()


def answers(raw, prefix, headers):
    """The number of the rule that answers each key under the prefix."""
    site = parse(raw)
    return [simulate(site, Request(key, headers=headers)).rule_number for key in KEYS if key.startswith(prefix)]


@given(FOREIGN, SHORT)
@settings(deadline=None, max_examples=150)
def test_a_conflict_is_found_exactly_when_the_foreign_rule_answers_first(foreign, prefix):
    raw = document(foreign, migration_rule(prefix, "", BASE).numbered(2))
    taken = [number == 1 for number in answers(raw, prefix, {"x-team": "red"})]
    always = [number == 1 for number in answers(raw, prefix, {})]
    found = shadows(foreign, prefix)
    assert (found is not None) is any(taken)
    if found:
        assert (found.severity is Severity.SHADOWS) is all(always)
        assert found.rule_number == 1
        assert repr(prefix) in found.sentence


@given(FOREIGN, SHORT)
@settings(deadline=None)
def test_a_redirect_without_a_status_answers_first_wherever_it_stands(foreign, prefix):
    raw = document(migration_rule(prefix, "", BASE).numbered(1), foreign.numbered(2))
    taken = 2 in answers(raw, prefix, {"x-team": "red"})
    own = (parse(raw).rules[0].fingerprint,)
    assert bool(conflicts(raw, own, [prefix])) is taken


def test_a_disjoint_foreign_rule_never_conflicts():
    assert shadows(Rule(1, Condition("b/", 404), TO_FOREIGN), "a/") is None
    assert shadows(Rule(1, Condition("a", 500), TO_FOREIGN), "a/") is None


@pytest.mark.parametrize(
    ("condition", "severity", "says"),
    [
        (Condition("", 404), "shadows", "every missing key under 'a/b/'"),
        (Condition("a/", None), "shadows", "every missing key"),
        (Condition("a/b/", 404), "shadows", "every missing key"),
        (Condition("a/b/c/", 404), "carves", "that begin with 'a/b/c/'"),
        (Condition("", 404, ".png"), "carves", "that end with '.png'"),
        (Condition("a/", 404, headers=(SENT,)), "carves", r"whose headers fit \(x-team\)"),
    ],
)
def test_the_sentence_says_which_keys(condition, severity, says):
    found = shadows(Rule(5, condition, TO_FOREIGN), "a/b/")
    assert found.severity == severity
    assert found.rule_prefix == condition.key_prefix
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(found.sentence)


def test_a_mirror_rule_without_a_status_waits_for_404_at_its_place():
    mirror = Rule(9, Condition("a/"), Redirect("Mirror", mirror_url="https://m.example/"))
    assert shadows(mirror, "a/").severity is Severity.SHADOWS
    raw = document(migration_rule("a/", "", BASE).numbered(1)).replace(
        b"</RoutingRules>",
        b"<RoutingRule><RuleNumber>9</RuleNumber><Condition><KeyPrefixEquals>a/</KeyPrefixEquals></Condition>"
        b"<Redirect><RedirectType>Mirror</RedirectType><MirrorURL>https://m.example/</MirrorURL></Redirect>"
        b"</RoutingRule></RoutingRules>",
    )
    own = (parse(raw).rules[0].fingerprint,)
    assert conflicts(raw, own, ["a/"]) == ()
    found = merge(raw, own, [migration_rule("a/", "", BASE)])
    assert found.conflicts == ()
    assert [(each.rule_number, each.severity) for each in found.hidden] == [(9, "shadows")]


def test_conflicts_judge_new_rules_by_the_place_they_will_get():
    raw = document(Rule(3, Condition("a/", 404), TO_FOREIGN))
    assert [found.rule_number for found in conflicts(raw, (), ["", "a/x/", "b/"])] == [3, 3]
    found = merge(raw, (), [migration_rule(prefix, "", BASE) for prefix in ("", "a/x/", "b/")])
    assert [(each.prefix, each.severity) for each in found.conflicts] == [("a/x/", "shadows"), ("", "carves")]
    assert found.hidden == ()
