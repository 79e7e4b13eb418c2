"""The bucket's configuration through oss2, with what oss2 does by default and must not do here switched off.

oss2 follows redirects, reads `.netrc` and the environment's proxies, and logs signed headers and tokens at DEBUG.
The website document is read and written as raw XML, because oss2's own model loses elements it does not know.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import oss2
import requests  # oss2 is made of it
from oss2.exceptions import OssError, RequestError, ServerError

from migrator.adapters.credentials import CredentialsProvider
from migrator.adapters.oss_client import REQUEST_ID, BucketAddress
from migrator.adapters.oss_errors import OssFault, error_of
from migrator.errors import EndpointUnreachable, Invalid, MigratorError, NotOss, Permanent, Transient
from migrator.ports import BucketDetails, BucketInfo

_T = TypeVar("_T")
_TIMEOUT_S: Final = (10, 60)
_VERSIONED: Final = ("Enabled", "Suspended")  # create-only is void in both, per the OSS documentation of PutObject
_NO_WEBSITE: Final = "NoSuchWebsiteConfiguration"
_NEVER_SET: Final = ("NoSuchCORSConfiguration", "NoSuchLifecycle", "NoSuchCname")


class OssControl:
    """BucketControl over one bucket."""

    def __init__(self, address: BucketAddress, credentials: CredentialsProvider) -> None:
        silence()
        self._where = f"oss://{address.bucket} at {address.endpoint}"
        provider = SdkCredentials(credentials)
        auth = oss2.ProviderAuthV4(provider) if address.region else oss2.ProviderAuth(provider)
        try:
            self._bucket = oss2.Bucket(
                auth,
                address.endpoint,
                address.bucket,
                session=_StrictSession(),
                connect_timeout=_TIMEOUT_S,
                enable_crc=False,
                region=address.region or None,
            )
        except OssError as exc:
            raise Invalid(
                f"oss://{address.bucket} at {address.endpoint}: {exc.body}", hint="check bucket and endpoint"
            ) from None

    def info(self) -> BucketInfo:
        """Describe the bucket. Raises BucketMissing, CredentialsRefused, AccessRefused."""
        info = _ask(f"describe {self._where}", self._bucket.get_bucket_info)
        return BucketInfo(
            name=str(info.name),
            created_at=datetime.fromisoformat(info.creation_date).astimezone(UTC),
            versioned=info.versioning_status in _VERSIONED,
            acl=str(info.acl.grant),
            region=str(info.location).removeprefix("oss-"),
        )

    def details(self) -> BucketDetails:
        """Describe what else there is; a part that may not be read is None, never an error."""
        cnames = _part(f"list the domains of {self._where}", self._bucket.list_bucket_cname)
        cors = _part(f"read the CORS rules of {self._where}", self._bucket.get_bucket_cors)
        lifecycle = _part(f"read the lifecycle rules of {self._where}", self._bucket.get_bucket_lifecycle)
        info = _part(f"describe {self._where}", self._bucket.get_bucket_info)
        return BucketDetails(
            cnames=None if cnames is None else tuple(str(each.domain) for each in cnames.cname) if cnames else (),
            cors=None if cors is None else _allowed_origins(cors.rules) if cors else (),
            expiring=None if lifecycle is None else _expiring(lifecycle.rules) if lifecycle else (),
            accelerated=None if not info else info.transfer_acceleration == "Enabled",
        )

    def hide(self, key: str) -> None:
        """Make one object private. Idempotent."""
        _ask(f"make {key!r} private", lambda: self._bucket.put_object_acl(key, oss2.OBJECT_ACL_PRIVATE))

    def get_website(self) -> bytes | None:
        """Return the raw website document, byte for byte; None when OSS says there is none."""

        def get() -> Any:
            name = self._bucket.bucket_name
            return self._bucket._do("GET", name, "", params={"website": ""})  # noqa: SLF001 - the only raw read oss2 has

        try:
            return bytes(_ask(f"read the website configuration of {self._where}", get, read=True))
        except _NoWebsite:
            return None

    def put_website(self, document: bytes) -> None:
        """Replace the whole document, sent as it is. After a Transient error it may have been replaced."""
        _ask(f"write the website configuration of {self._where}", lambda: self._bucket.put_bucket_website(document))

    def delete_website(self) -> None:
        """Remove the document; a missing one is fine."""
        try:
            _ask(f"remove the website configuration of {self._where}", self._bucket.delete_bucket_website)
        except _NoWebsite:
            return


class _NoWebsite(Exception):
    """OSS says that the bucket has no website configuration."""


class _NoSuchPart(Exception):
    """OSS says that this part of the configuration was never set."""


class SdkCredentials(oss2.CredentialsProvider):  # type: ignore[misc]
    """Our credentials in oss2's form, asked for anew at every request so that tokens can be renewed."""

    def __init__(self, credentials: CredentialsProvider) -> None:
        self._credentials = credentials

    def get_credentials(self) -> Any:
        """Return the credentials of this moment."""
        access = self._credentials.get()
        return oss2.credentials.Credentials(access.id, access.secret, access.token)


