"""`check --sample-log`: real readers are counted, packed or not, whatever else is in the file."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from preflight_rig import Scene, legacy

from migrator import jobfile, settings
from migrator.app.preflight import Level
from migrator.app.preflight.who import read_log
from migrator.cli.main import run
from migrator.domain.accesslog import MAX_LINE
from migrator.domain.readers import Reader
from migrator.runtime import build
from migrator.sandbox.oss.run import start_oss

CASES = Path(__file__).parents[1] / "cases" / "access-logs"
LINE = b'198.51.100.1 - - [22/Nov/2026:10:00:00 +0000] "GET /files/a.html HTTP/2.0" 200 512 "-" "Mozilla/5.0"\n'


@pytest.fixture(scope="module")
def oss():
    with start_oss() as running:
        yield running


@pytest.fixture
def scene(oss, tmp_path):
    os.environ.update(OSS_ACCESS_KEY_ID=oss.access_key_id, OSS_ACCESS_KEY_SECRET=oss.access_key_secret)
    os.environ["MIGRATOR_DATABASE_URL"] = f"sqlite:///{tmp_path / 'tracking.db'}"
    rt = build(settings.load())
    with legacy(tmp_path / "files") as origin:
        origin.put("a/plain.txt")
        origin.headers["Access-Control-Allow-Origin"] = "*"
        yield Scene(rt, oss, origin)
    rt.store.close()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["oss", "nginx"])
def test_each_kind_is_counted_and_told_what_it_will_see(scene, tmp_path, name, packed):
    expected = json.loads((CASES / f"{name}.json").read_text())
    log, text = tmp_path / "access", (CASES / f"{name}.log").read_bytes()
    log.write_bytes(gzip.compress(text[:500]) + gzip.compress(text[500:]) if packed else text)
    found = scene.look(log)
    assert found["readers.log"].requests == expected["requests"]
    kinds = {kind.value for kind in Reader}
    counted = {code.partition(".")[2]: each.requests for code, each in found.items()}
    assert {kind: count for kind, count in counted.items() if kind in kinds and count} == expected["counts"]
    for kind in expected["counts"]:
        each = found[f"readers.{kind}"]
        assert each.remedy or each.level in (Level.OK, Level.NOTE)
    assert not [each for each in found.values() if "Signature" in each.message]


def test_only_kinds_that_the_log_shows_are_named(scene, tmp_path):
    log = tmp_path / "access.log"
    log.write_bytes(LINE * 3)
    found = scene.look(log)
    assert found["readers.browser"].requests == 3
    assert "3, 100.0% of all requests, such as GET /files/a.html" in found["readers.browser"].message
    assert "readers.head" not in found
    assert "readers.signed-sdk" not in found


def test_readers_are_judged_by_the_place_they_will_read(scene, tmp_path):
    log = tmp_path / "access.log"
    log.write_bytes(LINE)
    assert scene.look(log)["readers.browser"].level is Level.OK
    scene.origin.headers.clear()
    assert "fetch()" in scene.look(log)["readers.browser"].message
    scene.client.call("PUT", query={"acl": ""}, headers={"x-oss-acl": "private"})
    assert "403" in scene.look(log)["readers.browser"].message


def test_a_bucket_that_is_away_does_not_hide_the_readers(scene, tmp_path):
    log = tmp_path / "access.log"
    log.write_bytes(LINE)
    destination = {**scene.document()["destination"], "url": "oss://no-such-bucket/"}
    found = scene.look(log, destination=destination)
    assert found["destination.failed"].level is Level.ERROR
    assert found["readers.browser"].requests == 1


@pytest.mark.parametrize(
    ("content", "requests", "not_understood"),
    [
        (b"", 0, 0),
        (b"\n\n", 0, 0),
        (b"\x00\xff\xfe garbage\n" * 5, 0, 5),
        (b"x" * (3 * MAX_LINE) + b"\n" + LINE, 1, 1),
        (LINE.rstrip(b"\n"), 1, 0),
        (b"x" * (MAX_LINE - 1) + b"\n" + LINE, 1, 1),
        (b"x" * MAX_LINE + b"\n" + LINE, 1, 1),
        (LINE.replace(b"Mozilla", "\u4e2d\u6587".encode()), 1, 0),
    ],
)
def test_odd_files(tmp_path, content, requests, not_understood):
    log = tmp_path / "odd.log"
    log.write_bytes(content)
    tally, cut = read_log(log)
    assert (tally.requests, tally.not_understood, cut) == (requests, not_understood, False)


def test_a_cut_off_archive_is_counted_as_far_as_it_goes(scene, tmp_path):
    log = tmp_path / "cut.log.gz"
    log.write_bytes(gzip.compress(os.urandom(20_000).hex().encode() + b"\n" + LINE * 2000)[:-200])
    _, cut = read_log(log)
    assert cut
    found = scene.look(log)["readers.log"]
    assert found.level is Level.WARNING
    assert "in the middle" in found.message


def test_memory_does_not_grow_with_the_log(tmp_path):
    log = tmp_path / "bomb.log.gz"
    with gzip.open(log, "wb", compresslevel=1) as stream:
        for _ in range(8):
            stream.write(b"y" * 4 * 1024 * 1024)  # one line of 32 MiB
        stream.write(b"\n" + LINE * 20_000)
    tracemalloc.start()
    tally, _ = read_log(log)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tally.requests, tally.not_understood) == (20_000, 1)
    assert peak < 4 * 1024 * 1024


def test_the_command(scene, tmp_path, capsys):
    path, log = tmp_path / "job.yaml", tmp_path / "access.log"
    path.write_text(jobfile.dump(scene.spec()))
    log.write_bytes((CASES / "oss.log").read_bytes())
    assert run(["check", str(path), "--sample-log", str(log), "--json"]) == 0
    lines = {line["code"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert lines["readers.signed-sdk"]["requests"] == 4
    assert run(["check", str(path), "--sample-log", str(log)]) == 0
    assert "warn readers.head: HEAD requests (1, 10.0% of all requests" in capsys.readouterr().out
    assert run(["check", str(path), "--sample-log", str(tmp_path / "none")]) == 2
    assert "cannot read" in capsys.readouterr().err
