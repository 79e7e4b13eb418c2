"""Who signed a request: signatures V1, V2 and V4, in the header and in the URL."""

from __future__ import annotations

import calendar
import hmac
import re
import time
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache

from migrator.sandbox.oss import signing
from migrator.sandbox.oss.answers import Refusal
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.config import OssConfig

SKEW_S = 15 * 60
_V4_URL_MAX_S = 7 * 24 * 3600
_V4_FIELD = re.compile(r"\s*(Credential|Signature|AdditionalHeaders)=([^, ]*)\s*(?:,|$)")
_V2_HEADER = re.compile(r"OSS2 AccessKeyId:([^,]*),(?:AdditionalHeaders:([^,]*),)?Signature:(.*)")
_V1_HEADER = re.compile(r"OSS ([^:]+):(.+)")


def identify(call: Call, config: OssConfig) -> None:
    """Set `call.signed` and `call.access_key_id`, or refuse as the OSS documentation of signatures says.

    A request without any signature is anonymous; what it may do is decided later.
    """
    authorization = call.headers.get("authorization", "")
    query = call.query
    in_url = bool(query) and not query.keys().isdisjoint(("x-oss-signature-version", "Signature", "OSSAccessKeyId"))
    if authorization and in_url:
        message = "Only one auth mechanism allowed; use either the Authorization header or the query string."
        raise Refusal(400, "InvalidArgument", message, "0002-00000025")
    if authorization:
        call.access_key_id = _check_header(call, config, authorization)
        call.signed = "header"
    elif in_url:
        call.access_key_id = _check_url(call, config)
        call.signed = "url"
    if call.signed != "anonymous":
        check_token(call, config)


def _check_header(call: Call, config: OssConfig, authorization: str) -> str:
    headers = call.headers
    date = headers.get("x-oss-date") or headers.get("date", "")
    secret = config.access_key_secret
    if authorization.startswith(signing.V4):
        fields = dict(_V4_FIELD.findall(authorization, len(signing.V4)))
        key_id, scope = _read_credential(fields.get("Credential", ""), config, in_url=False)
        check_skew(date)
        _check_scope_day(scope, date)
        additional = _names(fields.get("AdditionalHeaders"))
        _compare(fields.get("Signature", ""), *signing.v4(call, secret, scope, date, additional), key_id)
        return key_id
    if match := _V2_HEADER.fullmatch(authorization):
        key_id, names, given = match.groups()
        check_key(key_id, config)
        check_skew(date)
        _compare(given, *signing.v2(call, secret, headers.get("date", ""), _names(names)), key_id)
        return key_id
    if match := _V1_HEADER.fullmatch(authorization):
        key_id, given = match.groups()
        check_key(key_id, config)
        check_skew(date)
        _compare(given, *signing.v1(call, secret, date), key_id)
        return key_id
    raise Refusal(400, "InvalidArgument", "Authorization header is invalid.", "0002-00000001")


def _check_url(call: Call, config: OssConfig) -> str:
    query = call.query
    version = query.get("x-oss-signature-version", "")
    if version == signing.V4:
        return _check_v4_url(call, config)
    if version == "OSS2":
        needed = ("x-oss-signature", "x-oss-expires", "x-oss-access-key-id")
    elif version:
        raise Refusal.argument("x-oss-signature-version", version, "The signature version is not supported.")
    else:
        needed = ("Signature", "Expires", "OSSAccessKeyId")
    given, expires, key_id = (query.get(name, "") for name in needed)
    if not (given and expires and key_id):
        first, second, third = needed
        message = f"Query-string authentication requires the {first}, {second} and {third} parameters"
        raise Refusal(403, "AccessDenied", message, "0002-00000061")
    if not expires.isdigit() or int(expires) < time.time():
        raise _expired(expires)
    check_key(key_id, config)
    if version:
        additional = _names(query.get("x-oss-additional-headers"))
        _compare(given, *signing.v2(call, config.access_key_secret, expires, additional), key_id)
    else:
        _compare(given, *signing.v1(call, config.access_key_secret, expires), key_id)
    return key_id


def _check_v4_url(call: Call, config: OssConfig) -> str:
    query = call.query
    date, expires = query.get("x-oss-date", ""), query.get("x-oss-expires", "")
    key_id, scope = _read_credential(query.get("x-oss-credential", ""), config, in_url=True)
    check_url_date(date, expires)
    _check_scope_day(scope, date)
    additional = _names(query.get("x-oss-additional-headers"))
    expected, text = signing.v4(call, config.access_key_secret, scope, date, additional)
    _compare(query.get("x-oss-signature", ""), expected, text, key_id)
    return key_id


