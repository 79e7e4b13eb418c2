"""A web server as the legacy origin; a manifest file says which keys it has, for a web server cannot list them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from migrator.adapters.answers import conditions, head_of, http_date, is_ranged, shown, take
from migrator.adapters.conversation import exchange, run
from migrator.adapters.http import DEFAULT_TIMEOUTS, MAX_BODY_BYTES, Headers, Http, Request, Response, Timeouts
from migrator.adapters.manifest import Manifest
from migrator.domain.objects import LAST_CHARACTER, ObjectHead, ObjectInfo, Page
from migrator.errors import AccessRefused, Invalid, MigratorError, ObjectChanged, ObjectVanished, Permanent, Transient

MAX_WHOLE_BYTES: Final = 512 * 1024 * 1024


class HttpOrigin:
    """Origin over `base_url` (ends in `/`); a key's URL is the base with the percent-encoded key behind it.

    Usable from many threads. Redirects are not followed: the origin is the server that was named.
    """

    def __init__(self, http: Http, *, base_url: str, manifest: Path, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        if not base_url.endswith("/") or "?" in base_url or "#" in base_url:
            raise Invalid(f"origin.url must end in / and have no query: {base_url}")
        self._http = http
        self._base = base_url
        self._manifest = Manifest(manifest)
        self._timeouts = timeouts
        self._date = ""

    def list_page(self, prefix: str, *, after: str = "", delimiter: str = "", limit: int = 1000) -> Page:
        """List the manifest's keys.

        A key without a size in the manifest costs one HEAD; one that the server does not have is listed with no
        bytes and no ETag, so that reading it tells.
        """
        objects: list[ObjectInfo] = []
        groups: list[str] = []
        position = after
        while len(objects) + len(groups) < limit:
            for key, size in self._manifest.entries(max(position, prefix), inclusive=position < prefix):
                if not key.startswith(prefix):
                    return Page(tuple(objects), tuple(groups))
                cut = key.find(delimiter, len(prefix)) if delimiter else -1
                if cut >= 0:
                    groups.append(key[: cut + len(delimiter)])
                    position = groups[-1] + LAST_CHARACTER
                    break  # the rest of the group is skipped by a search, not by reading it
                objects.append(self._listed(key, size))
                position = key
                if len(objects) + len(groups) >= limit:
                    break
            else:
                return Page(tuple(objects), tuple(groups))
        return Page(tuple(objects), tuple(groups), position)

    def server_time(self) -> datetime:
        """Return the server's clock as of its last answer; the local clock before the first."""
        return http_date(self._date) or datetime.now(UTC)

    def head(self, key: str) -> ObjectHead:
        """Describe one object by HEAD, or by a GET of its first byte where the server has no useful HEAD."""
        response = self._ask("HEAD", key, [("Accept-Encoding", "identity")])
        length = response.headers.get("content-length", "")
        if response.status == 200 and length.isdecimal():
            return head_of(response.headers, int(length))
        if response.status in (404, 410):
            raise _error(response, what=self._doing(key))
        response = self._ask("GET", key, conditions("", 0, 1))
        if response.status == 416:  # an empty object has no first byte
            return self.read(key)[0]
        if response.status not in (200, 206):
            raise _error(response, what=self._doing(key))
        end = 1 if response.status == 206 else None  # a 200 brought the whole object, which may be empty
        size, _ = take(response, what=self._doing(key), if_match="", start=0, end=end)
        return head_of(response.headers, size)

    def read(self, key: str, *, if_match: str = "", start: int = 0, end: int | None = None) -> tuple[ObjectHead, bytes]:
        """Do as `aread`, waiting for the answer."""
        return run(self.aread(key, if_match=if_match, start=start, end=end))

    async def aread(
        self, key: str, *, if_match: str = "", start: int = 0, end: int | None = None
    ) -> tuple[ObjectHead, bytes]:
        """Read the bytes `[start, end)` as the server sends them, undecoded, and the head of the same version."""
        if end is not None and not 0 <= start < end:
            raise Invalid(f"an empty range cannot be read: [{start}, {end})")
        room = MAX_WHOLE_BYTES if end is None else end - start + MAX_BODY_BYTES
        response = await self._aask("GET", key, conditions(if_match, start, end), room)
        if response.status != 200 and not (response.status == 206 and is_ranged(start, end)):
            raise _error(response, what=self._doing(key))
        size, body = take(response, what=self._doing(key), if_match=if_match, start=start, end=end)
        return head_of(response.headers, size), body

    def _listed(self, key: str, size: int | None) -> ObjectInfo:
        if size is not None:
            return ObjectInfo(key, size, "")
        try:
            head = self.head(key)
        except ObjectVanished:
            return ObjectInfo(key, 0, "")
        return ObjectInfo(key, head.size_bytes, head.etag, head.modified_at)

    def _ask(self, method: str, key: str, headers: Headers) -> Response:
        return run(self._aask(method, key, headers))

    async def _aask(self, method: str, key: str, headers: Headers, room: int = MAX_BODY_BYTES) -> Response:
        request = Request(method, self._base + quote(key, safe="/"), headers, b"", self._timeouts, room)
        response = await exchange(self._http, lambda: request)
        self._date = response.headers.get("date", "")
        return response

    def _doing(self, key: str) -> str:
        return f"reading {self._base}{shown(key)}"


def _error(response: Response, *, what: str) -> MigratorError:
    status = response.status
    said = f"{what}: HTTP {status}"
    if status in (404, 410):
        return ObjectVanished(said)
    if status in (401, 403, 407):
        return AccessRefused(said, hint="let this machine read the origin's files")
    if status in (412, 416):
        return ObjectChanged(said)
    if status >= 500 or status in (408, 425, 429):
        return Transient(said, retry_after_s=response.retry_after_s)
    if 300 <= status < 400:
        said = f"{said}, the server redirects elsewhere"
        return Permanent(said, hint="name the server in origin.url that has the file itself")
    return Permanent(said)
