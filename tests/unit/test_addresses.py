from __future__ import annotations

import socket

import pytest

from migrator.adapters import addresses
from migrator.adapters.addresses import check_url, guard, is_public
from migrator.errors import EndpointUnreachable, Invalid, PrivateAddress

PUBLIC = ["8.8.8.8", "47.110.1.1", "2400:3200::1", "::ffff:8.8.8.8"]
REFUSED = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "100.118.28.50",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:100.100.100.200",
    "::127.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "2002:a9fe:a9fe::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "not an address",
]


@pytest.fixture
def resolve(monkeypatch):
    names: dict[str, list[str]] = {}

    def getaddrinfo(host, port, **_):
        try:
            found = names[host] if host in names else [socket.inet_ntoa(socket.inet_aton(host))]
        except OSError:
            if ":" not in host:
                raise socket.gaierror(socket.EAI_NONAME, "unknown") from None
            found = [host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", getaddrinfo)
    return names


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address, resolve):
    assert is_public(address)
    guard(allow_private=False)(address)
    assert not check_url(
        f"http://[{address}]/" if ":" in address else f"http://{address}/", role="x", allow_private=False
    )


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_not_of_the_internet(address):
    assert not is_public(address)
    with pytest.raises(PrivateAddress):
        guard(allow_private=False)(address)


@pytest.mark.parametrize(
    "host",
    [
        *(a for a in REFUSED if ":" not in a and " " not in a),
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "127.1",
        "0",
        "localhost",
        "redis",
        "db.internal",
        "nas.local",
        "x.localhost",
        "LOCALHOST.",
        "printer.lan",
    ],
)
def test_hosts_that_are_refused_however_they_are_spelled(host, resolve):
    for role in ("origin.url", "redirect.url"):
        with pytest.raises(PrivateAddress) as caught:
            check_url(f"http://{host}:8080/base/", role=role, allow_private=False)
        assert role in str(caught.value)
        assert role in caught.value.hint
        assert not check_url(f"http://{host}:8080/base/", role=role, allow_private=True)


def test_one_private_address_among_public_ones_is_enough(resolve):
    resolve["rebinding.example.com"] = ["8.8.8.8", "10.0.0.1"]
    with pytest.raises(PrivateAddress, match=r"10\.0\.0\.1"):
        check_url("https://rebinding.example.com/", role="origin.url", allow_private=False)


@pytest.mark.parametrize(
    "host",
    [
        "oss-cn-hangzhou-internal.aliyuncs.com",
        "bucket.oss-cn-hangzhou-internal.aliyuncs.com",
        "BUCKET.OSS-CN-HANGZHOU-INTERNAL.ALIYUNCS.COM.",
        "oss-internal.aliyuncs.com",
        "oss-cn-shenzhen-finance-1-internal.aliyuncs.com",
        "cn-hangzhou-internal.oss.aliyuncs.com",
        "vpc100-oss-cn-hangzhou.aliyuncs.com",
        "bucket.vpc100-oss-cn-hangzhou.aliyuncs.com",
        "cn-beijing-h-internal.oss-data-acc.aliyuncs.com",
        "oss-cache-cn-beijing-h.aliyuncs.com",
    ],
)
def test_internal_endpoints_of_oss(host, resolve):
    resolve[host.lower().rstrip(".")] = ["8.8.8.8"]
    for allow in (False, True):
        with pytest.raises(PrivateAddress, match="internal endpoint"):
            check_url(f"https://{host}/", role="redirect.url", allow_private=allow)
    with pytest.raises(PrivateAddress, match="internal endpoint"):
        check_url(f"https://{host}/", role="origin.endpoint", allow_private=False)
    assert not check_url(f"https://{host}/", role="origin.endpoint", allow_private=True)


@pytest.mark.parametrize(
    "host", ["oss-cn-hangzhou.aliyuncs.com", "international.aliyuncs.com", "img.example.com", "internal.example.com"]
)
def test_public_names(host, resolve):
    resolve[host] = ["8.8.8.8"]
    assert not check_url(f"https://{host}/base/", role="redirect.url", allow_private=False)


def test_names_that_do_not_resolve(resolve):
    assert "does not resolve" in check_url("https://later.example.com/", role="redirect.url", allow_private=False)
    with pytest.raises(EndpointUnreachable, match="does not resolve"):
        check_url("https://later.example.com/", role="origin.url", allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "http:///x",
        "http://u:p@example.com/",
        "http://example.com:99999/",
        "http://ex\\ample.com/",
        "http://example.com/\r\nx",
        "http://exa mple.com/",
        "http://[::1/",
    ],
)
def test_what_is_no_url(url, resolve):
    with pytest.raises(Invalid, match=r"redirect\.url"):
        check_url(url, role="redirect.url", allow_private=False)


def test_metadata_services_are_refused_even_in_a_closed_network():
    judge = guard(allow_private=True)
    judge("10.0.0.1")
    judge("127.0.0.1")
    for address in ("100.100.100.200", "169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"):
        with pytest.raises(PrivateAddress):
            judge(address)
