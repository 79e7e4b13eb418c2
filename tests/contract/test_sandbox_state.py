"""What of the sandbox OSS outlives a restart, and the door of whoever runs it."""

from __future__ import annotations

import json

import oss2
import pytest
from hostile import KEYS
from sandbox_rig import bucket, raw, rules, sdk, to_origin

from migrator.sandbox.oss.config import OssConfig
from migrator.sandbox.oss.run import start_oss


@pytest.fixture
def oss():
    with start_oss() as running:
        yield running


SDK_KEYS = [key for key in KEYS if key not in {".", ".."}]
"""The SDK itself cannot ask for the two that are missing."""


def test_everything_outlives_a_restart(tmp_path):
    config = OssConfig(state_dir=tmp_path)
    with start_oss(config) as oss:
        made = bucket(oss, "public-read", name="kept")
        for key in SDK_KEYS:
            made.put_object(key, key.encode(), headers={"x-oss-meta-a": "ü".encode()})
        made.delete_object("plain.txt")
        made.put_object("twice", b"old")
        made.put_object("twice", b"newer")
        made.put_bucket_website(rules(to_origin("z/")))
        upload_id = made.init_multipart_upload("parts").upload_id
        first = made.upload_part("parts", upload_id, 1, b"a" * 102_400)
        bucket(oss, name="dropped").delete_bucket()
    with start_oss(config) as oss:
        made = sdk(oss, "kept")
        for key in set(SDK_KEYS) - {"plain.txt"}:
            assert made.get_object(key).read() == key.encode()
        assert [item.key for item in oss2.ObjectIterator(made)] == sorted({*SDK_KEYS, "twice"} - {"plain.txt"})
        assert made.get_object("twice").read() == b"newer"
        assert made.head_object("twice").headers["x-oss-hash-crc64ecma"]
        assert raw(oss, "GET", "/kept/z/x").status == 302
        assert made.get_bucket_acl().acl == "public-read"
        second = made.upload_part("parts", upload_id, 2, b"b")
        parts = [oss2.models.PartInfo(1, first.etag), oss2.models.PartInfo(2, second.etag)]
        made.complete_multipart_upload("parts", upload_id, parts)
        assert made.get_object("parts").read() == b"a" * 102_400 + b"b"
        assert raw(oss, "GET", "/dropped/x").code == "NoSuchBucket"


def test_half_written_files_are_ignored(tmp_path):
    config = OssConfig(state_dir=tmp_path)
    with start_oss(config) as oss:
        bucket(oss, name="kept").put_object("k", b"x")
    (whole,) = (tmp_path / "kept" / "objects").glob("*/*")
    whole.with_name(f"{whole.name}.writing").write_bytes(b"0000")
    (tmp_path / "half-removed" / "objects").mkdir(parents=True)
    with start_oss(config) as oss:
        assert sdk(oss, "kept").get_object("k").read() == b"x"
        assert raw(oss, "GET", "/half-removed/k").code == "NoSuchBucket"


def test_a_streamed_body_outlives_its_replacement(tmp_path):
    with start_oss(OssConfig(state_dir=tmp_path)) as oss:
        made = bucket(oss)
        made.put_object("k", b"a" * 20_000_000)
        under_way = made.get_object("k")
        head = under_way.read(8192)
        made.put_object("k", b"b")
        assert head + under_way.read() == b"a" * 20_000_000


def test_switches_can_be_read_and_changed(oss):
    assert json.loads(oss.admin("GET", "switches"))["head_redirects"] is False
    oss.switch(head_redirects=True, propagation_delay_s=1)
    switches = json.loads(oss.admin("GET", "switches"))
    assert (switches["head_redirects"], switches["propagation_delay_s"]) == (True, 1)
    for wrong in ({"head_redirects": "yes"}, {"no_such_switch": True}):
        with pytest.raises(ValueError, match="switch"):
            oss.switch(**wrong)
    with pytest.raises(ValueError, match="no_such_switch"):
        start_oss(no_such_switch=True)


def test_the_log_is_off_until_it_is_wanted_and_in_order(oss):
    made = bucket(oss)
    oss.admin("POST", "log", {"on": True})
    made.put_object("ü", b"x", headers={"User-Agent": "somebody"})
    raw(oss, "GET", f"/{made.bucket_name}/absent", headers={"User-Agent": "stranger"})
    events = [json.loads(line) for line in oss.admin("GET", "log").splitlines()]
    seen = [(e["method"], e["key"], e["status"], e["signed"], e["who"]) for e in events]
    assert seen == [("PUT", "ü", 200, "header", "somebody"), ("GET", "absent", 403, "anonymous", "stranger")]
    assert events[0]["seq"] < events[1]["seq"]
    assert len(oss.admin("GET", f"log?after={events[0]['seq']}").splitlines()) == 1
    oss.admin("DELETE", "log")
    assert oss.admin("GET", "log") == b""


def test_the_door_is_no_key_of_a_bucket(oss):
    made = bucket(oss, "public-read-write")
    host = f"{made.bucket_name}.oss-cn-hangzhou.aliyuncs.com"
    assert raw(oss, "PUT", "/-/switches", b"an object", host=host).status == 200
    assert raw(oss, "GET", "/-/switches", host=host).body == b"an object"


def test_buckets(oss):
    made = bucket(oss, "public-read")
    again = sdk(oss, made.bucket_name)
    again.create_bucket("private")
    info = again.get_bucket_info()
    assert (info.acl.grant, info.extranet_endpoint) == ("private", f"127.0.0.1:{oss.port}")
    assert info.versioning_status is None
    assert again.get_bucket_location().location == "oss-cn-hangzhou"
    again.put_object("k", b"12345")
    assert (again.get_bucket_stat().object_count, again.get_bucket_stat().storage_size_in_bytes) == (1, 5)
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        again.delete_bucket()
    service = oss2.Service(oss2.Auth(oss.access_key_id, oss.access_key_secret), oss.endpoint, session=again.session)
    assert [item.name for item in service.list_buckets().buckets] == [made.bucket_name]
    for name in ("Upper", "ab", "-a-", "a_b", "x" * 64):
        assert raw(oss, "PUT", f"/{name}", b"").status in {400, 403}


def test_what_is_not_implemented_says_so(oss):
    made = bucket(oss)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        made.list_object_versions()
    assert (refused.value.status, refused.value.code) == (501, "NotImplemented")
    assert raw(oss, "PATCH", f"/{made.bucket_name}/k").code == "MethodNotAllowed"
