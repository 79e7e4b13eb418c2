"""Turn what OSS says went wrong into the project's errors. Nothing of a request is repeated in a message."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

from migrator.errors import (
    AccessRefused,
    AlreadyExists,
    BucketMissing,
    CredentialsRefused,
    DigestRefused,
    Fatal,
    MigratorError,
    NotOss,
    ObjectChanged,
    ObjectVanished,
    Permanent,
    Transient,
    Unrepresentable,
)

MAX_ERROR_BYTES: Final = 256 * 1024
_EC_NO_SUCH_KEY: Final = "0026-00000001"

_CREDENTIALS: Final = "check the access key, its secret and token (OSS_ACCESS_KEY_ID, ...); see: migrator doctor"
_CLOCK: Final = "set the clock of this machine (OSS accepts 15 minutes of difference)"

_BY_CODE: Final[Mapping[str, tuple[type[MigratorError], str]]] = {
    "InvalidAccessKeyId": (CredentialsRefused, _CREDENTIALS),
    "SignatureDoesNotMatch": (CredentialsRefused, _CREDENTIALS),
    "SecurityTokenExpired": (CredentialsRefused, "get a new security token; work goes on where it stopped"),
    "InvalidSecurityToken": (CredentialsRefused, "get a new security token; work goes on where it stopped"),
    "SecurityTokenNotSupported": (CredentialsRefused, _CREDENTIALS),
    "RequestTimeTooSkewed": (Fatal, _CLOCK),
    "NoSuchBucket": (BucketMissing, "check the bucket's name and the endpoint's region"),
    "InvalidBucketName": (BucketMissing, "check the bucket's name"),
    "UserDisable": (Fatal, "the account is disabled or in arrears; settle it in the console"),
    "PublicEndpointForbidden": (Fatal, "this account must use the bucket through a custom domain"),
    "SecondLevelDomainForbidden": (Fatal, "use the endpoint of the region, not an IP address or path-style URL"),
    "NoSuchKey": (ObjectVanished, ""),
    "FileAlreadyExists": (AlreadyExists, ""),
    "ObjectAlreadyExists": (AlreadyExists, ""),
    "PreconditionFailed": (ObjectChanged, ""),
    "AccessDenied": (AccessRefused, "grant the key the actions named in the documentation of least privilege"),
    "KmsServiceNotEnabled": (AccessRefused, "enable KMS, or choose another encryption for the bucket"),
    "InvalidObjectState": (Permanent, "the object is archived; restore it, then retry"),
    "InvalidDigest": (DigestRefused, ""),
    "InvalidObjectName": (Unrepresentable, ""),
    "KeyTooLong": (Unrepresentable, ""),
    "MetadataTooLarge": (Unrepresentable, ""),
    "RequestHeaderFieldsTooLarge": (Unrepresentable, ""),
    "EntityTooLarge": (Unrepresentable, ""),
    "NoSuchUpload": (Transient, "the upload is begun again"),
    "InvalidPart": (Transient, "the upload is begun again"),
    "InvalidPartOrder": (Transient, "the upload is begun again"),
    "RequestTimeout": (Transient, ""),
    "InternalError": (Transient, ""),  # also in the body of an answer whose status is 200
    "ServiceUnavailable": (Transient, ""),
}
_REGION: Final = "Invalid signing region"
_METADATA_EC: Final = "0011-"
"""Error codes of this family speak of user metadata (names with '_', more than 8 KB)."""
_BY_STATUS: Final[Mapping[int, type[MigratorError]]] = {403: AccessRefused, 412: ObjectChanged}


@dataclass(frozen=True, slots=True)
class OssFault:
    """What an error answer of OSS says."""

    status: int
    code: str = ""
    message: str = ""
    ec: str = ""
    request_id: str = ""
    retry_after_s: float | None = None

    @property
    def no_such_key(self) -> bool:
        """Say whether OSS itself states that the object is not there; any other 404 does not."""
        return self.status == 404 and (self.code == "NoSuchKey" or (not self.code and self.ec == _EC_NO_SUCH_KEY))


def parse_fault(status: int, headers: Mapping[str, str], body: bytes, retry_after_s: float | None = None) -> OssFault:
    """Read an error answer: its XML body, or for HEAD the same XML in the header x-oss-err. Never raises."""
    document = body
    if not document and (packed := headers.get("x-oss-err", "")):
        try:
            document = base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError):
            document = b""
    fields = _fields(document)
    return OssFault(
        status,
        fields.get("Code", ""),
        fields.get("Message", ""),
        headers.get("x-oss-ec", "") or fields.get("EC", ""),
        headers.get("x-oss-request-id", ""),
        retry_after_s if retry_after_s is not None else _qos_delay_s(headers),
    )


def error_of(fault: OssFault, doing: str) -> MigratorError:
    """Choose the error of the project; `doing` says in words what was attempted, e.g. "PUT photos/a.jpg"."""
    said = f"{doing}: OSS answered {fault.status} {fault.code or 'without a code'}"
    if fault.message:
        said += f" ({fault.message[:300]})"
    said += f", request id {fault.request_id}"
    if fault.status >= 500 or fault.status == 429 or fault.code == "QpsLimitExceeded":
        return Transient(said, retry_after_s=fault.retry_after_s)
    if fault.status // 100 == 3:
        return NotOss(f"{doing}: answered by a redirect ({fault.status}), which proves nothing about the object")
    if fault.message.startswith(_REGION):
        return CredentialsRefused(said, hint="set the region of the bucket (OSS_REGION or the job file)")
    if fault.ec.startswith(_METADATA_EC):
        return Unrepresentable(said)
    kind, hint = _BY_CODE.get(fault.code, (ObjectVanished if fault.no_such_key else _BY_STATUS.get(fault.status), ""))
    return (kind or Permanent)(said, hint=hint)


def _fields(document: bytes) -> dict[str, str]:
    """Return the children of `<Error>`; a document type is refused, for it could blow up while parsing."""
    if not document or len(document) > MAX_ERROR_BYTES or re.search(rb"<!(DOCTYPE|ENTITY)", document):
        return {}
    try:
        root = ET.fromstring(document)  # noqa: S314 - no document type, bounded size
    except ET.ParseError:
        return {}
    return {child.tag: (child.text or "").strip() for child in root} if root.tag == "Error" else {}


def _qos_delay_s(headers: Mapping[str, str]) -> float | None:
    """Read how long OSS delayed us by flow control, in milliseconds (header x-oss-qos-delay-time)."""
    value = headers.get("x-oss-qos-delay-time", "")
    return int(value) / 1000 if value.isdecimal() else None
