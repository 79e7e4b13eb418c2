"""One running sandbox: configuration, store, switches and the event log, as the handlers see them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from migrator.sandbox.oss.answers import Answer, Refusal
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.config import OssConfig
from migrator.sandbox.oss.disk import open_store
from migrator.sandbox.oss.site import Site
from migrator.sandbox.oss.store import Bucket, Store
from migrator.sandbox.switches import Switches


@dataclass(slots=True)
class EventLog:
    """What happened, in the one order in which it happened. Off until somebody wants it."""

    on: bool = False
    lines: list[str] = field(default_factory=list)
    _sequence: int = 0

    def add(self, call: Call, status: int) -> None:
        """Append one answered request; numbers go on even after `clear`."""
        self._sequence += 1
        event: dict[str, object] = {
            "seq": self._sequence,
            "at": round(time.time(), 6),
            "method": call.method,
            "bucket": call.bucket,
            "key": call.key,
            "query": call.raw_query,
            "status": status,
            "signed": call.signed,
            "who": call.headers.get("user-agent", ""),
            "request_id": call.request_id,
            **call.notes,
        }
        self.lines.append(json.dumps(event))

    def clear(self) -> None:
        """Forget the events so far."""
        self.lines.clear()


class Oss:
    """Everything that a handler may need."""

    def __init__(self, config: OssConfig) -> None:
        self.config = config
        self.switches: Switches = config.switches
        self.store: Store = open_store(config.state_dir)
        self.log = EventLog()
        self._sites: dict[str, Site] = {}
        self._request_ids = secrets.randbits(95)

    def bucket(self, name: str) -> Bucket:
        """Return a bucket. Raises Refusal NoSuchBucket."""
        bucket = self.store.buckets.get(name)
        if bucket is None:
            raise Refusal.no_bucket(name)
        return bucket

    def site(self, bucket: Bucket) -> Site:
        """Return the bucket's website over time."""
        site = self._sites.get(bucket.name)
        if site is None or site.bucket is not bucket:
            site = self._sites[bucket.name] = Site(bucket)
        return site

    def next_request_id(self) -> str:
        """Return 24 hexadecimal digits, as OSS's request ids have."""
        self._request_ids += 1
        return f"{self._request_ids:024X}"


Handler = Callable[[Oss, Call, Bucket], Answer]
