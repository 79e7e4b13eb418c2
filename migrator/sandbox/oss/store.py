"""What the server remembers: buckets, objects, unfinished uploads. A `Disk` makes it outlive the process."""

from __future__ import annotations

import secrets
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from migrator.sandbox.oss.blobs import Blob, MemoryBlob


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored object, current version only."""

    key: str
    size_bytes: int
    etag: str
    """Without quotes: the upper-case MD5, or `<hex>-<parts>`."""
    crc64: int
    modified: int
    """Unix seconds."""
    headers: tuple[tuple[str, str], ...] = ()
    """Stored headers in lower case, user metadata included; values one character per byte (latin-1)."""
    kind: str = "Normal"
    """Normal, Multipart, Appendable or Symlink."""
    storage_class: str = "Standard"
    md5: str = ""
    """Base64, where OSS knows it."""
    acl: str = "default"
    tags: tuple[tuple[str, str], ...] = ()
    target: str = ""
    """Of a symlink: the key it points at."""
    restore: str = ""
    """The value of x-oss-restore for archived objects."""
    version: str = ""
    """The version id, in buckets that have versioning."""


@dataclass(frozen=True, slots=True)
class Held:
    """An entry and its bytes."""

    entry: Entry
    blob: Blob


@dataclass(frozen=True, slots=True)
class PartHeld:
    """One uploaded part and its bytes."""

    number: int
    etag: str
    crc64: int
    modified: int
    blob: Blob


@dataclass(slots=True)
class Upload:
    """One unfinished multipart upload."""

    upload_id: str
    key: str
    initiated: int
    headers: tuple[tuple[str, str], ...] = ()
    storage_class: str = "Standard"
    acl: str = "default"
    tags: tuple[tuple[str, str], ...] = ()
    forbid_overwrite: bool = False
    sequential: bool = False
    parts: dict[int, PartHeld] = field(default_factory=dict)


@dataclass(slots=True)
class Bucket:
    """One bucket: its settings, and its objects by key and in byte order."""

    name: str
    created_at: datetime
    acl: str = "private"
    storage_class: str = "Standard"
    redundancy: str = "LRS"
    versioning: str = ""
    """Empty (never enabled), Enabled or Suspended."""
    documents: dict[str, bytes] = field(default_factory=dict)
    """Stored configuration documents by sub-resource, e.g. cors; `website` too."""
    objects: dict[str, Held] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    """All keys in order; Python orders str by code point, which is UTF-8 byte order."""
    uploads: dict[str, Upload] = field(default_factory=dict)
    markers: dict[str, str] = field(default_factory=dict)
    """Keys whose current version is a delete marker, with its version id."""

    @property
    def create_only_is_void(self) -> bool:
        """Whether x-oss-forbid-overwrite is ignored, per the OSS documentation of PutObject."""
        return bool(self.versioning)

    def find(self, key: str) -> Held | None:
        """Return an object, or None."""
        return self.objects.get(key)

    def keys_from(self, start: str) -> int:
        """Return the position of the first key that is not less than `start`."""
        return bisect_left(self.keys, start)

    def remember(self, held: Held) -> None:
        """Make `held` the current version of its key."""
        key = held.entry.key
        if key not in self.objects:
            if not self.keys or self.keys[-1] < key:
                self.keys.append(key)
            else:
                insort(self.keys, key)
        self.objects[key] = held
        self.markers.pop(key, None)

    def forget(self, key: str) -> None:
        """Drop the current version of a key; a missing one is fine."""
        if self.objects.pop(key, None) is not None:
            del self.keys[bisect_left(self.keys, key)]

    def new_version(self) -> str:
        """Return a version id for the next write; empty where the bucket has none."""
        if self.versioning == "Enabled":
            return secrets.token_hex(16)
        return "null" if self.versioning else ""


class Disk(Protocol):
    """Keeps a store on disk. Every method is atomic: a killed process leaves the old or the new state."""

    def save_bucket(self, bucket: Bucket) -> None:
        """Keep the bucket's settings."""
        ...

    def drop_bucket(self, name: str) -> None:
        """Forget a bucket with everything in it."""
        ...

    def write_object(self, bucket: str, entry: Entry, chunks: Iterable[bytes]) -> Blob:
        """Keep an object and return its bytes as stored."""
        ...

    def drop_object(self, bucket: str, key: str) -> None:
        """Forget an object."""
        ...

    def save_upload(self, bucket: str, upload: Upload) -> None:
        """Keep an upload without its parts."""
        ...

    def write_part(self, bucket: str, upload_id: str, part: PartHeld) -> Blob:
        """Keep a part and return its bytes as stored."""
        ...

    def drop_upload(self, bucket: str, upload_id: str) -> None:
        """Forget an upload with its parts."""
        ...


