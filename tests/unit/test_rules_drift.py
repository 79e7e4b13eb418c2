"""What the server makes of a document, and what others change in it, is told apart."""

from __future__ import annotations

import random
from xml.etree import ElementTree as ET

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rules_strategies import own_rules

from migrator.domain.rules import (
    foreign_changes,
    merge,
    migration_rule,
    parse,
    parse_redirect_url,
    rewrite,
    same_meaning,
)

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


def given_back(raw, seed):
    """What a server may make of a document: defaults filled in, order and spelling of its own."""
    shuffle = random.Random(seed).shuffle
    root = ET.fromstring(raw.decode("utf-8-sig"))
    for redirect in root.iter("Redirect"):
        for name, value in (
            ("RedirectType", "External"),
            ("PassQueryString", "false"),
            ("EnableReplacePrefix", "FALSE"),
        ):
            if redirect.find(name) is None:
                ET.SubElement(redirect, name).text = value
    for parent in [*root.iter("RoutingRule"), *root.iter("Redirect"), *root.iter("Condition")]:
        children = list(parent)
        shuffle(children)
        parent[:] = children
    return ET.tostring(root, encoding="utf-8")


@given(own_rules(), st.integers(0, 1000))
@settings(deadline=None)
def test_own_rules_are_recognised_in_what_the_server_gives_back(desired, seed):
    # This stand-in for a server writes a bare CR, which XML readers turn into LF.
    assume(not any("\r" in rule.condition.key_prefix for rule in desired))
    found = merge(foreign(1, 7), (), desired)
    returned = given_back(found.after, seed)
    assert same_meaning(returned, found.after)
    assert not merge(returned, found.own, desired).changed


def test_foreign_changes_are_told_in_sentences():
    own = merge(foreign(1, 2, 3), (), rules("a/"))
    known = own.after
    assert foreign_changes(known, given_back(known, 1), own.own) == ()
    live = known.replace(b">f2/<", b">g2/<").replace(b">3<", b">33<")
    live = live.replace(b"</WebsiteC", b"<ErrorDocument><Key>e</Key></ErrorDocument></WebsiteC")
    assert foreign_changes(known, live, own.own) == (
        "Foreign rule 2 was edited.",
        "Foreign rule 3 became rule 33.",
        "The index document, the error document or another setting outside the rules was changed.",
    )
    assert foreign_changes(known, rewrite(parse(known), drop={1}), own.own) == ("Foreign rule 1 was removed.",)
    assert foreign_changes(rewrite(parse(known), drop={1}), known, own.own) == (
        "Foreign rule 1 was added (prefix 'f1/').",
    )
    assert len(foreign_changes(known, None, own.own)) == 3
