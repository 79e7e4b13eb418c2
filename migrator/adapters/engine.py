"""The copy engine on threads: one result per item, bounded memory, every error turned into an outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final, Self

from migrator.adapters.crc64 import crc64_of
from migrator.adapters.create_only import Content, CreateOnly
from migrator.adapters.fidelity import MAX_OBJECT_BYTES, representable
from migrator.adapters.memory import MemoryBudget
from migrator.adapters.parted import PartedCopy
from migrator.adapters.retry import Retry
from migrator.domain.objects import CopyItem, CopyResult
from migrator.domain.states import Outcome
from migrator.errors import MigratorError, ObjectChanged, ObjectVanished, Unrepresentable
from migrator.ports import Destination, Origin

_MIB: Final = 1024 * 1024

Marker = Callable[[CopyItem], Mapping[str, str]]
"""Headers to add to an object, spelled as in `ObjectHead.headers`."""


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """How much the engine does and holds at once. Memory for objects: `concurrency * part_bytes`."""

    concurrency: int = 16
    multipart_threshold_bytes: int = 8 * _MIB
    """Objects up to this size are read whole and put in one request."""
    part_bytes: int = 8 * _MIB
    """The least size of a part; it grows so that the object fits into 10,000 parts."""
    parallel_parts: int = 4
    """Parts of one object under way at once."""


class ThreadedEngine:
    """CopyEngine on a thread pool. One per process (made after a fork); keeps its threads and their connections.

    Takes origin and destination bare: it repeats what may be repeated itself, so decorated ones would repeat twice.
    """

    def __init__(
        self,
        origin: Origin,
        destination: Destination,
        *,
        retry: Retry,
        limits: EngineLimits = EngineLimits(),
        marker: Marker = lambda _item: {},
    ) -> None:
        self._origin = origin
        self._destination = destination
        self._retry = retry
        self._limits = limits
        self._marker = marker
        self._create_only = CreateOnly(destination, retry)
        self._budget = MemoryBudget(limits.concurrency * max(limits.part_bytes, limits.multipart_threshold_bytes))
        self._items = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="copy")
        self._parts = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="copy-part")
        self._parted = PartedCopy(
            origin,
            destination,
            retry,
            self._create_only,
            self._parts,
            self._budget,
            limits.part_bytes,
            limits.parallel_parts,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is under way and end the threads."""
        self._items.shutdown(cancel_futures=True)
        self._parts.shutdown(cancel_futures=True)

    def copy(self, items: Iterable[CopyItem], *, stop: Callable[[], bool]) -> Iterator[CopyResult]:
        """Copy each item create-only and yield one result per item taken, as they finish.

        Closing the iterator early cancels what has not begun and waits for what has: afterwards nothing is written.
        """
        source, look_ahead = iter(items), 2 * self._limits.concurrency
        finished: SimpleQueue[Future[CopyResult]] = SimpleQueue()
        under_way: set[Future[CopyResult]] = set()
        failure: Exception | None = None
        taking = True
        try:
            while True:
                while taking and len(under_way) < look_ahead:
                    try:
                        item = None if stop() else next(source, None)
                    except Exception as exc:  # noqa: BLE001 - what is finished is handed over before it is raised
                        failure, item = exc, None
                    if item is None:
                        taking = False
                        break
                    future = self._items.submit(self._copy, item)
                    under_way.add(future)
                    future.add_done_callback(finished.put)
                if not under_way:
                    break
                future = finished.get()
                under_way.discard(future)
                if future.cancelled():
                    continue
                error = future.exception()
                if error is None:
                    yield future.result()
                    continue
                if not isinstance(error, Exception):
                    raise error
                failure, taking = failure or error, False
                _cancel(under_way)
        finally:
            _cancel(under_way)
            while under_way:
                under_way.discard(finished.get())
        if failure is not None:
            raise failure

    def _copy(self, item: CopyItem) -> CopyResult:
        """Copy one object and say what became of it. Raises only Fatal errors and bugs."""
        if reason := representable(item.destination_key):
            return CopyResult(item, Outcome.QUARANTINED, reason=reason)
        if item.size_bytes > MAX_OBJECT_BYTES:
            return CopyResult(item, Outcome.QUARANTINED, reason="OSS objects have at most 48.8 TB")
        try:
            if item.size_bytes > self._limits.multipart_threshold_bytes:
                return self._parted.copy(item, self._marker(item))
            return self._copy_whole(item)
        except ObjectVanished as exc:
            return CopyResult(item, Outcome.VANISHED, reason=str(exc))
        except Unrepresentable as exc:
            return CopyResult(item, Outcome.QUARANTINED, reason=str(exc))
        except ObjectChanged:
            reason = "it changed at the origin while it was being read; the next listing shows the new version"
            return CopyResult(item, Outcome.FAILED, reason=reason, retryable=True)
        except MigratorError as exc:
            if exc.fatal:
                raise
            return CopyResult(item, Outcome.FAILED, reason=str(exc), retryable=exc.retryable)

    def _copy_whole(self, item: CopyItem) -> CopyResult:
        with self._budget.hold(item.size_bytes):
            head, body = self._retry(lambda: self._origin.read(item.origin_key, if_match=item.etag))
            headers = {**head.headers, **self._marker(item)}
            return self._create_only.write(
                item,
                Content(len(body), crc64_of(body)),
                lambda: self._destination.create(item.destination_key, body, headers),
            )


def _cancel(futures: set[Future[CopyResult]]) -> None:
    for future in list(futures):
        future.cancel()
