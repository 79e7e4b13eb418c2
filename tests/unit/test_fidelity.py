from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.adapters.answers import head_of
from migrator.adapters.fidelity import MAX_METADATA_BYTES, OSS_META, oss_headers, representable
from migrator.errors import Unrepresentable


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "empty"),
        ("/a", "start with '/'"),
        ("\\a", "start with '\\\\'"),
        ("\ud800", "UTF-8"),
        ("a" * 1024, "1024"),
        ("ä" * 512, "1024"),
    ],
)
def test_keys_oss_cannot_hold_are_named(key: str, why: str):
    assert why in representable(key)


@pytest.mark.parametrize("key", ["a", "a" * 1023, "ä" * 511 + "a", "a//b", "a/../b", ".", "..", "a/", "%2F", "\n", " "])
def test_all_other_keys_are_fine(key: str):
    assert representable(key) == ""


@given(st.text(min_size=1, max_size=400).filter(lambda key: key[0] not in "/\\"))
def test_any_text_within_the_limit_is_fine(key: str):
    assert (representable(key) == "") == (len(key.encode()) <= 1023)


def test_headers_are_carried_and_come_back():
    headers = {
        "content-type": "text/plain; charset=utf-8",
        "content-encoding": "gzip",
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="a.txt"',
        "content-language": "de",
        "expires": "never",
        "meta/color": "red",
        "meta/x-2": "",
    }
    sent = oss_headers(headers)
    assert sent["x-oss-meta-color"] == "red"
    answer = {**sent, "server": "AliyunOSS", "x-oss-request-id": "1"}
    assert head_of(answer, 0, meta=OSS_META).headers == headers


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"meta/a_b": "1"}, "a_b"),
        ({"meta/ä": "1"}, "ä"),
        ({"meta/": "1"}, "''"),
        ({"meta/name": "Zoë"}, "name"),
        ({"content-disposition": 'attachment; filename="Zoë"'}, "content-disposition"),
        ({"cache-control": "a\r\nx-oss-object-acl: public-read"}, "cache-control"),
        ({"meta/a": " x"}, "a"),
        ({"x-amz-website-redirect-location": "/x"}, "x-amz-website-redirect-location"),
        ({"meta/a": "x" * MAX_METADATA_BYTES}, str(MAX_METADATA_BYTES)),
    ],
)
def test_what_oss_cannot_store_is_refused_by_name(headers: dict[str, str], named: str):
    with pytest.raises(Unrepresentable) as caught:
        oss_headers(headers)
    assert named in str(caught.value)


def test_metadata_up_to_the_limit_is_stored():
    assert oss_headers({"meta/a": "x" * (MAX_METADATA_BYTES - len("x-oss-meta-a"))})
