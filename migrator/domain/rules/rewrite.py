"""Cut rules out of a website document and splice others in; every byte that belongs to somebody else stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.domain.rules.document import ROOT, RULES, parse
from migrator.domain.rules.render import render

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from migrator.domain.rules.document import Document
    from migrator.domain.rules.model import Rule
    from migrator.domain.rules.xmltree import Element

_WHITE = b" \t\r\n"
_EMPTY = f'<?xml version="1.0" encoding="UTF-8"?>\n<{ROOT}>\n</{ROOT}>\n'.encode()

Splice = tuple[int, int, bytes]
"""Replace the bytes `[start, end)`."""


def rewrite(document: Document, *, drop: Collection[int] = (), add: Iterable[Rule] = ()) -> bytes | None:
    """Return the document without the rules numbered in `drop` and with the rules of `add`.

    Each new rule goes behind the last remaining one with a lower number. None when nothing remains: the bucket's
    configuration is to be deleted. Adding rules and dropping them again gives back the very same bytes.
    Raises Invalid for a rule that cannot be written.
    """
    added = sorted(add, key=lambda rule: rule.number)
    raw = document.raw
    if raw is None or document.root is None:
        if not added:
            return None
        document = parse(_EMPTY)
        raw, root = _EMPTY, document.root
        assert root is not None
    else:
        root = document.root
    container = root.first(RULES)
    prefix = (container or root).tag_prefix
    splices = [_cut(raw, live.element) for live in document.rules if live.rule.number in drop]
    if container is None:
        splices += _create(raw, root, added)
    elif not added and len(drop) == len(document.rules) and splices and _only_rules(container, document):
        splices = [_cut(raw, container)]
    elif container.self_closing:
        splices += _fill_empty(raw, container, added)
    else:
        splices += [_insert(document, container, rule, drop, prefix) for rule in added]
    after = _apply(raw, splices)
    return None if parse(after).is_empty else after


def without_empty_container(raw: bytes | None) -> bytes | None:
    """Return the document without a rule container that holds nothing; such a container means nothing."""
    document = parse(raw)
    container = document.root.first(RULES) if document.root else None
    if raw is None or container is None or container.children or not _only_rules(container, document):
        return raw
    return _apply(raw, [_cut(raw, container)])


def _cut(raw: bytes, element: Element) -> Splice:
    """Remove an element and the white space before it, which came with it."""
    return (len(raw[: element.start].rstrip(_WHITE)), element.end, b"")


def _text(rules: Sequence[Rule], prefix: str) -> bytes:
    return "".join(f"\n{render(rule, margin='    ', tag_prefix=prefix)}" for rule in rules).encode()


def _insert(document: Document, container: Element, rule: Rule, drop: Collection[int], prefix: str) -> Splice:
    before = [live for live in document.rules if live.rule.number < rule.number and live.rule.number not in drop]
    place = max(before, key=lambda live: live.rule.number).element.end if before else container.content_start
    return (place, place, _text([rule], prefix))


def _create(raw: bytes, root: Element, added: Sequence[Rule]) -> list[Splice]:
    if not added:
        return []
    prefix = root.tag_prefix
    tag = f"{prefix}{RULES}"
    text = f"\n  <{tag}>".encode() + _text(added, prefix) + f"\n  </{tag}>".encode()
    if root.self_closing:
        opened = raw[root.start : root.end].removesuffix(b"/>").rstrip(_WHITE) + b">"
        return [(root.start, root.end, opened + text + f"\n</{prefix}{ROOT}>".encode())]
    content = raw[root.content_start : root.content_end]
    place = root.content_start + len(content.rstrip(_WHITE))
    return [(place, place, text)]


def _fill_empty(raw: bytes, container: Element, added: Sequence[Rule]) -> list[Splice]:
    """Open a container that is written as one tag."""
    if not added:
        return []
    opened = raw[container.start : container.end].removesuffix(b"/>").rstrip(_WHITE) + b">"
    closing = f"\n  </{container.tag_prefix}{RULES}>".encode()
    return [(container.start, container.end, opened + _text(added, container.tag_prefix) + closing)]


def _only_rules(container: Element, document: Document) -> bool:
    """Say whether nothing but rules stands in the container, so that it goes with the last of them."""
    bare = not (container.attributes or container.text.strip() or container.remarks)
    return bare and len(container.children) == len(document.rules)


def _apply(raw: bytes, splices: list[Splice]) -> bytes:
    """Apply splices that do not overlap; those at one place in the order given."""
    pieces, position = [], 0
    for start, end, text in sorted(splices, key=lambda splice: (splice[0], splice[1])):
        pieces += [raw[position:start], text]
        position = end
    return b"".join([*pieces, raw[position:]])
