from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.adapters.listing import read_page
from migrator.adapters.listing_xml import parse_listing
from migrator.domain.objects import LAST_CHARACTER
from migrator.errors import ListingBroken, Transient

keys = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\U0010fffe\U0010ffff"), min_size=1, max_size=8
)


def answer(
    listed=(), groups=(), *, more=False, token="", v1=False, encode=quote, extra="", namespace=' xmlns="urn:any"'
) -> bytes:
    entries = "".join(
        f"<Contents>\n<Key>{escape(encode(key))}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
        f"<ETag>&quot;e-{n}&quot;</ETag><Size>{n}</Size><Owner><ID>1</ID></Owner><StorageClass>STANDARD</StorageClass>"
        "</Contents>"
        for n, key in enumerate(listed)
    )
    folded = "".join(f"<CommonPrefixes><Prefix>{escape(encode(g))}</Prefix></CommonPrefixes>" for g in groups)
    kind = f"<Marker></Marker><NextMarker>{token}</NextMarker>" if v1 else "<KeyCount>1</KeyCount>"
    if token and not v1:
        kind += f"<NextContinuationToken>{token}</NextContinuationToken>"
    encoding = "" if encode is str else "<EncodingType>url</EncodingType>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{extra}<ListBucketResult{namespace}><Name>b</Name><Prefix/>{encoding}'
        f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{kind}{entries}{folded}</ListBucketResult>"
    ).encode()


def page(body: bytes, **query):
    return read_page(lambda _: body, side="s3://b", **{"prefix": "", **query})


@given(st.sets(keys), st.sampled_from([lambda k: quote(k, safe=""), quote, quote_plus]))
def test_any_key_is_decoded_exactly_once(found, encode):
    listed = sorted(found)
    assert [o.key for o in page(answer(listed, encode=encode)).objects] == listed


@pytest.mark.parametrize("key", ["a b", "a+b", "a%20b", "a%2Bb", "100%", "%", "&<>", "ü", "a\tb"])
def test_keys_that_are_not_encoded_are_not_decoded(key):
    assert page(answer([key], encode=str)).objects[0].key == key


def test_every_field_is_read():
    entry = page(answer(["a", "b"])).objects[1]
    assert (entry.key, entry.size_bytes, entry.etag, entry.storage_class) == ("b", 1, "e-1", "STANDARD")
    assert entry.modified_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_namespaces_do_not_matter():
    assert page(answer(["a"], namespace="")).objects == page(answer(["a"])).objects
    prefixed = answer(["a"], namespace=' xmlns:x="urn:any"').replace(b"</", b"</x:").replace(b"<Prefix/>", b"")
    prefixed = re.sub(rb"<(?=[A-Z])", b"<x:", prefixed)
    assert page(prefixed).objects[0].key == "a"


@given(st.lists(keys, min_size=2, max_size=6, unique=True))
def test_keys_out_of_order_are_refused(listed):
    if listed == sorted(listed):
        listed = listed[::-1]
    with pytest.raises(ListingBroken, match="byte order"):
        page(answer(listed))


def test_a_store_in_directory_order_is_noticed():
    with pytest.raises(ListingBroken, match="byte order"):
        page(answer(["a/b", "a-b"]))
    with pytest.raises(ListingBroken, match="byte order"):
        page(answer(["a", "a"]))


def test_utf8_order_is_the_order():
    assert len(page(answer(["\ufffd", "\U00010000"])).objects) == 2
    with pytest.raises(ListingBroken):  # the order of UTF-16
        page(answer(["\U00010000", "\ufffd"]))


def test_a_page_that_does_not_advance_is_refused():
    with pytest.raises(ListingBroken, match="does not advance"):
        page(answer(["a", "b"], more=True), after="b")
    with pytest.raises(ListingBroken, match="does not advance"):
        page(answer(["b", "c"]), after="b")
    with pytest.raises(ListingBroken, match="does not advance"):
        page(answer(groups=["a/"], more=True), after="a/" + LAST_CHARACTER, delimiter="/")


def test_a_page_that_leaves_its_prefix_is_refused():
    for listed in (["o"], ["pa", "q"]):
        with pytest.raises(ListingBroken, match="left its prefix"):
            page(answer(listed), prefix="p")


