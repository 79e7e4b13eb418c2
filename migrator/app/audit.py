"""Compare two whole sides on demand: reads only, and nobody's state depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastcrc.crc64 import xz as crc64

from migrator.app.context import Runtime
from migrator.app.listing import walk
from migrator.domain.compare import Verdict, merge_join, verdict
from migrator.domain.model import Job, JobId, ObjectRecord, Prefix, PrefixId, RecordKind
from migrator.domain.objects import ObjectInfo
from migrator.domain.states import PrefixState
from migrator.errors import ObjectChanged, ObjectVanished
from migrator.ports import Destination, Origin
from migrator.spec import JobSpec

_NO_JOB = JobId(0)
_PAGE = 1000
_PIECE_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class Judged:
    """One key and what both sides say about it."""

    key: str
    verdict: Verdict
    note: str = ""
    """What the tracking database knows: a kept destination, a waiver."""


def audit(rt: Runtime, spec: JobSpec, job: Job | None) -> Iterator[Judged]:
    """Yield every key of both sides with its verdict, in byte order.

    Where the listings cannot show equality, the recorded proof of the job counts; without one OSS's CRC-64 is
    compared with that of the origin's bytes.
    """
    origin, destination = rt.connections.origin(spec), rt.connections.destination(spec)
    records = _records(rt, job)
    whole = Prefix(PrefixId(0), job.id if job else _NO_JOB, "", PrefixState.COPYING, spec.authority, rt.clock())
    joined = merge_join(
        walk(origin, spec.origin.prefix, whole, ()), walk(destination, spec.destination.prefix, whole, ())
    )
    for key, left, right in joined:
        record = records.get(key)
        judged = verdict(left, right, record)
        if judged is Verdict.UNKNOWN and left is not None:
            judged = _by_content(spec, origin, destination, key, left)
        note = "" if record is None or record.kind is RecordKind.PROOF else f"{record.kind}: {record.reason}"
        if record is not None and record.waived_by:
            note += f"; waived by {record.waived_by}"
        yield Judged(key, judged, note)


def _by_content(spec: JobSpec, origin: Origin, destination: Destination, key: str, listed: ObjectInfo) -> Verdict:
    """Compare the origin's bytes with the CRC-64 that OSS keeps of the whole object."""
    head = destination.head(spec.destination.prefix + key)
    if head is None or head.crc64 is None:
        return Verdict.UNKNOWN
    try:
        crc = 0
        for start in range(0, listed.size_bytes, _PIECE_BYTES):
            end = min(start + _PIECE_BYTES, listed.size_bytes)
            _, body = origin.read(spec.origin.prefix + key, if_match=listed.etag, start=start, end=end)
            crc = crc64(body, crc)
    except (ObjectVanished, ObjectChanged):
        return Verdict.UNKNOWN
    return Verdict.EQUAL if crc == head.crc64 else Verdict.DIFFERS


def _records(rt: Runtime, job: Job | None) -> dict[str, ObjectRecord]:
    """Read what the job remembers about objects: exceptions and proofs, not every object."""
    found: dict[str, ObjectRecord] = {}
    after: tuple[PrefixId, str] | None = None
    while job is not None and (page := rt.store.records.list(job.id, after=after, limit=_PAGE)):
        found.update((record.key, record) for record in page)
        after = (page[-1].prefix_id, page[-1].key)
    return found
