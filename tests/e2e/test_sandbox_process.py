"""The sandbox as processes: started, announced, stopped, killed, started again."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import oss2
import pytest

from migrator.errors import Exit, Invalid
from migrator.sandbox.processes import Feed, SandboxConfig, SandboxFailed, SandboxProcesses

WEBSITE = (
    b"<WebsiteConfiguration><RoutingRules><RoutingRule><RuleNumber>1</RuleNumber><Condition>"
    b"<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect>"
    b"<RedirectType>External</RedirectType><Protocol>http</Protocol><HostName>o.example</HostName>"
    b"<HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>"
)


@contextmanager
def sandbox(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "migrator.sandbox.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield process, json.loads(line)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def bucket_of(answer: dict[str, Any], name: str) -> oss2.Bucket:
    side = answer["oss"]
    auth = oss2.AuthV4(side["access_key_id"], side["access_key_secret"])
    return oss2.Bucket(auth, side["endpoint"], name, region=side["region"])


def get(endpoint: str, path: str) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=20)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.headers.get("Location", ""), reply.read()
    finally:
        connection.close()


def ports(answer: dict[str, Any]) -> list[int]:
    return [int(answer[side]["endpoint"].rsplit(":", 1)[1]) for side in ("oss", "origin")]


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_one_line_then_both_answer_then_a_clean_end() -> None:
    with sandbox("--oss-bucket", "new-bucket", "--origin-bucket", "legacy") as (process, answer):
        assert list(answer) == ["oss", "origin"]
        for side in answer.values():
            assert list(side) == ["endpoint", "region", "access_key_id", "access_key_secret"]
        bucket_of(answer, "new-bucket").put_object("a", b"1")
        assert get(answer["oss"]["endpoint"], "/new-bucket/a")[2] == b"1"
        origin = answer["origin"]
        client = boto3.client(
            "s3",
            endpoint_url=origin["endpoint"],
            region_name=origin["region"],
            aws_access_key_id=origin["access_key_id"],
            aws_secret_access_key=origin["access_key_secret"],
        )
        client.put_object(Bucket="legacy", Key="b", Body=b"2")
        assert get(origin["endpoint"], "/legacy/b")[2] == b"2"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "", "")
        assert not any(listening(port) for port in ports(answer))


def test_a_signal_to_the_whole_group_ends_it_cleanly_too() -> None:
    with sandbox() as (process, answer):
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert not any(listening(port) for port in ports(answer))


def test_objects_and_website_survive_a_restart(tmp_path: Path) -> None:
    with sandbox("--state", str(tmp_path), "--oss-bucket", "kept") as (process, answer):
        bucket = bucket_of(answer, "kept")
        bucket.put_object("a/ü", b"stays", headers={"Cache-Control": "no-cache", "x-oss-meta-m": "v"})
        bucket.put_bucket_website(WEBSITE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    with sandbox("--state", str(tmp_path)) as (_, answer):
        found = bucket_of(answer, "kept").get_object("a/ü")
        assert (found.read(), found.headers["Cache-Control"], found.headers["x-oss-meta-m"]) == (
            b"stays",
            "no-cache",
            "v",
        )
        assert get(answer["oss"]["endpoint"], "/kept/missing")[:2] == (302, "http://o.example/missing")


def test_the_children_die_with_a_killed_parent() -> None:
    with sandbox() as (process, _):
        assert process.stderr
        process.kill()
        process.wait()
        # The children hold the other end of stderr: it ends when they do.
        assert select.select([process.stderr], [], [], 30)[0]
        assert process.stderr.read() == ""


@pytest.mark.parametrize("option", ["--oss-port", "--origin-port"])
def test_a_busy_port_is_one_line(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "migrator.sandbox.main", option, port]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == Exit.USAGE
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert port in done.stderr
    assert "Address already in use" in done.stderr


def test_as_a_library_with_real_files_and_a_custom_domain(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("from the tree")
    config = SandboxConfig(
        oss_buckets=("new",),
        feeds=(Feed("legacy", tmp_path),),
        cnames={"img.example": "new"},
        switches={"head_redirects": True},
    )
    with SandboxProcesses(config) as both:
        assert both.fed == {"legacy": 1}
        assert get(both.origin.endpoint, "/legacy/a/x.txt")[2] == b"from the tree"
        both.create_bucket("second", "private")
        assert get(both.oss.endpoint, "/second/x")[0] == 403
        assert get(both.oss.endpoint, "/new/x")[0] == 404
        with pytest.raises(Invalid, match="refused to create"):
            both.create_bucket("Not_A_Name")
        assert both.oss.access_key_secret not in repr(both.oss)
    both.stop()


def test_a_server_that_ends_by_itself_is_an_error() -> None:
    with SandboxProcesses() as both:
        both._children["origin"].kill()
        with pytest.raises(SandboxFailed, match="origin"):
            both.wait(threading.Event())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SandboxConfig(oss_port=70_000), "no port 70000"),
        (SandboxConfig(switches={"head_redirect": True}), "no switch 'head_redirect'"),
        (SandboxConfig(feeds=(Feed("legacy", Path("no/such/tree")),)), "no folder"),
    ],
)
def test_bad_input_is_refused(config: SandboxConfig, message: str) -> None:
    with pytest.raises(Invalid, match=message), SandboxProcesses(config):
        pass
