"""Access logs: real-world lines are read and counted by kind, and whatever else is in the file does no harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.domain.accesslog import MAX_LINE, parse_line
from migrator.domain.readers import Reader, Tally, classify

CASES = Path(__file__).parents[1] / "cases" / "access-logs"
WHO = {Reader.BROWSER, Reader.SIGNED_SDK, Reader.CDN, Reader.BOT, Reader.CLIENT}
COMBINED = '198.51.100.1 - - [22/Nov/2026:10:00:00 +0000] "{request}" {status} 512 "-" "{agent}"'


def tallied(lines):
    tally = Tally()
    for line in lines:
        tally.add(line)
    return tally


def kinds(request="GET /a HTTP/1.1", agent="Mozilla/5.0", status=200):
    return classify(parse_line(COMBINED.format(request=request, agent=agent, status=status)))


@pytest.mark.parametrize("log", sorted(CASES.glob("*.log")), ids=lambda path: path.stem)
def test_logs_are_counted(log):
    expected = json.loads(log.with_suffix(".json").read_text())
    tally = tallied(log.read_text().splitlines(keepends=True))
    assert (tally.requests, tally.not_understood) == (expected["requests"], expected["not_understood"])
    assert {kind.value: count for kind, count in tally.counts.items()} == expected["counts"]
    assert sum(count for kind, count in tally.counts.items() if kind in WHO) == tally.requests


def test_examples_never_hold_a_query():
    tally = tallied((CASES / "oss.log").read_text().splitlines())
    assert tally.examples[Reader.PRESIGNED] == "GET /docs/b.pdf"
    assert not any("ignature" in example for example in tally.examples.values())


def test_a_line_of_oss_says_who_signed():
    lines = (CASES / "oss.log").read_text().splitlines()
    signed, anonymous = parse_line(lines[2]), parse_line(lines[0])
    assert (signed.oss, signed.requester, signed.operation) == (True, "1000000000000002", "GetObject")
    assert (anonymous.oss, anonymous.requester) == (True, "")
    unsigned_sdk = parse_line(lines[2].replace('"1000000000000002" "GetObject"', '"-" "GetObject"'))
    assert classify(unsigned_sdk) == {Reader.CLIENT}


@pytest.mark.parametrize(
    ("request_", "agent", "status", "expected"),
    [
        ("GET /a HTTP/1.1", "Mozilla/5.0 (compatible; bingbot/2.0)", 200, {Reader.BOT}),
        ("GET /a HTTP/1.1", "Mozilla/5.0 (Linux) Cubot Note", 200, {Reader.BOT}),
        ("GET /a HTTP/1.1", "", 200, {Reader.CLIENT}),
        ("GET /a HTTP/1.1", "alibabacloud-python-sdk-v2/1.4.1", 200, {Reader.SIGNED_SDK}),
        ("GET /a HTTP/1.1", "ossutil/v1.7.0", 416, {Reader.SIGNED_SDK, Reader.RANGE}),
        ("GET /b/?prefix=x/ HTTP/1.1", "s3cmd", 200, {Reader.SIGNED_SDK, Reader.LIST}),
        ("GET /?delimiter=/ HTTP/1.1", "curl/8", 200, {Reader.CLIENT, Reader.LIST}),
        ("GET /shop.html?prefix=x HTTP/1.1", "Mozilla/5.0", 200, {Reader.BROWSER}),
        ("GET /a/b?prefix=x HTTP/1.1", "Mozilla/5.0", 200, {Reader.BROWSER}),
        ("GET /a?x-oss-signature=1&x-oss-credential=2 HTTP/1.1", "boto3", 200, {Reader.CLIENT, Reader.PRESIGNED}),
        ("GET /a?Signature=1&AWSAccessKeyId=2 HTTP/1.1", "Mozilla/5.0", 200, {Reader.BROWSER, Reader.PRESIGNED}),
        ("GET /a?signature=1 HTTP/1.1", "Mozilla/5.0", 200, {Reader.BROWSER}),
        ("GET /a?imageMogr2/thumbnail/200x HTTP/1.1", "Mozilla/5.0", 200, {Reader.BROWSER, Reader.IMAGE_PROCESSING}),
        ("GET /a?acl HTTP/1.1", "aws-cli/2", 200, {Reader.SIGNED_SDK, Reader.SUB_RESOURCE}),
        ("POST /a HTTP/1.1", "aws-cli/2", 200, {Reader.SIGNED_SDK, Reader.WRITE}),
        ("OPTIONS /a HTTP/1.1", "Mozilla/5.0", 200, {Reader.BROWSER, Reader.PREFLIGHT}),
    ],
)
def test_kinds(request_, agent, status, expected):
    assert kinds(request_, agent, status) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        "- - - -",
        '1.2.3.4 - - [now] "GET" 200 1 "-" "-"',
        '1.2.3.4 - - [now] "get /a HTTP/1.1" 200 1 "-" "-"',
        '1.2.3.4 - - [now] "GET /a HTTP/1.1" 999 1 "-" "-"',
        '1.2.3.4 - - [now] GET /a 200 1 "-" "-"',
        '{"request": "GET /a HTTP/1.1", "status": 200}',
        '1.2.3.4 - - [now] "GET /' + "a" * MAX_LINE + ' HTTP/1.1" 200 1 "-" "-"',
    ],
)
def test_what_is_no_log_line_is_not_taken_for_one(line):
    assert parse_line(line) is None


@given(st.lists(st.text()))
def test_any_text_is_counted_or_skipped(lines):
    tally = tallied(lines)
    assert tally.requests + tally.not_understood == sum(bool(line.strip()) for line in lines)


@given(
    st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1),
    st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cc", "Cs"])),
)
def test_what_a_server_wrote_is_read_back(target, agent):
    entry = parse_line(COMBINED.format(request=f"GET /{target} HTTP/1.1", agent=agent, status=200))
    assert (entry.method, entry.target, entry.status) == ("GET", f"/{target}", 200)
    assert entry.user_agent == ("" if agent == "-" else agent)
    assert len(classify(entry) & WHO) == 1


def test_quotes_and_brackets_do_not_take_long():
    for line in (
        '"' * 50_000,
        "[ " * 30_000,
        '[x] " ' * 10_000,
        "[" * 50_000,
        '"\\' * 30_000,
        "a " * 30_000,
        '[x] "' + "\\" * 50_000,
    ):
        assert parse_line(line) is None
