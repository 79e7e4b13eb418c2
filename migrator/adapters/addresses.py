"""Judge addresses: what may be connected to, and what readers on the internet can be sent to.

Names are only a first look; the judgement that counts is about the numeric address that is really connected to.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from migrator.adapters.http_handle import AddressGuard
from migrator.errors import EndpointUnreachable, Invalid, PrivateAddress

_INTERNAL_OSS: Final = re.compile(
    r"(^|[.-])internal\.(.*\.)?aliyuncs\.com$|(^|\.)(vpc100-oss-[^.]*|oss-cache-[^.]*|oss-data-acc)\.aliyuncs\.com$"
)
"""OSS endpoints that only Alibaba Cloud itself reaches, per OSS's endpoint tables; no list claims to be complete."""
_LOCAL_SUFFIXES: Final = ("internal", "local", "localhost", "localdomain", "lan", "intranet", "home.arpa", "corp")
_METADATA: Final = frozenset({"100.100.100.200", "169.254.169.254", "fd00:ec2::254"})
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
_WRAPPED: Final = tuple(ipaddress.ip_network(text) for text in ("2002::/16", "2001::/32"))
"""6to4 and Teredo: they carry an IPv4 address inside, which may be any."""


def check_url(url: str, *, role: str, allow_private: bool) -> str:
    """Accept the URL's host, or raise PrivateAddress; return a warning for people, empty when there is none.

    `role` is the field to name in messages. Names are judged by every address they resolve to. A redirect whose
    name does not resolve here is only warned about; any other raises EndpointUnreachable. A redirect to an OSS
    internal endpoint is refused in any case: OSS does not take it as an origin.
    """
    host, port = _host_of(url, role)
    redirect = role.startswith("redirect")
    if _INTERNAL_OSS.search(host) and (redirect or not allow_private):
        raise PrivateAddress(
            f"{role}: {host} is an internal endpoint of OSS", hint=f"write the public endpoint or domain in {role}"
        )
    if allow_private:
        return ""
    if not _numeric(host) and ("." not in host or host.endswith(tuple(f".{s}" for s in _LOCAL_SUFFIXES))):
        raise _refusal(role, host, "a local name")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        if redirect:
            return f"{role}: {host} does not resolve here; make sure that it does for readers"
        raise EndpointUnreachable(f"{role}: the name {host} does not resolve", hint="check its spelling") from exc
    for address in sorted({str(entry[4][0]) for entry in found}):
        if not is_public(address):
            raise _refusal(role, host, address if address == host else f"an address of this network: {address}")
    return ""


def guard(allow_private: bool) -> AddressGuard:
    """Return what the HTTP client asks before it connects. Metadata services are refused in any case."""

    def judge(address: str) -> None:
        text = _plain(address)
        if text in _METADATA or not (allow_private or is_public(text)):
            raise PrivateAddress(
                f"refused to connect to {text}: not an address of the public internet",
                hint="use a public address, or set allow_private: true in the job file for a closed network",
            )

    return judge


def is_public(address: str) -> bool:
    """Say whether this numeric address belongs to the public internet, also when it is wrapped in IPv6."""
    try:
        ip = ipaddress.ip_address(_plain(address))
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        # is_private would let 100.64.0.0/10 through, where OSS's own internal addresses and metadata live.
        return ip.is_global and not ip.is_multicast and not ip.is_reserved
    return ip.is_global and not ip.is_multicast and ip in _GLOBAL_UNICAST and not _within(ip, _WRAPPED)


def _within(ip: ipaddress.IPv6Address, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(ip in network for network in networks)


def _plain(address: str) -> str:
    """Drop a zone id, and unwrap an IPv4 address mapped into IPv6: the connection goes to the inner one."""
    text = address.partition("%")[0].strip("[]")
    try:
        mapped = ipaddress.IPv6Address(text).ipv4_mapped
    except ValueError:
        return text
    return str(mapped or ipaddress.IPv6Address(text))


def _numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _host_of(url: str, role: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as exc:
        raise Invalid(f"{role}: {exc}") from exc
    if parts.scheme not in ("http", "https") or not host:
        raise Invalid(f"{role} must be an http:// or https:// URL with a host")
    if parts.username is not None or parts.password is not None:
        raise Invalid(f"{role} must not carry a user name or password")
    if any(c in url for c in "\\\r\n\t ") or not url.isprintable():
        raise Invalid(f"{role} holds a character that does not belong into a URL")
    return host.partition("%")[0], port or (443 if parts.scheme == "https" else 80)


def _refusal(role: str, host: str, why: str) -> PrivateAddress:
    return PrivateAddress(
        f"{role}: {host} is {why}",
        hint=f"use a public address in {role}, or set allow_private: true in the job file for a closed network",
    )
