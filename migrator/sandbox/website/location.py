"""Where a redirect rule sends a request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from migrator.sandbox.switches import Switches
    from migrator.sandbox.website.config import Rule
    from migrator.sandbox.website.request import Request

_SIGNATURE: Final = frozenset(
    {
        "ossaccesskeyid",
        "expires",
        "signature",
        "security-token",
        "x-oss-signature-version",
        "x-oss-access-key-id",
        "x-oss-credential",
        "x-oss-date",
        "x-oss-expires",
        "x-oss-additional-headers",
        "x-oss-signature",
        "x-oss-security-token",
    }
)

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""A header cannot carry these, encoded keys or not."""


def location(rule: Rule, request: Request, switches: Switches) -> str:
    """Build the Location of an External or AliCDN rule, per the OSS documentation of PutBucketWebsite.

    A missing protocol or host is taken from the request, as S3 does it; OSS documents nothing.
    """
    redirect = rule.redirect
    protocol = redirect.protocol or ("https" if request.https else "http")
    query = _query(request.query, switches) if redirect.pass_query else ""
    key = new_key(rule, request.key, switches)
    path = encode(key) if switches.location_encoded else _CONTROL.sub(lambda found: quote(found[0]), key)
    return f"{protocol}://{redirect.host or request.host}/{path}" + (f"?{query}" if query else "")


def new_key(rule: Rule, key: str, switches: Switches) -> str:
    """Apply the rule's replacement to a key that matched its condition."""
    redirect = rule.redirect
    if redirect.replace_key_with:
        return redirect.replace_key_with.replace("${key}", key)
    if redirect.replace_prefix or (redirect.replace_prefix_with and switches.replace_prefix_without_flag):
        return redirect.replace_prefix_with + key[len(rule.condition.prefix) :]
    return key


def encode(key: str) -> str:
    """Percent-encode the UTF-8 bytes of a key, slashes kept."""
    return quote(key, safe="/")


def _query(raw: str, switches: Switches) -> str:
    if switches.signature_in_location:
        return raw
    return "&".join(item for item in raw.split("&") if item.partition("=")[0].lower() not in _SIGNATURE)
