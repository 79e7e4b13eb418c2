"""Merging own rules never touches what others configured, whatever that is."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rules_strategies import foreign_documents, own_rules

from migrator.domain.rules import (
    MAX_RULES,
    foreign_count,
    foreign_part,
    merge,
    migration_rule,
    ownership,
    parse,
    parse_redirect_url,
    rewrite,
    same_meaning,
)
from migrator.errors import Invalid, MalformedWebsite, MaskedSecret, RuleCapacityExceeded

BASE = parse_redirect_url("https://legacy.example.com/base/")


def rules(*prefixes):
    return [migration_rule(prefix, "", BASE) for prefix in prefixes]


def foreign(*numbers, extra=""):
    inner = "".join(
        f"<RoutingRule><RuleNumber>{number}</RuleNumber><Condition><KeyPrefixEquals>f{number}/</KeyPrefixEquals>"
        f"</Condition><Redirect><HostName>f.example</HostName></Redirect>{extra}</RoutingRule>"
        for number in numbers
    )
    return f"<WebsiteConfiguration><RoutingRules>{inner}</RoutingRules></WebsiteConfiguration>".encode()


def own_numbers(found):
    return [int(name.partition(":")[0]) for name in found.own]


def prefixes_of(found):
    mine, _, missing = ownership(parse(found.after), found.own)
    assert missing == ()
    return [live.rule.condition.key_prefix for live in mine]


def without(raw, numbers):
    """Take rules out by another library, for a second opinion."""
    root = ET.fromstring(raw.decode("utf-8-sig"))
    for container in [child for child in root if child.tag.endswith("RoutingRules")]:
        for rule in list(container):
            number = next((child.text for child in rule if child.tag.endswith("RuleNumber")), "")
            if (number or "").strip() in {str(each) for each in numbers}:
                container.remove(rule)
        if not len(container):
            root.remove(container)
    return ET.canonicalize(ET.tostring(root, encoding="unicode"), strip_text=True, rewrite_prefixes=True)


@given(foreign_documents(), own_rules())
@settings(deadline=None)
def test_adding_and_removing_own_rules_gives_back_the_very_same_bytes(live, desired):
    before = foreign_part(live, ())
    added = merge(live, (), desired)
    assert foreign_part(added.after, added.own) == before
    assert added.changed is bool(desired)
    removed = merge(added.after, added.own, [])
    assert removed.after == (None if parse(live).is_empty and desired else live)
    assert removed.own == ()


@given(foreign_documents(), own_rules())
@settings(deadline=None, max_examples=50)
def test_another_library_agrees_that_the_foreign_part_is_untouched(live, desired):
    added = merge(live, (), desired)
    if live and added.after:
        assert without(added.after, own_numbers(added)) == without(live, ())


@given(foreign_documents(), st.lists(own_rules(max_size=12), min_size=1, max_size=4))
@settings(deadline=None, max_examples=50)
def test_a_walk_of_merges_keeps_every_promise(live, course):
    own, document = (), live
    for desired in course:
        found = merge(document, own, desired)
        assert found.missing_own == ()
        parsed = parse(found.after)
        numbers = [rule.rule.number for rule in parsed.rules]
        assert numbers == sorted(set(numbers))
        assert len(numbers) <= MAX_RULES
        standing = prefixes_of(found)
        assert sorted(standing) == sorted(rule.condition.key_prefix for rule in desired)
        assert all(len(a) >= len(b) for a, b in pairwise(standing))
        assert foreign_part(found.after, found.own) == foreign_part(live, ())
        again = merge(found.after, found.own, desired)
        assert not again.changed
        assert again.after == found.after
        assert again.own == found.own
        document, own = found.after, found.own
        if document is None:
            live = None  # nothing foreign was there but comments


def test_nothing_to_do_leaves_the_document_alone():
    for live in (None, foreign(3), b"<WebsiteConfiguration/>"):
        found = merge(live, (), [])
        assert not found.changed
        assert found.after == live


def test_own_rules_come_behind_foreign_ones_with_gaps_longest_first():
    found = merge(foreign(3, 250), (), rules("", "a/", "a/b/"))
    assert own_numbers(found) == [300, 400, 500]
    assert prefixes_of(found) == ["a/b/", "a/", ""]
    assert found.foreign_count == 2
    assert foreign_count(found.after, found.own) == 2


def test_a_later_rule_finds_room_without_renumbering():
    first = merge(None, (), rules("", "aa/"))
    assert own_numbers(first) == [100, 200]
    second = merge(first.after, first.own, rules("", "b/", "aa/", "ccc/"))
    assert own_numbers(second) == [50, 100, 150, 200]
    assert set(first.own) < set(second.own)


def test_without_room_own_rules_are_renumbered_and_foreign_ones_never():
    live = foreign(1)
    own = ()
    names = [""]
    for depth in range(1, 12):  # always in front of all others: the gap there closes
        names.append("x" * depth)
        found = merge(live, own, rules(*names))
        live, own = found.after, found.own
        assert own_numbers(found) == sorted(set(own_numbers(found)))
        assert foreign_part(live, own) == foreign_part(foreign(1), ())
        assert min(own_numbers(found)) > 1


def test_the_own_block_stays_between_the_foreign_rules_it_stood_between():
    first = merge(foreign(3), (), rules("a/"))
    document = parse(first.after)
    later = parse(foreign(900)).rules[0].rule
    live = rewrite(document, add=[later.__class__(900, later.condition, migration_rule("z", "", BASE).redirect)])
    second = merge(live, first.own, rules("b/", "c/"))
    assert all(3 < number < 900 for number in own_numbers(second))


def test_no_number_goes_beyond_what_a_signed_integer_holds():
    found = merge(foreign(2**31 - 1), (), rules("a/", "b/"))
    assert max(own_numbers(found)) < 2**31 - 1
    found = merge(foreign(2**31 - 3), (), rules("a/", "b/"))
    assert own_numbers(found) == [2**31 - 2, 2**31 - 1]


@pytest.mark.parametrize(("others", "mine"), [(20, 1), (18, 3), (0, 21), (19, 2)])
def test_more_than_twenty_are_refused_with_the_counts(others, mine):
    with pytest.raises(
        RuleCapacityExceeded, match=rf"^{mine} own rules .* {others} foreign .* {20 - others} of its 20"
    ):
        merge(foreign(*range(1, others + 1)), (), rules(*(f"p{i}/" for i in range(mine))))


@pytest.mark.parametrize(("others", "mine"), [(20, 0), (18, 2), (0, 20), (19, 1)])
def test_twenty_fit(others, mine):
    found = merge(foreign(*range(1, others + 1)), (), rules(*(f"p{i}/" for i in range(mine))))
    assert len(parse(found.after).rules) == 20


def test_twenty_own_rules_can_be_swapped_for_twenty_others():
    first = merge(None, (), rules(*(f"a{i}/" for i in range(20))))
    second = merge(first.after, first.own, rules(*(f"b{i}/" for i in range(20))))
    assert len(parse(second.after).rules) == 20


def test_a_rule_somebody_deleted_is_named_and_put_back():
    first = merge(foreign(1), (), rules("a/", "b/"))
    number = own_numbers(first)[0]
    live = rewrite(parse(first.after), drop={number})
    second = merge(live, first.own, rules("a/", "b/"))
    assert second.missing_own == (first.own[0],)
    assert second.changed
    assert same_meaning(second.after, first.after)


def test_a_rule_somebody_edited_is_missing_and_theirs_now():
    first = merge(None, (), rules("a/"))
    live = first.after.replace(b">302<", b">307<")
    second = merge(live, first.own, rules("a/"))
    assert second.missing_own == first.own
    assert second.foreign_count == 1
    assert b">307<" in second.after
    assert second.conflicts[0].rule_number == 100


def test_a_rule_somebody_renumbered_is_still_ours():
    first = merge(foreign(1), (), rules("a/", "b/"))
    live = first.after.replace(b">100<", b">2<").replace(b">200<", b">3<")
    second = merge(live, first.own, rules("a/", "b/"))
    assert not second.changed
    assert own_numbers(second) == [2, 3]
    assert second.missing_own == ()
    assert merge(live, first.own, []).after == foreign(1)


def test_fingerprints_of_two_revisions_may_be_presented_together():
    first = merge(None, (), rules("a/", "b/"))
    second = merge(first.after, first.own, rules("b/", "c/"))
    both = {*first.own, *second.own}
    assert not merge(second.after, both, rules("b/", "c/")).changed
    back = merge(first.after, both, rules("b/", "c/"))
    assert same_meaning(back.after, second.after)


def test_a_foreign_rule_of_the_same_content_stays_where_ours_stands_too():
    first = merge(None, (), rules("a/"))
    twin = parse(first.after).rules[0].rule.numbered(7)
    live = rewrite(parse(first.after), add=[twin])
    gone = merge(live, first.own, [])
    assert [each.rule.number for each in parse(gone.after).rules] == [7]
    assert gone.foreign_count == 1


def test_a_masked_secret_keeps_the_document_from_being_written():
    secret = "<MirrorAuth><AccessKeyId>i</AccessKeyId><AccessKeySecret>***</AccessKeySecret></MirrorAuth>"
    live = foreign(4, extra=secret)
    assert not merge(live, (), []).changed
    with pytest.raises(MaskedSecret, match="rule 4"):
        merge(live, (), rules("a/"))
    merge(live.replace(b"***", b"plain"), (), rules("a/"))


def test_own_rules_are_migration_rules():
    permanent = migration_rule("a/", "", BASE)
    permanent = permanent.__class__(0, permanent.condition, permanent.redirect.__class__(host="o", protocol="http"))
    with pytest.raises(Invalid, match="301"):
        merge(None, (), [permanent])
    with pytest.raises(Invalid, match="same condition"):
        merge(None, (), rules("a/", "a/"))


def test_what_is_not_understood_is_never_edited():
    with pytest.raises(MalformedWebsite):
        merge(b"<html/>", (), rules("a/"))


@pytest.mark.parametrize(
    "live",
    [
        b"<WebsiteConfiguration/>",
        b"<WebsiteConfiguration></WebsiteConfiguration>",
        b"<WebsiteConfiguration>\n  <RoutingRules/>\n</WebsiteConfiguration>",
        b'<w:WebsiteConfiguration xmlns:w="urn:oss"/>',
        b'<w:WebsiteConfiguration xmlns:w="urn:oss"><w:RoutingRules a=">" /><w:New/></w:WebsiteConfiguration>',
        b'<WebsiteConfiguration xmlns="urn:oss" ><IndexDocument/></WebsiteConfiguration >',
    ],
)
def test_every_way_to_write_an_empty_container_can_be_filled(live):
    found = merge(live, (), rules("a/", "b/"))
    assert prefixes_of(found) == ["a/", "b/"]
    assert foreign_part(found.after, found.own) == foreign_part(live, ())


def test_line_ends_and_comments_of_others_stay():
    live = foreign(1).replace(b"<RoutingRule>", b"\r\n<!-- keep --><?me?>\r\n<RoutingRule>", 1)
    found = merge(live, (), rules("a/"))
    assert b"\r\n<!-- keep --><?me?>\r\n<RoutingRule>" in found.after
    assert re.search(rb"</RoutingRule>\n    <RoutingRule>", found.after)
