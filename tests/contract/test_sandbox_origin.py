"""The sandbox's legacy origin, asked by boto3 and by readers without a key."""

from __future__ import annotations

import http.client
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from migrator.errors import Invalid
from migrator.sandbox.origin import OriginConfig, RunningOrigin, start_origin
from migrator.sandbox.trees import real_files

HOSTILE = [
    "a b/c+d%20e#f?g&h=i;j.txt",
    "a//b",
    "//x",
    "/lead",
    "dir/",
    "dir//",
    "ünï/中文/🐙.txt",
    "a/../b",
    "a/./b",
    "..",
    "%2F",
    "a%ZZ",
    "quote'\"<>",
    "tab\tx",
    "back\\slash",
    "~tilde",
    "semi;colon?x=1",
    "line\u2028separator",
    "0",
    "k" * 1023,
]


@pytest.fixture(scope="module")
def origin() -> Iterator[RunningOrigin]:
    running = start_origin()
    yield running
    running.stop()


def s3(origin: RunningOrigin, key: str = ""):
    return boto3.client(
        "s3",
        endpoint_url=origin.endpoint,
        region_name=origin.region,
        aws_access_key_id=key or origin.access_key_id,
        aws_secret_access_key=origin.access_key_secret,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def read(origin: RunningOrigin, path: str) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def listed(client, bucket: str, **options) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, **options)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def test_hostile_keys_arrive_by_name_and_without_a_key(origin: RunningOrigin) -> None:
    origin.create_bucket("hostile")
    client = s3(origin)
    for key in HOSTILE:
        client.put_object(Bucket="hostile", Key=key, Body=key.encode(), Metadata={"a_b": "c"})
    for key in HOSTILE:
        answer = client.get_object(Bucket="hostile", Key=key)
        assert (answer["Body"].read(), answer["Metadata"]) == (key.encode(), {"a_b": "c"})
        status, body, _ = read(origin, "/hostile/" + quote(key))
        assert (status, body) == (200, key.encode())
    assert listed(client, "hostile") == sorted(HOSTILE)
    assert listed(client, "hostile", PaginationConfig={"PageSize": 3}) == sorted(HOSTILE)


def test_a_tree_arrives_whole(origin: RunningOrigin, tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "empty.png").touch()
    (tmp_path / "img" / "a b+c%.bin").write_bytes(bytes(range(256)) * 300)
    (tmp_path / "data.json.gz").write_bytes(b"\x1f\x8b not really")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "skipped.pyc").touch()
    (tmp_path / "link").symlink_to("data.json.gz")
    assert origin.feed("tree", tmp_path) == 3
    client = s3(origin)
    assert listed(client, "tree") == ["data.json.gz", "img/a b+c%.bin", "img/empty.png"]
    for key in listed(client, "tree"):
        answer = client.get_object(Bucket="tree", Key=key)
        assert answer["Body"].read() == (tmp_path / key).read_bytes()
        assert answer["ContentType"] == (mimetypes.guess_type(key)[0] or "application/octet-stream")
    zipped = client.head_object(Bucket="tree", Key="data.json.gz")
    assert zipped["ContentEncoding"] == "gzip"
    image = client.head_object(Bucket="tree", Key="img/empty.png")
    assert image["CacheControl"] == "public, max-age=86400"
    metadata = [client.head_object(Bucket="tree", Key=key)["Metadata"] for key in listed(client, "tree")]
    assert any("mtime" in one for one in metadata)


def test_later_objects_are_public_too(origin: RunningOrigin) -> None:
    origin.create_bucket("later")
    s3(origin).put_object(Bucket="later", Key="x", Body=b"new")
    assert read(origin, "/later/x")[:2] == (200, b"new")
    assert read(origin, "/later/y")[0] == 404


def test_ranges_and_conditions(origin: RunningOrigin) -> None:
    origin.create_bucket("ranges")
    client = s3(origin)
    etag = client.put_object(Bucket="ranges", Key="x", Body=b"0123456789")["ETag"]
    assert client.get_object(Bucket="ranges", Key="x", Range="bytes=2-4", IfMatch=etag)["Body"].read() == b"234"
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.get_object(Bucket="ranges", Key="x", IfMatch='"other"')


def test_a_foreign_access_key_is_refused(origin: RunningOrigin) -> None:
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        s3(origin, "somebody-else").list_buckets()


def test_a_taken_port_and_bad_input_are_refused(origin: RunningOrigin, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="Address already in use"):
        start_origin(OriginConfig(port=origin.port))
    with pytest.raises(Invalid, match="no folder"):
        origin.feed("none", tmp_path / "none")
    with pytest.raises(Invalid, match="bucket's name"):
        origin.create_bucket("x")


# -- which files ------------------------------------------------------------------------------------------------------
def test_pythons_own_files_have_more_folders_than_a_bucket_has_rules() -> None:
    chosen = real_files(limit=2000, seed=7)
    keys = [key for key, _ in chosen]
    assert len(keys) == 2000
    assert keys == sorted(set(keys))
    assert 20 < len({key.partition("/")[0] for key in keys if "/" in key}) <= 40
    assert len([key for key in keys if "/" not in key]) > 5
    assert not any("__pycache__" in key for key in keys)
    sizes = [path.stat().st_size for _, path in chosen]
    assert max(sizes) > 100_000 > 100 > min(sizes)


def test_the_choice_can_be_repeated() -> None:
    assert real_files(limit=300, seed=1) == real_files(limit=300, seed=1)
    assert real_files(limit=300, seed=1) != real_files(limit=300, seed=2)


def test_a_limit_thins_every_folder_alike(tmp_path: Path) -> None:
    for folder, count in {"a": 100, "b": 50, "c": 1}.items():
        (tmp_path / folder).mkdir()
        for number in range(count):
            (tmp_path / folder / f"{number}.txt").touch()
    kept = [key.partition("/")[0] for key, _ in real_files(tmp_path, 31, 5)]
    assert (kept.count("a"), kept.count("b"), kept.count("c")) == (20, 10, 1)
    assert len(real_files(tmp_path, 2)) == 2
    assert len(real_files(tmp_path)) == 151
