"""Any web server, asked as an anonymous reader asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from migrator.adapters.http import Http, Timeouts
from migrator.adapters.oss_errors import parse_fault
from migrator.ports import Answer

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
_TIMEOUTS: Final = Timeouts(connect_s=5, idle_s=15, total_s=60)
"""Somebody waits in front of a terminal."""


class PlainWeb:
    """Web over HTTP. Carries no credentials of any kind."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """GET as a redirected reader would: unsigned, without following a redirect."""
        sent = {"accept-encoding": "identity", **headers}
        answer = self._http.request("GET", url, headers=sent, timeout=_TIMEOUTS, max_body_bytes=MAX_ANSWER_BYTES)
        code = parse_fault(answer.status, answer.headers, answer.body).code if answer.status >= 400 else ""
        return Answer(
            answer.status,
            answer.headers.get("location", ""),
            answer.headers.get("x-oss-request-id", ""),
            code,
            answer.headers,
            len(answer.body),
        )
