"""Preflight against real servers: each hazard is named by its code, and a healthy place has none."""

from __future__ import annotations

import json
import os
from urllib.parse import urlsplit

import oss_rig
import pytest
from preflight_rig import Scene, legacy

from migrator import jobfile, settings
from migrator.adapters.door import HttpDoor
from migrator.adapters.http import Http
from migrator.adapters.oss_client import BucketAddress
from migrator.app.preflight import Level, refuse
from migrator.app.preflight.finding import Finding
from migrator.cli.main import run
from migrator.domain.assumptions import NO, YES, Learned
from migrator.errors import Exit, Invalid, PreflightFailed
from migrator.ports import BucketDetails
from migrator.runtime import Wiring, build
from migrator.sandbox.oss.run import start_oss

RULE = (
    "<RoutingRules><RoutingRule><RuleNumber>1</RuleNumber><Condition>{condition}</Condition><Redirect>"
    "<RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>x.example</HostName>"
    "<HttpRedirectCode>{code}</HttpRedirectCode></Redirect></RoutingRule></RoutingRules>"
)
STATUS_404 = "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>"
CORS = (
    "<CORSConfiguration><CORSRule><AllowedOrigin>https://app.example</AllowedOrigin>"
    "<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
)
LIFECYCLE = (
    "<LifecycleConfiguration><Rule><ID>r</ID><Prefix>{prefix}</Prefix><Status>{status}</Status>"
    "<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"
)


@pytest.fixture(scope="module")
def oss():
    with start_oss() as running:
        yield running


@pytest.fixture
def origin(tmp_path):
    with legacy(tmp_path / "files") as running:
        running.headers["Access-Control-Allow-Origin"] = "*"
        running.put("a/plain.txt")
        running.put("a/sp ace+%\u4e2d.txt", b"special\n")
        yield running


@pytest.fixture
def rt(oss, tmp_path):
    os.environ.update(OSS_ACCESS_KEY_ID=oss.access_key_id, OSS_ACCESS_KEY_SECRET=oss.access_key_secret)
    os.environ["MIGRATOR_DATABASE_URL"] = f"sqlite:///{tmp_path / 'tracking.db'}"
    runtime = build(settings.load())
    yield runtime
    runtime.store.close()


@pytest.fixture
def scene(rt, oss, origin):
    return Scene(rt, oss, origin)


def levels(found, level):
    return {code for code, each in found.items() if each.level is level}


def test_a_healthy_place_has_only_notes_on_who_reads(scene):
    found = scene.look()
    assert levels(found, Level.ERROR) == levels(found, Level.WARNING) == set()
    assert levels(found, Level.OK) == {
        "origin.listable",
        "destination.exists",
        "rules.room",
        "readers.door",
        "redirect.serves",
        "readers.cors",
    }
    assert levels(found, Level.NOTE) == {
        "readers.signed-sdk",
        "readers.presigned",
        "readers.head",
        "readers.list",
        "readers.image-processing",
    }
    assert all(each.remedy for each in found.values() if each.level is not Level.OK)


def test_nothing_is_changed_anywhere(scene, oss):
    oss.admin("POST", "log", {"on": True})
    scene.look()
    oss.admin("POST", "log", {"on": False})
    asked = [json.loads(line) for line in oss.admin("GET", "log").splitlines()]
    mine = [each for each in asked if each["bucket"] == scene.bucket]
    assert mine
    assert {each["method"] for each in mine} == {"GET"}


# -- the origin as readers meet it ---------------------------------------------------------------------------------
def test_both_a_plain_and_a_special_key_are_tried(scene, origin):
    scene.look()
    assert {"/a/plain.txt", "/a/sp ace+%\u4e2d.txt"} <= {path for path, _ in origin.asked}


@pytest.mark.parametrize(
    ("answer", "code", "level"),
    [
        ((403, {}, b""), "redirect.refuses-readers", Level.ERROR),
        ((401, {}, b""), "redirect.refuses-readers", Level.ERROR),
        ((404, {}, b""), "redirect.missing", Level.ERROR),
        ((302, {"Location": "https://elsewhere.example/x"}, b""), "redirect.hops", Level.WARNING),
        ((308, {"Location": "/b/x"}, b""), "redirect.hops", Level.WARNING),
        ((503, {}, b""), "redirect.fails", Level.WARNING),
        ((200, {}, b"another file"), "redirect.differs", Level.WARNING),
    ],
)
def test_what_redirected_readers_meet(scene, origin, answer, code, level):
    origin.answers["/a/plain.txt"] = answer
    found = scene.look()[code]
    assert found.level is level
    assert found.remedy


