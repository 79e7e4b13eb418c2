"""What chaos runs found, each as a small run that always goes the same way."""

from __future__ import annotations

import boto3
import pytest
from fault_proxy import Reply, answer, fault_proxy
from rig import Rig

from migrator.app import QUEUES, VERBS
from migrator.app.verify import verify
from migrator.domain.states import PrefixState, ShardState
from migrator.errors import DatabaseUnreachable
from workers.bare import bare_app

PAGE = b"<html><body>Please log in to the hotel's network</body></html>"


def through(rig: Rig, url: str):
    return {"origin": {"url": f"s3://{rig.there}/", "endpoint": url}}


def test_a_login_page_is_never_stored_as_an_object(rig: Rig) -> None:
    """Found as wrong bytes for every reader of the key, recorded as somebody else's newer version."""
    rig.fill(prefixes=1, each=3)
    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        proxy.add("GET", answer(200, PAGE, content_type="text/html"), part_of_path="p00/001")
        rig.start(**through(rig, proxy.url))
        rig.drive()
        assert not proxy.unused
    rig.check_end()


def test_an_answer_that_lies_about_its_length_is_never_stored(rig: Rig) -> None:
    """With an ETag that is no MD5 nothing but the listed size shows it; it was taken for somebody else's version."""
    rig.fill(prefixes=1, each=1)
    key = "p00/000.txt"
    upload_in_parts(rig, key)

    def shorter(forward) -> Reply:
        reply = forward()
        reply.body = reply.body[: len(reply.body) // 2]
        return reply

    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        proxy.add("GET", shorter, part_of_path=key)
        rig.start(**through(rig, proxy.url))
        rig.drive()
        assert not proxy.unused
    rig.check_end()


def upload_in_parts(rig: Rig, key: str) -> None:
    origin = rig.sides.origin
    s3 = boto3.client(
        "s3",
        endpoint_url=origin.endpoint,
        region_name=origin.region,
        aws_access_key_id=origin.access_key_id,
        aws_secret_access_key=origin.access_key_secret,
    )
    what = {"Bucket": rig.there, "Key": key}
    upload = s3.create_multipart_upload(**what)["UploadId"]
    part = s3.upload_part(**what, UploadId=upload, PartNumber=1, Body=rig.files[key])
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert s3.complete_multipart_upload(**what, UploadId=upload, MultipartUpload=done)["ETag"].endswith('-1"')
    s3.close()


def test_one_stray_redirect_does_not_block_a_job(rig: Rig) -> None:
    """Found as a job that waited for a person after one answer of 302 in a thousand."""
    rig.fill(prefixes=1, each=3)
    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        proxy.add("GET", answer(302, location="http://127.0.0.1:9/login"), part_of_path="p00/001")
        rig.start(**through(rig, proxy.url))
        rig.drive(lambda: not proxy.unused)
        assert rig.rt.store.jobs.by_name("job").blocked_reason == ""
        rig.drive()
    rig.check_end()


def test_the_time_is_told_by_any_answer_also_a_refusal(rig: Rig) -> None:
    """A key that may list some prefixes only would have blocked the job when it was asked for the time."""
    refused = answer(403, b"<Error><Code>AccessDenied</Code></Error>", date="Sun, 22 Nov 2026 10:00:00 GMT")
    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        proxy.add("GET", refused, part_of_path="max-keys=1")
        spec = rig.spec(**through(rig, proxy.url))
        assert rig.rt.connections.origin(spec).server_time().isoformat() == "2026-11-22T10:00:00+00:00"


def test_a_database_that_goes_away_right_after_a_claim(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found as RuntimeError (generator didn't yield) in a worker's log: the shard kept its lease until it ran out."""
    rig.fill(prefixes=1, each=1)
    rig.start()
    rig.drive(rig.is_in("p00/", PrefixState.VERIFYING))
    [shard] = rig.rt.store.shards.of_prefix(rig.prefix("p00/").id)
    real, calls = rig.rt.store.prefixes.get, []

    def away_once(prefix_id):
        if not calls:
            calls.append(prefix_id)
            raise DatabaseUnreachable
        return real(prefix_id)

    monkeypatch.setattr(rig.rt.store.prefixes, "get", away_once)
    verify(rig.rt, shard.id)
    assert calls
    after = rig.rt.store.shards.get(shard.id)
    assert after.state is ShardState.DONE
    assert "cannot be reached" in after.last_error
    rig.drive()
    rig.check_end()


def test_ticks_are_not_thrown_away_where_workers_are_always_late() -> None:
    """Found as a minute without any decision: each tick had expired when a busy worker came to it."""
    app = bare_app("memory://", VERBS, QUEUES, lambda: None, tick_s=0.4)  # type: ignore[arg-type]
    assert app.conf.beat_schedule["tick"]["options"]["expires"] >= 30
