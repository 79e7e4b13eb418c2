"""The meaning of a website document as comparable values.

OSS gives a document back with defaults filled in, booleans in lower case and children in its own order, so documents
are compared in this normal form, never byte by byte. Elements we do not know are compared exactly, in order.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from migrator.domain.rules.model import EXTERNAL, MIRROR

if TYPE_CHECKING:
    from migrator.domain.rules.xmltree import Element

Normal = tuple[str, tuple[tuple[str, str], ...], str, tuple["Normal", ...]]
"""Name, attributes, text, children."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FALSE_BY_DEFAULT = _names(
    """
    PassQueryString EnableReplacePrefix MirrorPassQueryString MirrorCheckMd5 MirrorSNI MirrorPassOriginalSlashes
    MirrorAllowHeadObject MirrorAllowGetImageInfo MirrorAllowVideoSnapshot MirrorSaveOssMeta MirrorUserLastModified
    MirrorProxyPass MirrorUsingRole MirrorSwitchAllErrors MirrorIsExpressTunnel
    """
)
_DEFAULTS: dict[str, dict[str, str]] = {
    "IndexDocument": {"SupportSubDir": "false", "Type": "0"},
    "ErrorDocument": {"HttpStatus": "404"},
    "Redirect": {
        "RedirectType": EXTERNAL,
        "HttpRedirectCode": "301",
        "MirrorFollowRedirect": "true",
        **dict.fromkeys(_FALSE_BY_DEFAULT, "false"),
    },
    "MirrorHeaders": {"PassAll": "false"},
}
"""By parent and child: what OSS assumes, and writes on GET, where the child is absent."""

_CONTAINERS = _names(
    """
    IndexDocument ErrorDocument RoutingRule Condition IncludeHeader Redirect LuaConfig MirrorHeaders Set MirrorAuth
    MirrorReturnHeaders ReturnHeader MirrorTaggings Taggings MirrorMultiAlternates MirrorMultiAlternate
    """
)
_NUMBERS = _names("RuleNumber HttpErrorCodeReturnedEquals HttpRedirectCode HttpStatus Type")
_WORDS = _names("RedirectType Protocol")
_TEXTS = _names(
    """
    Suffix Key KeyPrefixEquals KeySuffixEquals Equals StartsWith EndsWith HostName ReplaceKeyWith ReplaceKeyPrefixWith
    MirrorURL MirrorURLSlave MirrorURLProbe MirrorRole MirrorAsyncStatus MirrorTunnelId MirrorDstRegion MirrorDstVpcId
    MirrorDstSlaveVpcId TransparentMirrorResponseCodes Pass Remove Value AuthType Region AccessKeyId AccessKeySecret
    Script
    """
)
_FLAGS = _FALSE_BY_DEFAULT | {"SupportSubDir", "MirrorFollowRedirect", "PassAll"}
_KNOWN = _CONTAINERS | _NUMBERS | _WORDS | _TEXTS | _FLAGS


def normal(element: Element) -> Normal:
    """Return the element's meaning: defaults and empty known elements left out, order-free where order is free."""
    if element.namespace or element.name not in _KNOWN:
        return _exact(element)
    return (element.name, element.attributes, _text(element), _children(element))


def _exact(element: Element) -> Normal:
    """Keep everything but the white space around child elements."""
    text = element.text if not element.children or element.text.strip() else ""
    name = f"{{{element.namespace}}}{element.name}" if element.namespace else element.name
    return (name, element.attributes, text, tuple(_exact(child) for child in element.children))


def _text(element: Element) -> str:
    text = element.text
    if element.name in _CONTAINERS:
        return text.strip()
    if element.name in _FLAGS:
        return text.strip().lower()
    if element.name in _NUMBERS:
        text = text.strip()
        return text.lstrip("0") or "0" if text.isdecimal() else text
    if element.name in _WORDS:
        return text.strip()
    return text


def _children(element: Element) -> tuple[Normal, ...]:
    if element.name not in _CONTAINERS:
        return tuple(_exact(child) for child in element.children)
    defaults = _DEFAULTS.get(element.name, {})
    kept = []
    for child in element.children:
        meaning = normal(child)
        name, attributes, text, below = meaning
        if name in _KNOWN and not attributes and not below and text in {"", defaults.get(name, "")}:
            continue
        kept.append(meaning)
    if element.name == "Redirect" and ("RedirectType", (), MIRROR, ()) in kept:
        # OSS overwrites it with MirrorPassQueryString when it gives a Mirror rule back.
        kept = [meaning for meaning in kept if meaning[0] != "PassQueryString"]
    if element.name == "IncludeHeader":
        kept = [(n, a, t.lower() if n == "Key" else t, c) for n, a, t, c in kept]
    return tuple(sorted(kept))


def digest(rule: Element) -> str:
    """Return a hash of the meaning of a RoutingRule, its number left out."""
    name, attributes, text, children = normal(rule)
    content = (name, attributes, text, tuple(child for child in children if child[0] != "RuleNumber"))
    return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()


def unknown_names(element: Element) -> tuple[str, ...]:
    """List the elements in here whose effect nobody has described to us, and scripts."""
    found: list[str] = []
    for child in element.children:
        if child.namespace or child.name not in _KNOWN or child.name == "LuaConfig":
            found.append(child.name)
        else:
            found.extend(unknown_names(child))
    return tuple(found)
