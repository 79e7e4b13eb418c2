"""Find out what became of a create-only write: done, done although the reply was lost, or somebody else's object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrator.adapters.retry import Retry
from migrator.domain.objects import CopyItem, CopyResult, ObjectHead
from migrator.domain.states import Outcome
from migrator.errors import AlreadyExists, IntegrityMismatch, Transient
from migrator.ports import Destination, Stored


@dataclass(frozen=True, slots=True)
class Content:
    """What was read at the origin and is to be stored."""

    size_bytes: int
    crc64: int


class CreateOnly:
    """Creates objects and resolves every doubt by asking OSS itself."""

    def __init__(self, destination: Destination, retry: Retry) -> None:
        self._destination = destination
        self._retry = retry

    def write(self, item: CopyItem, content: Content, create: Callable[[], Stored]) -> CopyResult:
        """Call `create` until the outcome is certain: copied, already_equal, kept_destination or failed.

        An error after which the write may have been applied is followed by a look, never by the belief that it was
        not. Raises the last Transient error when no certainty could be had.
        """
        doubtful = damaged = False

        def attempt() -> CopyResult:
            nonlocal doubtful, damaged
            if doubtful and (found := self._destination.head(item.destination_key)) is not None:
                return judge(item, content, found, ours=True, damaged=damaged)
            try:
                stored = create()
            except AlreadyExists:
                found = self._destination.head(item.destination_key)
                if found is None:
                    raise Transient("the key was taken a moment ago and is free now") from None
                return judge(item, content, found, ours=doubtful, damaged=damaged)
            except Transient as exc:
                doubtful = True
                damaged = damaged or isinstance(exc, IntegrityMismatch)
                raise
            return CopyResult(item, Outcome.COPIED, content.size_bytes, stored.etag, content.crc64)

        return self._retry(attempt)


def judge(
    item: CopyItem, content: Content, found: ObjectHead, *, ours: bool = False, damaged: bool = False
) -> CopyResult:
    """Compare what OSS holds with what was read at the origin.

    `ours`: a write of ours may have put it there. `damaged`: OSS said that it stored something else than was sent.
    """
    if found.size_bytes == content.size_bytes and found.crc64 == content.crc64:
        outcome = Outcome.COPIED if ours else Outcome.ALREADY_EQUAL
        return CopyResult(item, outcome, content.size_bytes, found.etag, content.crc64)
    if damaged:
        reason = "OSS stored other bytes than were sent; look at the object and delete it by hand, then retry"
        return CopyResult(item, Outcome.FAILED, 0, found.etag, found.crc64, reason)
    if found.size_bytes == content.size_bytes and found.crc64 is None:
        reason = "OSS holds an object of the same size but states no CRC-64, so equality cannot be shown"
        return CopyResult(item, Outcome.FAILED, 0, found.etag, None, reason)
    reason = (
        f"OSS already holds another object under this key ({found.size_bytes} bytes; the origin's has"
        f" {content.size_bytes}); it was kept"
    )
    return CopyResult(item, Outcome.KEPT_DESTINATION, 0, found.etag, found.crc64, reason)
