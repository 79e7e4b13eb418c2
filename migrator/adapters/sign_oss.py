"""Sign OSS requests: version 4 (HMAC-SHA256, per day and region), version 1 where an endpoint knows nothing newer.

Pure functions of the request, the key and the time; nothing here logs or keeps a secret beyond the signing-key cache.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final, Protocol
from urllib.parse import quote

from migrator.adapters.credentials import AccessKey

UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
_REQUEST: Final = "aliyun_v4_request"
_ALWAYS_SIGNED: Final = frozenset({"content-type", "content-md5"})

V1_SUBRESOURCES: Final = frozenset(
    {
        "acl",
        "bucketInfo",
        "continuation-token",
        "delete",
        "objectMeta",
        "partNumber",
        "restore",
        "security-token",
        "symlink",
        "tagging",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "website",
    }
)
"""Those query names used here that belong to the signed resource of version 1; all others are not signed there."""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What a signature covers. `headers` are those of the request, names in lower case."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class Signer(Protocol):
    """One signature version."""

    def sign(self, request: Unsigned, access: AccessKey, now: datetime) -> dict[str, str]:
        """Return the headers to add to `request`; sign as late as possible, a signature is good for 15 minutes."""
        ...


class SignerV4:
    """Version 4. The resource is always `/bucket/key`, however the URL is spelled."""

    def __init__(self, region: str) -> None:
        self._region = region

    def sign(self, request: Unsigned, access: AccessKey, now: datetime) -> dict[str, str]:
        """Return the headers to add to `request`."""
        moment = now.strftime("%Y%m%dT%H%M%SZ")
        day = moment[:8]
        added = {"x-oss-date": moment, "x-oss-content-sha256": UNSIGNED_PAYLOAD}
        if access.token:
            added["x-oss-security-token"] = access.token
        canonical = "\n".join(
            (
                request.method,
                quote(f"/{request.bucket}/{request.key}" if request.bucket else "/", safe="/"),
                _canonical_query(request.query),
                _canonical_headers({**request.headers, **added}),
                "",  # no additional headers
                UNSIGNED_PAYLOAD,
            )
        )
        scope = f"{day}/{self._region}/oss/{_REQUEST}"
        to_sign = f"OSS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(_signing_key(access.secret, day, self._region), to_sign.encode(), "sha256").hex()
        added["authorization"] = f"OSS4-HMAC-SHA256 Credential={access.id}/{scope}, Signature={signature}"
        return added


class SignerV1:
    """Version 1, for endpoints whose region is unknown."""

    def sign(self, request: Unsigned, access: AccessKey, now: datetime) -> dict[str, str]:
        """Return the headers to add to `request`."""
        added = {"date": format_datetime(now, usegmt=True)}
        if access.token:
            added["x-oss-security-token"] = access.token
        headers = {**request.headers, **added}
        oss = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-oss-"))
        resource = f"/{request.bucket}/{request.key}" if request.bucket else "/"
        sub = sorted((name, value) for name, value in request.query.items() if name in V1_SUBRESOURCES)
        if sub:
            resource += "?" + "&".join(f"{name}={value}" if value else name for name, value in sub)
        to_sign = "\n".join(
            (
                request.method,
                headers.get("content-md5", ""),
                headers.get("content-type", ""),
                headers.get("x-oss-date", "") or added["date"],
                oss + resource,
            )
        )
        signature = base64.b64encode(hmac.digest(access.secret.encode(), to_sign.encode(), "sha1")).decode()
        added["authorization"] = f"OSS {access.id}:{signature}"
        return added


def encode_query(query: Mapping[str, str]) -> str:
    """Spell a query for the URL: strict percent-encoding, no `=` behind a name without a value."""
    return "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" if v else quote(k, safe="") for k, v in query.items())


def _canonical_query(query: Mapping[str, str]) -> str:
    if not query:
        return ""
    pairs = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in query.items())
    return "&".join(f"{name}={value}" if value else name for name, value in pairs)


def _canonical_headers(headers: Mapping[str, str]) -> str:
    return "".join(
        f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-oss-") or name in _ALWAYS_SIGNED
    )


@functools.lru_cache(maxsize=16)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    """Derive the key once per day and region: four HMACs that do not depend on the request."""
    key = ("aliyun_v4" + secret).encode()
    for part in (day, region, "oss", _REQUEST):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
