"""Objects arrive whole: their bytes, their headers, their names; what OSS cannot hold is told by name."""

from __future__ import annotations

import gzip
import json
import os
from hashlib import md5

import boto3
import pytest
from botocore.config import Config
from rig import Rig

from migrator.app import control
from migrator.domain.model import RecordKind
from migrator.domain.states import JobState, PrefixState
from migrator.errors import NotFound

HEADERS = {
    "Content-Type": "text/css; charset=utf-8",
    "Cache-Control": "public, max-age=60",
    "Content-Disposition": 'attachment; filename="a b.css"',
    "Content-Language": "de-CH",
    "Expires": "Wed, 21 Oct 2065 07:28:00 GMT",
    "x-amz-meta-colour": "blue; yes",
    "x-amz-meta-two-words": "1",
}
HOSTILE = [
    "a b/c d .txt",
    "a+b",
    "100%",
    "a%20b",
    "%2F",
    "a#b?c=d&e=f;g",
    "&amp;<'>\"",
    "中文/日本語",
    "emoji-😀",
    "e\u0301-nfd",
    "é-nfc",
    "\u202eright-to-left",
    "a//b",
    "a///",
    "folder/",
    "folder",
    "a/../b",
    "a/./b",
    "..",
    "a/...",
    "~*!()'",
    "a:b@c,d=e$",
    "ä" * 511 + "x",
]


@pytest.fixture
def s3(rig: Rig):
    client = boto3.client(
        "s3",
        endpoint_url=rig.sides.origin.endpoint,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )
    yield client
    client.close()


def test_headers_and_metadata(rig: Rig) -> None:
    rig.put("styles/a.css", b"p {}", **HEADERS)
    rig.put("styles/big.css", os.urandom(300_000), **HEADERS)
    packed = gzip.compress(b"x" * 50_000)
    rig.put("styles/packed.css", packed, Content_Type="text/css", Content_Encoding="gzip")
    rig.put("styles/nothing", b"")
    rig.start(copy={"multipart_bytes": 102_400})
    rig.drive()
    rig.check_end()
    for key in ("styles/a.css", "styles/big.css"):
        found = rig.headers(key)
        for name, value in HEADERS.items():
            assert found[name.lower().replace("x-amz-", "x-oss-")] == value, (key, name)
    assert rig.stored()["styles/big.css"].etag.lower() != md5(rig.files["styles/big.css"]).hexdigest()
    packed_answer = rig.read("styles/packed.css")
    assert packed_answer.headers["content-encoding"] == "gzip"
    assert packed_answer.body == packed
    assert rig.headers("styles/nothing")["content-length"] == "0"


def test_hostile_keys(rig: Rig) -> None:
    for key in HOSTILE:
        rig.put(key, b"body of " + key.encode())
    rig.start(retire="hold")
    rig.drive(rig.is_in("", PrefixState.COPYING))
    for key in HOSTILE:
        answer = rig.read(key)
        assert (answer.status, answer.body) == (200, rig.files[key]), key
    control.release(rig.rt, "job", None)
    rig.drive()
    rig.check_end()


