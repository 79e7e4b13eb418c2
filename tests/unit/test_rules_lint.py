"""Each danger is named once, at the rule it belongs to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from rules_strategies import foreign_documents

from migrator.domain.rules import lint, merge, migration_rule, parse, parse_redirect_url


def site(*rules, pages=""):
    inner = "".join(f"<RoutingRule>{rule}</RoutingRule>" for rule in rules)
    return parse(f"<WebsiteConfiguration>{pages}<RoutingRules>{inner}</RoutingRules></WebsiteConfiguration>".encode())


def rule(number=1, prefix="a/", status="404", suffix="", condition="", host="o.example", **redirect):
    fields = {"RedirectType": "External", "Protocol": "https", "HostName": host, "HttpRedirectCode": "302", **redirect}
    return (
        f"<RuleNumber>{number}</RuleNumber><Condition><KeyPrefixEquals>{prefix}</KeyPrefixEquals>"
        f"<KeySuffixEquals>{suffix}</KeySuffixEquals>{condition}"
        f"<HttpErrorCodeReturnedEquals>{status}</HttpErrorCodeReturnedEquals></Condition><Redirect>"
        + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items() if value)
        + "</Redirect>"
    )


def codes(document, **facts):
    return [(finding.code, finding.rule_number) for finding in lint(document, **facts)]


RED = "<IncludeHeader><Key>x-team</Key><Equals>red</Equals></IncludeHeader>"
R = "<IncludeHeader><Key>X-Team</Key><StartsWith>r</StartsWith></IncludeHeader>"


def test_migration_rules_are_clean():
    base = parse_redirect_url("https://legacy.example.com/base/")
    found = merge(None, (), [migration_rule(prefix, "", base) for prefix in ("", "a/", "a/b/", "b/")])
    assert lint(parse(found.after)) == ()


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (rule(), []),
        (rule(HttpRedirectCode=""), [("permanent", 1)]),
        (rule(HttpRedirectCode="301"), [("permanent", 1)]),
        (rule(HttpRedirectCode="303"), [("invalid", 1)]),
        (rule(status=""), [("no-status", 1)]),
        (rule(PassQueryString="true"), [("query", 1)]),
        (rule(Protocol="http"), [("downgrade", 1)]),
        (rule(host="b.oss-cn-hangzhou-internal.aliyuncs.com"), [("internal-host", 1)]),
        (rule(host="10.0.0.1:80"), [("internal-host", 1)]),
        (rule(prefix="", suffix=".jpg"), [("broad-suffix", 1)]),
        (rule(prefix="/a"), [("invalid", 1)]),
        (rule(ReplaceKeyPrefixWith="z/"), [("invalid", 1)]),
        (rule() + "<LuaConfig><Script>x</Script></LuaConfig>", [("unknown-element", 1)]),
        (rule(host=""), [("loop", 1)]),
        (rule(host="b.example"), [("loop", 1)]),
        (rule(host="B.example:443", ReplaceKeyPrefixWith="z/", EnableReplacePrefix="true"), []),
        (rule(host="b.example", ReplaceKeyWith="page.html"), []),
        (rule(host="b.example", ReplaceKeyWith="a/page.html"), [("loop", 1)]),
        (rule(host="b.example", ReplaceKeyWith="a/${key}"), [("loop", 1)]),
        (
            rule(RedirectType="Mirror", MirrorURL="https://m.example/")
            + "<MirrorAuth><AccessKeySecret>***</AccessKeySecret></MirrorAuth>",
            [("masked-secret", 1)],
        ),
    ],
)
def test_one_rule(one, expected):
    assert codes(site(one), bucket_hosts=["b.example"]) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (rule(), rule(2, "a/b/"), [("unreachable", 2)]),
        (rule(1, "a/b/"), rule(2, "a/"), []),
        (rule(), rule(2), [("duplicate", 2)]),
        (rule(), rule(2, "b/"), []),
        (rule(), rule(2, status="403"), []),
        (rule(status=""), rule(2, "a/b/"), [("no-status", 1), ("unreachable", 2)]),
        (rule(1, "a/b/"), rule(2, status=""), [("no-status", 2), ("unreachable", 1)]),
        (rule(suffix=".jpg"), rule(2, suffix="x.jpg"), [("unreachable", 2)]),
        (rule(suffix=".jpg"), rule(2), [("shadowed", 2)]),
        (rule(suffix=".jpg"), rule(2, suffix=".png"), []),
        (rule(condition=RED), rule(2), [("shadowed", 2)]),
        (rule(condition=R), rule(2, condition=RED), [("unreachable", 2)]),
        (rule(condition=RED), rule(2, condition=R), [("shadowed", 2)]),
        (rule(RedirectType="Mirror", MirrorURL="https://m.example/"), rule(2, "a/b/"), [("unreachable", 2)]),
    ],
)
def test_two_rules(first, second, expected):
    assert sorted(codes(site(first, second))) == sorted(expected)


def test_the_document_as_a_whole():
    many = site(*(rule(number, f"{number}/") for number in range(1, 22)))
    assert codes(many) == [("too-many", None)]
    pages = "<IndexDocument><Suffix>i.html</Suffix></IndexDocument>"
    pages += "<ErrorDocument><Key>e.html</Key><HttpStatus>200</HttpStatus></ErrorDocument>"
    assert codes(site(rule(), pages=pages)) == [("error-200", None), ("index-page", None)]
    assert codes(site(pages=pages)) == [("error-200", None)]


@given(foreign_documents())
@settings(deadline=None, max_examples=50)
def test_any_document_can_be_judged(raw):
    document = parse(raw)
    numbers = {live.rule.number for live in document.rules} | {None}
    assert {finding.rule_number for finding in lint(document)} <= numbers
