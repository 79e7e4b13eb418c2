"""The one retry policy: few attempts, capped exponential backoff with jitter, the server's own wish honoured.

What is not repeated here, on purpose: a write that may have been applied although its answer was lost. `create`,
`start_upload`, `complete_upload` and `delete` go through once, and so do changes of the website document; whoever
calls them asks the bucket what happened and then decides.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, ParamSpec, TypeVar

import tenacity

from migrator.domain.objects import ObjectHead, Page
from migrator.errors import ObjectChanged, Transient
from migrator.ports import BucketControl, BucketDetails, BucketInfo, Destination, Origin, Part, Stored

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS: Final = 4
BASE_S: Final = 0.25
CAP_S: Final = 20.0


class Retry:
    """Call something again while it fails with Transient; the last error is raised as it is.

    ObjectChanged is not repeated: the same condition cannot hold again. Usable from many threads.
    """

    def __init__(
        self,
        *,
        attempts: int = ATTEMPTS,
        base_s: float = BASE_S,
        cap_s: float = CAP_S,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._jitter = jitter
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(attempts),
            wait=self._wait_s,
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, Transient) and not isinstance(e, ObjectChanged)),
            sleep=sleep,
            reraise=True,
        )

    def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `call` returns."""
        return self._retrying(call, *args, **kwargs)

    def wait_s(self, attempt: int, retry_after_s: float | None = None) -> float:
        """Return how long to wait after the n-th failed attempt (from 1), never longer than the cap."""
        backoff = min(self._cap_s, self._base_s * 2.0 ** (attempt - 1)) * (0.5 + 0.5 * self._jitter())
        return min(self._cap_s, max(backoff, retry_after_s or 0.0))

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return self.wait_s(state.attempt_number, error.retry_after_s if isinstance(error, Transient) else None)


class RetryingOrigin:
    """An Origin whose every method is repeated: reading changes nothing."""

    def __init__(self, inner: Origin, retry: Retry) -> None:
        self._inner = inner
        self._retry = retry

    def list_page(self, prefix: str, *, after: str = "", delimiter: str = "", limit: int = 1000) -> Page:
        """See Listing.list_page."""
        return self._retry(self._inner.list_page, prefix, after=after, delimiter=delimiter, limit=limit)

    def server_time(self) -> datetime:
        """See Listing.server_time."""
        return self._retry(self._inner.server_time)

    def head(self, key: str) -> ObjectHead:
        """See Origin.head."""
        return self._retry(self._inner.head, key)

    def read(self, key: str, *, if_match: str = "", start: int = 0, end: int | None = None) -> tuple[ObjectHead, bytes]:
        """See Origin.read."""
        return self._retry(self._inner.read, key, if_match=if_match, start=start, end=end)


class RetryingDestination:
    """A Destination that repeats questions and what replaces itself (parts, aborts), never what creates or deletes."""

    def __init__(self, inner: Destination, retry: Retry) -> None:
        self._inner = inner
        self._retry = retry

    def list_page(self, prefix: str, *, after: str = "", delimiter: str = "", limit: int = 1000) -> Page:
        """See Listing.list_page."""
        return self._retry(self._inner.list_page, prefix, after=after, delimiter=delimiter, limit=limit)

    def server_time(self) -> datetime:
        """See Listing.server_time."""
        return self._retry(self._inner.server_time)

    def head(self, key: str) -> ObjectHead | None:
        """See Destination.head."""
        return self._retry(self._inner.head, key)

    def create(self, key: str, body: bytes, headers: Mapping[str, str]) -> Stored:
        """See Destination.create. Goes through once."""
        return self._inner.create(key, body, headers)

    def start_upload(self, key: str, headers: Mapping[str, str]) -> str:
        """See Destination.start_upload. Goes through once: a lost answer would leave a second upload behind."""
        return self._inner.start_upload(key, headers)

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes) -> Part:
        """See Destination.upload_part."""
        return self._retry(self._inner.upload_part, key, upload_id, number, body)

    def complete_upload(self, key: str, upload_id: str, parts: Iterable[Part]) -> Stored:
        """See Destination.complete_upload. Goes through once."""
        return self._inner.complete_upload(key, upload_id, parts)

    def abort_upload(self, key: str, upload_id: str) -> None:
        """See Destination.abort_upload."""
        self._retry(self._inner.abort_upload, key, upload_id)

    def list_uploads(self, prefix: str) -> Iterator[tuple[str, str]]:
        """See Destination.list_uploads."""
        yield from self._retry(lambda: list(self._inner.list_uploads(prefix)))

    def delete(self, key: str) -> None:
        """See Destination.delete. Goes through once: a second delete could hit what a writer put meanwhile."""
        self._inner.delete(key)


class RetryingBucketControl:
    """A BucketControl that repeats questions only; the website document is put by whoever reads it back."""

    def __init__(self, inner: BucketControl, retry: Retry) -> None:
        self._inner = inner
        self._retry = retry

    def info(self) -> BucketInfo:
        """See BucketControl.info."""
        return self._retry(self._inner.info)

    def details(self) -> BucketDetails:
        """See BucketControl.details."""
        return self._retry(self._inner.details)

    def hide(self, key: str) -> None:
        """See BucketControl.hide. Idempotent, so it is repeated too."""
        self._retry(self._inner.hide, key)

    def get_website(self) -> bytes | None:
        """See BucketControl.get_website."""
        return self._retry(self._inner.get_website)

    def put_website(self, document: bytes) -> None:
        """See BucketControl.put_website. Goes through once."""
        self._inner.put_website(document)

    def delete_website(self) -> None:
        """See BucketControl.delete_website. Goes through once."""
        self._inner.delete_website()
