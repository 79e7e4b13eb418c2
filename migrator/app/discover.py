"""Find the prefixes of a job: what the job file lists, or what the origin shows above its delimiter."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.app.context import Runtime, Work
from migrator.domain.cover import finish_first
from migrator.domain.model import JobId
from migrator.domain.states import JobState
from migrator.errors import Fatal, Transient
from migrator.ports import Listing
from migrator.spec import DiscoverSpec


def discover(rt: Runtime, job_id: int) -> None:
    """Record every prefix of the job and set it running. Idempotent: names already recorded are kept."""
    work = rt.work(JobId(job_id))
    if work.job.state is not JobState.DRAFT:
        return
    lease = rt.store.leases.take(f"discover:{job_id}", rt.worker, rt.settings.lease_s)
    if lease is None:
        return
    try:
        held_by = "retire: hold in the job file" if work.spec.retire == "hold" else ""
        rt.store.prefixes.add(work.job.id, names(work), work.spec.authority, held_by=held_by)
        rt.store.prefixes.rank(work.job.id, finish_first(rt.store.prefixes.names(work.job.id)))
        rt.store.jobs.finish_discovery(work.job.id)
        rt.store.jobs.advance(work.job.id, JobState.DRAFT, JobState.RUNNING, "its prefixes are known")
    except Fatal as error:
        rt.store.jobs.block(work.job.id, str(error), error.hint)
    except Transient as error:
        rt.store.events.add("discovery_failed", str(error), job_id=work.job.id)
    finally:
        rt.store.leases.release(lease)
        rt.store.clear_sent("discover", job_id)
    rt.dispatcher.send("tick", 0)


def names(work: Work) -> Iterator[str]:
    """Yield the names of the job's prefixes, the root group "" always among them."""
    yield ""
    spec = work.spec.prefixes
    if isinstance(spec, DiscoverSpec):
        if spec.depth:
            yield from common_prefixes(work.origin, work.spec.origin.prefix, "", spec.delimiter, spec.depth)
    else:
        yield from spec


def common_prefixes(side: Listing, base: str, name: str, delimiter: str, depth: int) -> Iterator[str]:
    """Yield the folders `depth` levels below `base + name`, relative to `base`, in byte order."""
    after = ""
    while True:
        page = side.list_page(base + name, after=after, delimiter=delimiter)
        for found in page.common_prefixes:
            relative = found[len(base) :]
            yield relative
            if depth > 1:  # keys between the levels stay with the parent folder, which is a prefix of its own
                yield from common_prefixes(side, base, relative, delimiter, depth - 1)
        if page.next_after is None:
            return
        after = page.next_after
