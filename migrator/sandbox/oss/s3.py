"""The S3 dialect of OSS: AWS Signature V4 and `x-amz-` headers, translated at the door so that boto3 is understood.

Only what OSS itself offers is reachable this way; beyond names and signatures nothing differs.
"""

from __future__ import annotations

import base64
import hmac
import re
from functools import lru_cache
from hashlib import md5, sha256
from urllib.parse import quote

from migrator.sandbox.oss import auth
from migrator.sandbox.oss.answers import Answer, Refusal
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.config import OssConfig

ALGORITHM = "AWS4-HMAC-SHA256"
_FIELD = re.compile(r"\s*(Credential|SignedHeaders|Signature)=([^, ]*)\s*(?:,|$)")
_STORAGE_CLASSES = {"STANDARD": "Standard", "STANDARD_IA": "IA", "GLACIER": "Archive"}
_ANSWERED = ("x-oss-meta-", "x-oss-version-id", "x-oss-delete-marker", "x-oss-request-id")


def speaks(call: Call) -> bool:
    """Return whether a request is signed the AWS way."""
    return call.headers.get("authorization", "").startswith(ALGORITHM) or "X-Amz-Signature" in call.query


def identify(call: Call, config: OssConfig) -> None:
    """Check the signature, then turn the request into the OSS request it stands for. Raises Refusal."""
    headers, query = call.headers, call.query
    in_url = "X-Amz-Signature" in query
    if in_url:
        fields = {name: query.get(f"X-Amz-{name}", "") for name in ("Credential", "SignedHeaders", "Signature")}
        date, payload = query.get("X-Amz-Date", ""), "UNSIGNED-PAYLOAD"
    else:
        fields = dict(_FIELD.findall(headers["authorization"], len(ALGORITHM)))
        date, payload = headers.get("x-amz-date", ""), headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    key_id, _, scope = fields.get("Credential", "").partition("/")
    if not scope.endswith("/s3/aws4_request"):
        raise Refusal(400, "AuthorizationHeaderMalformed", "The credential of the signature is malformed.")
    auth.check_key(key_id, config)
    if in_url:
        auth.check_url_date(date, query.get("X-Amz-Expires", ""))
    else:
        auth.check_skew(date)
    expected = _signature(call, config.access_key_secret, scope, date, fields.get("SignedHeaders", ""), payload)
    if not hmac.compare_digest(expected, fields.get("Signature", "")):
        message = "The request signature we calculated does not match the signature you provided."
        raise Refusal(403, "SignatureDoesNotMatch", message, "0002-00000040")
    if len(payload) == 64 and payload != sha256(call.body).hexdigest():
        message = "The provided x-amz-content-sha256 header does not match what was computed."
        raise Refusal(400, "XAmzContentSHA256Mismatch", message)
    call.access_key_id, call.signed = key_id, "url" if in_url else "header"
    _translate(call, payload)
    auth.check_token(call, config)


def _signature(call: Call, secret: str, scope: str, date: str, signed_headers: str, payload: str) -> str:
    # Signed as sent: with or without the slash behind the bucket, in the client's own spelling of the key.
    path = call.raw_path.decode("latin-1")
    query = sorted((quote(k, safe=""), quote(v, safe="")) for k, v in call.query.items() if k != "X-Amz-Signature")
    lines = [
        call.method,
        path,
        "&".join(f"{name}={value}" for name, value in query),
        *(f"{name}:{' '.join(call.header(name).split())}" for name in signed_headers.split(";")),
        "",
        signed_headers,
        payload,
    ]
    canonical = sha256("\n".join(lines).encode("latin-1")).hexdigest()
    text = f"{ALGORITHM}\n{date}\n{scope}\n{canonical}"
    return hmac.digest(_key(secret, scope), text.encode(), "sha256").hex()


@lru_cache(maxsize=64)
def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


def _translate(call: Call, payload: str) -> None:
    headers = {
        f"x-oss-{name[6:]}" if name.startswith("x-amz-") else name: value for name, value in call.headers.items()
    }
    if "x-oss-acl" in headers and call.key:
        headers["x-oss-object-acl"] = headers.pop("x-oss-acl")
    if "x-oss-storage-class" in headers:
        name = headers["x-oss-storage-class"]
        headers["x-oss-storage-class"] = _STORAGE_CLASSES.get(name, name)
    if payload.startswith("STREAMING-"):
        call.body = _unchunked(call.body)
        codings = [coding.strip() for coding in headers.pop("content-encoding", "").split(",")]
        if kept := ",".join(coding for coding in codings if coding not in {"", "aws-chunked"}):
            headers["content-encoding"] = kept
    if "delete" in call.query:  # boto3 sends other checksums than the MD5 that OSS wants
        headers.setdefault("content-md5", base64.b64encode(md5(call.body, usedforsecurity=False).digest()).decode())
    if token := call.query.get("X-Amz-Security-Token"):
        headers["x-oss-security-token"] = token
    call.headers = headers


def _unchunked(body: bytes) -> bytes:
    """Return the bytes inside `aws-chunked` framing; chunk signatures and trailers are not checked."""
    pieces: list[bytes] = []
    at = 0
    try:
        while True:
            end = body.index(b"\r\n", at)
            size = int(body[at:end].partition(b";")[0], 16)
            if not size:
                return b"".join(pieces)
            pieces.append(body[end + 2 : end + 2 + size])
            at = end + 2 + size + 2
    except ValueError:
        message = "The chunked body is not framed as announced."
        raise Refusal(400, "IncompleteBody", message) from None


def dressed(answer: Answer) -> Answer:
    """Return the answer with the `x-amz-` names of what S3 clients look for."""
    answer.headers += [(f"x-amz-{name[6:]}", value) for name, value in answer.headers if name.startswith(_ANSWERED)]
    return answer
