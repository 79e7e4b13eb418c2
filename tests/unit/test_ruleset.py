from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migrator.app.ruleset import Route, fitted, writable
from migrator.domain import rules
from migrator.domain.cover import Finished, Unfinished

ROUTE = Route("", "https://legacy.example.com/", 302, pass_query_string=False, from_cdn=False)


@given(st.text(max_size=8))
def test_a_prefix_is_shortened_exactly_as_far_as_xml_demands(prefix):
    short = writable(prefix)
    assert prefix.startswith(short)
    assert short == "" or rules.can_be_written(short)
    assert short == prefix or not rules.can_be_written(prefix[: len(short) + 1])


def test_a_folder_with_a_control_character_is_covered_by_a_broader_rule():
    ruleset = fitted([Unfinished(writable("img/a\x01b/"), ROUTE)], [], 0)
    assert [rule.condition.key_prefix for rule in ruleset.rules] == ["img/a"]
    assert ruleset.serving("img/a\x01b/x").route.location("img/a\x01b/x") == "https://legacy.example.com/img/a%01b/x"


@given(st.sets(st.text("ab/", max_size=4), min_size=1, max_size=30), st.integers(0, 18))
def test_whatever_is_unfinished_is_answered_beside_the_foreign_rules(names, foreign):
    names = sorted(names)
    finished = [Finished(name, 1.0) for name in names[1::2]]
    unfinished = [Unfinished(name, ROUTE) for name in names[::2]]
    ruleset = fitted(unfinished, finished, foreign)
    assert len(ruleset.rules) + foreign <= 19, "one slot stays free for a prefix that must be reopened"
    for each in unfinished:
        assert ruleset.serving(each.prefix + "key") is not None
