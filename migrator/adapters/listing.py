"""Read ListObjects answers (V1 and V2, S3 and OSS) and turn them into pages that can be trusted.

A page is either right as far as it goes, or an error: never silently short, never an endless loop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from migrator.adapters.listing_xml import Listed, parse_listing
from migrator.domain.objects import LAST_CHARACTER, ObjectInfo, Page
from migrator.errors import ListingBroken, Transient

MAX_EMPTY_PAGES: Final = 1000
"""Truncated pages without any key that are followed within one question; some stores send a few after mass deletes."""

Ask = Callable[[Mapping[str, str]], bytes]
"""Send one listing request with these query parameters and return the body of its 200 answer."""


def read_page(
    ask: Ask, *, side: str, prefix: str, after: str = "", delimiter: str = "", limit: int = 1000, version: int = 2
) -> Page:
    """Return the keys under `prefix` that are greater than `after`, in byte order, with where to go on.

    Every page is asked for by key (start-after, or marker in version 1), so that any process can go on from any key;
    the store's own tokens only bridge pages that hold no key at all. A server that answers version 2 questions with
    version 1 answers is asked again in version 1; so is one that repeats `after` in its answer without encoding it
    (some do) when that makes the answer unreadable. `side` names the bucket in messages.
    Raises ListingBroken when the answer is unsorted, does not advance, or leaves its prefix.
    """
    query = {"prefix": prefix, "max-keys": str(limit), "encoding-type": "url"}
    if delimiter:
        query["delimiter"] = delimiter
    first = dict(query)
    if version == 2:
        first["list-type"] = "2"
    if after:
        first["start-after" if version == 2 else "marker"] = after
    body = ask(first)
    try:
        listed = parse_listing(body, side=side)
    except Transient:
        if version == 1 or not _NOT_IN_XML.search(after):
            raise
        listed = Listed(version=1)
    if version == 2 and listed.version == 1 and after:
        return read_page(ask, side=side, prefix=prefix, after=after, delimiter=delimiter, limit=limit, version=1)
    tokens: set[str] = set()
    while listed.truncated and not listed.objects and not listed.prefixes:
        token = listed.next_token
        if not token or token in tokens or len(tokens) >= MAX_EMPTY_PAGES:
            raise ListingBroken(f"{side}: the listing says that there is more, but does not advance", hint=_HINT)
        tokens.add(token)
        onward = {"list-type": "2", "continuation-token": token} if listed.version == 2 else {"marker": token}
        listed = parse_listing(ask(query | onward), side=side)
    return _trusted(listed, side=side, prefix=prefix, after=after, delimiter=delimiter)


_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_HINT: Final = "nothing was skipped: the listing stops here; list the origin by other means, or ask its operator"


def _trusted(listed: Listed, *, side: str, prefix: str, after: str, delimiter: str) -> Page:
    last_key = _ascending(listed.objects, side=side, prefix=prefix, after=after)
    last_group = ""
    for group in listed.prefixes:
        fits = delimiter and group.startswith(prefix) and group.endswith(delimiter) and len(group) > len(prefix)
        if not fits:
            raise ListingBroken(f"{side}: the listing folds keys under {group!r}, which was not asked for", hint=_HINT)
        # `after` may lie inside a group whose later keys are still to come.
        if group <= last_group or (group <= after and not after.startswith(group)):
            raise ListingBroken(f"{side}: the groups of the listing are not in byte order at {group!r}", hint=_HINT)
        last_group = group
    next_after = None
    if listed.truncated:
        next_after = max(last_key, last_group + LAST_CHARACTER if last_group else "")
        if next_after <= after:
            raise ListingBroken(f"{side}: the listing does not advance behind {after!r}", hint=_HINT)
    return Page(tuple(listed.objects), tuple(listed.prefixes), next_after)


def _ascending(objects: list[ObjectInfo], *, side: str, prefix: str, after: str) -> str:
    """Prove that the keys ascend strictly, from behind `after`, within `prefix`; return the last one."""
    last = after
    for entry in objects:
        key = entry.key
        if key <= last and not (key == "" == last):
            what = "does not advance" if last == after else "is not in byte order"
            raise ListingBroken(f"{side}: the listing {what}: {key!r} comes behind {last!r}", hint=_HINT)
        last = key
    # Sorted, so it is enough to look at both ends.
    if objects and not (objects[0].key.startswith(prefix) and last.startswith(prefix)):
        raise ListingBroken(f"{side}: the listing left its prefix {prefix!r}", hint=_HINT)
    return last
