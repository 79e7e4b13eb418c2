"""The reader's door: asks for one key exactly as a reader would, and reports what came first, redirects included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from migrator.adapters.credentials import CredentialsProvider
from migrator.adapters.http import Http, Response
from migrator.adapters.oss_client import REQUEST_ID, BucketAddress, encode_key
from migrator.adapters.oss_errors import parse_fault
from migrator.adapters.presign import Presigner
from migrator.adapters.sign_oss import Signer, SignerV1, SignerV4, Unsigned, encode_query
from migrator.domain.simulate import Signing
from migrator.errors import CredentialsMissing, Permanent
from migrator.ports import Answer, Ask, Clock

MAX_ANSWER_BYTES: Final = 256 * 1024
"""Longer bodies are not read: a door is asked what it answers, not for objects."""


class HttpDoor:
    """A bucket's own endpoint, a custom domain or a CDN.

    With `credentials` each knock is signed in its headers, the way OSS SDKs read; they are then sent to this door,
    and only to it.
    """

    def __init__(
        self,
        http: Http,
        address: BucketAddress,
        *,
        url: str = "",
        credentials: CredentialsProvider | None = None,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._http = http
        self._address = address
        self._url = url.rstrip("/") + "/" if url else address.url()
        self._credentials = credentials
        self._clock = clock
        self._signer: Signer = SignerV4(address.region) if address.region else SignerV1()

    @property
    def url(self) -> str:
        """The door's base URL, for people."""
        return self._url

    def knock(self, key: str) -> Answer:
        """GET one key as a reader would, without following a redirect. Raises EndpointUnreachable, Transient."""
        try:
            response = self._get(key)
        except Permanent:  # longer than a door's answer needs to be: an object is there, ask for its first byte
            response = self._get(key, {"range": "bytes=0-0"})
            if response.status == 206:
                return Answer(200, "", response.headers.get(REQUEST_ID, ""), "", response.headers)
        return _answer(response)

    def ask(self, ask: Ask) -> Answer:
        """Ask as any kind of reader, without following a redirect. A presigned URL goes to the bucket's endpoint.

        Raises EndpointUnreachable, Transient; CredentialsMissing where the question is signed and there is no key.
        """
        if ask.signing is not Signing.ANONYMOUS and self._credentials is None:
            raise CredentialsMissing(f"{self._url} is not asked with anybody's signature")
        headers = {"accept-encoding": "identity", **ask.headers}
        url = self._url + encode_key(ask.key) + (f"?{encode_query(ask.query)}" if ask.query else "")
        if ask.signing is Signing.URL and self._credentials is not None:
            url = Presigner(self._address, self._credentials).url(ask.method, ask.key, ask.query)
        elif ask.signing is Signing.HEADER:
            headers |= self._signature(ask, headers)
        return _answer(self._http.request(ask.method, url, headers=headers, max_body_bytes=MAX_ANSWER_BYTES))

    def _get(self, key: str, headers: dict[str, str] | None = None) -> Response:
        sent = {"accept-encoding": "identity", **(headers or {})}
        sent |= self._signature(Ask(key), sent)
        return self._http.request("GET", self._url + encode_key(key), headers=sent, max_body_bytes=MAX_ANSWER_BYTES)

    def _signature(self, ask: Ask, headers: dict[str, str]) -> dict[str, str]:
        if self._credentials is None:
            return {}
        unsigned = Unsigned(ask.method, self._address.bucket, ask.key, ask.query, headers)
        return self._signer.sign(unsigned, self._credentials.get(), self._clock())


def _answer(response: Response) -> Answer:
    fault = parse_fault(response.status, response.headers, response.body if response.status >= 400 else b"")
    return Answer(
        response.status,
        response.headers.get("location", ""),
        response.headers.get(REQUEST_ID, ""),
        fault.code,
        response.headers,
        len(response.body),
    )
