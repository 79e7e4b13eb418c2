"""boto3, unmodified, talks to the sandbox OSS."""

from __future__ import annotations

import io
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hostile import KEYS
from sandbox_rig import raw

from migrator.sandbox.oss.run import start_oss


@pytest.fixture(scope="module")
def oss():
    with start_oss() as running:
        yield running


def _client(oss, secret=""):
    return boto3.client(
        "s3",
        endpoint_url=oss.endpoint,
        region_name=oss.region,
        aws_access_key_id=oss.access_key_id,
        aws_secret_access_key=secret or oss.access_key_secret,
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture(scope="module")
def s3(oss):
    client = _client(oss)
    client.create_bucket(Bucket="boto")
    yield client
    client.close()


def test_hostile_keys_and_metadata(s3):
    for key in KEYS:
        s3.put_object(Bucket="boto", Key=key, Body=key.encode(), Metadata={"a": "1"}, CacheControl="no-store")
        reply = s3.get_object(Bucket="boto", Key=key)
        assert (reply["Body"].read(), reply["Metadata"], reply["CacheControl"]) == (
            key.encode(),
            {"a": "1"},
            "no-store",
        )
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="boto", PaginationConfig={"PageSize": 9})
    assert [item["Key"] for page in pages for item in page["Contents"]] == sorted(KEYS)
    s3.delete_objects(Bucket="boto", Delete={"Objects": [{"Key": key} for key in KEYS if key.isprintable()]})
    left = s3.list_objects_v2(Bucket="boto").get("Contents", [])
    assert [item["Key"] for item in left] == sorted(key for key in KEYS if not key.isprintable())


def test_multipart_copy_and_presigned(s3):
    body = bytes(range(256)) * 40_000
    s3.upload_fileobj(io.BytesIO(body), "boto", "large", ExtraArgs={"ContentType": "text/x"})
    s3.copy_object(Bucket="boto", Key="copy +ü", CopySource={"Bucket": "boto", "Key": "large"})
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "boto", "Key": "copy +ü"})
    with urllib.request.urlopen(url) as reply:
        assert reply.read() == body
    assert s3.head_object(Bucket="boto", Key="large")["ContentType"] == "text/x"


def test_what_is_refused(oss, s3):
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="boto", Key="absent")
    stranger = _client(oss, secret="wrong")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.get_object(Bucket="boto", Key="absent")
    stranger.close()
    assert raw(oss, "GET", "/boto/k?X-Amz-Signature=a&X-Amz-Credential=b").code == "AuthorizationHeaderMalformed"
