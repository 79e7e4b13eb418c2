"""Work under a lease: a heartbeat that renews it, and the reasons to stop early."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from migrator.app.context import Runtime
from migrator.domain.model import Job, Lease
from migrator.domain.states import JobState
from migrator.errors import LeaseLost, MigratorError

log = logging.getLogger(__name__)

_PAUSE_IS_SEEN_S = 1.0
"""How soon a running verb notices that its job was paused; "quiet within two seconds" leaves room for one object."""


@dataclass(slots=True)
class Shift:
    """One worker's time on one lease."""

    lease: Lease
    ends_at: float
    drain: Callable[[], bool]
    over: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> bool:
        """Say whether no further object may be begun: slice over, draining, paused, or the lease is lost."""
        return self.called_off() or monotonic() >= self.ends_at

    def called_off(self) -> bool:
        """Say whether to stop even what would have to begin anew: draining, paused, or the lease is lost."""
        return self.over.is_set() or self.drain()


@contextmanager
def shift(rt: Runtime, lease: Lease, job: Job, renew: Callable[[Lease, float], None]) -> Iterator[Shift]:
    """Keep `lease` alive while the body runs. A lost lease sets `over`; every later write is refused by its fence."""
    settings = rt.settings
    current = Shift(lease, monotonic() + settings.slice_s, rt.drain.is_set)
    finished = threading.Event()

    def beat() -> None:
        renewed = monotonic()
        while not finished.wait(min(_PAUSE_IS_SEEN_S, settings.lease_s / 3)):
            try:
                if rt.store.jobs.get(job.id).state is not job.state or job.state is not JobState.RUNNING:
                    current.over.set()
                if monotonic() - renewed >= settings.lease_s / 3:
                    renew(lease, settings.lease_s)
                    renewed = monotonic()
                    rt.store.beat(rt.worker, lease.name)
            except LeaseLost:
                current.over.set()
                return
            except MigratorError as error:  # the database is away: the fence decides later who was right
                log.warning("heartbeat of %s failed: %s", lease.name, error)

    thread = threading.Thread(target=beat, name=f"heartbeat-{lease.name}", daemon=True)
    thread.start()
    try:
        yield current
    finally:
        finished.set()
        thread.join()
