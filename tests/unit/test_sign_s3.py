from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.adapters.credentials import AccessKey
from migrator.adapters.sign_s3 import SigV4, encode_path, encode_query

NOW = datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def botocore_headers(method: str, url: str, access: AccessKey, region: str) -> dict[str, str]:
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=b"")
    credentials = botocore.credentials.Credentials(access.id, access.secret, access.token or None)
    auth = botocore.auth.S3SigV4Auth(credentials, "s3", region)
    request.context["payload_signing_enabled"] = True
    request.context["timestamp"] = NOW.strftime("%Y%m%dT%H%M%SZ")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_: NOW)
        auth.add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(
    method=st.sampled_from(["GET", "HEAD"]),
    key=text,
    query=st.dictionaries(text.filter(bool), text, max_size=5),
    host=st.sampled_from(["127.0.0.1:9000", "bucket.s3.eu-west-1.amazonaws.com", "[::1]:8080"]),
    token=st.sampled_from(["", "a/token+with=signs"]),
    region=st.sampled_from(["us-east-1", "cn-north-1"]),
)
def test_signs_like_botocore(method, key, query, host, token, region):
    access = AccessKey("AKIDEXAMPLE", "secret/+=", token)
    path, question = "/bucket/" + encode_path(key), encode_query(query)
    ours = dict(SigV4(region).headers(method, host, path, question, access, NOW))
    theirs = botocore_headers(method, f"http://{host}{path}" + (f"?{question}" if question else ""), access, region)
    assert {name.lower(): value for name, value in ours.items()} == theirs


@given(st.dictionaries(text.filter(bool), text, max_size=5))
def test_a_query_survives_its_encoding(query):
    encoded = encode_query(query)
    assert dict(parse_qsl(encoded, keep_blank_values=True)) == query
    assert encoded.isascii()
    assert "+" not in encoded


@given(text)
def test_a_path_is_encoded_once_and_keeps_its_slashes(key):
    assert urlsplit("http://h/" + encode_path(key)).path.count("/") == key.count("/") + 1
    assert not set(encode_path(key)) & set(" ?#+")
