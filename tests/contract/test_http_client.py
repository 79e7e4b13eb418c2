from __future__ import annotations

import gzip
import os
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from raw_server import raw_server, reply

from migrator.adapters.http import Http, Response, Timeouts
from migrator.errors import (
    EndpointUnreachable,
    IntegrityMismatch,
    Invalid,
    Permanent,
    PrivateAddress,
    Transient,
)


@pytest.fixture
def http():
    client = Http()
    yield client
    client.close()


def test_a_short_body_is_never_silent(http):
    short = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 400
    with raw_server(short, keep=False) as raw, pytest.raises(IntegrityMismatch, match=r"127\.0\.0\.1"):
        http.request("GET", raw.url)


def test_a_cut_chunked_body_is_never_silent(http):
    cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    with raw_server(cut, keep=False) as raw, pytest.raises((IntegrityMismatch, Transient)):
        http.request("GET", raw.url)


def test_bytes_behind_the_announced_length_do_not_count(http):
    with raw_server(reply(b"12345") + b"678", keep=False) as raw:
        assert http.request("GET", raw.url).body == b"12345"


def test_a_body_of_unknown_length_says_so(http):
    with raw_server(b"HTTP/1.1 200 OK\r\n\r\nhello", keep=False) as raw:
        response = http.request("GET", raw.url)
        assert (response.body, response.framed) == (b"hello", False)


def test_a_chunked_body_is_whole_and_framed(http):
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX-A: 2\r\n\r\n"
    )
    with raw_server(chunked) as raw:
        response = http.request("GET", raw.url)
        assert (response.body, response.framed) == (b"hello", True)
        assert response.headers["x-a"] == "1"  # a trailer is not a header


def test_content_is_not_decoded_and_nothing_is_asked_for(http):
    packed = gzip.compress(b"a" * 1000)
    with raw_server(reply(packed, headers={"Content-Encoding": "gzip"})) as raw:
        assert http.request("GET", raw.url).body == packed
        assert b"accept" not in raw.requests[0].lower()


@pytest.mark.parametrize(
    "path", ["/a/../b", "/a/./b", "/../b", "/.", "/..", "/a/..", "//a", "/a//b/", "/%2E%2E/%2F", "/a%00b", "/?x=/../"]
)
def test_paths_arrive_verbatim(http, path):
    with raw_server(reply()) as raw:
        http.request("GET", raw.url + path)
        assert raw.targets == [path.encode()]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_answers(http, code):
    with raw_server(reply()) as other:
        with raw_server(reply(status=f"{code} Moved", headers={"Location": other.url})) as raw:
            response = http.request("GET", raw.url, headers={"Authorization": "secret"})
        assert (response.status, response.headers["location"], other.connections) == (code, other.url, 0)


