"""Names in XML: `encoding-type=url` on the way out, tolerant reading on the way in."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote
from xml.etree import ElementTree as ET

from migrator.sandbox.oss.answers import Refusal, escape
from migrator.sandbox.oss.call import Call

_REFERENCE = re.compile(r"&(?:#(\d+)|#[xX]([0-9a-fA-F]+)|(amp|lt|gt|quot|apos));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def encoding_type(call: Call, given: str | None = None) -> str:
    """Return `url` or nothing. Raises Refusal for any other encoding type."""
    value = call.parameter("encoding-type") if given is None else given
    if value not in {"", "url"}:
        raise Refusal.argument("encoding-type", value, "Invalid Encoding Method specified in Request.")
    return value


def name_encoder(encoding: str) -> Callable[[str], str]:
    """Return how keys are written into an XML answer."""
    if encoding == "url":
        return lambda name: quote(name, safe="")
    return escape


def unescape(text: str) -> str:
    """Resolve references in text that may hold raw control characters, as SDKs send them."""

    def resolve(match: re.Match[str]) -> str:
        if match[3]:
            return _NAMED[match[3]]
        code = int(match[1]) if match[1] else int(match[2], 16)
        return chr(code) if code < 0x110000 else match[0]

    return _REFERENCE.sub(resolve, text)


def read_xml(body: bytes, root_tag: str) -> ET.Element:
    """Parse a request body, namespaces ignored. Raises Refusal MalformedXML; document types are never accepted."""
    if b"<!" in body:
        raise Refusal.malformed()
    try:
        root = ET.fromstring(body)  # noqa: S314 - no document type, hence no entities
    except ET.ParseError:
        raise Refusal.malformed() from None
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    if root.tag != root_tag:
        raise Refusal.malformed()
    return root
