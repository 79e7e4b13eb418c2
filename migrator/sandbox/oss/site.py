"""A bucket's website over time: what was put, since when readers see it, and what it makes of a read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from migrator.sandbox import website
from migrator.sandbox.oss.answers import Answer, Refusal
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.store import Bucket, Held
from migrator.sandbox.switches import Switches


@dataclass(frozen=True, slots=True)
class _Revision:
    """One put or delete, and when (monotonic seconds) it takes effect."""

    effective: float
    document: bytes
    config: website.Config | None


class Site:
    """The revisions of one bucket's website that somebody may still see."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        document = bucket.documents.get("website", b"")
        self._revisions = [_Revision(0.0, document, website.parse(document) if document else None)]

    def change(self, document: bytes, delay_s: float) -> None:
        """Make `document` (empty: none) the website, `delay_s` from now."""
        config = website.parse(document) if document else None
        self._revisions.append(_Revision(time.monotonic() + delay_s, document, config))

    def in_force(self) -> website.Config | None:
        """Return what readers are answered by now."""
        return self._current().config

    def readable(self, switches: Switches) -> bytes:
        """Return the document that GetBucketWebsite answers now; empty when there is none."""
        return (self._current() if switches.stale_reads else self._revisions[-1]).document

    def _current(self) -> _Revision:
        revisions = self._revisions
        if len(revisions) > 1:
            now = time.monotonic()
            while len(revisions) > 1 and revisions[1].effective <= now:
                del revisions[0]
        return revisions[0]


Serve = Callable[[Held, int], Answer]


def read_through(
    config: website.Config,
    call: Call,
    bucket: Bucket,
    switches: Switches,
    *,
    allowed: Callable[[], None],
    plain: Callable[[], Answer],
    serve: Serve,
) -> Answer:
    """Answer a read in the documented order: permission, index page, unconditional rules, lookup, rules by status.

    `allowed` raises Refusal, `plain` looks the object up and answers or raises Refusal, `serve` sends another
    object of the bucket under a given status.
    """
    request = website.Request(
        method=call.method,
        key=call.key,
        host=call.headers.get("host", call.host.name),
        query=call.raw_query,
        headers=call.headers,
        signed=call.signed,
        https=call.https,
    )
    facts = website.Facts(
        created_at=bucket.created_at,
        oss_domain=call.host.oss_domain,
        object_exists=bucket.objects.__contains__,
        switches=switches,
    )
    try:
        allowed()
        reply = website.before_lookup(config, request, facts)
        if reply is None:
            return plain()
    except Refusal as refusal:
        reply = website.on_error(config, request, facts, refusal.status, refusal.code)
        if reply is None:
            raise
    # Outside of the attempt: what a rule itself answers is no error for other rules to act on.
    return _answer(reply, call, bucket, switches, serve)


def _answer(reply: website.Reply, call: Call, bucket: Bucket, switches: Switches, serve: Serve) -> Answer:
    if reply.serve_key:
        held = bucket.find(reply.serve_key)
        if held is None:
            raise Refusal.no_key(reply.serve_key)
        return serve(held, reply.serve_status)
    headers = [("location", reply.location.encode().decode("latin-1"))] if reply.location else []
    if reply.code:
        raise Refusal(reply.status, reply.code, reply.message, reply.ec, headers=headers)
    if reply.location and switches.cors_on_redirect:
        headers += _allowed_by_cors(bucket, call)
    if reply.for_cdn:
        headers.append((switches.cdn_header, "true"))
    return Answer(reply.status, headers)


def _allowed_by_cors(bucket: Bucket, call: Call) -> list[tuple[str, str]]:
    """Return the headers that let a page of the request's Origin read the answer; none where no rule does."""
    text, origin = bucket.documents.get("cors"), call.header("origin")
    if not text or not origin:
        return []
    for rule in ET.fromstring(text).iter("CORSRule"):  # noqa: S314 - our own
        for allowed in rule.findall("AllowedOrigin"):
            if allowed.text in {"*", origin}:
                return [("access-control-allow-origin", allowed.text or "")]
    return []
