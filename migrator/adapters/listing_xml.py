"""Parse the XML of a ListObjects answer with expat: fast, without entities, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import unquote_plus
from xml.parsers import expat

from migrator.domain.objects import ObjectInfo
from migrator.errors import ListingBroken, Transient

MAX_LISTING_BYTES: Final = 32 * 1024 * 1024
"""A thousand keys of 1,023 bytes, every byte percent-encoded, are about 4 MB."""
_MAX_DEPTH: Final = 8


@dataclass(slots=True)
class Listed:
    """One answer as the store gave it, keys decoded."""

    objects: list[ObjectInfo] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    next_token: str = ""
    """V2: NextContinuationToken; V1: NextMarker."""
    version: int = 2


def parse_listing(body: bytes, *, side: str) -> Listed:
    """Return what the answer lists; keys are decoded exactly once, and only if the answer says that it encoded them.

    Raises Transient for what is no listing at all (an error page with status 200, a cut answer), ListingBroken for
    keys that are not UTF-8.
    """
    if len(body) > MAX_LISTING_BYTES:
        raise Transient(f"{side}: the listing answer is longer than {MAX_LISTING_BYTES} bytes")
    reader = _Reader()
    try:
        return reader.read(body)
    except (expat.ExpatError, _NotAListing, ValueError) as exc:
        if isinstance(exc, UnicodeDecodeError):
            raise ListingBroken(
                f"{side}: the listing holds a key that is not UTF-8: {exc.object[:200]!r}",
                hint="rename that object at the origin; OSS cannot hold it",
            ) from exc
        raise Transient(f"{side}: the answer to a listing request is not a listing ({exc})") from exc


class _NotAListing(Exception):
    """What came is XML perhaps, but no ListBucketResult."""


class _Reader:
    """Expat callbacks. Fields of the entry that is being read are gathered in one dict, by element name."""

    def __init__(self) -> None:
        self._depth = 0
        self._text = ""
        self._fields: dict[str, str] = {}
        self._top: dict[str, str] = {}
        self._contents: list[dict[str, str]] = []
        self._groups: list[str] = []

    def read(self, body: bytes) -> Listed:
        if b"\0" in body:
            raise _NotAListing("it is not UTF-8")  # expat believes the mark of UTF-16 more than the encoding given
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse
        parser.Parse(body, True)
        return self._listed()

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        self._text = ""
        if self._depth == 1 and _local(name) != "ListBucketResult":
            raise _NotAListing(f"its root is <{name[:80]}>")
        if self._depth == 2:
            self._fields = {}
        if self._depth > _MAX_DEPTH:
            raise _NotAListing("it is nested too deeply")

    def _characters(self, text: str) -> None:
        self._text += text

    def _end(self, name: str) -> None:
        depth = self._depth
        self._depth = depth - 1
        if depth == 3:
            self._fields[name] = self._text
        elif depth == 2:
            local = _local(name)
            if local == "Contents":
                self._contents.append(self._fields)
            elif local == "CommonPrefixes":
                self._groups.extend(v for k, v in self._fields.items() if _local(k) == "Prefix")
            else:
                self._top[local] = self._text
        self._text = ""

    def _listed(self) -> Listed:
        top = self._top
        if top.get("IsTruncated", "").strip() not in ("true", "false"):
            raise _NotAListing("IsTruncated is missing")
        encoded = top.get("EncodingType", "").strip() == "url"
        # Only version 1 answers carry markers; only version 2 answers carry KeyCount.
        version = 1 if "KeyCount" not in top and ("Marker" in top or "NextMarker" in top) else 2
        token = top.get("NextContinuationToken", "") if version == 2 else top.get("NextMarker", "")
        if version == 1 and encoded:
            token = _decode(token)
        entries = [_entry(fields, encoded=encoded) for fields in self._contents]
        return Listed(
            objects=entries,
            prefixes=[_decode(group) for group in self._groups] if encoded else self._groups,
            # A token although nothing should follow: believing it costs one request, not believing it may cost keys.
            truncated=top["IsTruncated"].strip() == "true" or bool(token),
            next_token=token,
            version=version,
        )


def _entry(fields: dict[str, str], *, encoded: bool) -> ObjectInfo:
    if "Key" not in fields:
        fields = {_local(name): value for name, value in fields.items()}
    try:
        key, size = fields["Key"], int(fields["Size"])
    except KeyError as exc:
        raise _NotAListing(f"an entry has no {exc.args[0]}") from exc
    modified = fields.get("LastModified", "")
    return ObjectInfo(
        _decode(key) if encoded else key,
        size,
        fields.get("ETag", "").strip('"'),
        datetime.fromisoformat(modified) if modified else None,
        fields.get("StorageClass", ""),
    )


def _decode(text: str) -> str:
    """Undo encoding-type=url: S3 writes a space as `+`, OSS as %20, and both a plus sign as %2B."""
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _refuse(*_: object) -> None:
    raise _NotAListing("it carries a document type")