def _read_credential(credential: str, config: OssConfig, *, in_url: bool) -> tuple[str, str]:
    key_id, *scope = credential.split("/")
    if len(scope) != 4 or scope[2:] != ["oss", "aliyun_v4_request"]:
        where = "the query" if in_url else "Authorization header"
        raise Refusal(400, "InvalidArgument", f"Invalid credential in {where}.", "0002-00000225")
    if scope[1] != config.region:
        message = "Invalid signing region in Authorization header."
        raise Refusal(
            400,
            "InvalidArgument",
            "The signing region in credential is invalid." if in_url else message,
            "0002-00000226",
        )
    check_key(key_id, config)
    return key_id, "/".join(scope)


def check_key(key_id: str, config: OssConfig) -> None:
    """Refuse an access key that is not ours."""
    if key_id != config.access_key_id:
        message = "The OSS Access Key Id you provided does not exist in our records."
        raise Refusal(403, "InvalidAccessKeyId", message, "0002-00000902", details=(("OSSAccessKeyId", key_id),))


def check_token(call: Call, config: OssConfig) -> None:
    """Refuse a signed request whose security token is not the configured one."""
    query = call.query
    token = call.headers.get("x-oss-security-token") or query.get("security-token") or query.get("x-oss-security-token")
    if token == config.sts_token or not (token or config.sts_token):
        return
    if not token:  # a temporary key alone is as good as unknown
        check_key("", config)
    raise Refusal(403, "InvalidSecurityToken", "The security token you provided is invalid.", "0002-00000041")


def check_url_date(date: str, expires: str) -> None:
    """Refuse a V4 URL signature that is not valid yet or any more; `expires` is in seconds from `date`."""
    signed_at = _instant(date)
    if signed_at is None:
        raise Refusal.argument("x-oss-date", date, "Invalid date in the query; it must be like 20231203T121212Z.")
    if not expires.isdigit() or not 1 <= int(expires) <= _V4_URL_MAX_S:
        raise Refusal.argument("x-oss-expires", expires, "x-oss-expires must be between 1 and 604800 seconds.")
    now = time.time()
    if signed_at > now + SKEW_S:
        raise _skewed()
    if signed_at + int(expires) < now:
        raise _expired(expires)


def check_skew(date: str) -> None:
    """Refuse a header signature made more than 15 minutes ago or ahead."""
    at = _instant(date)
    if at is None:
        raise Refusal(403, "AccessDenied", "OSS authentication requires a valid Date.", "0002-00000502")
    if abs(at - time.time()) > SKEW_S:
        raise _skewed()


def _check_scope_day(scope: str, date: str) -> None:
    # The date may also come as the classic HTTP date; only the ISO form repeats the scope's day.
    if date[:8].isdigit() and not scope.startswith(date[:8]):
        message = "Invalid signing date in Authorization header."
        raise Refusal(400, "InvalidArgument", message, "0002-00000227")


def _compare(given: str, expected: str, text: bytes, key_id: str) -> None:
    if hmac.compare_digest(given.encode("latin-1", "replace"), expected.encode()):
        return
    message = "The request signature we calculated does not match the signature you provided."
    details = (
        ("OSSAccessKeyId", key_id),
        ("SignatureProvided", given),
        ("StringToSign", text.decode("utf-8", "replace")),
        ("StringToSignBytes", text.hex(" ").upper()),
    )
    raise Refusal(403, "SignatureDoesNotMatch", message, "0002-00000040", details=details)


@lru_cache(maxsize=256)
def _instant(date: str) -> float | None:
    if len(date) == 16 and date[8] == "T" and date[15] == "Z" and (date[:8] + date[9:15]).isdigit():
        parts = (date[:4], date[4:6], date[6:8], date[9:11], date[11:13], date[13:15])
        return float(calendar.timegm(tuple(int(part) for part in parts)))
    parsed = parsedate_tz(date)
    return float(mktime_tz(parsed)) if parsed else None


def _names(text: str | None) -> list[str]:
    return [name.lower() for name in text.split(";") if name] if text else []


def _skewed() -> Refusal:
    message = "The difference between the request time and the current time is too large."
    return Refusal(403, "RequestTimeTooSkewed", message, "0002-00000504")


def _expired(expires: str) -> Refusal:
    return Refusal(403, "AccessDenied", "Request has expired.", "0002-00000069", details=(("Expires", expires),))
