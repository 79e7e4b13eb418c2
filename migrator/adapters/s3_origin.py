"""An S3-compatible bucket as the legacy origin. Never written: the only methods sent are GET and HEAD."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from migrator.adapters.answers import conditions, head_of, http_date, is_ranged, shown, take
from migrator.adapters.conversation import exchange, run
from migrator.adapters.credentials import CredentialsProvider
from migrator.adapters.http import DEFAULT_TIMEOUTS, MAX_BODY_BYTES, Http, Request, Response, Timeouts
from migrator.adapters.listing import read_page
from migrator.adapters.listing_xml import MAX_LISTING_BYTES
from migrator.adapters.s3_errors import error_of
from migrator.adapters.sign_s3 import SigV4, encode_path, encode_query
from migrator.domain.objects import ObjectHead, Page
from migrator.errors import IntegrityMismatch, Invalid, Transient
from migrator.ports import Clock

META: Final = "x-amz-meta-"
MAX_WHOLE_BYTES: Final = 512 * 1024 * 1024
"""Objects read without a range are held in memory; larger ones are read by ranges."""


class S3Origin:
    """Origin over one bucket. Usable from many threads.

    `credentials` None sends unsigned requests.
    """

    def __init__(
        self,
        http: Http,
        *,
        bucket: str,
        region: str,
        endpoint: str = "",
        credentials: CredentialsProvider | None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._http = http
        self._bucket = bucket
        self._credentials = credentials
        self._timeouts = timeouts
        self._clock = clock
        self._signer = SigV4(region)
        self._base, self._host, self._root = _address(endpoint or _aws_endpoint(region), bucket)
        self._date = ""

    def list_page(self, prefix: str, *, after: str = "", delimiter: str = "", limit: int = 1000) -> Page:
        """List keys under `prefix` that are greater than `after`. Raises ListingBroken when that would skip keys."""
        return read_page(
            self._ask, side=f"s3://{self._bucket}", prefix=prefix, after=after, delimiter=delimiter, limit=limit
        )

    def server_time(self) -> datetime:
        """Return the server's clock as of its last answer; asks once when there was none yet."""
        if not self._date:
            self._ask({"list-type": "2", "max-keys": "1"})
        return http_date(self._date) or self._clock()

    def head(self, key: str) -> ObjectHead:
        """Describe one object.

        Answers to HEAD carry no reason, so a failed one is asked again as a GET of one byte: "not there" is believed
        only when the server says NoSuchKey, not on a bare 404.
        """
        response = self._perform(self._request("HEAD", key, headers=(("Accept-Encoding", "identity"),)))
        if response.status != 200:
            again = self._perform(self._request("GET", key, headers=conditions("", 0, 1)))
            if again.status not in (200, 206, 416):
                raise error_of(again, doing=self._doing(key))
            raise Transient(f"{self._doing(key)}: HEAD was answered {response.status}, GET {again.status}")
        if not response.headers.get("content-length", "").isdecimal():
            raise IntegrityMismatch(f"{self._doing(key)}: the answer does not tell the object's size")
        return head_of(response.headers, int(response.headers["content-length"]), meta=META)

    def read(self, key: str, *, if_match: str = "", start: int = 0, end: int | None = None) -> tuple[ObjectHead, bytes]:
        """Do as `aread`, waiting for the answer."""
        return run(self.aread(key, if_match=if_match, start=start, end=end))

    async def aread(
        self, key: str, *, if_match: str = "", start: int = 0, end: int | None = None
    ) -> tuple[ObjectHead, bytes]:
        """Read the stored bytes `[start, end)` undecoded, and the head of the very same version."""
        if end is not None and not 0 <= start < end:
            raise Invalid(f"an empty range cannot be read: [{start}, {end})")
        # A server that ignores the range may send the whole object: bounded, and an error beyond.
        room = MAX_WHOLE_BYTES if end is None else end - start + MAX_BODY_BYTES
        headers = conditions(if_match, start, end)
        response = await exchange(self._http, lambda: self._request("GET", key, headers=headers, max_body_bytes=room))
        self._date = response.headers.get("date", "")
        what = self._doing(key)
        if response.status != 200 and not (response.status == 206 and is_ranged(start, end)):
            raise error_of(response, doing=what)
        size, body = take(response, what=what, if_match=if_match, start=start, end=end)
        return head_of(response.headers, size, meta=META), body

    def _ask(self, query: Mapping[str, str]) -> bytes:
        response = self._perform(self._request("GET", None, query=query, max_body_bytes=MAX_LISTING_BYTES))
        if response.status != 200:
            raise error_of(response, doing=f"listing s3://{self._bucket}", listing=True)
        return response.body

    def _request(
        self,
        method: str,
        key: str | None,
        *,
        query: Mapping[str, str] | None = None,
        headers: list[tuple[str, str]] | tuple[tuple[str, str], ...] = (),
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> Request:
        path = f"{self._root}/{encode_path(key)}" if key is not None else self._root or "/"
        question = encode_query(query) if query else ""
        signed = list(headers)
        if self._credentials is not None:
            access = self._credentials.get()
            signed += self._signer.headers(method, self._host, path, question, access, self._clock())
        url = f"{self._base}{path}?{question}" if question else self._base + path
        return Request(method, url, signed, timeouts=self._timeouts, max_body_bytes=max_body_bytes)

    def _perform(self, request: Request) -> Response:
        response = self._http.perform(request)
        self._date = response.headers.get("date", "")
        return response

    def _doing(self, key: str) -> str:
        return f"reading s3://{self._bucket}/{shown(key)}"


def _aws_endpoint(region: str) -> str:
    return f"https://s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")


def _address(endpoint: str, bucket: str) -> tuple[str, str, str]:
    """Return base URL, Host header and root path: virtual-host style at AWS, path style anywhere else.

    Buckets with a dot stay path-style at AWS too: no certificate covers their host name.
    """
    parts = urlsplit(endpoint)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.username:
        raise Invalid(f"this is no endpoint: {endpoint!r}", hint="write origin.endpoint as https://host[:port]")
    aws = host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    root = parts.path.rstrip("/")
    if aws and "." not in bucket:
        host = f"{bucket}.{host}"
    else:
        root = f"{root}/{encode_path(bucket)}"
    shown = f"[{host}]" if ":" in host else host
    default = 443 if parts.scheme == "https" else 80
    if parts.port not in (None, default):
        shown = f"{shown}:{parts.port}"
    return f"{parts.scheme}://{shown}", shown, root
