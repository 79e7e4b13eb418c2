"""Kinds of readers: how to tell them from a line of a log, and how many requests of each there are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from migrator.domain.accesslog import Entry, parse_line

_EXAMPLE = 100


class Reader(StrEnum):
    """A kind of reader, or of request. Each request is of one of the first kinds, and of any of the others."""

    BROWSER = "browser"
    SIGNED_SDK = "signed-sdk"
    CDN = "cdn"
    BOT = "bot"
    CLIENT = "client"
    """Any other program: curl, an application's HTTP library, an unsigned SDK."""

    PRESIGNED = "presigned"
    HEAD = "head"
    LIST = "list"
    RANGE = "range"
    CONDITIONAL = "conditional"
    IMAGE_PROCESSING = "image-processing"
    SUB_RESOURCE = "sub-resource"
    PREFLIGHT = "cors-preflight"
    WRITE = "write"


_SDK = re.compile(
    r"(aliyun-sdk|alibabacloud|aws-sdk|boto|aws-cli|aws-internal|ossutil|ossbrowser|ossfs|s3fs|rclone|minio|s3cmd|hadoop)",
    re.IGNORECASE,
)
_BOT = re.compile(r"bot\b|bot[/;_-]|crawl|spider|slurp|facebookexternalhit|mediapartners|baiduspider", re.IGNORECASE)
_CDN = re.compile(r"(amazon cloudfront|ali-?cdn|alicdn|aliyuncdn|akamai|cloudflare|fastly|tencent-?cdn)", re.IGNORECASE)
_READS = frozenset({"GET", "HEAD"})
_PROCESSING = frozenset({"x-oss-process", "x-image-process", "imageview2", "imagemogr2"})
_LISTING = frozenset({"list-type", "delimiter", "max-keys", "marker", "start-after", "continuation-token", "prefix"})
_LIST_OPERATIONS = frozenset({"GetBucket", "ListObjects", "ListObjectsV2", "GetBucketObjects", "ListObjectVersions"})
_PARTS = frozenset(
    {"acl", "tagging", "versionid", "objectmeta", "symlink", "torrent", "uploadid", "uploads", "policy", "cors"}
)


def classify(entry: Entry) -> frozenset[Reader]:
    """Tell who sent a request, and what is special about it."""
    return frozenset({_who(entry), *_what(entry)})


def _who(entry: Entry) -> Reader:
    agent = entry.user_agent
    if entry.from_cdn or _CDN.match(agent):
        return Reader.CDN
    sdk = bool(_SDK.match(agent))
    # Only OSS's own log says who signed; elsewhere an SDK is taken to sign, as they do unless told otherwise.
    signed = bool(entry.requester) if entry.oss else sdk
    if signed and not _presigned(entry):
        return Reader.SIGNED_SDK
    if _BOT.search(agent):
        return Reader.BOT
    return Reader.BROWSER if agent.startswith("Mozilla/") else Reader.CLIENT


def _what(entry: Entry) -> Iterable[Reader]:
    names = entry.parameters.keys()
    if entry.method == "OPTIONS":
        yield Reader.PREFLIGHT
    elif entry.method not in _READS:
        yield Reader.WRITE
    if entry.method == "HEAD":
        yield Reader.HEAD
    if _presigned(entry):
        yield Reader.PRESIGNED
    if entry.method in _READS:
        if entry.operation in _LIST_OPERATIONS or (not entry.operation and _lists(entry)):
            yield Reader.LIST
        elif names & _PARTS:
            yield Reader.SUB_RESOURCE
        if any(name.partition("/")[0] in _PROCESSING for name in names):
            yield Reader.IMAGE_PROCESSING
    if entry.status in (206, 416):
        yield Reader.RANGE
    if entry.status in (304, 412):
        yield Reader.CONDITIONAL


def _presigned(entry: Entry) -> bool:
    names = entry.parameters.keys()
    return (
        "x-oss-signature" in names
        or "x-amz-signature" in names
        or ("signature" in names and not names.isdisjoint({"ossaccesskeyid", "awsaccesskeyid", "googleaccessid"}))
    )


def _lists(entry: Entry) -> bool:
    """Say whether a request asks for a listing: of a bucket's root, which path-style URLs spell /bucket or /bucket/."""
    at_root = entry.path.strip("/").count("/") == 0 and (entry.path.endswith("/") or "." not in entry.path)
    return at_root and not entry.parameters.keys().isdisjoint(_LISTING)


@dataclass(slots=True)
class Tally:
    """Requests by kind; one number and one example per kind, however long the log is."""

    requests: int = 0
    not_understood: int = 0
    counts: Counter[Reader] = field(default_factory=Counter)
    examples: dict[Reader, str] = field(default_factory=dict)
    """A path of each kind, without its query: that may hold a signature."""

    def add(self, line: str | None) -> None:
        """Count one line; None is a line that could not even be read. Empty lines do not count."""
        if line is not None and not line.strip():
            return
        entry = parse_line(line) if line is not None else None
        if entry is None:
            self.not_understood += 1
            return
        self.requests += 1
        for kind in classify(entry):
            self.counts[kind] += 1
            self.examples.setdefault(kind, f"{entry.method} {entry.path}"[:_EXAMPLE])
