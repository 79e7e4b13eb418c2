"""What can be done with the objects of an OSS bucket, as conversations: every write create-only, every answer OSS's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from migrator.adapters import oss_upload
from migrator.adapters.crc64 import crc64_of
from migrator.adapters.fidelity import oss_headers, representable
from migrator.adapters.oss_client import OssClient, doing
from migrator.adapters.oss_errors import error_of
from migrator.adapters.oss_reading import content_md5, object_head, stated_crc64
from migrator.domain.objects import ObjectHead
from migrator.errors import IntegrityMismatch, ObjectVanished, Unrepresentable
from migrator.ports import Part, Stored


class OssObjects:
    """See `ports.Destination`: the same promises, to be awaited."""

    def __init__(self, client: OssClient) -> None:
        self._client = client

    async def head(self, key: str) -> ObjectHead | None:
        """Describe one object; None only when OSS itself says NoSuchKey.

        Raises NotOss for any answer that OSS did not give about this object, redirects included.
        """
        require_representable(key)
        response = await self._client.aask("HEAD", key)
        if response.status == 200:
            return object_head(response.headers)
        fault = self._client.fault(response)
        if fault.no_such_key:
            return None
        if response.status // 100 == 3:
            # HEAD is not documented to be redirected. Should a rule do so, GetObjectMeta, which no rule touches,
            # can still say that the object is not there.
            try:
                await self._client.acall("HEAD", key, query={"objectMeta": ""})
            except ObjectVanished:
                return None
        raise error_of(fault, doing("HEAD", key))

    async def create(
        self, key: str, body: bytes, headers: Mapping[str, str], *, md5: str = "", crc64: int | None = None
    ) -> Stored:
        """Put one object if and only if the key is free, its MD5 checked by OSS, its CRC-64 by us.

        `md5` (as Content-MD5 spells it) and `crc64` are those of the body, where the caller knows them already.
        Raises AlreadyExists, Unrepresentable, DigestRefused, IntegrityMismatch. Any other Transient error may have
        been applied.
        """
        require_representable(key)
        sent = {**oss_headers(headers), **oss_upload.FORBID_OVERWRITE, "content-md5": md5 or content_md5(body)}
        response = await self._client.acall("PUT", key, headers=sent, body=body)
        stored = Stored(response.headers.get("etag", "").strip('"'), stated_crc64(response.headers))
        if stored.crc64 != (crc64_of(body) if crc64 is None else crc64):
            raise IntegrityMismatch(f"{doing('PUT', key)}: OSS states another CRC-64 than that of the bytes sent")
        return stored

    async def start_upload(self, key: str, headers: Mapping[str, str]) -> str:
        """Begin a create-only multipart upload and return its id. Raises AlreadyExists, Unrepresentable."""
        require_representable(key)
        return await oss_upload.start(self._client, key, headers)

    async def upload_part(self, key: str, upload_id: str, number: int, body: bytes) -> Part:
        """Send one part (numbers from 1); sending a number again replaces it."""
        return await oss_upload.send(self._client, key, upload_id, number, body)

    async def complete_upload(self, key: str, upload_id: str, parts: Iterable[Part]) -> Stored:
        """Make the object visible if the key is still free. Raises AlreadyExists, IntegrityMismatch."""
        return await oss_upload.complete(self._client, key, upload_id, parts)

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Discard the upload; a missing one is fine."""
        require_representable(key)
        response = await self._client.aask("DELETE", key, query={"uploadId": upload_id})
        fault = self._client.fault(response)
        if response.status // 100 != 2 and fault.code != "NoSuchUpload":
            raise error_of(fault, doing("DELETE", key))


def require_representable(key: str) -> None:
    """Raise Unrepresentable for a key that OSS cannot hold."""
    if reason := representable(key):
        raise Unrepresentable(reason)
