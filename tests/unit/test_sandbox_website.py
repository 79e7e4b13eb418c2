"""The sandbox's website engine where tables of vectors do not reach: arbitrary documents, keys and rule orders."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.sandbox import website
from migrator.sandbox.switches import Switches

keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"], exclude_characters="\ufffe\uffff"), max_size=8
)
prefixes = st.text("ab/", max_size=4)
# fmt: off
names = st.sampled_from([
    "WebsiteConfiguration", "IndexDocument", "ErrorDocument", "RoutingRules", "RoutingRule", "RuleNumber", "Condition",
    "Redirect", "Suffix", "Key", "KeyPrefixEquals", "HttpErrorCodeReturnedEquals", "IncludeHeader", "RedirectType",
    "HttpRedirectCode", "HostName", "MirrorURL", "MirrorHeaders", "PassAll", "PassQueryString", "Unknown",
])
# fmt: on
trees = st.recursive(
    st.tuples(names, st.one_of(words, st.sampled_from(["1", "2", "404", "302", "true", "Mirror", "External"]))),
    lambda inner: st.tuples(names, st.lists(inner, max_size=4)),
    max_leaves=20,
)


def xml(tree: Any) -> str:
    name, content = tree
    inner = escape(content) if isinstance(content, str) else "".join(map(xml, content))
    return f"<{name}>{inner}</{name}>"


def rule(number: int, prefix: str, host: str, *, status: str = "404", more: str = "") -> str:
    condition = f"<KeyPrefixEquals>{escape(prefix)}</KeyPrefixEquals>"
    condition += f"<HttpErrorCodeReturnedEquals>{status}</HttpErrorCodeReturnedEquals>" if status else ""
    return (
        f"<RoutingRule><RuleNumber>{number}</RuleNumber><Condition>{condition}</Condition>"
        f"<Redirect><Protocol>https</Protocol><HostName>{host}</HostName>{more}</Redirect></RoutingRule>"
    )


def document(*rules: str) -> bytes:
    return f"<WebsiteConfiguration><RoutingRules>{''.join(rules)}</RoutingRules></WebsiteConfiguration>".encode()


def site(*rules: str) -> website.Config:
    return website.parse(website.validate(document(*rules)))


def ask(config: website.Config, key: str, *, method: str = "GET", query: str = "", status: int = 404) -> Any:
    request = website.Request(method, key, "cn.example", query, {}, "anonymous", https=False)
    facts = website.Facts(datetime(2020, 1, 1, tzinfo=UTC), False, lambda _: False, Switches())
    code = {403: "AccessDenied", 404: "NoSuchKey"}.get(status, "Error")
    return website.before_lookup(config, request, facts) or website.on_error(config, request, facts, status, code)


# -- documents -------------------------------------------------------------------------------------------------------
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_and_nothing_worse(text: bytes) -> None:
    with pytest.raises(website.Refused):
        website.validate(text)


@given(st.lists(trees, max_size=3))
def test_any_document_is_answered_stably_or_refused(children: list[Any]) -> None:
    text = f"<WebsiteConfiguration>{''.join(map(xml, children))}</WebsiteConfiguration>".encode()
    try:
        answer = website.validate(text)
    except website.Refused:
        return
    assert website.validate(answer) == answer
    website.parse(answer)


@given(words, words)
def test_texts_survive(prefix: str, replacement: str) -> None:
    more = f"<ReplaceKeyWith>{escape(replacement)}</ReplaceKeyWith>"
    found = ET.fromstring(website.validate(document(rule(1, prefix, "o.example", more=more)))).find("*/RoutingRule")
    assert found is not None
    assert (found.findtext("Condition/KeyPrefixEquals") or "") == prefix
    assert (found.findtext("Redirect/ReplaceKeyWith") or "") == replacement


def test_a_carriage_return_survives() -> None:
    answer = website.validate(document(rule(1, "a", "h")).replace(b">a<", b">a&#13;b<"))
    assert website.parse(answer).rules[0].condition.prefix == "a\rb"


BOMB = b"<!ENTITY b0 'x'>" + b"".join(b"<!ENTITY b%d '&b%d;&b%d;'>" % (n + 1, n, n) for n in range(40))


@pytest.mark.parametrize(
    "text",
    [
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><WebsiteConfiguration><RoutingRules/></WebsiteConfiguration>",
        b"<!DOCTYPE a [" + BOMB + b"]><WebsiteConfiguration><IndexDocument><Suffix>&b40;</Suffix></IndexDocument>"
        b"</WebsiteConfiguration>",
        b"<WebsiteConfiguration>" + b"<a>" * 80_000,
        b"<WebsiteConfiguration>" + b"<a/>" * 50_000 + b"<RoutingRules/></WebsiteConfiguration>",
        b"<WebsiteConfiguration><RoutingRules/>" + b" " * 300_000 + b"</WebsiteConfiguration>",
        b"<WebsiteConfiguration>\xff<RoutingRules/></WebsiteConfiguration>",
        "<WebsiteConfiguration><RoutingRules/></WebsiteConfiguration>".encode("utf-16")[:-2],
        b"<?xml version='1.0' encoding='no-such'?><WebsiteConfiguration><RoutingRules/></WebsiteConfiguration>",
        b"<?xml version='1.0' encoding='hex'?><WebsiteConfiguration><RoutingRules/></WebsiteConfiguration>",
    ],
    ids=["dtd", "bomb", "deep", "wide", "large", "latin", "cut", "unknown encoding", "no text encoding"],
)
def test_hostile_documents_are_refused(text: bytes) -> None:
    with pytest.raises(website.Refused) as caught:
        website.validate(text)
    assert caught.value.code == "MalformedXML"


def test_equal_conditions_are_refused_when_the_switch_says_so() -> None:
    both = document(rule(1, "a/", "o.example"), rule(2, "a/", "p.example"))
    website.validate(both)
    with pytest.raises(website.Refused):
        website.validate(both, Switches(duplicates_allowed=False))


# -- requests --------------------------------------------------------------------------------------------------------
@given(keys)
def test_location_leads_to_the_very_key(key: str) -> None:
    reply = ask(site(rule(1, "", "o.example")), key)
    assert reply.location.isascii()
    assert reply.location.isprintable()
    assert " " not in reply.location
    parts = urlsplit(reply.location)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "o.example", "", "")
    assert unquote(parts.path[1:]) == key


@given(
    st.lists(st.tuples(prefixes, st.sampled_from(["", "403", "404", "500"])), max_size=20), st.text("ab/", max_size=6)
)
def test_the_first_rule_that_holds_answers(conditions: list[tuple[str, str]], key: str) -> None:
    config = site(*(rule(n, prefix, f"h{n}", status=status) for n, (prefix, status) in enumerate(conditions, 1)))
    holding = [(n, status) for n, (prefix, status) in enumerate(conditions, 1) if key.startswith(prefix)]
    for asked in (403, 404, 500):
        # Rules without a status are tried before the object is looked up.
        first = [n for n, status in holding if not status] or [n for n, status in holding if status == str(asked)]
        reply = ask(config, key, status=asked)
        assert (urlsplit(reply.location).netloc if reply else "") == (f"h{first[0]}" if first else "")


@given(st.sampled_from(["PUT", "POST", "DELETE", "OPTIONS", "HEAD"]), keys)
def test_only_reads_are_answered(method: str, key: str) -> None:
    assert ask(site(rule(1, "", "o.example")), key, method=method) is None
    assert ask(site(rule(1, "", "o.example", status="")), key, method=method) is None


@given(st.text("abc=&%20+.", max_size=20))
def test_a_passed_query_is_verbatim(query: str) -> None:
    more = "<PassQueryString>true</PassQueryString>"
    reply = ask(site(rule(1, "", "o.example", more=more)), "x", query=query)
    assert reply.location == "https://o.example/x" + (f"?{query}" if query else "")


def test_without_a_configuration_nothing_is_answered() -> None:
    request = website.Request("GET", "x", "cn.example", "", {}, "anonymous", https=False)
    facts = website.Facts(datetime(2020, 1, 1, tzinfo=UTC), False, lambda _: True, Switches())
    assert website.before_lookup(None, request, facts) is None
    assert website.on_error(None, request, facts, 404, "NoSuchKey") is None


@pytest.mark.parametrize(
    ("status", "code"), [(403, "SignatureDoesNotMatch"), (403, "RequestTimeTooSkewed"), (404, "NoSuchBucket")]
)
def test_errors_before_authorisation_are_nobodys_rule(status: int, code: str) -> None:
    config = site(rule(1, "", "o.example", status=str(status)))
    request = website.Request("GET", "x", "cn.example", "", {}, "header", https=False)
    facts = website.Facts(datetime(2020, 1, 1, tzinfo=UTC), False, lambda _: False, Switches())
    assert website.on_error(config, request, facts, status, code) is None
