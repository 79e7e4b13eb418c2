"""Multipart uploads into OSS, create-only from the first request to the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from migrator.adapters.crc64 import combine_all, crc64_of
from migrator.adapters.fidelity import oss_headers
from migrator.adapters.http import Response
from migrator.adapters.oss_client import OssClient, doing
from migrator.adapters.oss_errors import MAX_ERROR_BYTES, error_of, parse_fault
from migrator.adapters.oss_reading import stated_crc64
from migrator.errors import IntegrityMismatch, NotOss, Transient
from migrator.ports import Part, Stored

FORBID_OVERWRITE: Final[Mapping[str, str]] = {"x-oss-forbid-overwrite": "true"}
_URL: Final[Mapping[str, str]] = {"encoding-type": "url"}
"""Answers repeat the key, and XML cannot hold every character of one."""
_MAX_LIST_BYTES: Final = 16 * 1024 * 1024


async def start(client: OssClient, key: str, headers: Mapping[str, str]) -> str:
    """Begin an upload and return its id."""
    response = await client.acall(
        "POST", key, query={"uploads": "", **_URL}, headers={**oss_headers(headers), **FORBID_OVERWRITE}
    )
    upload_id = _document(response, "InitiateMultipartUploadResult").findtext("UploadId", "")
    if not upload_id:
        raise NotOss(f"{doing('POST', key)}: the answer names no upload id")
    return upload_id


async def send(client: OssClient, key: str, upload_id: str, number: int, body: bytes) -> Part:
    """Send one part and check the CRC-64 that OSS states of it: a damaged part can be sent again, nobody sees it."""
    crc64 = crc64_of(body)
    response = await client.acall("PUT", key, query={"partNumber": str(number), "uploadId": upload_id}, body=body)
    if stated_crc64(response.headers) != crc64:
        raise IntegrityMismatch(f"part {number} of {key!r}: OSS states another CRC-64 than that of the bytes sent")
    return Part(number, response.headers.get("etag", "").strip('"'), len(body), crc64)


async def complete(client: OssClient, key: str, upload_id: str, parts: Iterable[Part]) -> Stored:
    """Make the object visible, if the key is still free, and compare its CRC-64 with that of all parts together."""
    ordered = sorted(parts, key=lambda part: part.number)
    root = ET.Element("CompleteMultipartUpload")
    for part in ordered:
        element = ET.SubElement(root, "Part")
        ET.SubElement(element, "PartNumber").text = str(part.number)
        ET.SubElement(element, "ETag").text = f'"{part.etag}"'
    response = await client.acall(
        "POST",
        key,
        query={"uploadId": upload_id, **_URL},
        headers={"content-type": "application/xml", **FORBID_OVERWRITE},
        body=ET.tostring(root),
    )
    fault = parse_fault(response.status, response.headers, response.body)
    if fault.code:  # a success by its status, an error by its body
        raise error_of(fault, doing("POST", key))
    etag = _document(response, "CompleteMultipartUploadResult").findtext("ETag", "").strip('"')
    crc64 = stated_crc64(response.headers)
    if crc64 != combine_all((part.crc64, part.size_bytes) for part in ordered):
        raise IntegrityMismatch(f"{key!r}: OSS states another CRC-64 than that of the parts together")
    return Stored(etag, crc64)


def unfinished(client: OssClient, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield (key, upload id) of unfinished uploads, page by page."""
    query = {"uploads": "", "prefix": prefix, "max-uploads": "1000", **_URL}
    while True:
        page = _document(client.call("GET", query=query, max_body_bytes=_MAX_LIST_BYTES), "ListMultipartUploadsResult")
        for upload in page.iter("Upload"):
            yield unquote(upload.findtext("Key", "")), upload.findtext("UploadId", "")
        if page.findtext("IsTruncated", "false") != "true":
            return
        marks = unquote(page.findtext("NextKeyMarker", "")), page.findtext("NextUploadIdMarker", "")
        if marks == (query.get("key-marker"), query.get("upload-id-marker")) or not any(marks):
            raise NotOss("the listing of uploads does not advance")
        query |= {"key-marker": marks[0], "upload-id-marker": marks[1]}


def _document(response: Response, root_name: str) -> ET.Element:
    """Parse an XML answer with this root. Raises Transient otherwise."""
    body = response.body
    if len(body) <= _MAX_LIST_BYTES and b"<!DOCTYPE" not in body and b"<!ENTITY" not in body:
        try:
            root = ET.fromstring(body)  # noqa: S314 - no document type, bounded size
        except ET.ParseError:
            root = ET.Element("")
        if root.tag == root_name:
            return root
    raise Transient(f"OSS answered something else than {root_name}: {body[:MAX_ERROR_BYTES][:80]!r}")
