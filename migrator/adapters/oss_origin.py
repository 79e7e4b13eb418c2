"""Another OSS bucket as the legacy origin. Never written."""

from __future__ import annotations

from datetime import datetime

from migrator.adapters.answers import conditions, is_ranged, take
from migrator.adapters.conversation import run
from migrator.adapters.crc64 import crc64_of
from migrator.adapters.http import MAX_BODY_BYTES
from migrator.adapters.oss_client import OssClient, doing
from migrator.adapters.oss_listing import list_page
from migrator.adapters.oss_reading import object_head
from migrator.domain.objects import ObjectHead, Page
from migrator.errors import IntegrityMismatch


class OssOrigin:
    """Origin over one bucket. Usable from many threads."""

    def __init__(self, client: OssClient) -> None:
        self._client = client

    def list_page(self, prefix: str, *, after: str = "", delimiter: str = "", limit: int = 1000) -> Page:
        """List keys under `prefix` that are greater than `after`."""
        return list_page(self._client, prefix, after, delimiter, limit)

    def server_time(self) -> datetime:
        """Return OSS's clock as of its last answer."""
        return self._client.server_time()

    def head(self, key: str) -> ObjectHead:
        """Describe one object. Raises ObjectVanished when OSS says it is not there."""
        return object_head(self._client.call("HEAD", key).headers)

    def read(self, key: str, *, if_match: str = "", start: int = 0, end: int | None = None) -> tuple[ObjectHead, bytes]:
        """Do as `aread`, waiting for the answer."""
        return run(self.aread(key, if_match=if_match, start=start, end=end))

    async def aread(
        self, key: str, *, if_match: str = "", start: int = 0, end: int | None = None
    ) -> tuple[ObjectHead, bytes]:
        """Read the stored bytes `[start, end)` undecoded, and the head of the very same version.

        Raises ObjectVanished, ObjectChanged, IntegrityMismatch.
        """
        headers = dict(conditions(if_match, start, end))
        if ranged := is_ranged(start, end):
            # Without "standard" OSS answers a range that reaches beyond the end with the whole object.
            headers["x-oss-range-behavior"] = "standard"
        room = MAX_BODY_BYTES + (0 if end is None else end - start)
        response = await self._client.acall("GET", key, headers=headers, max_body_bytes=room)
        size_bytes, body = take(response, what=doing("GET", key), if_match=if_match, start=start, end=end)
        head = object_head(response.headers, size_bytes)
        if not ranged and head.crc64 not in (None, crc64_of(body)):
            raise IntegrityMismatch(f"{doing('GET', key)}: the bytes are not those whose CRC-64 OSS states")
        return head, body
