"""The OSS bucket as the destination: every write is create-only, every answer is OSS's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from migrator.adapters import oss_upload
from migrator.adapters.conversation import run
from migrator.adapters.oss_client import OssClient
from migrator.adapters.oss_listing import list_page
from migrator.adapters.oss_objects import OssObjects, require_representable
from migrator.domain.objects import ObjectHead, Page
from migrator.ports import Part, Stored


class OssDestination:
    """Destination over one bucket. Usable from many threads; `objects` has the same as conversations."""

    def __init__(self, client: OssClient) -> None:
        self._client = client
        self.objects = OssObjects(client)

    def list_page(self, prefix: str, *, after: str = "", delimiter: str = "", limit: int = 1000) -> Page:
        """List keys under `prefix` that are greater than `after`."""
        return list_page(self._client, prefix, after, delimiter, limit)

    def server_time(self) -> datetime:
        """Return OSS's clock as of its last answer."""
        return self._client.server_time()

    def head(self, key: str) -> ObjectHead | None:
        """See OssObjects.head."""
        return run(self.objects.head(key))

    def create(self, key: str, body: bytes, headers: Mapping[str, str]) -> Stored:
        """See OssObjects.create."""
        return run(self.objects.create(key, body, headers))

    def start_upload(self, key: str, headers: Mapping[str, str]) -> str:
        """See OssObjects.start_upload."""
        return run(self.objects.start_upload(key, headers))

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes) -> Part:
        """See OssObjects.upload_part."""
        return run(self.objects.upload_part(key, upload_id, number, body))

    def complete_upload(self, key: str, upload_id: str, parts: Iterable[Part]) -> Stored:
        """See OssObjects.complete_upload."""
        return run(self.objects.complete_upload(key, upload_id, parts))

    def abort_upload(self, key: str, upload_id: str) -> None:
        """See OssObjects.abort_upload."""
        run(self.objects.abort_upload(key, upload_id))

    def list_uploads(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield (key, upload id) of unfinished uploads."""
        return oss_upload.unfinished(self._client, prefix)

    def delete(self, key: str) -> None:
        """Delete one object; idempotent, per the OSS documentation of DeleteObject."""
        require_representable(key)  # without a key the same request would be DeleteBucket
        self._client.call("DELETE", key)
