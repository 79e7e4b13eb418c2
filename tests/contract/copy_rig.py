"""Two buckets behind fault proxies and a copy engine between them."""

from __future__ import annotations

from contextlib import contextmanager

import oss_rig
from fault_proxy import fault_proxy

from migrator.adapters.engine import EngineLimits, ThreadedEngine
from migrator.adapters.oss_origin import OssOrigin
from migrator.adapters.retry import Retry
from migrator.domain.objects import CopyItem

PART = 100 * 1024
LIMITS = EngineLimits(concurrency=4, multipart_threshold_bytes=2 * PART, part_bytes=PART, parallel_parts=2)
BIG = bytes(range(256)) * (PART * 5 // 2 // 256)
HEADERS = {"content-type": "text/plain", "cache-control": "no-store", "meta/a": "b"}


class Rig:
    """A legacy bucket and a new one, each behind a proxy, and an engine between them."""

    def __init__(self, server, legacy, new):
        self.server = server
        self.legacy, self.new = legacy, new
        self.from_name, self.to_name = oss_rig.new_bucket(server), oss_rig.new_bucket(server)
        self.there = oss_rig.destination(server, self.from_name)  # to fill the legacy bucket
        self.here = oss_rig.destination(server, self.to_name)  # to look at the new one
        self.origin = OssOrigin(oss_rig.client(server, self.from_name, endpoint=legacy.url))
        self.destination = oss_rig.destination(server, self.to_name, endpoint=new.url)
        self.slept = []

    def engine(self, limits=LIMITS, marker=None, attempts=4):
        retry = Retry(attempts=attempts, sleep=self.slept.append)
        more = {"marker": marker} if marker else {}
        return ThreadedEngine(self.origin, self.destination, retry=retry, limits=limits, **more)

    def put(self, key, body=b"body", headers=HEADERS):
        stored = self.there.create(key, body, headers)
        return CopyItem(key, key, len(body), stored.etag)

    def copy(self, *items, stop=lambda: False, **options):
        with self.engine(**options) as engine:
            return list(engine.copy(items, stop=stop))

    def one(self, item, **options):
        [result] = self.copy(item, **options)
        assert result.item == item
        return result

    def read(self, key):
        return OssOrigin(oss_rig.client(self.server, self.to_name)).read(key)


@contextmanager
def engine_rig(server):
    """Check at the end that every planned fault happened and that no upload was left behind."""
    with fault_proxy(server.endpoint) as legacy, fault_proxy(server.endpoint) as new:
        rig = Rig(server, legacy, new)
        yield rig
        assert not legacy.unused
        assert not new.unused
        assert list(rig.here.list_uploads("")) == []