def test_a_multipart_object_of_the_origin_is_proven_by_its_bytes(rig: Rig, s3) -> None:
    body = os.urandom(6 * 1024**2)
    upload = s3.create_multipart_upload(Bucket=rig.there, Key="a/big", ContentType="image/png")["UploadId"]
    parts = []
    for number, part in enumerate((body[: 5 * 1024**2], body[5 * 1024**2 :]), start=1):
        answer = s3.upload_part(Bucket=rig.there, Key="a/big", UploadId=upload, PartNumber=number, Body=part)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    done = s3.complete_multipart_upload(
        Bucket=rig.there, Key="a/big", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert "-2" in done["ETag"]
    rig.files["a/big"] = body
    # One that is there already: its equality too can only be seen in the bytes.
    rig.put("a/there", b"equal" * 50_000)
    from oss2.models import PartInfo

    upload = rig.bucket.init_multipart_upload("a/there").upload_id
    part = rig.bucket.upload_part("a/there", upload, 1, rig.files["a/there"])
    rig.bucket.complete_multipart_upload("a/there", upload, [PartInfo(1, part.etag)])
    rig.start()
    rig.drive()
    rig.check_end()
    counters = rig.snapshot().counters
    assert (counters.copied, counters.already_equal) == (1, 1)
    job = rig.rt.store.jobs.by_name("job")
    proofs = rig.rt.store.records.list(job.id, [RecordKind.PROOF])
    assert [record.key for record in proofs] == ["a/big", "a/there"]
    assert all(record.crc64 for record in proofs)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("a/" + "x" * 1022, "1024"),
        ("a/" + "ä" * 511, "1024"),
    ],
)
def test_a_key_that_oss_cannot_hold_blocks_until_it_is_waived_by_name(rig: Rig, key: str, why: str) -> None:
    rig.put("a/fine", b"fine")
    rig.put(key, b"cannot be there")
    rig.start()
    rig.drive(lambda: rig.view("a/").blocking_quarantined == 1)
    for _ in range(5):
        rig.tick()
    line = next(line for line in rig.snapshot().prefixes if line.name == "a/")
    assert (line.state, line.wait.reason, line.wait.command) == (
        PrefixState.COPYING,
        "blocked: 1 quarantined",
        "migrator retry job a/",
    )
    [record] = rig.rt.store.records.blocking(rig.prefix("a/").id)
    assert record.key == key
    assert why in record.reason
    assert rig.read("a/fine").status == 200
    with pytest.raises(NotFound):
        control.waive(rig.rt, "job", "a/", ["a/another"], "ops: why")
    control.waive(rig.rt, "job", "a/", [key], "ops: nobody asks for it")
    rig.drive()
    current = rig.snapshot()
    assert current.state is JobState.DONE
    assert (current.counters.copied, current.counters.quarantined) == (1, 1)
    assert current.counters.discovered == 2
    certificate = json.loads(rig.rt.store.prefixes.certificate(rig.prefix("a/").id) or "")
    assert [waiver["key"] for waiver in certificate["waivers"]] == [key]


def test_a_leading_slash_blocks_the_root_group_alone(rig: Rig) -> None:
    rig.put("a/fine", b"fine")
    rig.put("/leading", b"cannot be there")
    rig.put("\\leading", b"nor this")
    rig.start()
    rig.drive(lambda: sum(line.blocking for line in rig.snapshot().prefixes) == 2)
    rig.drive(rig.is_in("a/", PrefixState.RETIRING, PrefixState.SETTLING, PrefixState.RETIRED))
    assert rig.read("a/fine").status == 200
    for line in rig.snapshot().prefixes:
        for record in rig.rt.store.records.blocking(rig.prefix(line.name).id):
            assert "cannot start with" in record.reason
            control.waive(rig.rt, "job", line.name, [record.key], "ops: nobody asks for it")
    rig.drive()
    assert set(rig.stored()) == {"a/fine"}
    assert rig.snapshot().counters.quarantined == 2


def test_metadata_that_oss_cannot_hold_is_never_dropped_silently(rig: Rig) -> None:
    rig.put("a/fine", b"fine")
    rig.put("a/named", b"body", **{"x-amz-meta-bad.name": "value"})
    rig.start()
    rig.drive(lambda: rig.view("a/").blocking_quarantined == 1)
    [record] = rig.rt.store.records.blocking(rig.prefix("a/").id)
    assert (record.key, "'bad.name'" in record.reason) == ("a/named", True)
    # Somebody mends it at the origin and says: try again.
    rig.put("a/named", b"body", **{"x-amz-meta-good-name": "value"})
    assert control.retry(rig.rt, "job", "a/") == 1
    rig.drive()
    rig.check_end()
    assert rig.headers("a/named")["x-oss-meta-good-name"] == "value"
