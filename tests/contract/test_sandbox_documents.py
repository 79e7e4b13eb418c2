"""Where the website meets the rest of the sandbox OSS; the rules themselves have their own vectors."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import oss2
import pytest
from sandbox_rig import bucket, raw, rules, to_origin

from migrator.sandbox.oss.config import OssConfig
from migrator.sandbox.oss.run import start_oss

OSS_HOST = "{}.oss-cn-hangzhou.aliyuncs.com"


@pytest.fixture
def oss():
    with start_oss() as running:
        yield running


def _site(oss, *inner, acl="public-read"):
    made = bucket(oss, acl)
    made.put_bucket_website(rules(*inner))
    return made


def _read(made):
    return made._do("GET", made.bucket_name, "", params={"website": ""}).read()


def test_put_get_delete(oss):
    made = _site(oss, to_origin("a/"))
    assert b"<HostName>o.example</HostName>" in _read(made)
    made.delete_bucket_website()
    made.delete_bucket_website()
    with pytest.raises(oss2.exceptions.NoSuchWebsite):
        _read(made)


def test_a_refused_document_changes_nothing(oss):
    made = _site(oss, to_origin("a/"))
    before = _read(made)
    for document in (b"no xml", b"<WebsiteConfiguration/>", rules(to_origin("b/", number=0))):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            made.put_bucket_website(document)
        assert refused.value.status == 400
    with pytest.raises(oss2.exceptions.InvalidDigest):
        made._do(
            "PUT",
            made.bucket_name,
            "",
            params={"website": ""},
            data=rules(to_origin("b/")),
            headers={"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="},
        )
    assert _read(made) == before


def test_a_missing_object_redirects_and_carries_the_identity_of_oss(oss):
    made = _site(oss, to_origin("a/"))
    reply = raw(oss, "GET", f"/{made.bucket_name}/a/%C3%A9%20b%2B%25.txt?k=v")
    assert reply.status == 302
    assert reply.headers["location"] == "https://o.example/a/%C3%A9%20b%2B%25.txt"
    assert len(reply.headers["x-oss-request-id"]) == 24
    made.put_object("a/x", b"here")
    assert raw(oss, "GET", f"/{made.bucket_name}/a/x").body == b"here"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "a/x", 404),
        ("HEAD", "a/x?objectMeta", 404),
        ("GET", "a/x?objectMeta", 404),
        ("GET", "a/x?versionId=1", 404),
        ("PUT", "a/x", 200),
        ("DELETE", "a/x", 204),
        ("GET", "b/x", 404),
    ],
)
def test_only_a_plain_read_redirects(oss, method, path, status):
    made = _site(oss, to_origin("a/"), acl="public-read-write")
    body = b"x" if method == "PUT" else None
    assert raw(oss, method, f"/{made.bucket_name}/{path}", body).status == status


def test_heads_redirect_when_the_switch_says_so(oss):
    made = _site(oss, to_origin("a/"))
    oss.switch(head_redirects=True)
    reply = raw(oss, "HEAD", f"/{made.bucket_name}/a/x")
    assert (reply.status, reply.headers["location"]) == (302, "https://o.example/a/x")


def test_a_private_bucket_says_403_unless_a_rule_is_for_403(oss):
    made = _site(oss, to_origin("a/"), acl="private")
    assert raw(oss, "GET", f"/{made.bucket_name}/a/x").code == "AccessDenied"
    made.put_bucket_website(rules(to_origin("a/", status="403")))
    assert raw(oss, "GET", f"/{made.bucket_name}/a/x").status == 302


def test_a_wrong_signature_never_redirects(oss):
    made = _site(oss, to_origin("a/", status="403"))
    reply = raw(oss, "GET", f"/{made.bucket_name}/a/x", headers={"Authorization": "OSS sandbox:wrong", "Date": "x"})
    assert reply.status == 403


def test_new_buckets_do_not_redirect_strangers_on_oss_domains(oss):
    made = _site(oss, to_origin("a/"))
    host = OSS_HOST.format(made.bucket_name)
    reply = raw(oss, "GET", "/a/x", host=host)
    assert (reply.status, reply.code) == (400, "ExternalRedirectForbidden")
    assert reply.headers["location"] == "https://o.example/a/x"
    assert reply.headers["x-oss-ec"] == "0048-00000300"
    oss.admin("POST", "buckets", {"bucket": made.bucket_name, "created_at": "2024-08-04T15:59:59+00:00"})
    assert raw(oss, "GET", "/a/x", host=host).status == 302


def test_a_custom_domain_redirects():
    with start_oss(OssConfig(cnames={"img.example.com": "img"})) as oss:
        made = bucket(oss, "public-read", name="img")
        made.put_bucket_website(rules(to_origin("a/")))
        assert raw(oss, "GET", "/a/x", host="img.example.com").status == 302


def test_the_index_page_is_for_strangers_and_for_folders(oss):
    index = "<IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir></IndexDocument>"
    assert raw(oss, "GET", f"/{bucket(oss, 'public-read').bucket_name}/").code == "AccessDenied"
    made = _site(oss, index)
    assert raw(oss, "GET", f"/{made.bucket_name}/").code == "NoSuchKey"
    made.put_object("index.html", b"root")
    made.put_object("c/index.html", b"folder")
    assert raw(oss, "GET", f"/{made.bucket_name}/").body == b"root"
    assert raw(oss, "GET", f"/{made.bucket_name}/c/").body == b"folder"
    assert made.get_object("c/").read() == b"folder"
    assert [item.key for item in made.list_objects().object_list] == ["c/index.html", "index.html"]


def test_the_error_page_has_the_status_it_was_given(oss):
    made = _site(oss, "<ErrorDocument><Key>e.html</Key></ErrorDocument>")
    made.put_object("e.html", b"sorry")
    reply = raw(oss, "GET", f"/{made.bucket_name}/absent")
    assert (reply.status, reply.body) == (404, b"sorry")


def test_rules_and_versioning_exclude_each_other_unless_the_switch_is_off(oss):
    made = _site(oss, to_origin("a/"))
    versioned = oss2.models.BucketVersioningConfig("Enabled")
    with pytest.raises(oss2.exceptions.ServerError):
        made.put_bucket_versioning(versioned)
    oss.switch(versioned_refuses_rules=False)
    made.put_bucket_versioning(versioned)
    oss.switch(versioned_refuses_rules=True)
    with pytest.raises(oss2.exceptions.ServerError):
        made.put_bucket_website(rules(to_origin("b/")))
    made.put_bucket_website(rules("<ErrorDocument><Key>e</Key></ErrorDocument>"))


def _until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline


def test_a_change_reaches_readers_late_and_in_order(oss):
    made = _site(oss, to_origin("a/"))
    path = f"/{made.bucket_name}/a/x"
    oss.switch(propagation_delay_s=3600)
    made.delete_bucket_website()
    assert raw(oss, "GET", path).status == 302
    with pytest.raises(oss2.exceptions.NoSuchWebsite):
        _read(made)
    oss.switch(stale_reads=True)
    assert b"o.example" in _read(made)


def test_a_change_does_reach_readers(oss):
    oss.switch(propagation_delay_s=0.2)
    made = _site(oss, to_origin("a/"))
    _until(lambda: raw(oss, "GET", f"/{made.bucket_name}/a/x").status == 302)
    made.delete_bucket_website()
    _until(lambda: raw(oss, "GET", f"/{made.bucket_name}/a/x").status == 404)


def test_created_at_is_now(oss):
    created = bucket(oss).get_bucket_info().creation_date
    assert abs((datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()) < 600
