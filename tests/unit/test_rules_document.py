"""Website documents are read whole or refused, and compared by meaning."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from rules_strategies import foreign_documents

from migrator.domain.rules import ErrorDocument, IndexDocument, parse, redact, same_meaning
from migrator.errors import MalformedWebsite


def site(inner: str) -> bytes:
    return f"<WebsiteConfiguration>{inner}</WebsiteConfiguration>".encode()


def ruled(*inner: str) -> bytes:
    return site("<RoutingRules>" + "".join(f"<RoutingRule>{each}</RoutingRule>" for each in inner) + "</RoutingRules>")


RULE = (
    "<RuleNumber>1</RuleNumber><Condition><KeyPrefixEquals>a/</KeyPrefixEquals>"
    "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition>"
)
MIRROR = "<RedirectType>Mirror</RedirectType><MirrorURL>https://m.example/</MirrorURL>"


def test_no_document_is_the_empty_document():
    for raw in (None, b""):
        assert parse(raw).is_empty
        assert parse(raw).rules == ()


@pytest.mark.parametrize("inner", ["", " \n ", "<RoutingRules/>", "<RoutingRules>\n</RoutingRules>", "<!-- c -->"])
def test_a_document_without_content_is_empty(inner):
    assert parse(site(inner)).is_empty
    assert same_meaning(site(inner), None)


@pytest.mark.parametrize(
    "inner",
    [
        "<IndexDocument><Suffix>i</Suffix></IndexDocument>",
        "<ErrorDocument><Key>e</Key></ErrorDocument>",
        "<Future/>",
        "<RoutingRules><Odd/></RoutingRules>",
    ],
)
def test_whatever_is_configured_counts(inner):
    assert not parse(site(inner)).is_empty


def test_pages_are_read_with_their_defaults():
    document = parse(
        site("<IndexDocument><Suffix>i.html</Suffix></IndexDocument><ErrorDocument><Key>e.html</Key></ErrorDocument>")
    )
    assert document.index == IndexDocument("i.html", support_sub_dir=False, kind=0)
    assert document.error == ErrorDocument("e.html", 404)
    document = parse(
        site("<IndexDocument><Suffix>i</Suffix><SupportSubDir>True</SupportSubDir><Type>2</Type></IndexDocument>")
    )
    assert document.index == IndexDocument("i", support_sub_dir=True, kind=2)


@pytest.mark.parametrize(
    ("opening", "prefix"), [('xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com"', ""), ('xmlns:w="urn:oss"', "w:")]
)
def test_a_namespaced_document_is_not_empty(opening, prefix):
    plain = ruled(RULE + "<Redirect><HostName>o.example</HostName></Redirect>")
    spaced = plain.replace(b"</", b"<\0").replace(b"<", f"<{prefix}".encode())
    spaced = spaced.replace(f"<{prefix}\0".encode(), f"</{prefix}".encode())
    spaced = spaced.replace(b"WebsiteConfiguration>", f"WebsiteConfiguration {opening}>".encode(), 1)
    assert parse(spaced).rules[0].rule == parse(plain).rules[0].rule
    assert same_meaning(spaced, plain)


def test_elements_of_another_vocabulary_are_unknown_not_rules():
    raw = site('<RoutingRules><v:RoutingRule xmlns:v="urn:vendor"/></RoutingRules>')
    assert parse(raw).rules == ()
    assert not parse(raw).is_empty


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"this is no XML", "well-formed"),
        (b"<WebsiteConfiguration><IndexDocument>", "well-formed"),
        (b"<WebsiteConfiguration/><b/>", "well-formed"),
        (site("<x:y/>"), "well-formed"),
        (site("&undefined;"), "well-formed"),
        (b"<WebsiteConfiguration>\xff</WebsiteConfiguration>", "well-formed"),
        (b"<html><body>504</body></html>", "<html>"),
        (b'<!DOCTYPE a [<!ENTITY e "boo">]><WebsiteConfiguration>&e;</WebsiteConfiguration>', "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><WebsiteConfiguration/>', "document type"),
        (site("<a>" * 40 + "</a>" * 40), "32 levels"),
        (site("x" * (1 << 20)), "bytes"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><WebsiteConfiguration/>', "UTF-8"),
        ("<WebsiteConfiguration/>".encode("utf-16"), "UTF-16"),
        (site("<RoutingRules/><RoutingRules/>"), "more than one"),
        (ruled("<Condition/>"), "without a number"),
        (ruled("<RuleNumber>0</RuleNumber>"), "without a number"),
        (ruled("<RuleNumber>one</RuleNumber>"), "not a number"),
        (ruled("<RuleNumber>\u0661</RuleNumber>"), "not a number"),
        (ruled("<RuleNumber>1_0</RuleNumber>"), "not a number"),
        (ruled(f"<RuleNumber>{'9' * 5000}</RuleNumber>"), "not a number"),
        (ruled(RULE, RULE), "same number"),
        (
            ruled("<RuleNumber>1</RuleNumber><Redirect><HttpRedirectCode>x</HttpRedirectCode></Redirect>"),
            "not a number",
        ),
        (ruled("<RuleNumber>1</RuleNumber><Condition><IncludeHeader/></Condition>"), "header without a name"),
    ],
)
def test_a_document_that_is_not_understood_is_refused(raw, says):
    with pytest.raises(MalformedWebsite, match=says):
        parse(raw)


@pytest.mark.parametrize(
    ("sent", "given_back"),
    [
        ("<Redirect/>", "<Redirect><RedirectType>External</RedirectType></Redirect>"),
        ("<Redirect/>", "<Redirect><PassQueryString>false</PassQueryString></Redirect>"),
        ("<Redirect/>", "<Redirect><HttpRedirectCode>301</HttpRedirectCode></Redirect>"),
        ("<Redirect/>", "<Redirect><EnableReplacePrefix>False</EnableReplacePrefix><ReplaceKeyWith/></Redirect>"),
        ("", "<Redirect></Redirect>"),
        (
            "<Redirect><PassQueryString>True</PassQueryString></Redirect>",
            "<Redirect><PassQueryString> true </PassQueryString></Redirect>",
        ),
        (
            f"<Redirect>{MIRROR}</Redirect>",
            (
                "<Redirect><MirrorFollowRedirect>true</MirrorFollowRedirect><PassQueryString>false</PassQueryString>"
                f"{MIRROR}<MirrorPassQueryString>false</MirrorPassQueryString><MirrorCheckMd5>false</MirrorCheckMd5>"
                "<MirrorHeaders><PassAll>false</PassAll></MirrorHeaders></Redirect>"
            ),
        ),
        (
            f"<Redirect>{MIRROR}<PassQueryString>true</PassQueryString></Redirect>",
            f"<Redirect>{MIRROR}<PassQueryString>false</PassQueryString></Redirect>",
        ),
    ],
)
def test_what_oss_fills_in_does_not_change_the_meaning(sent, given_back):
    a, b = ruled(RULE + sent), ruled(given_back + "\n " + RULE)
    assert same_meaning(a, b)
    assert parse(a).rules[0].fingerprint == parse(b).rules[0].fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<Redirect/>", "<Redirect><HttpRedirectCode>302</HttpRedirectCode></Redirect>"),
        ("<Redirect/>", "<Redirect><PassQueryString>true</PassQueryString></Redirect>"),
        ("<Redirect/>", "<Redirect><NewFlag>false</NewFlag></Redirect>"),
        ("<Redirect/>", "<Redirect><NewFlag/></Redirect>"),
        ("<N><a/><b/></N>", "<N><b/><a/></N>"),
        ("<N>x</N>", "<N> x</N>"),
        ('<N a="1"/>', "<N/>"),
        ('<v:N xmlns:v="urn:1"/>', '<v:N xmlns:v="urn:2"/>'),
        (
            "<Redirect><ReplaceKeyWith>True</ReplaceKeyWith></Redirect>",
            "<Redirect><ReplaceKeyWith>true</ReplaceKeyWith></Redirect>",
        ),
        (
            f"<Redirect>{MIRROR}</Redirect>",
            f"<Redirect>{MIRROR}<MirrorFollowRedirect>false</MirrorFollowRedirect></Redirect>",
        ),
        ("<LuaConfig><Script>a</Script></LuaConfig>", "<LuaConfig><Script>b</Script></LuaConfig>"),
    ],
)
def test_everything_else_does(one, other):
    assert not same_meaning(ruled(RULE + one), ruled(RULE + other))
    assert same_meaning(ruled(RULE + one), ruled(one + RULE))


def test_the_order_of_rules_is_that_of_their_numbers():
    second = RULE.replace(">1<", ">2<")
    assert same_meaning(ruled(RULE, second), ruled(second, RULE))
    assert not same_meaning(ruled(RULE), ruled(second))


def test_pages_and_unknown_settings_have_meaning_too():
    page = "<IndexDocument><Suffix>i</Suffix></IndexDocument>"
    assert same_meaning(site(page), site(page.replace("</I", "<Type>0</Type></I")))
    assert not same_meaning(site(page), site(page.replace("</I", "<Type>1</Type></I")))
    assert not same_meaning(site(page), None)
    assert not same_meaning(site(page + "<New/>"), site(page))
    assert same_meaning(site("<IndexDocument><Suffix/></IndexDocument><ErrorDocument><Key/></ErrorDocument>"), None)


@given(foreign_documents())
@settings(deadline=None)
def test_every_document_means_what_it_means(raw):
    assert same_meaning(raw, raw)
    document = parse(raw)
    if raw:
        for live in document.rules:
            text = raw[live.element.start : live.element.end]
            assert text.startswith(b"<RoutingRule")
            assert text.endswith(b"</RoutingRule>")


@pytest.mark.parametrize(
    ("auth", "masked"),
    [
        ("<AccessKeyId>id</AccessKeyId><AccessKeySecret>******</AccessKeySecret>", True),
        ("<AccessKeyId>id</AccessKeyId><AccessKeySecret>*</AccessKeySecret>", True),
        ("<AccessKeyId>id</AccessKeyId><AccessKeySecret>ab***yz</AccessKeySecret>", True),
        ("<AccessKeyId>id</AccessKeyId><AccessKeySecret/>", True),
        ("<AccessKeyId>id</AccessKeyId>", True),
        ("<AccessKeyId>id</AccessKeyId><AccessKeySecret>plain</AccessKeySecret>", False),
        ("<AuthType>S3V4</AuthType>", False),
    ],
)
def test_a_secret_that_is_not_shown_is_noticed(auth, masked):
    raw = ruled(RULE + f"<Redirect>{MIRROR}<MirrorAuth>{auth}</MirrorAuth></Redirect>")
    assert parse(raw).rules[0].masked is masked


def test_redaction_hides_secrets_and_nothing_else():
    secret = "<MirrorAuth><AccessKeySecret>{}</AccessKeySecret></MirrorAuth><AccessKeySecret/>"
    raw = ruled(
        RULE + f"<Redirect>{secret.format('a&amp;b')}</Redirect>",
        secret.format("\u4e2d") + "<RuleNumber>2</RuleNumber>",
    )
    hidden = redact(raw)
    assert b"a&amp;b" not in hidden
    assert hidden == raw.replace(b"a&amp;b", b"***").replace("\u4e2d".encode(), b"***")