class Store:
    """All buckets. Every change goes through here, so that memory and disk agree."""

    def __init__(self, buckets: Iterable[Bucket] = (), disk: Disk | None = None) -> None:
        self.buckets = {bucket.name: bucket for bucket in buckets}
        self._disk = disk

    def save_bucket(self, bucket: Bucket) -> None:
        """Add a bucket, or keep its changed settings."""
        if self._disk is not None:
            self._disk.save_bucket(bucket)
        self.buckets[bucket.name] = bucket

    def drop_bucket(self, bucket: Bucket) -> None:
        """Forget a bucket."""
        if self._disk is not None:
            self._disk.drop_bucket(bucket.name)
        del self.buckets[bucket.name]

    def put(self, bucket: Bucket, entry: Entry, chunks: Iterable[bytes]) -> Held:
        """Store an object; it replaces whatever was there."""
        if self._disk is None:
            blob: Blob = MemoryBlob(_joined(chunks))
        else:
            blob = self._disk.write_object(bucket.name, entry, chunks)
        held = Held(entry, blob)
        bucket.remember(held)
        return held

    def delete(self, bucket: Bucket, key: str) -> str:
        """Delete an object; a missing one is fine. Returns the version id of the delete marker, if one was left."""
        if self._disk is not None and key in bucket.objects:
            self._disk.drop_object(bucket.name, key)
        bucket.forget(key)
        marker = bucket.new_version()
        if marker:
            bucket.markers[key] = marker
            self.save_bucket(bucket)
        return marker

    def delete_version(self, bucket: Bucket, key: str, version: str) -> None:
        """Delete the current version or the delete marker if it is the one named; no marker is left."""
        held = bucket.find(key)
        if held is not None and held.entry.version == version:
            if self._disk is not None:
                self._disk.drop_object(bucket.name, key)
            bucket.forget(key)
        elif bucket.markers.get(key) == version:
            del bucket.markers[key]
            self.save_bucket(bucket)

    def begin(self, bucket: Bucket, upload: Upload) -> None:
        """Open a multipart upload."""
        if self._disk is not None:
            self._disk.save_upload(bucket.name, upload)
        bucket.uploads[upload.upload_id] = upload

    def put_part(self, bucket: Bucket, upload: Upload, part: PartHeld) -> None:
        """Store a part; the same number again replaces it."""
        if self._disk is not None:
            blob = self._disk.write_part(bucket.name, upload.upload_id, part)
            part = PartHeld(part.number, part.etag, part.crc64, part.modified, blob)
        upload.parts[part.number] = part

    def end(self, bucket: Bucket, upload: Upload) -> None:
        """Forget an upload with its parts."""
        if self._disk is not None:
            self._disk.drop_upload(bucket.name, upload.upload_id)
        del bucket.uploads[upload.upload_id]


def whole(blob: Blob) -> Iterator[bytes]:
    """Yield all bytes of a blob."""
    return blob.chunks(0, blob.size_bytes)


def _joined(chunks: Iterable[bytes]) -> bytes:
    pieces = list(chunks)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