def test_a_refusing_origin_is_less_bad_behind_a_cdn_that_signs(scene, origin):
    origin.answers["/a/plain.txt"] = (403, {}, b"")
    redirect = {"url": f"{origin.url}/", "from_cdn": True}
    assert scene.look(redirect=redirect)["redirect.refuses-readers"].level is Level.WARNING


def test_a_special_key_that_the_origin_spells_in_another_way(scene, origin):
    origin.answers["/a/sp ace+%\u4e2d.txt"] = (404, {}, b"")
    assert scene.look()["redirect.missing"].level is Level.WARNING


def test_large_objects_are_asked_for_one_byte(scene, origin):
    (origin.folder / "a/plain.txt").write_bytes(b"x" * (1024 * 1024 + 1))
    assert scene.look()["redirect.serves"].level is Level.OK
    ranges = [headers.get("range") for path, headers in origin.asked if path == "/a/plain.txt"]
    assert set(ranges) == {"bytes=0-0"}


def test_an_origin_that_this_machine_does_not_reach(scene, free_port):
    found = scene.look(redirect={"url": f"http://127.0.0.1:{free_port()}/"})
    assert found["redirect.unreachable"].level is Level.WARNING
    assert levels(found, Level.ERROR) == set()


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("allowed", ["", "https://app.example", "null", "*"])
def test_cors(scene, origin, used, allowed):
    origin.headers["Access-Control-Allow-Origin"] = allowed
    if used:
        scene.configure("cors", CORS)
    level = Level.OK if allowed in ("*", "null") else Level.WARNING if used else Level.NOTE
    assert scene.look()["readers.cors"].level is level


def test_https_to_http_and_a_leaking_query(scene, origin):
    found = scene.look(
        redirect={"url": f"{origin.url}/", "pass_query_string": True}, readers={"url": "https://img.example.invalid"}
    )
    assert found["readers.https-to-http"].level is Level.WARNING
    assert found["redirect.query-leaks"].level is Level.WARNING


def test_a_loop(scene, oss):
    found = scene.look(redirect={"url": f"{oss.endpoint}/{scene.bucket}/"})
    assert found["redirect.loop"].level is Level.ERROR
    other = scene.look(redirect={"url": f"{oss.endpoint}/another-bucket/"})
    assert "redirect.loop" not in other


def test_a_loop_through_a_custom_domain(scene, oss):
    door = f"http://img.localhost:{oss.port}"
    found = scene.look(redirect={"url": f"{door}/"}, readers={"url": door})
    assert found["redirect.loop"].level is Level.ERROR


def test_an_empty_origin(scene, tmp_path):
    (tmp_path / "empty").mkdir()
    found = scene.look(origin={"url": f"file://{tmp_path / 'empty'}"})
    assert found["origin.empty"].level is Level.WARNING
    assert "redirect.serves" not in found


# -- the bucket ----------------------------------------------------------------------------------------------------
def test_a_versioned_bucket(scene):
    scene.configure("versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")
    assert scene.look()["destination.versioned"].level is Level.ERROR


@pytest.mark.parametrize(
    ("prefix", "status", "seen"), [("", "Enabled", True), ("logs/", "Enabled", False), ("", "Disabled", False)]
)
def test_a_lifecycle_rule_that_deletes(scene, prefix, status, seen):
    scene.configure("lifecycle", LIFECYCLE.format(prefix=prefix, status=status))
    destination = {**scene.document()["destination"], "url": f"oss://{scene.bucket}/photos/"}
    assert ("destination.lifecycle" in scene.look(destination=destination)) is seen


def test_a_missing_bucket_is_told_once(scene):
    destination = {**scene.document()["destination"], "url": "oss://no-such-bucket/"}
    found = scene.look(destination=destination)
    assert {code for code in found if code.endswith(".failed")} == {"destination.failed"}
    assert found["destination.failed"].exit_code is Exit.PREFLIGHT


@pytest.mark.parametrize("signed", [False, True])
def test_a_private_bucket(scene, signed):
    scene.client.call("PUT", query={"acl": ""}, headers={"x-oss-acl": "private"})
    found = scene.look(readers={"signed": signed})
    if signed:
        assert "readers.private-bucket" not in found
        assert found["readers.signed-sdk"].level is Level.WARNING
    else:
        assert found["readers.private-bucket"].level is Level.ERROR
        assert "403" in found["readers.private-bucket"].message