class _StrictSession(oss2.Session):  # type: ignore[misc]
    """A session that hands back a redirect as the answer it is, and takes nothing from the environment."""

    def __init__(self) -> None:
        super().__init__()
        self.session.trust_env = False
        self.session.verify = os.environ.get("SSL_CERT_FILE") or True

    def do_request(self, req: Any, timeout: Any) -> Any:
        try:
            return oss2.http.Response(
                self.session.request(
                    req.method,
                    req.url,
                    data=req.data,
                    params=req.params,
                    headers=req.headers,
                    stream=False,  # answers are small, and a connection left half read would be lost
                    timeout=timeout,
                    allow_redirects=False,
                )
            )
        except requests.RequestException as exc:
            raise RequestError(exc) from exc


def _ask(doing: str, call: Callable[[], _T], *, read: bool = False) -> Any:
    """Call oss2 and return its result, or its body; translate its errors; believe nobody but OSS."""
    try:
        result: Any = call()
        body = result.read() if read else b""
    except RequestError as exc:
        raise _unreachable(doing, exc) from None
    except ServerError as exc:
        raise _refused(doing, exc) from None
    except (OssError, requests.RequestException) as exc:  # a body cut short, an answer that is not OSS's XML
        raise Transient(f"cannot {doing}: {type(exc).__name__}") from None
    if not result.request_id:
        raise NotOss(f"cannot {doing}: the answer has no {REQUEST_ID}, so it does not come from OSS")
    return body if read else result


def _part(doing: str, call: Callable[[], Any]) -> Any:
    """Return oss2's answer; False when the part was never set, None when this key may not know."""
    try:
        return _ask(doing, call)
    except _NoSuchPart:
        return False
    except Permanent:
        return None


def _expiring(rules: Any) -> tuple[str, ...]:
    return tuple(str(rule.prefix or "") for rule in rules if rule.status == "Enabled" and rule.expiration is not None)


def _allowed_origins(rules: Any) -> tuple[str, ...]:
    return tuple(str(origin) for rule in rules for origin in rule.allowed_origins)


def _refused(doing: str, exc: ServerError) -> Exception:
    if not exc.request_id:
        return NotOss(
            f"cannot {doing}: the answer ({exc.status}) has no {REQUEST_ID}, so it does not come from OSS",
            hint="check that the endpoint is OSS itself, not a CDN, a proxy or a redirect",
        )
    if exc.status == 404 and exc.code == _NO_WEBSITE:
        return _NoWebsite()
    if exc.status == 404 and exc.code in _NEVER_SET:
        return _NoSuchPart()
    return error_of(
        OssFault(exc.status, exc.code, exc.message, exc.ec, exc.request_id, _retry_after_s(exc)), f"cannot {doing}"
    )


def _unreachable(doing: str, exc: RequestError) -> MigratorError:
    """Name the kind of failure only: the text of requests' errors may repeat the URL."""
    cause = exc.exception
    if isinstance(cause, requests.exceptions.SSLError):
        return EndpointUnreachable(f"cannot {doing}: no trusted TLS connection", hint="check the endpoint's host name")
    if isinstance(cause, requests.exceptions.ConnectTimeout | requests.exceptions.ConnectionError):
        return EndpointUnreachable(
            f"cannot {doing}: nothing answers there", hint="check the endpoint's host, port and network"
        )
    return Transient(f"cannot {doing}: {type(cause).__name__}")


def _retry_after_s(exc: ServerError) -> float | None:
    value = str(exc.headers.get("retry-after", ""))
    return float(value) if value.isdecimal() else None


def silence() -> None:
    """Drop oss2's log records below WARNING: they hold signed headers, tokens and other rules' secrets.

    A filter, because levels are changed by whoever configures logging.
    """
    for name in ("oss2", "oss2.api", "oss2.auth", "oss2.http", "oss2.credentials"):
        logger = logging.getLogger(name)
        if _loud_enough not in logger.filters:
            logger.addFilter(_loud_enough)


def _loud_enough(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING
