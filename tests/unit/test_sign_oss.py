from __future__ import annotations

import datetime as dt
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import oss2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oss2.http import Request as Oss2Request

from migrator.adapters.credentials import AccessKey
from migrator.adapters.oss_client import BucketAddress, encode_key
from migrator.adapters.sign_oss import V1_SUBRESOURCES, SignerV1, SignerV4, Unsigned, encode_query

NOW = dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
values = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=1, max_size=20)
unused = oss2.ProviderAuth._subresource_key_set - V1_SUBRESOURCES
names = st.sampled_from(sorted(V1_SUBRESOURCES)) | text.filter(lambda name: name and name not in unused)
queries = st.dictionaries(names, text, max_size=5)
headers = st.dictionaries(
    st.sampled_from(["content-type", "content-md5", "range", "x-oss-forbid-overwrite", "x-oss-meta-a", "x-oss-meta-b"]),
    values,
)
requests = st.builds(
    Unsigned,
    st.sampled_from(["GET", "PUT", "HEAD", "POST", "DELETE"]),
    st.sampled_from(["", "my-bucket"]),
    keys,
    queries,
    headers,
)
access_keys = st.builds(AccessKey, values, values, st.just("") | values)


class Frozen(dt.datetime):
    @classmethod
    def utcnow(cls):
        return NOW.replace(tzinfo=None)


def theirs(request: Unsigned, access: AccessKey, auth_class: type) -> dict[str, str]:
    key = request.key if request.bucket else ""
    req = Oss2Request(
        request.method,
        "http://x/",
        params=dict(request.query),
        headers=dict(request.headers),
        region="cn-hangzhou",
        product="oss",
    )
    auth = auth_class(oss2.StaticCredentialsProvider(access.id, access.secret, access.token))
    with (
        patch("oss2.auth.datetime", Frozen),
        patch("oss2.auth.utils.http_date", return_value="Tue, 03 Feb 2026 04:05:06 GMT"),
    ):
        auth._sign_request(req, request.bucket, key)
    return {name.lower(): value for name, value in req.headers.items() if value is not None}


@given(requests, access_keys)
def test_v4_is_what_oss2_signs(request: Unsigned, access: AccessKey):
    signed = SignerV4("cn-hangzhou").sign(request, access, NOW)
    expected = theirs(request, access, oss2.ProviderAuthV4)
    assert signed == {name: expected[name] for name in signed}
    assert ("x-oss-security-token" in signed) == bool(access.token)


@given(requests, access_keys)
def test_v1_is_what_oss2_signs(request: Unsigned, access: AccessKey):
    signed = SignerV1().sign(request, access, NOW)
    expected = theirs(request, access, oss2.ProviderAuth)
    assert signed == {name: expected[name] for name in signed}


def test_every_subresource_is_one_for_oss2():
    assert oss2.ProviderAuth._subresource_key_set >= V1_SUBRESOURCES


def test_a_new_day_and_another_region_sign_with_other_keys():
    request, access = Unsigned("GET", "b", "k", {}, {}), AccessKey("id", "secret")
    signatures = {
        SignerV4(region).sign(request, access, NOW + dt.timedelta(days=days))["authorization"]
        for region in ("cn-hangzhou", "cn-beijing")
        for days in (0, 1)
    }
    assert len(signatures) == 4


@given(keys)
def test_an_encoded_key_decodes_to_itself_and_has_no_dot_segment(key: str):
    encoded = encode_key(key)
    assert unquote(encoded) == key
    assert encoded.isascii()
    assert not {".", ".."} & set(encoded.split("/"))
    assert not {"?", "#", "+", " "} & set(encoded)


@given(st.sampled_from(["a/../b", "a/./b", "../b", "a/..", ".", "..", "./a", "../.."]))
def test_dot_segments_survive(key: str):
    assert unquote(encode_key(key)) == key
    assert not {".", ".."} & set(encode_key(key).split("/"))


def test_ordinary_keys_keep_their_slashes():
    assert encode_key("a//b c/%2F+?#&ä/") == "a//b%20c/%252F%2B%3F%23%26%C3%A4/"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/b/k"),
        ("http://[::1]:9000", "http://[::1]:9000/b/k"),
        ("http://localhost:9000/", "http://localhost:9000/b/k"),
        ("https://oss-cn-hangzhou.aliyuncs.com", "https://b.oss-cn-hangzhou.aliyuncs.com/k"),
    ],
)
def test_style_of_the_url_follows_the_host(endpoint: str, url: str):
    assert BucketAddress(endpoint, "b").url("k") == url


@given(queries)
def test_queries_are_spelled_so_that_the_url_splits_back(query: dict[str, str]):
    url = "http://h/" + ("?" + encode_query(query) if query else "")
    assert urlsplit(url).query == encode_query(query)
    assert not urlsplit(url).fragment
