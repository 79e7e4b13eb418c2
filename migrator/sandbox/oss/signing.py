"""The arithmetic of OSS signatures V1, V2 and V4 over a received request."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Container
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from migrator.sandbox.oss.call import Call

V4 = "OSS4-HMAC-SHA256"

V1_SUBRESOURCES = frozenset(
    """
    accessPoint accessPointPolicy acl append asyncFetch bucketArchiveDirectRead bucketInfo callback callback-var cname
    comp continuation-token cors delete encryption endTime group httpsConfig inventory inventoryId lifecycle link live
    location logging metaQuery objectInfo objectMeta partNumber policy position publicAccessBlock qos qosInfo
    qosRequester redundancyTransition referer regionList replication replicationLocation replicationProgress
    requestPayment requesterQosInfo resourceGroup resourcePool resourcePoolBuckets resourcePoolInfo
    response-cache-control response-content-disposition response-content-encoding response-content-language
    response-content-type response-expires restore security-token sequential startTime stat status style styleName
    symlink tagging transferAcceleration uploadId uploads versionId versioning versions vod website worm wormExtend
    wormId x-oss-ac-forward-allow x-oss-ac-source-ip x-oss-ac-subnet-mask x-oss-ac-vpc-id x-oss-access-point-name
    x-oss-async-process x-oss-process x-oss-redundancy-transition-taskid x-oss-request-payer
    x-oss-target-redundancy-type x-oss-traffic-limit x-oss-write-get-object-response
    """.split()  # noqa: SIM905 - one name per line would be a wall
)
"""The query parameters that a V1 signature covers."""


def v1(call: Call, secret: str, date: str) -> tuple[str, bytes]:
    """Return the V1 signature of the request and the string that was signed."""
    resource = f"/{call.bucket}/{call.key}" if call.bucket else "/"
    covered = sorted((name, value) for name, value in call.query.items() if name in V1_SUBRESOURCES)
    if covered:
        resource += "?" + "&".join(f"{name}={value}" if value else name for name, value in covered)
    text = _start(call, date) + _oss_headers(call) + resource.encode()
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha1")).decode(), text


def v2(call: Call, secret: str, date: str, additional: list[str]) -> tuple[str, bytes]:
    """Return the V2 signature of the request and the string that was signed."""
    resource = quote(f"/{call.bucket}/{call.key}" if call.bucket else "/", safe="")
    query = _sorted_query(call, without="x-oss-signature")
    if query:
        resource += "?" + query
    text = (
        _start(call, date)
        + _oss_headers(call, set(additional))
        + ";".join(sorted(additional)).encode("latin-1")
        + b"\n"
        + resource.encode()
    )
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha256")).decode(), text


def v4(call: Call, secret: str, scope: str, date: str, additional: list[str]) -> tuple[str, bytes]:
    """Return the V4 signature of the request and the string that was signed.

    `scope` is `yyyymmdd/region/product/aliyun_v4_request`, `date` ISO basic. The canonical path always begins with
    the bucket, however the request names it.
    """
    path = f"/{call.bucket}/{call.key}" if call.bucket else "/"
    canonical = b"\n".join(
        (
            call.method.encode("latin-1"),
            quote(path, safe="/").encode(),
            _sorted_query(call, without="x-oss-signature").encode(),
            _oss_headers(call, {"content-type", "content-md5", *additional}),
            ";".join(sorted(additional)).encode("latin-1"),
            call.headers.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD").encode("latin-1"),
        )
    )
    text = f"{V4}\n{date}\n{scope}\n{sha256(canonical).hexdigest()}".encode()
    return hmac.digest(_v4_key(secret, scope), text, "sha256").hex(), text


@lru_cache(maxsize=64)
def _v4_key(secret: str, scope: str) -> bytes:
    key = f"aliyun_v4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


def _start(call: Call, date: str) -> bytes:
    headers = call.headers
    md5, kind = headers.get("content-md5", ""), headers.get("content-type", "")
    return f"{call.method}\n{md5}\n{kind}\n{date}\n".encode("latin-1")


def _oss_headers(call: Call, also: Container[str] = ()) -> bytes:
    covered = sorted(item for item in call.headers.items() if item[0].startswith("x-oss-") or item[0] in also)
    return "".join(f"{name}:{value}\n" for name, value in covered).encode("latin-1")


def _sorted_query(call: Call, *, without: str) -> str:
    if not call.query:
        return ""
    pairs = sorted(
        (quote(name, safe=""), quote(value, safe="")) for name, value in call.query.items() if name != without
    )
    return "&".join(f"{name}={value}" if value else name for name, value in pairs)
