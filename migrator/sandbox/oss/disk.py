"""A store in a directory: one file per object, so that a start needs nothing but a walk over the file heads.

```
<state>/<bucket>/bucket.json
<state>/<bucket>/objects/ab/abcd...      file name: SHA-256 of the key; content: length, JSON head, bytes
<state>/<bucket>/uploads/<upload id>/upload.json, part-<number>
```
Files are written under another name and renamed, so a killed process leaves whole files only.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from migrator.sandbox.oss.blobs import Blob, FileBlob
from migrator.sandbox.oss.store import Bucket, Entry, Held, PartHeld, Store, Upload, whole

_HEAD_DIGITS = 8
_BUCKET_FIELDS = ("name", "acl", "storage_class", "redundancy", "versioning", "markers")
_UPLOAD_FIELDS = ("upload_id", "key", "initiated", "storage_class", "acl", "forbid_overwrite", "sequential")
_PART_FIELDS = ("number", "etag", "crc64", "modified")


def open_store(state_dir: Path | None) -> Store:
    """Return the store kept in `state_dir`, or an empty one in memory."""
    if state_dir is None:
        return Store()
    state_dir.mkdir(parents=True, exist_ok=True)
    buckets = (_read_bucket(path.parent) for path in sorted(state_dir.glob("*/bucket.json")))
    return Store(buckets, DirectoryDisk(state_dir))


class DirectoryDisk:
    """Fulfils `store.Disk` in a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save_bucket(self, bucket: Bucket) -> None:
        """Keep the bucket's settings."""
        body: dict[str, Any] = {name: getattr(bucket, name) for name in _BUCKET_FIELDS}
        body["created_at"] = bucket.created_at.isoformat()
        body["documents"] = {name: base64.b64encode(text).decode() for name, text in bucket.documents.items()}
        _write(self._root / bucket.name / "bucket.json", [json.dumps(body).encode()])

    def drop_bucket(self, name: str) -> None:
        """Forget a bucket with everything in it."""
        # The settings go first: without them a half-removed directory is no bucket.
        (self._root / name / "bucket.json").unlink()
        shutil.rmtree(self._root / name)

    def write_object(self, bucket: str, entry: Entry, chunks: Iterable[bytes]) -> Blob:
        """Keep an object and return its bytes as stored."""
        path = self._object(bucket, entry.key)
        head = {field.name: getattr(entry, field.name) for field in fields(Entry)}
        return _write_with_head(path, head, chunks, entry.size_bytes)

    def drop_object(self, bucket: str, key: str) -> None:
        """Forget an object."""
        self._object(bucket, key).unlink(missing_ok=True)

    def save_upload(self, bucket: str, upload: Upload) -> None:
        """Keep an upload without its parts."""
        body: dict[str, Any] = {name: getattr(upload, name) for name in _UPLOAD_FIELDS}
        body |= {"headers": upload.headers, "tags": upload.tags}
        _write(self._upload(bucket, upload.upload_id) / "upload.json", [json.dumps(body).encode()])

    def write_part(self, bucket: str, upload_id: str, part: PartHeld) -> Blob:
        """Keep a part and return its bytes as stored."""
        head = {name: getattr(part, name) for name in _PART_FIELDS}
        path = self._upload(bucket, upload_id) / f"part-{part.number}"
        return _write_with_head(path, head, whole(part.blob), part.blob.size_bytes)

    def drop_upload(self, bucket: str, upload_id: str) -> None:
        """Forget an upload with its parts."""
        (self._upload(bucket, upload_id) / "upload.json").unlink()
        shutil.rmtree(self._upload(bucket, upload_id))

    def _object(self, bucket: str, key: str) -> Path:
        name = sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return self._root / bucket / "objects" / name[:2] / name

    def _upload(self, bucket: str, upload_id: str) -> Path:
        return self._root / bucket / "uploads" / upload_id


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    temporary = path.with_name(f"{path.name}.writing")
    try:
        file = temporary.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("wb")
    with file:
        for chunk in chunks:
            file.write(chunk)
    temporary.replace(path)


def _write_with_head(path: Path, head: dict[str, Any], chunks: Iterable[bytes], size_bytes: int) -> FileBlob:
    text = json.dumps(head).encode()

    def pieces() -> Iterator[bytes]:
        yield b"%0*d" % (_HEAD_DIGITS, len(text))
        yield text
        yield from chunks

    _write(path, pieces())
    return FileBlob(path, _HEAD_DIGITS + len(text), size_bytes)


def _read_head(path: Path) -> tuple[dict[str, Any], FileBlob]:
    with path.open("rb") as file:
        length = int(file.read(_HEAD_DIGITS))
        head: dict[str, Any] = json.loads(file.read(length))
        offset = _HEAD_DIGITS + length
        size_bytes = file.seek(0, os.SEEK_END) - offset
    return head, FileBlob(path, offset, size_bytes)


def _read_bucket(folder: Path) -> Bucket:
    body = json.loads((folder / "bucket.json").read_bytes())
    bucket = Bucket(
        created_at=datetime.fromisoformat(body["created_at"]),
        documents={name: base64.b64decode(text) for name, text in body["documents"].items()},
        **{name: body[name] for name in _BUCKET_FIELDS},
    )
    for path in folder.glob("objects/*/*"):
        if path.suffix == ".writing":
            path.unlink()
            continue
        head, blob = _read_head(path)
        entry = Entry(**{**head, "headers": _pairs(head["headers"]), "tags": _pairs(head["tags"])})
        bucket.objects[entry.key] = Held(entry, blob)
    bucket.keys = sorted(bucket.objects)
    for path in folder.glob("uploads/*/upload.json"):
        upload = _read_upload(path)
        bucket.uploads[upload.upload_id] = upload
    return bucket


def _read_upload(path: Path) -> Upload:
    body = json.loads(path.read_bytes())
    upload = Upload(**{**body, "headers": _pairs(body["headers"]), "tags": _pairs(body["tags"])})
    for part_path in path.parent.glob("part-*"):
        if part_path.suffix != ".writing":
            head, blob = _read_head(part_path)
            upload.parts[head["number"]] = PartHeld(blob=blob, **head)
    return upload


def _pairs(value: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in value)