def test_groups():
    result = page(answer(["p/a"], ["p/b/", "p/c/"], more=True), prefix="p/", delimiter="/")
    assert (result.common_prefixes, result.next_after) == (("p/b/", "p/c/"), "p/c/" + LAST_CHARACTER)
    assert page(answer(groups=["a/"]), after="a/x", delimiter="/").common_prefixes == ("a/",)
    for groups in (["p/c/", "p/b/"], ["p/"], ["q/"], ["p/b"], ["p/b/", "p/b/"]):
        with pytest.raises(ListingBroken):
            page(answer(groups=groups), prefix="p/", delimiter="/")
    with pytest.raises(ListingBroken):
        page(answer(groups=["a/"]), after="b", delimiter="/")
    with pytest.raises(ListingBroken, match="not asked for"):
        page(answer(groups=["a/"]))


def test_the_last_page_has_no_successor():
    assert page(answer(["a"])).next_after is None
    assert page(answer(["a"], more=True)).next_after == "a"
    assert page(answer(["a"], token="more-although-it-says-no")).next_after == "a"


def scripted(*answers):
    asked = []

    def ask(query):
        asked.append(dict(query))
        return answers[min(len(asked), len(answers)) - 1]

    return ask, asked


def test_every_question_asks_for_encoded_keys_by_key():
    ask, asked = scripted(answer(["b"]))
    read_page(ask, side="x", prefix="", after="a", delimiter="/", limit=7)
    common = {"prefix": "", "delimiter": "/", "max-keys": "7", "encoding-type": "url"}
    assert asked == [{**common, "list-type": "2", "start-after": "a"}]
    read_page(ask, side="x", prefix="", after="a", delimiter="/", limit=7, version=1)
    assert asked[1] == {**common, "marker": "a"}


def test_empty_pages_are_followed():
    ask, asked = scripted(answer(more=True, token="t1"), answer(more=True, token="t2"), answer(["z"]))
    assert read_page(ask, side="x", prefix="", after="a").objects[0].key == "z"
    assert [q.get("continuation-token") for q in asked] == [None, "t1", "t2"]
    assert "start-after" not in asked[1]
    ask, asked = scripted(answer(more=True, token="m%2B", v1=True), answer(["z"], v1=True))
    assert read_page(ask, side="x", prefix="", version=1).objects[0].key == "z"
    assert asked[1]["marker"] == "m+"


def test_empty_pages_without_end_are_refused():
    for body in (answer(more=True), answer(more=True, token="same")):
        ask, asked = scripted(body)
        with pytest.raises(ListingBroken, match="does not advance"):
            read_page(ask, side="x", prefix="")
        assert len(asked) <= 2
    count = iter(range(10**6))
    with pytest.raises(ListingBroken, match="does not advance"):
        read_page(lambda _: answer(more=True, token=f"t{next(count)}"), side="x", prefix="")


def test_a_server_that_knows_only_version_1_is_asked_in_version_1():
    ask, asked = scripted(answer(["a"], v1=True), answer(["c"], v1=True))
    assert read_page(ask, side="x", prefix="", after="b").objects[0].key == "c"
    assert asked[1]["marker"] == "b"


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<html><body>Bad gateway</body></html>",
        b"<!DOCTYPE html><html/>",
        b"<Error><Code>SlowDown</Code></Error>",
        b"<ListBucketResult/>",
        answer(["a"])[:-30],
        answer(["a"]).replace(b"<Size>0</Size>", b""),
        answer(["a"]).replace(b"<Size>0</Size>", b"<Size>many</Size>"),
        answer(["a"]).replace(b"2026-01-02", b"yesterday"),
        answer(["a"], extra=BOMB),
        answer(["&b;"], encode=str, extra=BOMB),
        answer(["a"], extra='<!DOCTYPE x SYSTEM "file:///etc/passwd">'),
        b"<ListBucketResult>" + b"<a>" * 100_000,
        answer(["a"]).decode().encode("utf-16"),
        answer(["\xff"], encode=str).replace("\xff".encode(), b"\xff"),
    ],
)
def test_what_is_no_listing_is_an_error_never_an_empty_page(body):
    with pytest.raises(Transient, match="s3://b"):
        page(body)


def test_a_huge_answer_is_refused():
    with pytest.raises(Transient, match="longer"):
        parse_listing(b" " * (32 * 1024 * 1024 + 1), side="x")


def test_a_key_that_is_not_utf8_is_named():
    with pytest.raises(ListingBroken, match=r"not UTF-8.*xff"):
        page(answer(["a"]).replace(b"<Key>a</Key>", b"<Key>a%FF</Key>"))
    with pytest.raises(ListingBroken, match="not UTF-8"):
        page(answer(["a"]).replace(b"<Key>a</Key>", b"<Key>%ED%A0%80</Key>"))