# -- pages and rules of others -------------------------------------------------------------------------------------
def test_pages_in_the_way(scene, origin):
    scene.website(
        "<IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir></IndexDocument>"
        "<ErrorDocument><Key>error.html</Key><HttpStatus>200</HttpStatus></ErrorDocument>"
    )
    oss_rig.destination(scene.oss, scene.bucket).create("error.html", b"sorry", {})
    found = scene.look()
    assert found["rules.error-page-200"].level is Level.WARNING
    assert found["readers.missing-is-200"].level is Level.WARNING
    assert found["rules.sub-directory-page"].level is Level.NOTE


@pytest.mark.parametrize(
    ("condition", "code", "expected"),
    [
        (STATUS_404, 302, {"rules.shadowed": Level.ERROR, "readers.redirected-already": Level.WARNING}),
        (f"<KeyPrefixEquals>a/</KeyPrefixEquals>{STATUS_404}", 302, {"rules.carved": Level.WARNING}),
        (f"<KeyPrefixEquals>a/</KeyPrefixEquals>{STATUS_404}", 301, {"rules.permanent": Level.WARNING}),
    ],
)
def test_rules_in_the_way(scene, condition, code, expected):
    scene.website(RULE.format(condition=condition, code=code))
    found = scene.look()
    assert {name: found[name].level for name in expected} == expected


# -- the door ------------------------------------------------------------------------------------------------------
class Behind(Http):
    """Reaches the sandbox under any host name, with answers dressed as a CDN dresses them."""

    def __init__(self, port, added=()):
        super().__init__()
        self._port, self._added = port, dict(added)

    def request(self, method, url, *, headers=(), **more):
        parts = urlsplit(url)
        there = parts._replace(scheme="http", netloc=f"127.0.0.1:{self._port}").geturl()
        answer = super().request(method, there, headers={**dict(headers), "host": parts.netloc}, **more)
        kept = {name: value for name, value in answer.headers.items() if name not in self._added}
        dressed = {**kept, **{name: value for name, value in self._added.items() if value}}
        return type(answer)(answer.status, dressed, answer.body)


class Around(Wiring):
    """The usual wiring with one door at an OSS domain, and other details of the bucket."""

    def __init__(self, oss, *, endpoint, details=None, added=()):
        super().__init__()
        self._oss, self._endpoint, self._details, self._added = oss, endpoint, details, added

    def doors(self, spec):
        address = BucketAddress(self._endpoint, spec.destination.bucket, self._oss.region)
        return (HttpDoor(Behind(self._oss.port, self._added), address, url=spec.readers.url or ""),)

    def control(self, spec):
        control = super().control(spec)
        if self._details is None:
            return control
        return type(
            "Described",
            (),
            {"info": control.info, "get_website": control.get_website, "details": lambda _: self._details},
        )()


def behind(rt, oss, *, endpoint="https://oss-cn-hangzhou.aliyuncs.com", **more):
    wiring = Around(oss, endpoint=endpoint, **more)
    return type(rt)(rt.settings, rt.store, rt.dispatcher, wiring, rt.clock, rt.worker, rt.drain)


DOMAIN = "https://{bucket}.oss-cn-hangzhou.aliyuncs.com"


@pytest.mark.parametrize("signed", [False, True])
def test_a_new_bucket_without_a_custom_domain(rt, oss, scene, signed):
    readers = {"url": DOMAIN.format(bucket=scene.bucket), "signed": signed}
    details = BucketDetails(cnames=("img.example.com",), cors=(), expiring=(), accelerated=False)
    found = scene.found(behind(rt, oss, details=details), readers=readers)
    assert found["readers.custom-domain"].level is (Level.WARNING if signed else Level.ERROR)
    assert "ExternalRedirectForbidden" in found["readers.custom-domain"].message
    assert "img.example.com" in found["readers.custom-domain"].remedy
    assert ("readers.force-download" in found) is not signed


def test_an_old_bucket_is_spared_until_acceleration_is_used(rt, oss, scene):
    oss.admin("POST", "buckets", {"bucket": scene.bucket, "created_at": "2024-08-04T15:59:59+00:00"})
    assert "readers.custom-domain" not in scene.found(
        behind(rt, oss), readers={"url": DOMAIN.format(bucket=scene.bucket)}
    )
    fast = f"https://{scene.bucket}.oss-accelerate.aliyuncs.com"
    assert "readers.custom-domain" in scene.found(behind(rt, oss), readers={"url": fast})


