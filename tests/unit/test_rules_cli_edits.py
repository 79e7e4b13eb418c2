"""Edits by hand on documents: what others wrote stays byte for byte; JSON loses nothing."""

from __future__ import annotations

import pytest
import rules_strategies as given_by
from hypothesis import example, given
from hypothesis import strategies as st

from migrator.domain.rules import Condition, Redirect, Rule, parse, same_meaning
from migrator.domain.rules.asjson import from_json, to_json
from migrator.domain.rules.byhand import (
    differences,
    editable,
    free_number,
    replaced,
    with_moved,
    with_rule,
    without_rule,
)
from migrator.domain.rules.edit import merge
from migrator.domain.rules.mapping import RedirectBase, migration_rule
from migrator.domain.rules.wishes import Add, Edit, Move, Remove, Where, carried_out, spelled
from migrator.errors import Invalid, MigratorError, NotFound

RULE = Rule(0, Condition("by-hand/", 404), Redirect(protocol="https", host="o.example", code=302))
BASE = RedirectBase("https", "legacy.example")


def written(document, *, but=()):
    """Every rule but some, byte for byte."""
    raw = document.raw or b""
    return [raw[live.element.start : live.element.end] for live in document.by_number if live.rule.number not in but]


@given(given_by.foreign_documents())
def test_an_added_rule_goes_again_without_a_trace(raw):
    document = parse(raw)
    number = free_number(document, ())
    after = with_rule(document, RULE.numbered(number))
    assert written(parse(after), but={number}) == written(document)
    assert without_rule(parse(after), number) == raw or document.is_empty
    assert [each.kind for each in differences(raw, after)] == ["added"]


@given(given_by.foreign_documents(), st.data())
def test_a_moved_rule_keeps_its_bytes_and_the_order_of_the_document(raw, data):
    document = parse(raw)
    numbers = [live.rule.number for live in document.by_number]
    if not numbers:
        return
    number = data.draw(st.sampled_from(numbers))
    to = data.draw(st.integers(1, max(numbers) + 5).filter(lambda n: n == number or n not in numbers))
    after = parse(with_moved(document, number, to))
    assert written(after, but={to}) == written(document, but={number})
    assert sorted(live.rule.number for live in after.rules) == sorted({*numbers, to} - ({number} - {to}))
    in_document = [live.rule.number for live in document.rules]
    if in_document == sorted(in_document):
        assert [live.rule.number for live in after.rules] == sorted(live.rule.number for live in after.rules)
    moved = next(live for live in after.rules if live.rule.number == to)
    before = next(live for live in document.rules if live.rule.number == number)
    assert moved.fingerprint.partition(":")[2] == before.fingerprint.partition(":")[2]


@given(given_by.foreign_documents())
@example(b"<WebsiteConfiguration><!-- ours, do not touch -->\n</WebsiteConfiguration>\n")
def test_json_says_what_the_document_says(raw):
    try:
        text = to_json(raw)
    except MigratorError:
        return  # attributes and mixed text, which JSON cannot say
    assert same_meaning(from_json(text), raw)


def test_numbers_are_found_between_neighbours():
    document = parse(with_rule(parse(None), RULE.numbered(4)))
    document = parse(with_rule(document, RULE.numbered(6)))
    assert free_number(document, ()) == 10
    assert free_number(document, (), before=6) == 5
    assert free_number(document, (), behind=4) == 5
    assert free_number(document, (), before=4) == 2
    assert free_number(document, (), behind=6) > 6
    with pytest.raises(NotFound):
        free_number(document, (), before=5)
    full = parse(with_rule(document, RULE.numbered(5)))
    with pytest.raises(Invalid, match="no number is free"):
        free_number(full, (), before=6)


def test_a_whole_document_is_replaced_around_own_rules():
    live = merge(None, (), [migration_rule("data/", "", BASE)])
    foreign = with_rule(parse(None), RULE.numbered(7))
    after = replaced(foreign, live.after, live.own)
    assert [found.rule.condition.key_prefix for found in parse(after).by_number] == ["by-hand/", "data/"]
    assert {found.fingerprint for found in parse(after).rules} >= set(live.own)
    assert same_meaning(replaced(None, after, live.own), live.after)
    taken = with_rule(parse(None), RULE.numbered(parse(live.after).rules[0].rule.number))
    assert replaced(taken, live.after, live.own) == taken


@pytest.mark.parametrize(
    ("redirect", "named"),
    [
        ("<RedirectType>Mirror</RedirectType><MirrorURL>https://m.example/</MirrorURL>", "the type Mirror"),
        ("<HostName>o</HostName><MirrorSNI>true</MirrorSNI>", "MirrorSNI"),
        ("<HostName>o</HostName><Unheard>of</Unheard>", "Unheard"),
    ],
)
def test_a_rule_that_says_more_than_the_panel_is_moved_but_not_edited(redirect, named):
    raw = (
        "<WebsiteConfiguration><RoutingRules><RoutingRule><RuleNumber>3</RuleNumber>"
        f"<Redirect>{redirect}</Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>"
    ).encode()
    document = parse(raw)
    with pytest.raises(Invalid, match=named):
        editable(document, 3)
    assert with_moved(document, 3, 9) == raw.replace(b">3<", b">9<")
    assert without_rule(document, 3) is None


def test_wishes_that_name_what_is_not_there_are_refused():
    document = parse(with_rule(parse(None), RULE.numbered(4)))
    from migrator.domain.rules.panel import Panel

    for wish in (Remove(5), Move(5, Where()), Edit(5, Panel(status=500))):
        with pytest.raises(NotFound, match="no rule 5"):
            carried_out(wish, document, ())
    with pytest.raises(Invalid, match="nothing to change"):
        carried_out(Edit(4, Panel()), document, ())
    with pytest.raises(Invalid, match="taken"):
        carried_out(Add(Panel(status=404, host="o.example"), Where(number=4)), document, ())
    with pytest.raises(Invalid, match="--number"):
        carried_out(Move(4, Where(number=0)), document, ())
    with pytest.raises(Invalid, match="exclude each other"):
        Where(number=1, before=2)
    assert spelled(Move(4, Where()), document) == "moved rule 4"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"WebsiteConfiguration": 1}',
        '{"a": {"b": 1.5}}',
        '{"a b": 1}',
        '{"A": "\\u0001"}',
        '{"A": [[1]]}',
        '{"A": 1, "A": 2}',
    ],
)
def test_json_that_describes_no_document_is_refused(text):
    with pytest.raises(Invalid):
        from_json(text)
