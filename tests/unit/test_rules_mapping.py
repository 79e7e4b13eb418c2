"""A rule made for a prefix sends each of its keys exactly where the job file says."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rules_strategies import BASES, KEY_TEXT, own_rules

from migrator.domain.rules import (
    expected_location,
    internal_host,
    is_oss_domain,
    merge,
    migration_rule,
    parse,
    parse_redirect_url,
    same_location,
    validate,
)
from migrator.domain.simulate import Request, simulate
from migrator.errors import Invalid


@given(st.sampled_from(["", "a/", "b c/"]), KEY_TEXT, KEY_TEXT, BASES, st.sampled_from([302, 307]), st.booleans())
@settings(deadline=None, max_examples=150)
def test_every_key_under_the_prefix_gets_its_location(destination, name, rest, base, code, from_cdn):
    prefix = destination + name
    assume(not prefix.startswith("/") and prefix + rest)
    rule = migration_rule(prefix, destination, base, code=code, from_cdn=from_cdn)
    assert validate(rule.numbered(1)) == ()
    published = merge(None, (), [rule])
    key = prefix + rest
    outcome = simulate(parse(published.after), Request(key))
    assert outcome.status == code
    assert outcome.location == expected_location(base, key[len(destination) :])
    assert simulate(parse(published.after), Request("\u2603" + key)).status == (404 if prefix else code)


@given(own_rules(), KEY_TEXT)
@settings(deadline=None)
def test_of_several_own_rules_the_longest_prefix_answers(desired, rest):
    document = parse(merge(None, (), desired).after)
    prefixes = {rule.condition.key_prefix for rule in desired}
    numbers = {live.rule.number: live.rule.condition.key_prefix for live in document.rules}
    for prefix in prefixes:
        key = prefix + (rest or "x")
        best = max((p for p in prefixes if key.startswith(p)), key=len)
        assert numbers[simulate(document, Request(key)).rule_number] == best


@pytest.mark.parametrize(
    ("prefix", "destination", "url", "fields"),
    [
        ("photos/", "", "https://o.example/", ("", "", False)),
        ("photos/2020/", "photos/", "https://o.example/photos/", ("", "", False)),
        ("photos/", "photos/", "https://o.example/", ("", "", True)),
        ("photos/", "photos/", "https://o.example/old/", ("", "old/", True)),
        ("photos/x", "photos/", "https://o.example/", ("", "x", True)),
        ("a/", "", "https://o.example/b%20c/", ("", "b c/a/", True)),
        ("", "", "https://o.example/base", ("base/${key}", "", False)),
        ("", "", "https://o.example", ("", "", False)),
    ],
)
def test_no_more_is_replaced_than_must_be(prefix, destination, url, fields):
    redirect = migration_rule(prefix, destination, parse_redirect_url(url)).redirect
    assert (redirect.replace_key_with, redirect.replace_key_prefix_with, redirect.enable_replace_prefix) == fields


@pytest.mark.parametrize("code", [301, 303, 308, 200])
def test_a_migration_never_redirects_for_good(code):
    with pytest.raises(Invalid, match=str(code)):
        migration_rule("a/", "", parse_redirect_url("https://o.example/"), code=code)


def test_a_prefix_must_lie_under_the_destination_and_fit_into_xml():
    base = parse_redirect_url("https://o.example/")
    with pytest.raises(Invalid, match="destination"):
        migration_rule("b/", "a/", base)
    with pytest.raises(Invalid, match="control character"):
        migration_rule("a\x01/", "", base)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://o.example", ("https", "o.example", "")),
        ("https://o.example/", ("https", "o.example", "")),
        ("HTTP://O.Example:8080/Base", ("http", "o.example:8080", "Base/")),
        ("https://o.example/a%20b/%E4%B8%AD/", ("https", "o.example", "a b/\u4e2d/")),
        ("https://o.example//x/", ("https", "o.example", "/x/")),
        ("https://o.example/a%2Fb", ("https", "o.example", "a/b/")),
        ("https://[::1]:9000/x", ("https", "[::1]:9000", "x/")),
    ],
)
def test_a_redirect_url_is_read(url, expected):
    base = parse_redirect_url(url)
    assert (base.protocol, base.host, base.path) == expected
    assert parse_redirect_url(base.url) == base


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://o.example/", "http"),
        ("o.example/base", "http"),
        ("https:///base", "no host"),
        ("https://u:pass-word@o.example/", "user name"),
        ("https://u:pass/word@o.example/", "host"),
        ("https://o.example/?a=b", "query"),
        ("https://o.example/?", "query"),
        ("https://o.example/#f", "fragment"),
        ("https://o.example/%zz", "hexadecimal"),
        ("https://o.example/%ff", "UTF-8"),
        ("https://o.example/a b", "white space"),
        ("https://o.example\\@evil", "backslash"),
        ("https://o.example/\r\nX: y", "white space"),
        ("https://o.example/%00", "control"),
        ("https://o.example/a/../b/", "segments"),
        ("https://o.example/${key}/", "key"),
        ("https://o.example:99999/", "port"),
        ("https://\u00fc.example/", "ASCII"),
        ("https://[::1/", "not a URL"),
        ("", "http"),
    ],
)
def test_a_redirect_url_that_cannot_work_is_refused_with_the_reason(url, says):
    with pytest.raises(Invalid, match=says) as caught:
        parse_redirect_url(url)
    assert "pass" not in str(caught.value).replace("password", "")


def test_a_location_is_encoded_as_documented():
    base = parse_redirect_url("https://o.example")
    assert expected_location(base, "a/\u00e9 b+%.txt") == "https://o.example/a/%C3%A9%20b%2B%25.txt"


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("https://o/a%20b", "https://o/a b", True),
        ("https://o/%C3%A9", "https://o/\u00e9", True),
        ("https://O:443/a", "HTTPS://o/a", True),
        ("http://o:80", "http://o/", True),
        ("https://o/a+b", "https://o/a%2Bb", True),
        ("https://o/a%2520", "https://o/a%20", False),
        ("https://o/a", "http://o/a", False),
        ("https://o/a", "https://o/a/", False),
        ("https://o/a?b", "https://o/a%3Fb", False),
        ("https://o/a#b", "https://o/a%23b", False),
        ("https://o/a?x=1", "https://o/a", False),
        ("https://[o/a", "https://[o/a", True),
        ("", "https://o/a", False),
    ],
)
def test_locations_are_compared_after_one_decoding(a, b, same):
    assert same_location(a, b) is same


@pytest.mark.parametrize(
    "host",
    [
        "oss-cn-hangzhou-internal.aliyuncs.com",
        "b.oss-cn-hangzhou-internal.aliyuncs.com:80",
        "oss-internal.aliyuncs.com",
        "vpc100-oss-cn-hangzhou.aliyuncs.com",
        "b.vpc100-oss-cn-hangzhou.aliyuncs.com",
        "cn-hangzhou-internal.oss-data-acc.aliyuncs.com",
        "oss-cache-cn-hangzhou.aliyuncs.com",
        "oss-cn-hzfinance-1-pub-internal.aliyuncs.com",
        "127.0.0.1:8080",
        "[::1]:80",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.1.1",
        "100.100.2.136",
        "0.0.0.0",
        "fe80::1%eth0",
        "localhost",
        "nas",
        "files.local",
        "git.corp.internal",
        "",
    ],
)
def test_internal_hosts_are_told(host):
    assert internal_host(host)
    assert not is_oss_domain(host)


@pytest.mark.parametrize(
    "host", ["legacy.example.com", "my-internal.oss-cn-hangzhou.aliyuncs.com", "8.8.8.8", "internal.example.com."]
)
def test_public_hosts_are_fine(host):
    assert internal_host(host) == ""


def test_oss_domains_are_told_from_custom_ones():
    assert is_oss_domain("b.oss-cn-hangzhou.aliyuncs.com")
    assert is_oss_domain("b.oss-accelerate-overseas.aliyuncs.com:443")
    assert not is_oss_domain("img.example.com")
    assert not is_oss_domain("b.oss-cn-hangzhou.aliyuncs.com.example.com")
