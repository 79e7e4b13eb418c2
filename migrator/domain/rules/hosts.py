"""Host names that readers on the internet cannot reach, and those that are OSS itself."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

_SHARED = ip_network("100.64.0.0/10")
"""Where OSS's own virtual addresses inside the cloud lie."""
_INTERNAL_OSS = re.compile(
    r"(^|\.)oss-([a-z0-9-]+-)?internal\.aliyuncs\.com$|(^|\.)vpc100-oss-|(^|\.)oss-data-acc\.|(^|\.)oss-cache-"
)
_PRIVATE_SUFFIXES = (".internal", ".local", ".localhost", ".localdomain", ".lan", ".home.arpa")
_PUBLIC_OSS = re.compile(r"(^|\.)oss-[a-z0-9-]+\.aliyuncs\.com$")


def bare_host(host: str) -> str:
    """Return the host in lower case without port, brackets and final dot."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".") if text.count(":") == 1 else text.rstrip(".")


def same_host(a: str, b: str) -> bool:
    """Say whether two hosts, each with an optional port, are the same; the ports of http and https count as none."""
    return bare_host(a) == bare_host(b) and _port(a) == _port(b)


def internal_host(host: str) -> str:
    """Say in a few words why readers on the internet cannot reach the host; empty when they may.

    Names only, nothing is resolved. Internal endpoints of OSS are those of the OSS documentation of regions and
    endpoints; OSS itself refuses them as a redirect's host.
    """
    name = bare_host(host)
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return _internal_name(name)
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local:
        return "a link-local address"
    if address in _SHARED:
        return "an address inside Alibaba Cloud (100.64.0.0/10)"
    if not address.is_global or address.is_multicast:
        return "a private or reserved address"
    return ""


def is_oss_domain(host: str) -> bool:
    """Say whether the host is a public domain of OSS itself, transfer acceleration included."""
    name = bare_host(host)
    return bool(_PUBLIC_OSS.search(name)) and not internal_host(name)


def _port(host: str) -> str:
    port = host.rpartition("]")[2].partition(":")[2] if "]" in host or host.count(":") == 1 else ""
    return "" if port in {"80", "443"} else port


def _internal_name(name: str) -> str:
    if not name:
        return "no host at all"
    if name == "localhost" or name.endswith(_PRIVATE_SUFFIXES):
        return "a name that is only known on a private network"
    if name.endswith(".aliyuncs.com") and _INTERNAL_OSS.search(name):
        return "an internal endpoint of OSS"
    if "." not in name:
        return "a bare name that is only known on a private network"
    return ""