def test_what_a_probe_found_out_counts_more_than_the_date(rt, oss, scene):
    readers = {"url": DOMAIN.format(bucket=scene.bucket)}
    into = scene.spec().destination
    bucket = rt.store.rules.add_bucket(into.endpoint, into.region, into.bucket)
    rt.store.assumptions.save(bucket.id, [Learned("forbidden_applies", NO), Learned("head_redirects", YES)])
    found = scene.found(behind(rt, oss), readers=readers)
    assert "readers.custom-domain" not in found
    assert "readers.head" not in found


def test_a_refusal_at_the_door_itself(rt, oss, scene):
    scene.website(RULE.format(condition=STATUS_404, code=302))
    found = scene.found(behind(rt, oss), readers={"url": DOMAIN.format(bucket=scene.bucket)})
    assert found["readers.custom-domain"].level is Level.ERROR


@pytest.mark.parametrize("from_cdn", [False, True])
@pytest.mark.parametrize("header", [("via", "cache1.cn1[0,0,404-1280,H]"), ("x-cache", "MISS TCP_MISS"), ("age", "5")])
def test_a_cdn_in_front(rt, oss, scene, origin, from_cdn, header):
    there = behind(rt, oss, endpoint="https://cdn.example", added=[header])
    redirect = {"url": f"{origin.url}/", "from_cdn": from_cdn}
    found = scene.found(
        there, redirect=redirect, readers={"url": f"https://{scene.bucket}.oss-cn-x.aliyuncs.com.example"}
    )
    is_cdn = header[0] != "age"
    assert ("readers.cdn-caches-redirect" in found) is (is_cdn and not from_cdn)
    assert ("readers.no-cdn-seen" in found) is (from_cdn and not is_cdn)


def test_a_door_that_is_not_oss(rt, oss, scene):
    there = behind(rt, oss, added=[("x-oss-request-id", "")])
    found = scene.found(there, readers={"url": DOMAIN.format(bucket=scene.bucket)})
    assert found["readers.not-oss"].level is Level.WARNING


def test_a_domain_that_is_not_bound(rt, oss, scene):
    details = BucketDetails(cnames=("img.example.com",), cors=(), expiring=(), accelerated=False)
    there = behind(rt, oss, details=details)
    url = f"https://{scene.bucket}.files.example"
    assert scene.found(there, readers={"url": url})["readers.unbound-domain"].level is Level.NOTE


def test_an_internal_endpoint_is_no_door(rt, oss, scene):
    destination = {**scene.document()["destination"], "endpoint": "https://oss-cn-hangzhou-internal.aliyuncs.com"}
    spec = scene.spec(destination=destination)

    class Inside(Around):
        def control(self, _):
            return super().control(scene.spec())

    inside = Inside(oss, endpoint=destination["endpoint"])
    there = type(rt)(rt.settings, rt.store, rt.dispatcher, inside, rt.clock, rt.worker, rt.drain)
    assert spec.destination.endpoint == destination["endpoint"]
    assert scene.found(there, destination=destination)["readers.no-door"].level is Level.WARNING


# -- refusing, and the command -------------------------------------------------------------------------------------
def test_errors_refuse_and_the_first_one_decides_the_exit_code():
    refuse([Finding(Level.WARNING, "a.b", "not nice"), Finding(Level.NOTE, "c.d", "well")])
    with pytest.raises(PreflightFailed, match=r"a\.b: bad\nc\.d: worse") as failed:
        refuse(
            [
                Finding(Level.ERROR, "a.b", "bad", "do this", Exit.CAPACITY),
                Finding(Level.ERROR, "c.d", "worse", "do this"),
            ]
        )
    assert (failed.value.exit_code, failed.value.hint) == (Exit.CAPACITY, "do this")


def test_the_command(scene, origin, tmp_path, capsys):
    path = tmp_path / "job.yaml"
    path.write_text(jobfile.dump(scene.spec()))
    assert run(["check", str(path), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"level", "code", "message", "remedy", "exit_code", "requests"} == lines[0].keys()
    assert "redirect.serves" in {line["code"] for line in lines}
    origin.answers["/a/plain.txt"] = (403, {}, b"")
    assert run(["check", str(path)]) == Exit.PREFLIGHT
    captured = capsys.readouterr()
    assert "FAIL redirect.refuses-readers" in captured.out
    assert "note readers.head" in captured.out
    assert "remedy:" in captured.err


def test_a_log_that_is_not_there(scene, tmp_path):
    with pytest.raises(Invalid, match="cannot read"):
        scene.look(tmp_path / "no.log")
