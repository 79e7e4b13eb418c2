"""The documented behaviour, one numbered vector after the other: E is https, o.example, 302."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from migrator.domain.rules import parse
from migrator.domain.simulate import Assumptions, Bucket, Request, Signing, simulate
from migrator.domain.simulate.facts import FORBIDDEN_SINCE

E = "<RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>o.example</HostName>"
E302 = E + "<HttpRedirectCode>302</HttpRedirectCode>"
OTHER = E302.replace("o.example", "other.example")
A404 = "<KeyPrefixEquals>a/</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>"
AB404 = A404.replace("a/", "a/b/")
ANY404 = "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>"
ERROR = "<ErrorDocument><Key>e.html</Key></ErrorDocument>"
INDEX = "<IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir><Type>0</Type></IndexDocument>"
MISSING, A_X = frozenset(), frozenset({"a/x"})
OSS = "b.oss-cn-hangzhou.aliyuncs.com"


def site(*rules, pages=""):
    inner = "".join(
        f"<RoutingRule><RuleNumber>{number}</RuleNumber><Condition>{condition}</Condition>"
        f"<Redirect>{redirect}</Redirect></RoutingRule>"
        for number, condition, redirect in rules
    )
    return parse(f"<WebsiteConfiguration>{pages}<RoutingRules>{inner}</RoutingRules></WebsiteConfiguration>".encode())


SIMPLE = site((1, A404, E302))
QUERY = site((1, A404, E302 + "<PassQueryString>true</PassQueryString>"))
HOST = A404 + "<IncludeHeader><Key>host</Key><Equals>cn.example</Equals></IncludeHeader>"
NEW = Bucket(created_at=FORBIDDEN_SINCE)


def replaced(**fields):
    return E302 + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())


VECTORS = [
    ("1", SIMPLE, Request("a/x"), Bucket(), 302, "https://o.example/a/x"),
    ("2", SIMPLE, Request("a/x"), Bucket(A_X), 200, ""),
    ("3", SIMPLE, Request("b/x"), Bucket(), 404, ""),
    ("4", SIMPLE, Request("a/x", query="k=v"), Bucket(), 302, "https://o.example/a/x"),
    ("5", QUERY, Request("a/x", query="k=v&z"), Bucket(), 302, "https://o.example/a/x?k=v&z"),
    ("6", site((1, A404, E302), (2, AB404, OTHER)), Request("a/b/x"), Bucket(), 302, "https://o.example/a/b/x"),
    ("7", site((9, A404, E302), (5, AB404, OTHER)), Request("a/b/x"), Bucket(), 302, "https://other.example/a/b/x"),
    ("8", site((1, A404, E)), Request("a/x"), Bucket(), 301, "https://o.example/a/x"),
    (
        "9",
        site((1, A404, replaced(ReplaceKeyPrefixWith="z/", EnableReplacePrefix="true"))),
        Request("a/x"),
        Bucket(),
        302,
        "https://o.example/z/x",
    ),
    (
        "10",
        site((1, A404, replaced(EnableReplacePrefix="true"))),
        Request("a/x"),
        Bucket(),
        302,
        "https://o.example/x",
    ),
    (
        "11",
        site((1, ANY404, replaced(ReplaceKeyPrefixWith="z/"))),
        Request("a/x"),
        Bucket(),
        302,
        "https://o.example/z/a/x",
    ),
    (
        "12",
        site((1, A404, replaced(ReplaceKeyWith="p/${key}.s"))),
        Request("a/x"),
        Bucket(),
        302,
        "https://o.example/p/a/x.s",
    ),
    ("13a", site((1, "<KeySuffixEquals>.jpg</KeySuffixEquals>" + ANY404, E302)), Request("q.png"), Bucket(), 404, ""),
    (
        "13b",
        site((1, "<KeySuffixEquals>.jpg</KeySuffixEquals>" + ANY404, E302)),
        Request("q.jpg"),
        Bucket(),
        302,
        "https://o.example/q.jpg",
    ),
    ("14a", site((1, HOST, E302)), Request("a/x", host="cn.example"), Bucket(), 302, "https://o.example/a/x"),
    ("14b", site((1, HOST, E302)), Request("a/x", host="other"), Bucket(), 404, ""),
    ("15", SIMPLE, Request("a/x", method="HEAD"), Bucket(), 404, ""),
    ("16a", SIMPLE, Request("a/x", method="HEAD", query="objectMeta"), Bucket(), 404, ""),
    ("16b", SIMPLE, Request("a/x", query="objectMeta"), Bucket(), 404, ""),
    (
        "17",
        site((1, "<KeyPrefixEquals>a/</KeyPrefixEquals>", E302)),
        Request("a/x"),
        Bucket(A_X),
        302,
        "https://o.example/a/x",
    ),
    ("18", SIMPLE, Request("a/x"), Bucket(acl="private"), 403, ""),
    ("19", SIMPLE, Request("a/x", signed=Signing.HEADER), Bucket(acl="private"), 302, "https://o.example/a/x"),
    ("20a", SIMPLE, Request("a/x", host=OSS, signed=Signing.URL), NEW, 400, "https://o.example/a/x"),
    ("20b", SIMPLE, Request("a/x", host=OSS), NEW, 400, "https://o.example/a/x"),
    ("21", SIMPLE, Request("a/x", host=OSS, signed=Signing.HEADER), NEW, 302, "https://o.example/a/x"),
    ("22", SIMPLE, Request("a/\u00e9 b+%.txt"), Bucket(), 302, "https://o.example/a/%C3%A9%20b%2B%25.txt"),
    ("23a", site((1, A404, E302), pages=ERROR), Request("a/x"), Bucket({"e.html"}), 302, "https://o.example/a/x"),
    ("23b", site((1, A404, E302), pages=ERROR), Request("b/x"), Bucket({"e.html"}), 404, ""),
    ("24", site((1, A404, E302), pages=INDEX), Request("c"), Bucket({"c/index.html"}), 302, "/c/"),
    ("25", SIMPLE, Request("a/x"), Bucket(MISSING), 302, "https://o.example/a/x"),  # behind a delete marker: missing
    ("26", SIMPLE, Request("a/x"), Bucket(exists=False), 404, ""),
    ("27a", SIMPLE, Request("a/x", method="PUT", signed=Signing.HEADER), Bucket(), 200, ""),
    ("27b", SIMPLE, Request("a/x", method="DELETE", signed=Signing.HEADER), Bucket(), 204, ""),
    ("27c", SIMPLE, Request("a/copy", method="PUT", signed=Signing.HEADER, status=404), Bucket(), 404, ""),
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[0])
def test_a_documented_vector(vector):
    _, document, request, bucket, status, location = vector
    outcome = simulate(document, request, bucket)
    assert (outcome.status, outcome.location) == (status, location)
    assert outcome.reason.endswith(".")
    assert (outcome.body_from == "redirect") is (300 <= status < 400)


def test_the_answer_says_which_rule_and_why_not_the_others():
    document = site((1, AB404, OTHER), (2, HOST, OTHER), (3, A404.replace("404", "403"), OTHER), (4, A404, E302))
    outcome = simulate(document, Request("a/x"))
    assert outcome.rule_number == 4
    assert outcome.skipped == (
        (1, "the key does not begin with 'a/b/'"),
        (2, "the request has no header host"),
        (3, "it waits for 403, and OSS would answer 404"),
    )


@pytest.mark.parametrize(
    ("test", "sent", "why"),
    [
        ("<Equals>red</Equals>", {"X-TEAM": "red"}, ""),
        ("<Equals>red</Equals>", {"x-team": "Red"}, "header x-team is not 'red'"),
        ("<StartsWith>r</StartsWith>", {"x-team": "red"}, ""),
        ("<StartsWith>r</StartsWith>", {"x-team": "blue"}, "header x-team does not begin with 'r'"),
        ("<EndsWith>d</EndsWith>", {"x-team": "blue"}, "header x-team does not end with 'd'"),
        ("", {"x-team": "whatever"}, ""),
        ("", {}, "the request has no header x-team"),
    ],
)
def test_header_conditions(test, sent, why):
    document = site((1, f"<IncludeHeader><Key>x-team</Key>{test}</IncludeHeader>{ANY404}", E302))
    outcome = simulate(document, Request("k", headers=sent))
    assert outcome.skipped == (((1, why),) if why else ())
    assert outcome.status == (404 if why else 302)


@pytest.mark.parametrize(
    ("bucket", "host", "forbidden"),
    [
        (Bucket(created_at=FORBIDDEN_SINCE - timedelta(seconds=1)), OSS, False),
        (Bucket(created_at=FORBIDDEN_SINCE), OSS, True),
        (Bucket(created_at=datetime.fromisoformat("2024-08-04T16:00:00+00:00")), OSS, True),
        (Bucket(accelerated_since=FORBIDDEN_SINCE), "b.oss-accelerate.aliyuncs.com", True),
        (Bucket(created_at=FORBIDDEN_SINCE), "b.oss-cn-hangzhou-internal.aliyuncs.com", False),
        (Bucket(created_at=FORBIDDEN_SINCE), "img.example.com", False),
        (Bucket(created_at=FORBIDDEN_SINCE, oss_domain=True), "img.example.com", True),
        (Bucket(created_at=FORBIDDEN_SINCE, oss_domain=False), OSS, False),
        (Bucket(), OSS, False),
    ],
)
def test_new_buckets_do_not_redirect_strangers_on_oss_domains(bucket, host, forbidden):
    outcome = simulate(SIMPLE, Request("a/x", host=host), bucket)
    assert (outcome.error_code == "ExternalRedirectForbidden") is forbidden
    assert outcome.location == "https://o.example/a/x"
    assert outcome.rule_number == 1


@pytest.mark.parametrize(
    ("pages", "key", "objects", "expected"),
    [
        (INDEX, "c/", {"c/index.html"}, (200, "index", "")),
        (INDEX.replace("true", "false"), "c/", {"index.html"}, (200, "index", "")),
        (INDEX.replace("true", "false"), "c/", {"c/index.html"}, (404, "oss", "")),
        (INDEX.replace("true", "false"), "c/", {"c/"}, (200, "object", "")),
        (INDEX, "", {"index.html"}, (200, "index", "")),
        (INDEX, "c \u00e9", {"c \u00e9/index.html"}, (302, "redirect", "/c%20%C3%A9/")),
        (INDEX.replace(">0<", ">1<"), "c", {"c/index.html"}, (404, "oss", "")),
        (INDEX.replace(">0<", ">1<") + ERROR, "c", {"c/index.html", "e.html"}, (404, "error", "")),
        (INDEX.replace(">0<", ">2<"), "c", {"c/index.html"}, (200, "index", "")),
        (INDEX + ERROR, "c", {"e.html"}, (404, "error", "")),
        (ERROR, "c", set(), (404, "oss", "")),
        (ERROR.replace("</Key>", "</Key><HttpStatus>200</HttpStatus>"), "c", {"e.html"}, (200, "error", "")),
    ],
)
def test_index_and_error_pages(pages, key, objects, expected):
    outcome = simulate(site(pages=pages), Request(key), Bucket(objects))
    assert (outcome.status, outcome.body_from, outcome.location) == expected


def test_an_index_page_comes_before_the_rules_and_a_sub_directory_page_after():
    assert simulate(site((1, ANY404, E302), pages=INDEX), Request("c/"), Bucket({"c/index.html"})).status == 200
    outcome = simulate(site((1, ANY404, E302), pages=INDEX), Request("c"), Bucket({"c/index.html"}))
    assert outcome.location == "https://o.example/c"


@pytest.mark.parametrize(
    ("origin", "status", "body"), [(200, 200, "mirror"), (206, 200, "mirror"), (404, 404, "oss"), (0, 424, "oss")]
)
def test_a_mirror_rule_answers_what_its_origin_has(origin, status, body):
    mirror = "<RedirectType>Mirror</RedirectType><MirrorURL>https://m.example/</MirrorURL>"
    document = site((1, "", mirror), (2, A404, E302))
    outcome = simulate(document, Request("a/x"), Bucket(mirror_origin_status=origin))
    assert (outcome.status, outcome.body_from, outcome.rule_number) == (status, body, 1)
    assert simulate(document, Request("a/x", method="HEAD")).status == 404
    allowed = site((1, "", mirror + "<MirrorAllowHeadObject>true</MirrorAllowHeadObject>"))
    assert simulate(allowed, Request("a/x", method="HEAD")).status == 200


def test_rules_without_a_status_come_before_the_object_is_looked_up():
    document = site((1, A404, E302), (2, "", OTHER))
    assert simulate(document, Request("a/x")).rule_number == 2
    assert simulate(document, Request("a/x"), Bucket(acl="private")).status == 403
    assert simulate(document, Request("a/x"), assumptions=Assumptions(unconditional_rules=False)).rule_number == 1


def test_each_assumption_can_be_turned():
    def answer(document, request, **assumed):
        return simulate(document, request, Bucket(acl="private"), Assumptions(**assumed))

    signed = Request("a/x", method="HEAD", signed=Signing.HEADER)
    assert answer(SIMPLE, signed, head_redirects=True).status == 302
    variant = Request("a/x", query="versionId=v", signed=Signing.HEADER)
    assert answer(SIMPLE, variant).status == 404
    assert answer(SIMPLE, variant, subresources_redirect=True).status == 302
    about = Request("a/x", query="acl", signed=Signing.HEADER)
    assert answer(SIMPLE, about, subresources_redirect=True).status == 404
    denied = site((1, A404.replace("404", "403"), E302))
    assert answer(denied, Request("a/x")).status == 302
    assert answer(denied, Request("a/x"), denied_reads_redirect=False).status == 403
    url = Request("a/x", query="k=v&Expires=1&x-oss-process=a&Signature=s", signed=Signing.URL)
    assert answer(QUERY, url, subresources_redirect=True).location.endswith("?" + url.query)
    kept = answer(QUERY, url, subresources_redirect=True, signature_in_location=False)
    assert kept.location.endswith("?k=v&x-oss-process=a")
    prefixed = site((1, A404, replaced(ReplaceKeyPrefixWith="z/")))
    reader = Request("a/x y", signed=Signing.HEADER)
    assert answer(prefixed, reader).location == "https://o.example/z/x%20y"
    assert answer(prefixed, reader, replace_prefix_without_flag=False).location == "https://o.example/a/x%20y"
    assert answer(SIMPLE, reader, location_encoded=False).location == "https://o.example/a/x y"


def test_what_a_rule_does_not_name_is_taken_from_the_request():
    document = site((1, A404, "<HttpRedirectCode>307</HttpRedirectCode><ReplaceKeyWith>gone.html</ReplaceKeyWith>"))
    outcome = simulate(document, Request("a/x", host="cn.example", scheme="http"))
    assert (outcome.status, outcome.location) == (307, "http://cn.example/gone.html")
