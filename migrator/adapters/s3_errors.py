"""Turn what an S3 server says went wrong into the project's errors. Nothing secret of a request is repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

from migrator.adapters.http import Response
from migrator.errors import (
    AccessRefused,
    BucketMissing,
    CredentialsRefused,
    Fatal,
    MigratorError,
    ObjectChanged,
    ObjectVanished,
    Permanent,
    Transient,
)

MAX_ERROR_BYTES: Final = 256 * 1024

_CREDENTIALS: Final = "check the origin's access key, secret and token (AWS_ACCESS_KEY_ID, ...); see: migrator doctor"
_REGION: Final = "set origin.region and origin.endpoint to the bucket's own region"

_BY_CODE: Final[Mapping[str, tuple[type[MigratorError], str]]] = {
    "NoSuchKey": (ObjectVanished, ""),
    "NoSuchBucket": (BucketMissing, "check the bucket in origin.url and origin.endpoint"),
    "InvalidBucketName": (BucketMissing, "check the bucket in origin.url"),
    "PermanentRedirect": (BucketMissing, _REGION),
    "TemporaryRedirect": (Transient, ""),
    "AuthorizationHeaderMalformed": (BucketMissing, _REGION),
    "IllegalLocationConstraintException": (BucketMissing, _REGION),
    "InvalidAccessKeyId": (CredentialsRefused, _CREDENTIALS),
    "SignatureDoesNotMatch": (CredentialsRefused, _CREDENTIALS),
    "ExpiredToken": (CredentialsRefused, "get a new session token; work goes on where it stopped"),
    "TokenRefreshRequired": (CredentialsRefused, "get a new session token; work goes on where it stopped"),
    "InvalidToken": (CredentialsRefused, _CREDENTIALS),
    "InvalidClientTokenId": (CredentialsRefused, _CREDENTIALS),
    "RequestTimeTooSkewed": (Fatal, "set the clock of this machine (S3 accepts 15 minutes of difference)"),
    "RequestExpired": (Fatal, "set the clock of this machine (S3 accepts 15 minutes of difference)"),
    "AccountProblem": (Fatal, "the account of the origin has a problem; ask its owner"),
    "AllAccessDisabled": (Fatal, "access to the origin is disabled; ask its owner"),
    "AccessDenied": (AccessRefused, "grant s3:GetObject on the origin"),
    "InvalidObjectState": (AccessRefused, "the object is archived: restore it at the origin first"),
    "PreconditionFailed": (ObjectChanged, ""),
    "InvalidRange": (ObjectChanged, ""),
    "SlowDown": (Transient, ""),
    "RequestTimeout": (Transient, ""),
    "InternalError": (Transient, ""),
    "ServiceUnavailable": (Transient, ""),
}


@dataclass(frozen=True, slots=True)
class S3Fault:
    """What the server itself said."""

    code: str = ""
    message: str = ""
    region: str = ""
    storage_class: str = ""


def error_of(response: Response, *, doing: str, listing: bool = False) -> MigratorError:
    """Return the error an unsuccessful answer amounts to; `doing` begins the sentence.

    A 404 means "vanished" only when S3 says NoSuchKey: a bare 404 of a proxy or of a wrong endpoint does not.
    """
    fault = _parse(response.body)
    region = fault.region or response.headers.get("x-amz-bucket-region", "")
    said = f"{doing}: {fault.code or f'HTTP {response.status}'}"
    said += f", {fault.message}" if fault.message else ""
    kind, hint = _BY_CODE.get(fault.code, (None, ""))
    if kind is None:
        kind, hint = _by_status(response.status)
    if listing and kind in (AccessRefused, Permanent):  # one object may be skipped over; a listing may not
        kind, hint = CredentialsRefused, "grant s3:ListBucket on the origin to this access key"
    if kind is BucketMissing and region:
        said, hint = f"{said}; the bucket is in region {region}", f"set origin.region: {region}"
    if fault.storage_class:
        said = f"{said} (storage class {fault.storage_class})"
    if issubclass(kind, Transient):
        return kind(said, hint=hint, retry_after_s=response.retry_after_s)
    return kind(said, hint=hint)


def _by_status(status: int) -> tuple[type[MigratorError], str]:
    if status == 401:
        return CredentialsRefused, _CREDENTIALS
    if status == 403:
        return AccessRefused, "grant s3:GetObject on the origin"
    if status in (412, 416):
        return ObjectChanged, ""
    if 300 <= status < 400:
        return BucketMissing, "the endpoint redirects elsewhere; set origin.endpoint to where it points"
    if status >= 500 or status in (404, 408, 425, 429):
        return Transient, "check that origin.endpoint is an S3 endpoint" if status == 404 else ""
    return Permanent, ""


def _parse(body: bytes) -> S3Fault:
    # No DTD, so no entities; no NUL, so no UTF-16 that hides one.
    if not body or len(body) > MAX_ERROR_BYTES or any(mark in body for mark in (b"\0", b"<!DOCTYPE", b"<!ENTITY")):
        return S3Fault()
    try:
        root = ET.fromstring(body, ET.XMLParser(encoding="utf-8"))  # noqa: S314
    except ET.ParseError:
        return S3Fault()
    if root.tag.rpartition("}")[2] != "Error":
        return S3Fault()
    said = {child.tag.rpartition("}")[2]: _one_line(child.text or "") for child in root}
    return S3Fault(said.get("Code", ""), said.get("Message", ""), said.get("Region", ""), said.get("StorageClass", ""))


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()[:300]
