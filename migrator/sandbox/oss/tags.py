"""Object and bucket tags: where they come from and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote_plus

from migrator.sandbox.oss.answers import Refusal, document, element
from migrator.sandbox.oss.encoding import read_xml

Tags = tuple[tuple[str, str], ...]

MAX_TAGS = 10
MAX_KEY_BYTES = 128
MAX_VALUE_BYTES = 256
_EXTRA = frozenset("+-=._:/ ")


def parse_tag_header(header: str) -> Tags:
    """Read x-oss-tagging (`k1=v1&k2=v2`, percent-encoded). Raises Refusal InvalidTag."""
    pairs = (pair.partition("=") for pair in header.split("&") if pair)
    return checked((unquote_plus(key), unquote_plus(value)) for key, _, value in pairs)


def read_tag_document(body: bytes) -> Tags:
    """Read a Tagging document as it is: the rules for objects do not hold for buckets. Raises Refusal."""
    nodes = read_xml(body, "Tagging").findall("TagSet/Tag")
    return tuple((node.findtext("Key") or "", node.findtext("Value") or "") for node in nodes)


def tag_document(tags: Tags) -> bytes:
    """Render a Tagging document."""
    inner = "".join(f"<Tag>{element('Key', key)}{element('Value', value)}</Tag>" for key, value in tags)
    return document("Tagging", f"<TagSet>{inner}</TagSet>")


def checked(pairs: Iterable[tuple[str, str]]) -> Tags:
    """Return the tags if OSS would take them. Raises Refusal InvalidTag."""
    tags = tuple(pairs)
    if len(tags) > MAX_TAGS:
        raise _invalid("The number of tags exceeds 10.")
    if len({key for key, _ in tags}) < len(tags):
        raise _invalid("Tag keys must be unique.")
    for key, value in tags:
        if not key or len(key.encode()) > MAX_KEY_BYTES or not _fit(key):
            raise _invalid("The TagKey you have provided is invalid.")
        if len(value.encode()) > MAX_VALUE_BYTES or not _fit(value):
            raise _invalid("The TagValue you have provided is invalid.")
    return tags


def _fit(text: str) -> bool:
    return all(character.isalnum() or character in _EXTRA for character in text)


def _invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidTag", message, "0017-00001001")
