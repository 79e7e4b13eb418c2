"""What the server says back: answers, refusals, and the XML of both."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache

XML = ("content-type", "application/xml")
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile(r"[&<>\"\x00-\x1f]")
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


@dataclass(slots=True)
class Answer:
    """A reply before the common headers are added. Header values are one character per byte (latin-1)."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    stream: Iterator[bytes] | None = None
    """A body too large to hold; `length` says how long it is."""
    length: int = -1
    """Content-Length where it is not that of `body`; -2 sends the body chunked without any."""


CHUNKED = -2


class Refusal(Exception):
    """OSS refuses: an error document with status, code, message and error cause number."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        ec: str = "",
        *,
        details: Iterable[tuple[str, str]] = (),
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.ec = ec
        self.details = tuple(details)
        self.headers = tuple(headers)

    @staticmethod
    def argument(name: str, value: str, message: str, ec: str = "0017-00000901") -> Refusal:
        """Build the refusal of one argument's value."""
        details = (("ArgumentName", name), ("ArgumentValue", value))
        return Refusal(400, "InvalidArgument", message, ec, details=details)

    @staticmethod
    def object_name(name: str) -> Refusal:
        """Build the refusal of a key that OSS cannot hold."""
        message = f"The specified object is not valid: {name[:40]!r}."
        return Refusal(400, "InvalidObjectName", message, "0017-00000101", details=(("ObjectName", name),))

    @staticmethod
    def no_key(key: str, *, marker: str = "") -> Refusal:
        """Build the refusal to read what is not there; `marker` is the version id of a delete marker on top."""
        headers = (("x-oss-delete-marker", "true"), ("x-oss-version-id", marker)) if marker else ()
        return Refusal(
            404,
            "NoSuchKey",
            "The specified key does not exist.",
            "0026-00000001",
            details=(("Key", key),),
            headers=headers,
        )

    @staticmethod
    def no_bucket(name: str) -> Refusal:
        """Build the refusal of a bucket that does not exist."""
        message = "The specified bucket does not exist."
        return Refusal(404, "NoSuchBucket", message, "0015-00000101", details=(("BucketName", name),))

    @staticmethod
    def denied(message: str = "You have no right to access this object because of bucket acl.") -> Refusal:
        """Build the refusal by permission."""
        return Refusal(403, "AccessDenied", message, "0003-00000001")

    @staticmethod
    def malformed() -> Refusal:
        """Build the refusal of an XML body."""
        message = "The XML you provided was not well-formed or did not validate against our published schema."
        return Refusal(400, "MalformedXML", message, "0031-00000001")

    @staticmethod
    def not_implemented(what: str) -> Refusal:
        """Build the refusal of what this sandbox does not do."""
        details = (("Header", what),)
        message = "A header or query you provided implies functionality that is not implemented."
        return Refusal(501, "NotImplemented", message, "0016-00000601", details=details)

    def document(self, request_id: str, host: str) -> bytes:
        """Render the error document."""
        children = [("Code", self.code), ("Message", self.message), ("RequestId", request_id), ("HostId", host)]
        children += self.details
        if self.ec:
            children += [("EC", self.ec), ("RecommendDoc", f"https://api.aliyun.com/troubleshoot?q={self.ec}")]
        return document("Error", "\n  ".join(element(name, value) for name, value in children))

    def answer(self, request_id: str, host: str, *, head: bool) -> Answer:
        """Render the refusal; a HEAD carries the document in the header x-oss-err instead of a body."""
        body = self.document(request_id, host)
        headers = [*self.headers]
        if self.ec:
            headers.append(("x-oss-ec", self.ec))
        if head:
            headers.append(("x-oss-err", base64.b64encode(body).decode()))
            return Answer(self.status, headers, length=0)
        return Answer(self.status, [*headers, XML], body)


def escape(text: str) -> str:
    """Escape text for XML; control characters become character references, as object stores do."""
    return _SPECIAL.sub(lambda match: _NAMED.get(match[0]) or f"&#{ord(match[0])};", text)


def element(name: str, value: str | int) -> str:
    """Render one element with text."""
    return f"<{name}>{escape(value) if isinstance(value, str) else value}</{name}>"


def document(root: str, inner: str) -> bytes:
    """Render an XML document without a namespace, as OSS sends them."""
    return f"{_DECLARATION}<{root}>\n  {inner}\n</{root}>".encode()


def xml(root: str, inner: str, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """Answer 200 with an XML document."""
    return Answer(200, [*headers, XML], document(root, inner))


class _HttpDate:
    """Formats HTTP dates; remembers the last one, since most are of this second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def now(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._text = formatdate(second, usegmt=True)
            self._second = second
        return self._text


http_now = _HttpDate().now


@lru_cache(maxsize=4096)
def iso(second: int) -> str:
    """Render a time as the XML documents do: 2020-05-18T05:45:43.000Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(second))
