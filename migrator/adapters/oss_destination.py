"""The OSS bucket as the destination: every write is create-only, every answer is OSS's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from migrator.adapters import oss_upload
from migrator.adapters.crc64 import crc64_of
from migrator.adapters.fidelity import oss_headers, representable
from migrator.adapters.oss_client import OssClient, doing
from migrator.adapters.oss_errors import error_of
from migrator.adapters.oss_listing import list_page
from migrator.adapters.oss_reading import content_md5, object_head, stated_crc64
from migrator.domain.model import ObjectHead, Page
from migrator.errors import IntegrityMismatch, ObjectVanished, Unrepresentable
from migrator.ports import Part, Stored


class OssDestination:
    """Destination over one bucket. Usable from many threads."""

    def __init__(self, client: OssClient) -> None:
        self._client = client

    def list_page(self, prefix: str, *, after: str = "", delimiter: str = "", limit: int = 1000) -> Page:
        """List keys under `prefix` that are greater than `after`."""
        return list_page(self._client, prefix, after, delimiter, limit)

    def server_time(self) -> datetime:
        """Return OSS's clock as of its last answer."""
        return self._client.server_time()

    def head(self, key: str) -> ObjectHead | None:
        """Describe one object; None only when OSS itself says NoSuchKey.

        Raises NotOss for any answer that OSS did not give about this object, redirects included.
        """
        _require_representable(key)
        response = self._client.ask("HEAD", key)
        if response.status == 200:
            return object_head(response.headers)
        fault = self._client.fault(response)
        if fault.no_such_key:
            return None
        if response.status // 100 == 3:
            # HEAD is not documented to be redirected. Should a rule do so, GetObjectMeta, which no rule touches,
            # can still say that the object is not there.
            try:
                self._client.call("HEAD", key, query={"objectMeta": ""})
            except ObjectVanished:
                return None
        raise error_of(fault, doing("HEAD", key))

    def create(self, key: str, body: bytes, headers: Mapping[str, str]) -> Stored:
        """Put one object if and only if the key is free, its MD5 checked by OSS, its CRC-64 by us.

        Raises AlreadyExists, Unrepresentable, IntegrityMismatch. A Transient error may have been applied.
        """
        _require_representable(key)
        sent = {**oss_headers(headers), **oss_upload.FORBID_OVERWRITE, "content-md5": content_md5(body)}
        response = self._client.call("PUT", key, headers=sent, body=body)
        stored = Stored(response.headers.get("etag", "").strip('"'), stated_crc64(response.headers))
        if stored.crc64 != crc64_of(body):
            raise IntegrityMismatch(f"{doing('PUT', key)}: OSS states another CRC-64 than that of the bytes sent")
        return stored

    def start_upload(self, key: str, headers: Mapping[str, str]) -> str:
        """Begin a create-only multipart upload and return its id. Raises AlreadyExists, Unrepresentable."""
        _require_representable(key)
        return oss_upload.start(self._client, key, headers)

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes) -> Part:
        """Send one part (numbers from 1); sending a number again replaces it."""
        return oss_upload.send(self._client, key, upload_id, number, body)

    def complete_upload(self, key: str, upload_id: str, parts: Iterable[Part]) -> Stored:
        """Make the object visible if the key is still free. Raises AlreadyExists, IntegrityMismatch."""
        return oss_upload.complete(self._client, key, upload_id, parts)

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Discard the upload; a missing one is fine."""
        _require_representable(key)
        response = self._client.ask("DELETE", key, query={"uploadId": upload_id})
        fault = self._client.fault(response)
        if response.status // 100 != 2 and fault.code != "NoSuchUpload":
            raise error_of(fault, doing("DELETE", key))

    def list_uploads(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield (key, upload id) of unfinished uploads."""
        return oss_upload.unfinished(self._client, prefix)

    def delete(self, key: str) -> None:
        """Delete one object; idempotent, per the OSS documentation of DeleteObject."""
        _require_representable(key)  # without a key the same request would be DeleteBucket
        self._client.call("DELETE", key)


def _require_representable(key: str) -> None:
    if reason := representable(key):
        raise Unrepresentable(reason)
