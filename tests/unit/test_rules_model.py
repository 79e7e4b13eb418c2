"""A rule written is the rule read; what cannot be written is refused by field."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from rules_strategies import RULES

from migrator.domain.rules import (
    Condition,
    HeaderCondition,
    Redirect,
    Rule,
    can_be_written,
    fingerprint_of,
    new_key,
    parse,
    render,
    validate,
)
from migrator.errors import Invalid

GOOD = Rule(10, Condition("photos/", 404), Redirect("External", "https", "legacy.example.com", 302))


def document(*rules: str) -> bytes:
    return f"<WebsiteConfiguration><RoutingRules>{''.join(rules)}</RoutingRules></WebsiteConfiguration>".encode()


@given(RULES)
@settings(deadline=None)
def test_what_is_rendered_is_read_back(rule):
    (live,) = parse(document(render(rule))).rules
    assert live.rule == rule
    assert live.fingerprint == fingerprint_of(rule)
    assert not live.unknown
    assert not live.masked


@given(RULES)
@settings(deadline=None)
def test_nothing_rests_on_a_default(rule):
    text = render(rule)
    for name in ("RuleNumber", "RedirectType", "Protocol", "HostName", "HttpRedirectCode", "PassQueryString"):
        assert f"<{name}>" in text
    assert "<EnableReplacePrefix>false" not in text
    assert "\r" not in text


@given(RULES)
@settings(deadline=None)
def test_a_namespace_prefix_goes_on_every_tag(rule):
    inner = render(rule, tag_prefix="w:")
    raw = f'<w:WebsiteConfiguration xmlns:w="urn:x"><w:RoutingRules>{inner}</w:RoutingRules></w:WebsiteConfiguration>'
    assert [live.rule for live in parse(raw.encode()).rules] == [rule]


def test_a_rule_reads_like_the_documentation():
    assert render(GOOD) == (
        "<RoutingRule>\n"
        "  <RuleNumber>10</RuleNumber>\n"
        "  <Condition>\n"
        "    <KeyPrefixEquals>photos/</KeyPrefixEquals>\n"
        "    <HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>\n"
        "  </Condition>\n"
        "  <Redirect>\n"
        "    <RedirectType>External</RedirectType>\n"
        "    <PassQueryString>false</PassQueryString>\n"
        "    <Protocol>https</Protocol>\n"
        "    <HostName>legacy.example.com</HostName>\n"
        "    <HttpRedirectCode>302</HttpRedirectCode>\n"
        "  </Redirect>\n"
        "</RoutingRule>"
    )


def test_a_carriage_return_is_written_as_a_reference():
    rule = replace(GOOD, condition=Condition("a\rb\n", 404))
    assert "<KeyPrefixEquals>a&#13;b&#10;</KeyPrefixEquals>" in render(rule)


def test_a_good_rule_has_no_problem():
    assert validate(GOOD) == ()
    for status in (None, 400, 599):
        for code in (301, 302, 307):
            rule = Rule(1, Condition(status=status), replace(GOOD.redirect, code=code, kind="AliCDN"))
            assert validate(rule) == ()


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("number", GOOD.numbered(0)),
        ("number", GOOD.numbered(-1)),
        ("number", GOOD.numbered(2**31)),
        ("status", replace(GOOD, condition=Condition("a/", 399))),
        ("status", replace(GOOD, condition=Condition("a/", 600))),
        ("status", replace(GOOD, condition=Condition("a/", 200))),
        ("key_prefix", replace(GOOD, condition=Condition("/a", 404))),
        ("key_prefix", replace(GOOD, condition=Condition("\\a", 404))),
        ("key_prefix", replace(GOOD, condition=Condition("a\x00", 404))),
        ("key_prefix", replace(GOOD, condition=Condition("a\x1f", 404))),
        ("key_prefix", replace(GOOD, condition=Condition("a\ud800", 404))),
        ("key_prefix", replace(GOOD, condition=Condition("\uffff", 404))),
        ("key_prefix", replace(GOOD, condition=Condition("\u4e2d" * 342, 404))),
        ("key_suffix", replace(GOOD, condition=Condition(key_suffix="\x01"))),
        ("headers", replace(GOOD, condition=Condition(headers=(HeaderCondition("a b", "x"),)))),
        ("headers", replace(GOOD, condition=Condition(headers=(HeaderCondition("a"),)))),
        ("headers", replace(GOOD, condition=Condition(headers=(HeaderCondition("a", "\x02"),)))),
        ("headers", replace(GOOD, condition=Condition(headers=(HeaderCondition("a", "x"),) * 11))),
        ("kind", replace(GOOD, redirect=replace(GOOD.redirect, kind="Mirror"))),
        ("protocol", replace(GOOD, redirect=replace(GOOD.redirect, protocol=""))),
        ("protocol", replace(GOOD, redirect=replace(GOOD.redirect, protocol="ftp"))),
        ("host", replace(GOOD, redirect=replace(GOOD.redirect, host=""))),
        ("host", replace(GOOD, redirect=replace(GOOD.redirect, host="o.example/base"))),
        ("host", replace(GOOD, redirect=replace(GOOD.redirect, host="o.example\r\nX: y"))),
        ("host", replace(GOOD, redirect=replace(GOOD.redirect, host="o.example:0"))),
        ("host", replace(GOOD, redirect=replace(GOOD.redirect, host="o.example:65536"))),
        ("host", replace(GOOD, redirect=replace(GOOD.redirect, host="-o.example"))),
        ("code", replace(GOOD, redirect=replace(GOOD.redirect, code=303))),
        ("code", replace(GOOD, redirect=replace(GOOD.redirect, code=200))),
        ("replace_key_with", replace(GOOD, redirect=replace(GOOD.redirect, replace_key_with="\x0b"))),
        (
            "replace_key_with",
            replace(GOOD, redirect=replace(GOOD.redirect, replace_key_with="a", replace_key_prefix_with="b")),
        ),
        (
            "enable_replace_prefix",
            replace(GOOD, redirect=replace(GOOD.redirect, replace_key_with="a", enable_replace_prefix=True)),
        ),
        ("enable_replace_prefix", replace(GOOD, redirect=replace(GOOD.redirect, replace_key_prefix_with="b"))),
        (
            "enable_replace_prefix",
            Rule(1, Condition(status=404), replace(GOOD.redirect, enable_replace_prefix=True)),
        ),
    ],
)
def test_a_problem_names_its_field_and_keeps_the_rule_from_being_written(field, rule):
    found = validate(rule)
    assert field in [problem.field for problem in found]
    assert all(problem.sentence.endswith(".") for problem in found)
    with pytest.raises(Invalid, match=field):
        render(rule)


def test_what_xml_can_carry():
    assert can_be_written("a\t\n\r\u00e9\U0001f600")
    for text in ("\x00", "\x08", "\x0b", "\x1f", "\ud800", "\ufffe"):
        assert not can_be_written(text)


@pytest.mark.parametrize(
    ("redirect", "key", "expected"),
    [
        (Redirect(), "a/x", "a/x"),
        (Redirect(replace_key_prefix_with="z/", enable_replace_prefix=True), "a/x", "z/x"),
        (Redirect(replace_key_prefix_with="z/"), "a/x", "z/x"),
        (Redirect(enable_replace_prefix=True), "a/x", "x"),
        (Redirect(replace_key_with="p/${key}.s"), "a/x", "p/a/x.s"),
        (Redirect(replace_key_with="${key}/${key}"), "a/${key}", "a/${key}/a/${key}"),
        (Redirect(replace_key_with="page.html"), "a/x", "page.html"),
    ],
)
def test_the_key_that_is_asked_for(redirect, key, expected):
    assert new_key(Rule(1, Condition("a/", 404), redirect), key) == expected
