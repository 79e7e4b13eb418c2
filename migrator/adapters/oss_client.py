"""Requests to one OSS bucket: addressed, signed at send time, and believed only when OSS itself answered.

Credentials and tokens go to the bucket's endpoint and nowhere else: nothing here follows a redirect.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlsplit

from migrator.adapters.answers import http_date
from migrator.adapters.conversation import Prepare, exchange, run
from migrator.adapters.credentials import AccessKey, CredentialsProvider
from migrator.adapters.http import MAX_BODY_BYTES, Http, Request, Response
from migrator.adapters.oss_errors import OssFault, error_of, parse_fault
from migrator.adapters.sign_oss import Signer, SignerV1, SignerV4, Unsigned, encode_query
from migrator.errors import IntegrityMismatch, Invalid, MigratorError, NotOss, Transient
from migrator.ports import Clock

REQUEST_ID: Final = "x-oss-request-id"
_WRITES: Final = frozenset({"PUT", "POST", "DELETE"})
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """Where a bucket answers. Path style for IP addresses and localhost, virtual-host style otherwise."""

    endpoint: str
    """With scheme, e.g. https://oss-cn-hangzhou.aliyuncs.com; without the bucket."""
    bucket: str
    region: str = ""
    """As signatures spell it, e.g. cn-hangzhou. Empty: requests are signed with version 1."""

    def url(self, key: str = "", query: Mapping[str, str] | None = None) -> str:
        """Return the URL of an object, or of the bucket; everything percent-encoded."""
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Invalid(
                f"{self.endpoint!r} is not an OSS endpoint", hint="write it as https://oss-<region>.aliyuncs.com"
            )
        host = parts.netloc.rpartition("@")[2]
        base = (
            f"{parts.scheme}://{host}/{self.bucket}/"
            if _by_path(parts.hostname)
            else f"{parts.scheme}://{self.bucket}.{host}/"
        )
        return base + encode_key(key) + (f"?{encode_query(query)}" if query else "")


def encode_key(key: str) -> str:
    """Percent-encode a key for the path of a URL so that no party folds it.

    `/` stays, except in keys with dot segments: there it becomes %2F, the way OSS's own SDK spells every key.
    """
    segments = key.split("/")
    if "." not in segments and ".." not in segments:
        return quote(key, safe="/")
    return quote(key, safe="").replace(".", "%2E") if len(segments) == 1 else quote(key, safe="")


class OssClient:
    """One bucket, one set of credentials. Usable from many threads."""

    def __init__(
        self,
        http: Http,
        address: BucketAddress,
        credentials: CredentialsProvider,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self.address = address
        self._http = http
        self._credentials = credentials
        self._clock = clock
        self._signer: Signer = SignerV4(address.region) if address.region else SignerV1()
        self._date = ""

    async def acall(
        self,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] = _NONE,
        headers: Mapping[str, str] = _NONE,
        body: bytes | memoryview = b"",
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> Response:
        """Send one request and return OSS's answer if it is a success.

        Raises NotOss for an answer without OSS's request id, and otherwise what `oss_errors.error_of` chooses.
        After any Transient error a write may have been applied.
        """
        response = await self.aask(method, key, query=query, headers=headers, body=body, max_body_bytes=max_body_bytes)
        if response.status // 100 != 2:
            raise self.error(response, method, key)
        return response

    async def aask(
        self,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] = _NONE,
        headers: Mapping[str, str] = _NONE,
        body: bytes | memoryview = b"",
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> Response:
        """Send one request and return OSS's answer whatever its status. Raises NotOss as `acall` does.

        A refused request is sent once more when the credentials were renewed meanwhile.
        """
        used = AccessKey("", "")

        def prepare() -> Request:
            nonlocal used
            used = self._credentials.get()
            unsigned = Unsigned(method, self.address.bucket, key, query, headers)
            signed = self._signer.sign(unsigned, used, self._clock())
            url = self.address.url(key, query)
            return Request(method, url, {**headers, **signed}, body, max_body_bytes=max_body_bytes)

        response = await self._exchange(prepare, method, key)
        if response.status == 403 and self._credentials.get() != used:
            response = await self._exchange(prepare, method, key)
        return response

    def call(
        self,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] = _NONE,
        headers: Mapping[str, str] = _NONE,
        body: bytes | memoryview = b"",
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> Response:
        """Do as `acall`, waiting for the answer."""
        return run(self.acall(method, key, query=query, headers=headers, body=body, max_body_bytes=max_body_bytes))

    def ask(self, method: str, key: str = "", *, query: Mapping[str, str] = _NONE) -> Response:
        """Do as `aask`, waiting for the answer."""
        return run(self.aask(method, key, query=query))

    async def _exchange(self, prepare: Prepare, method: str, key: str) -> Response:
        try:
            response = await exchange(self._http, prepare)
        except IntegrityMismatch as exc:
            if method in _WRITES:  # only the reply is damaged; what was written is not in doubt because of it
                raise Transient(str(exc)) from None
            raise
        if not response.headers.get(REQUEST_ID):
            raise NotOss(
                f"{doing(method, key)}: the answer ({response.status}) does not come from OSS: it has no {REQUEST_ID}",
                hint="check that the endpoint is OSS itself, not a CDN, a proxy or a redirect",
                retry_after_s=response.retry_after_s,
            )
        self._date = response.headers.get("date", "")
        return response

    def fault(self, response: Response) -> OssFault:
        """Read an error answer."""
        return parse_fault(response.status, response.headers, response.body, response.retry_after_s)

    def error(self, response: Response, method: str, key: str) -> MigratorError:
        """Choose the project's error for an error answer."""
        return error_of(self.fault(response), doing(method, key))

    def server_time(self) -> datetime:
        """Return the Date of OSS's last answer; asks once when there was none yet."""
        if not self._date:
            self.ask("GET", query={"list-type": "2", "max-keys": "1"})
        return http_date(self._date) or self._clock()


def doing(method: str, key: str) -> str:
    """Say what is attempted; keys are quoted so that they cannot write to a terminal."""
    return f"{method} {key!r}" if key else f"{method} of the bucket"


def _by_path(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
