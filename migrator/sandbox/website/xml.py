"""Reads and writes website documents as plain element trees: bounded, without DTDs, entities or namespaces."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from migrator.sandbox.website.refusal import Refused

MAX_BYTES = 256 * 1024
"""Far above what 20 rules need; a bound of the sandbox, not a documented one."""
MAX_ELEMENTS = 5_000
MAX_DEPTH = 16
MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema."


class _Refuse(Exception):
    pass


def read(document: bytes) -> Element:
    """Return the root element with namespaces dropped and layout white space removed.

    Raises Refused (400 MalformedXML) for anything that is not well-formed, too large, or brings a DTD.
    """
    if len(document) > MAX_BYTES:
        raise malformed()
    try:
        return _Reader().read(document)
    except (expat.ExpatError, LookupError, ValueError, _Refuse) as error:
        raise malformed() from error


def write(root: Element) -> bytes:
    """Return the document as the service answers it: UTF-8, declared, compact, no namespace."""
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + _text_of(root).encode()


def malformed() -> Refused:
    """Make the documented refusal of a body that is no website document."""
    return Refused(400, "MalformedXML", MALFORMED)


class _Reader:
    """One parse. Expat itself is used because ElementTree's parser offers no hook against document types."""

    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._elements = 0
        self._depth = 0

    def read(self, document: bytes) -> Element:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._builder.data
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._doctype
        parser.Parse(document, True)
        root = self._builder.close()
        _strip_layout(root)
        return root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._depth += 1
        if self._elements > MAX_ELEMENTS or self._depth > MAX_DEPTH:
            raise _Refuse
        self._builder.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._builder.end(_local(name))

    @staticmethod
    def _doctype(*_: object) -> None:
        raise _Refuse


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _strip_layout(element: Element) -> None:
    element.tail = None
    if len(element):
        element.text = None
    for child in element:
        _strip_layout(child)


def _text_of(element: Element) -> str:
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in element.items())
    # A bare carriage return would come back as a line feed.
    text = escape(element.text or "", {"\r": "&#13;"})
    inner = "".join(_text_of(child) for child in element)
    return f"<{element.tag}{attributes}>{text}{inner}</{element.tag}>"
