"""Sign S3 reads with AWS Signature Version 4 in headers (the body is always empty)."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

from migrator.adapters.credentials import AccessKey

EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()


def encode_path(text: str) -> str:
    """Percent-encode a path the way S3 signs it: everything but unreserved characters and `/`."""
    return quote(text, safe="/")


def encode_query(query: Mapping[str, str]) -> str:
    """Spell a query sorted and encoded the way S3 signs it."""
    pairs = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


class SigV4:
    """Signs for one region. A signature is good for 15 minutes, so sign at the moment of sending."""

    def __init__(self, region: str) -> None:
        self._region = region

    def headers(
        self, method: str, host: str, path: str, query: str, access: AccessKey, now: datetime
    ) -> list[tuple[str, str]]:
        """Return the headers to add. `path` and `query` as they go over the wire; `host` as in the Host header."""
        moment = now.strftime("%Y%m%dT%H%M%SZ")
        day = moment[:8]
        added = [("x-amz-content-sha256", EMPTY_SHA256), ("x-amz-date", moment)]
        if access.token:
            added.append(("x-amz-security-token", access.token))
        lines = "".join(f"{name}:{value}\n" for name, value in added)
        names = ";".join(["host", *(name for name, _ in added)])
        canonical = f"{method}\n{path}\n{query}\nhost:{host}\n{lines}\n{names}\n{EMPTY_SHA256}"
        scope = f"{day}/{self._region}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(_signing_key(access.secret, day, self._region), to_sign.encode(), "sha256").hex()
        added.append(
            (
                "Authorization",
                f"AWS4-HMAC-SHA256 Credential={access.id}/{scope}, SignedHeaders={names}, Signature={signature}",
            )
        )
        return added


@functools.lru_cache(maxsize=32)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
