"""Copy one large object: ranged reads of one version, parts in parallel, one checksum over the whole."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from typing import Final

from migrator.adapters.crc64 import combine_all, crc64_of
from migrator.adapters.create_only import Content, CreateOnly, judge
from migrator.adapters.memory import MemoryBudget
from migrator.adapters.retry import Retry
from migrator.domain.objects import CopyItem, CopyResult, ObjectHead
from migrator.domain.states import Outcome
from migrator.errors import AlreadyExists, MigratorError, ObjectChanged, Transient
from migrator.ports import Destination, Origin, Part

MAX_PARTS: Final = 10_000
_MIB: Final = 1024 * 1024

PartWork = Callable[[int, bytes], Part]


def part_bytes_for(size_bytes: int, least_bytes: int) -> int:
    """Return a part size that needs at most 10,000 parts, per the OSS documentation of UploadPart."""
    needed = -(-size_bytes // MAX_PARTS)
    return least_bytes if needed <= least_bytes else -(-needed // _MIB) * _MIB


@dataclass(frozen=True, slots=True)
class PartedCopy:
    """Copies objects part by part. Memory: one part per thread of `pool` plus one per calling thread, in `budget`."""

    origin: Origin
    destination: Destination
    retry: Retry
    create_only: CreateOnly
    pool: Executor
    """For parts only; a thread that runs `copy` waits for it, so it must not be the same pool."""
    budget: MemoryBudget
    part_bytes: int
    parallel: int
    """Parts of one object under way at once."""

    def copy(self, item: CopyItem, extra: Mapping[str, str]) -> CopyResult:
        """Copy one object create-only; the upload is discarded unless it became the object."""
        step = part_bytes_for(item.size_bytes, self.part_bytes)
        with self.budget.hold(step):
            head, body = self.retry(
                lambda: self.origin.read(item.origin_key, if_match=item.etag, start=0, end=min(step, item.size_bytes))
            )
            if -(-head.size_bytes // step) > MAX_PARTS:
                raise ObjectChanged
            key = item.destination_key
            try:
                upload_id = self.retry(lambda: self.destination.start_upload(key, {**head.headers, **extra}))
            except AlreadyExists:
                upload_id = ""
            first = self._work(key, upload_id)(1, body) if upload_id else _checksum(1, body)
            del body
        if not upload_id:
            return self._compare(item, head, first, step)
        became_object = False
        try:
            parts = self._rest(item, head, first, step, self._work(key, upload_id))
            content = _content(parts)
            result = self.create_only.write(
                item, content, lambda: self.destination.complete_upload(key, upload_id, parts)
            )
            became_object = result.outcome is Outcome.COPIED
            return result
        finally:
            if not became_object:
                with contextlib.suppress(MigratorError):  # what stays behind is swept later
                    self.destination.abort_upload(key, upload_id)

    def _compare(self, item: CopyItem, head: ObjectHead, first: Part, step: int) -> CopyResult:
        """Judge the object that is already there; the origin's is read only as far as the answer needs."""
        found = self.retry(lambda: self.destination.head(item.destination_key))
        if found is None:
            raise Transient("the key was taken a moment ago and is free now")
        if found.size_bytes != head.size_bytes or found.crc64 is None:
            return judge(item, Content(head.size_bytes, head.crc64 or 0), found)
        if head.crc64 is not None:
            return judge(item, Content(head.size_bytes, head.crc64), found)
        return judge(item, _content(self._rest(item, head, first, step, _checksum)), found)

    def _work(self, key: str, upload_id: str) -> PartWork:
        return lambda number, body: self.retry(lambda: self.destination.upload_part(key, upload_id, number, body))

    def _rest(self, item: CopyItem, head: ObjectHead, first: Part, step: int, work: PartWork) -> list[Part]:
        """Do the parts behind the first, a few at a time; return all in order."""
        parts, pending = [first], deque[Future[Part]]()
        try:
            for number, start in enumerate(range(step, head.size_bytes, step), start=2):
                if len(pending) >= self.parallel:
                    parts.append(pending.popleft().result())
                end = min(start + step, head.size_bytes)
                pending.append(self.pool.submit(self._one, item, head, number, start, end, work))
            while pending:
                parts.append(pending.popleft().result())
        finally:
            for future in pending:
                future.cancel()
            wait(pending)
        return parts

    def _one(self, item: CopyItem, head: ObjectHead, number: int, start: int, end: int, work: PartWork) -> Part:
        with self.budget.hold(end - start):
            again, body = self.retry(
                lambda: self.origin.read(item.origin_key, if_match=head.etag, start=start, end=end)
            )
            if (again.size_bytes, again.etag, again.modified_at) != (head.size_bytes, head.etag, head.modified_at):
                raise ObjectChanged
            return work(number, body)


def _checksum(number: int, body: bytes) -> Part:
    return Part(number, "", len(body), crc64_of(body))


def _content(parts: list[Part]) -> Content:
    return Content(sum(part.size_bytes for part in parts), combine_all((part.crc64, part.size_bytes) for part in parts))
