"""libcurl's error codes in plain words."""

from __future__ import annotations

import errno
from typing import Final

import pycurl

from migrator.adapters.http_message import Request, peer_of
from migrator.errors import EndpointUnreachable, IntegrityMismatch, Invalid, MigratorError, Permanent, Transient

_TLS_CODES: Final = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
    }
)


def explain(code: int, text: str, request: Request, *, os_errno: int, connected: bool) -> MigratorError:
    """Return the error that a failed request amounts to; `connected` tells that the request was being exchanged."""
    peer, waits = peer_of(request.url), request.timeouts
    error: MigratorError = Transient(f"the connection to {peer} broke: {text or f'libcurl error {code}'}")
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        error = EndpointUnreachable(f"the name of {peer} does not resolve", hint="check the endpoint's spelling")
    elif code == pycurl.E_COULDNT_CONNECT:
        why = "refused the connection" if os_errno == errno.ECONNREFUSED else f"cannot be connected to ({text})"
        error = EndpointUnreachable(f"{peer} {why}", hint="check the endpoint's host, port and network")
    elif code in _TLS_CODES:
        error = EndpointUnreachable(
            f"no trusted TLS connection to {peer}: {text}",
            hint="check the host name and certificate; for a private CA set SSL_CERT_FILE",
        )
    elif code == pycurl.E_OPERATION_TIMEDOUT and not connected:
        error = EndpointUnreachable(f"{peer} did not accept a connection within {waits.connect_s:g} s")
    elif code == pycurl.E_OPERATION_TIMEDOUT:
        error = Transient(f"{peer} did not answer in time (idle {waits.idle_s:g} s, total {waits.total_s:g} s)")
    elif code == pycurl.E_PARTIAL_FILE:
        error = IntegrityMismatch(f"{peer} closed the connection before the answer was whole")
    elif code == pycurl.E_FILESIZE_EXCEEDED:
        error = Permanent(f"the answer of {peer} is longer than {request.max_body_bytes} bytes")
    elif code in (pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL):
        error = Invalid(f"this is not an HTTP URL: {request.url!r}")
    return error
