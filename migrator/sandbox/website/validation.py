"""Accepts or refuses a website document, and says how the service will answer it back.

Per the OSS documentation of PutBucketWebsite and the suites of its SDKs. Where the answer to a mistake is not
documented, 400 InvalidArgument stands in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import SubElement

from migrator.sandbox.switches import Switches
from migrator.sandbox.website import xml
from migrator.sandbox.website.config import ALICDN, EXTERNAL, INTERNAL, MIRROR, boolean, integer, text, word
from migrator.sandbox.website.refusal import invalid

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_RULES: Final = 20
"""Mirror and redirect rules together."""
MAX_HEADERS: Final = 10
MASK: Final = "****"
TYPES: Final = (MIRROR, EXTERNAL, ALICDN, INTERNAL)
BOOLEANS: Final = frozenset(
    {
        "SupportSubDir",
        "EnableReplacePrefix",
        "PassQueryString",
        "MirrorPassQueryString",
        "MirrorFollowRedirect",
        "MirrorCheckMd5",
        "PassAll",
        "MirrorSNI",
        "MirrorPassOriginalSlashes",
        "MirrorAllowHeadObject",
        "MirrorAllowGetImageInfo",
        "MirrorAllowVideoSnapshot",
        "MirrorSaveOssMeta",
        "MirrorUserLastModified",
        "MirrorProxyPass",
        "MirrorUsingRole",
        "MirrorSwitchAllErrors",
        "MirrorIsExpressTunnel",
    }
)
MIRROR_DEFAULTS: Final = (
    ("MirrorPassQueryString", "false"),
    ("MirrorFollowRedirect", "true"),
    ("MirrorCheckMd5", "false"),
)
SINGLE: Final = {
    "WebsiteConfiguration": ("IndexDocument", "ErrorDocument", "RoutingRules"),
    "RoutingRule": ("RuleNumber", "Condition", "Redirect"),
    "Condition": ("KeyPrefixEquals", "KeySuffixEquals", "HttpErrorCodeReturnedEquals"),
}
_HOST = re.compile(
    r"(?=.{1,259}$)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?"
)
_INTERNAL = re.compile(
    r"(.*[.-])?(oss-[a-z0-9-]+-internal|oss-internal|vpc100-oss-[a-z0-9-]+|[a-z0-9-]+-internal\.oss-data-acc"
    r"|oss-cache-[a-z0-9-]+)\.aliyuncs\.com",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://(?P<host>[^/?#\s:]+)(:[0-9]{1,5})?([/?#]\S*)?", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[0-9A-Za-z-]{1,1024}")


def validate(document: bytes, switches: Switches | None = None) -> bytes:
    """Return what GET will answer for this document from now on.

    Defaults that the service fills in are filled in, booleans are lower case, secrets are masked, namespaces are
    gone and unknown elements are kept. Raises Refused with the fields of OSS's error answer.
    """
    root = xml.read(document)
    _check(root, switches or Switches())
    _complete(root)
    return xml.write(root)


def _check(root: Element, switches: Switches) -> None:
    if root.tag != "WebsiteConfiguration" or all(root.find(name) is None for name in SINGLE[root.tag]):
        raise xml.malformed()
    for element in root.iter():
        for name in SINGLE.get(element.tag, ()):
            if len(element.findall(name)) > 1:
                raise xml.malformed()
    for parent in root.iter():
        for name in {child.tag for child in parent} & BOOLEANS:
            boolean(parent, name)
    _check_pages(root)
    rules = root.findall("RoutingRules/RoutingRule")
    if len(rules) > MAX_RULES:
        raise invalid("RoutingRule", str(len(rules)), f"The number of routing rules must not exceed {MAX_RULES}.")
    _check_order(rules)
    for rule in rules:
        _check_condition(rule)
        _check_redirect(rule)
    if not switches.duplicates_allowed:
        _check_duplicates(rules)


def _check_pages(root: Element) -> None:
    index, error = root.find("IndexDocument"), root.find("ErrorDocument")
    if "/" in word(index, "Suffix"):
        raise invalid("Suffix", word(index, "Suffix"))
    if integer(index, "Type") not in {None, 0, 1, 2}:
        raise invalid("Type", word(index, "Type"))
    if integer(error, "HttpStatus") not in {None, 200, 404}:
        raise invalid("HttpStatus", word(error, "HttpStatus"))


def _check_order(rules: list[Element]) -> None:
    last = 0
    for rule in rules:
        number = integer(rule, "RuleNumber")
        if number is None or number <= last:
            raise invalid("RuleNumber", word(rule, "RuleNumber"))
        last = number


def _check_duplicates(rules: list[Element]) -> None:
    """The console's rule, not the API's: prefixes and suffixes must tell rules apart."""
    seen = set()
    for rule in rules:
        condition = rule.find("Condition")
        pair = (text(condition, "KeyPrefixEquals"), text(condition, "KeySuffixEquals"))
        if pair in seen:
            raise invalid("KeyPrefixEquals", pair[0])
        seen.add(pair)


def _check_condition(rule: Element) -> None:
    condition = rule.find("Condition")
    if condition is None:
        return  # documented as required, yet the suites of two SDKs store rules without one
    status = integer(condition, "HttpErrorCodeReturnedEquals")
    if status is not None and not 400 <= status <= 599:
        raise invalid("HttpErrorCodeReturnedEquals", str(status))
    headers = condition.findall("IncludeHeader")
    if len(headers) > MAX_HEADERS:
        raise invalid("IncludeHeader", str(len(headers)))
    for header in headers:
        if not word(header, "Key"):
            raise invalid("Key", "")


def _check_redirect(rule: Element) -> None:
    redirect = rule.find("Redirect")
    if redirect is None:
        raise invalid("Redirect", "")
    kind = word(redirect, "RedirectType") or EXTERNAL
    if kind not in TYPES:
        raise invalid("RedirectType", kind)
    if word(redirect, "Protocol") not in {"", "http", "https"}:
        raise invalid("Protocol", word(redirect, "Protocol"))
    code = integer(redirect, "HttpRedirectCode")
    if code is not None and not 300 <= code <= 399:
        raise invalid("HttpRedirectCode", str(code))
    _check_host("HostName", word(redirect, "HostName"))
    if text(redirect, "ReplaceKeyWith"):
        if text(redirect, "ReplaceKeyPrefixWith"):
            raise invalid("ReplaceKeyPrefixWith", text(redirect, "ReplaceKeyPrefixWith"))
        if boolean(redirect, "EnableReplacePrefix"):
            raise invalid("EnableReplacePrefix", "true")
    if kind == MIRROR:
        _check_mirror(rule, redirect)


def _check_host(name: str, host: str) -> None:
    if not host:
        return
    if not _HOST.fullmatch(host):
        raise invalid(name, host)
    # Documented: the origin cannot be an internal endpoint. Where and how it is refused is not.
    if _INTERNAL.fullmatch(host.partition(":")[0]):
        raise invalid(name, host)


def _check_mirror(rule: Element, redirect: Element) -> None:
    if integer(rule.find("Condition"), "HttpErrorCodeReturnedEquals") not in {None, 404}:
        raise invalid("HttpErrorCodeReturnedEquals", word(rule.find("Condition"), "HttpErrorCodeReturnedEquals"))
    url = _URL.fullmatch(word(redirect, "MirrorURL"))
    if url is None or _INTERNAL.fullmatch(url["host"]):
        raise invalid("MirrorURL", word(redirect, "MirrorURL"))
    headers = redirect.find("MirrorHeaders")
    if headers is None:
        return
    for name in ("Pass", "Remove", "Set"):
        found = headers.findall(name)
        if len(found) > MAX_HEADERS:
            raise invalid(name, str(len(found)))
        for element in found:
            header = word(element, "Key") if name == "Set" else (element.text or "").strip()
            if not _HEADER_NAME.fullmatch(header):
                raise invalid(name, header)
            value = text(element, "Value")
            if len(value.encode()) > 1024 or "\r" in value or "\n" in value:
                raise invalid("Value", value)


def _complete(root: Element) -> None:
    for element in root.iter():
        if element.tag in BOOLEANS and element.text:
            element.text = element.text.strip().lower()
        if element.tag == "MirrorAuth":
            for secret in element.findall("AccessKeySecret"):
                secret.text = MASK
    for redirect in root.findall("RoutingRules/RoutingRule/Redirect"):
        _default(redirect, "RedirectType", EXTERNAL)
        if word(redirect, "RedirectType") == MIRROR:
            _complete_mirror(redirect)
        _default(redirect, "PassQueryString", "false")


def _complete_mirror(redirect: Element) -> None:
    for name, value in MIRROR_DEFAULTS:
        _default(redirect, name, value)
    headers = redirect.find("MirrorHeaders")
    _default(SubElement(redirect, "MirrorHeaders") if headers is None else headers, "PassAll", "false")
    # The service overwrites the general switch with the mirror's own one.
    _default(redirect, "PassQueryString", "false")
    general = redirect.find("PassQueryString")
    if general is not None:
        general.text = word(redirect, "MirrorPassQueryString")


def _default(parent: Element, name: str, value: str) -> None:
    child = parent.find(name)
    if child is None:
        child = SubElement(parent, name)
    if not (child.text or "").strip():
        child.text = value
