"""A website document as an immutable tree that remembers where in the bytes every element stands.

The places let an edit splice own rules in and out while every other byte stays what it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from migrator.errors import MalformedWebsite

MAX_BYTES = 1 << 20
MAX_DEPTH = 32

_TAG = re.compile(rb"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""")
_ENCODINGS = {"", "utf-8", "utf8", "us-ascii", "ascii"}
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SEPARATOR = " "


@dataclass(frozen=True, slots=True)
class Element:
    """One element with its place `[start, end)` and its content's place; both in bytes of the document."""

    name: str
    """Local name, without a namespace prefix."""
    namespace: str
    """Empty for the document's own vocabulary, whether or not the document declares a namespace for it."""
    tag_prefix: str
    """The namespace prefix with its colon as written, e.g. "w:"; mostly empty."""
    attributes: tuple[tuple[str, str], ...]
    text: str
    """All character data directly inside, joined."""
    children: tuple[Element, ...]
    remarks: bool
    """Comments or processing instructions stand directly inside."""
    start: int
    content_start: int
    content_end: int
    end: int

    @property
    def self_closing(self) -> bool:
        """Say whether it is written as one tag, <Name/>."""
        return self.content_start == self.end

    def all(self, name: str) -> tuple[Element, ...]:
        """Return the children of that name. Elements of other namespaces are other elements."""
        return tuple(child for child in self.children if child.name == name and not child.namespace)

    def first(self, name: str) -> Element | None:
        """Return the first child of that name, if any."""
        return next(iter(self.all(name)), None)

    def value(self, name: str) -> str:
        """Return the text of the first child of that name exactly as it stands; empty when there is none."""
        child = self.first(name)
        return child.text if child else ""


@dataclass(slots=True)
class _Open:
    """An element whose end has not been seen."""

    qualified: str
    attributes: dict[str, str]
    start: int
    content_start: int
    self_closing: bool
    text: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)
    remarks: bool = False


class _Builder:
    """Collects expat's events."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.stack: list[_Open] = []
        self.root: Element | None = None
        self.vocabulary: str | None = None
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.namespace_prefixes = True
        self.parser.buffer_text = True
        self.parser.XmlDeclHandler = self.declaration
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartElementHandler = self.open
        self.parser.EndElementHandler = self.close
        self.parser.CharacterDataHandler = self.characters
        self.parser.CommentHandler = self.remark
        self.parser.ProcessingInstructionHandler = self.remark

    def build(self) -> Element:
        self.parser.Parse(self.raw, True)
        if self.root is None:  # expat reports documents without an element itself
            raise MalformedWebsite("The website document holds no element.")
        return self.root

    def declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "").lower() not in _ENCODINGS:
            raise MalformedWebsite(f"The website document is written in {encoding}; only UTF-8 is understood.")

    def doctype(self, *_details: object) -> None:
        raise MalformedWebsite("The website document declares a document type, which is refused for safety.")

    def open(self, qualified: str, attributes: dict[str, str]) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise MalformedWebsite(f"The website document nests elements deeper than {MAX_DEPTH} levels.")
        if self.vocabulary is None:
            self.vocabulary = _names(qualified)[0]
        start = self.parser.CurrentByteIndex
        tag = _TAG.match(self.raw, start)
        if tag is None:
            raise MalformedWebsite("The website document cannot be located in its own bytes.")
        self.stack.append(_Open(qualified, attributes, start, tag.end(), tag[0].endswith(b"/>")))

    def close(self, _qualified: str) -> None:
        done = self.stack.pop()
        content_end = done.content_start if done.self_closing else self.parser.CurrentByteIndex
        end = done.content_start if done.self_closing else self.raw.index(b">", content_end) + 1
        namespace, name, prefix = _names(done.qualified)
        element = Element(
            name=name,
            namespace="" if namespace == self.vocabulary else namespace,
            tag_prefix=f"{prefix}:" if prefix else "",
            attributes=tuple(sorted(done.attributes.items())),
            text="".join(done.text),
            children=tuple(done.children),
            remarks=done.remarks,
            start=done.start,
            content_start=done.content_start,
            content_end=content_end,
            end=end,
        )
        if self.stack:
            self.stack[-1].children.append(element)
        else:
            self.root = element

    def characters(self, text: str) -> None:
        self.stack[-1].text.append(text)

    def remark(self, *_details: str) -> None:
        if self.stack:
            self.stack[-1].remarks = True


def _names(qualified: str) -> tuple[str, str, str]:
    """Split expat's "namespace name prefix" triplet."""
    parts = qualified.split(_SEPARATOR)
    if len(parts) == 1:
        return "", parts[0], ""
    return parts[0], parts[1], parts[2] if len(parts) > 2 else ""


def parse_tree(raw: bytes) -> Element:
    """Read a document into its root element.

    Raises MalformedWebsite: not well-formed, a document type or entities, another encoding than UTF-8,
    more than 1 MiB, deeper than 32 levels.
    """
    if len(raw) > MAX_BYTES:
        raise MalformedWebsite(f"The website document has {len(raw)} bytes; more than {MAX_BYTES} are refused.")
    if raw.startswith(_BYTE_ORDER_MARKS):
        raise MalformedWebsite("The website document is written in UTF-16; only UTF-8 is understood.")
    try:
        return _Builder(raw).build()
    except expat.ExpatError as error:
        raise MalformedWebsite(f"The website document is not well-formed XML: {error}.") from error