def test_netrc_and_proxy_variables_are_ignored(http, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text(
        "machine 127.0.0.1 login canary password canary\ndefault login canary password x\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    with raw_server(reply()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with raw_server(reply()) as raw:
            assert Http().request("GET", raw.url).status == 200
            assert (proxy.connections, len(raw.requests)) == (0, 1)
            assert b"authorization" not in raw.requests[0].lower()


def test_an_explicit_proxy_is_used():
    with raw_server(reply(b"from the proxy")) as proxy:
        client = Http(proxy=proxy.url)
        assert client.request("GET", "http://example.invalid/x").body == b"from the proxy"
        assert proxy.targets == [b"http://example.invalid/x"]


def test_a_silent_server_times_out(http):
    with raw_server(b"", silent=True) as raw:
        with pytest.raises(Transient, match="did not answer in time") as caught:
            http.request("GET", raw.url, timeout=Timeouts(total_s=0.2))
        assert not isinstance(caught.value, EndpointUnreachable)
        with pytest.raises(Transient, match="did not answer in time"):
            http.request("GET", raw.url, timeout=Timeouts(idle_s=1, total_s=30))


def test_a_server_that_closes_without_an_answer(http):
    with raw_server(b"", keep=False) as raw, pytest.raises(Transient, match="broke"):
        http.request("GET", raw.url)


def test_nothing_listens_and_no_such_name(http):
    with raw_server(b"") as raw:
        pass
    with pytest.raises(EndpointUnreachable, match=f"127.0.0.1:{raw.port} refused"):
        http.request("GET", raw.url)
    with pytest.raises(EndpointUnreachable, match="does not resolve"):
        http.request("GET", "http://no-such-host.invalid/")


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://127.0.0.1/a b", "http://127.0.0.1/ä"]
)
def test_only_encoded_http_urls(http, url):
    with pytest.raises(Invalid):
        http.request("GET", url)


def test_a_header_cannot_become_two(http):
    with pytest.raises(Invalid, match="line break"):
        http.request("GET", "http://127.0.0.1:1/", headers={"x-a": "1\r\nx-b: 2"})


def test_an_answer_over_the_cap_is_an_error(http):
    with raw_server(reply(b"x" * 1000)) as raw, pytest.raises(Permanent, match="longer than 999"):
        http.request("GET", raw.url, max_body_bytes=999)
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000
    with raw_server(endless, keep=False) as raw, pytest.raises(Permanent, match="longer than 999"):
        http.request("GET", raw.url, max_body_bytes=999)


def test_requests_leave_nothing_behind_on_a_kept_connection(http):
    with raw_server(lambda r: reply(b"" if r.startswith(b"HEAD") else b"ok")) as raw:
        http.request("PUT", raw.url + "/a", body=b"body", headers={"X-One": "1", "Content-Type": "a/b"})
        http.request("GET", raw.url + "/b")
        http.request("POST", raw.url + "/c?uploads")
        http.request("HEAD", raw.url + "/d")
        http.request("DELETE", raw.url + "/e")
        http.request("PUT", raw.url + "/f", body=memoryview(b"xyz")[1:], headers=[("X-Empty", ""), ("X-U", "ä")])
        assert raw.connections == 1
        put, get, post, head, delete, last = (r.lower() for r in raw.requests)
        assert put.endswith(b"\r\n\r\nbody")
        assert b"expect" not in put
        assert b"content-type: a/b" in put
        assert get.startswith(b"get /b")
        assert b"x-one" not in get
        assert b"content-length: 0" in post
        assert b"content-type" not in post
        assert b"content-length" not in head + delete
        assert last.endswith(b"\r\n\r\nyz")
        assert b"x-empty:" in last
        assert "x-u: ä".encode() in last


def test_threads_do_not_share_a_connection(http):
    with raw_server(reply()) as raw:
        http.request("GET", raw.url)
        thread = threading.Thread(target=http.request, args=("GET", raw.url))
        thread.start()
        thread.join()
        assert raw.connections == 2


def test_a_forked_child_does_not_use_its_parents_connection(http):
    with raw_server(reply()) as raw:
        http.request("GET", raw.url)
        child = os.fork()
        if not child:
            http.request("GET", raw.url)
            os._exit(0)
        os.waitpid(child, 0)
        http.request("GET", raw.url)
        assert (len(raw.requests), raw.connections) == (3, 2)


def test_headers_are_decoded_without_loss(http):
    head = (
        b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Amz-Meta-U: \xc3\xa4\r\nX-L: \xe4\r\n"
        b"X-Twice: a\r\nx-twice: b\r\n\r\n"
    )
    with raw_server(head) as raw:
        headers = http.request("GET", raw.url).headers
    assert headers == {"content-length": "0", "x-amz-meta-u": "ä", "x-l": "ä", "x-twice": "a, b"}


def test_retry_after():
    date = "Sun, 22 Nov 2026 09:00:00 GMT"
    assert Response(503, {"retry-after": "7"}, b"").retry_after_s == 7
    assert Response(503, {"retry-after": "Sun, 22 Nov 2026 09:00:30 GMT", "date": date}, b"").retry_after_s == 30
    assert Response(503, {"retry-after": "Sun, 22 Nov 2026 08:00:30 GMT", "date": date}, b"").retry_after_s == 0
    assert Response(503, {"retry-after": "soon", "date": date}, b"").retry_after_s is None
    assert Response(503, {}, b"").retry_after_s is None


def test_the_guard_judges_the_address_really_connected_to():
    asked = []

    def refuse(address: str) -> None:
        asked.append(address)
        raise PrivateAddress("not this one")

    with raw_server(reply()) as raw:
        with pytest.raises(PrivateAddress, match="not this one"):
            Http(guard=refuse).request("GET", f"http://localhost:{raw.port}/")
        assert raw.connections == 0
        assert set(asked) <= {"127.0.0.1", "::1"}
        assert Http(guard=asked.append).request("GET", raw.url).status == 200


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    where = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (where / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (where / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(where / "cert.pem", where / "key.pem")

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            pass

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_):
            pass

    server = Quiet(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port, str(where / "cert.pem")
    server.shutdown()
    thread.join()
    server.server_close()


def test_tls_is_always_verified(tls_server, monkeypatch):
    port, certificate = tls_server
    with pytest.raises(EndpointUnreachable, match="no trusted TLS"):
        Http().request("GET", f"https://localhost:{port}/")
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    trusting = Http()
    assert trusting.request("GET", f"https://localhost:{port}/").body == b"hello"
    with pytest.raises(EndpointUnreachable, match="no trusted TLS"):
        trusting.request("GET", f"https://127.0.0.1:{port}/")
    with raw_server(b"") as plain, pytest.raises((EndpointUnreachable, Transient)):
        trusting.request("GET", f"https://127.0.0.1:{plain.port}/", timeout=Timeouts(connect_s=0.5, total_s=2))
