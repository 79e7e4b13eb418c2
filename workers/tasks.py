"""Registers every verb as a task: get this process's runtime, call the verb with the id."""

from __future__ import annotations

import logging
import mmap
import os
import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from celery import Celery, signals

from migrator.errors import MigratorError
from workers.dispatch import PREFIX

log = logging.getLogger(__name__)

R = TypeVar("R")


class Drain:
    """Set once when the worker is told to stop; seen by all its pool processes, so that a shard yields within seconds.

    Must exist before the pool forks. A shared byte rather than a `multiprocessing.Event`, which asks for a lock even to
    look: a pool process killed while it looks would stop all others for ever.
    """

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def is_set(self) -> bool:
        """Say whether it was set, by whichever process."""
        return self._shared[0] != 0

    def set(self) -> None:
        """Set it for this process, its parent and its siblings. Safe in a signal handler."""
        self._shared[0] = 1


def drain_on_shutdown() -> Drain:
    """Return a drain that is set as soon as this process's worker is told to stop (SIGTERM, SIGINT)."""
    drain = Drain()

    def stop(**_: object) -> None:
        drain.set()

    # Sent in the parent while the pool still runs. Celery itself only waits for tasks; this asks them to yield.
    signals.worker_shutting_down.connect(stop, weak=False)
    return drain


class PerProcess(Generic[R]):
    """Builds a value when a process first asks for it: after the fork, because connections do not survive one."""

    def __init__(self, build: Callable[[], R]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._built: tuple[int, R] | None = None

    def __call__(self) -> R:
        """Return this process's value; the threads of a process share one."""
        with self._lock:
            if self._built is None or self._built[0] != os.getpid():
                self._built = (os.getpid(), self._build())
            return self._built[1]


def register(app: Celery, verbs: Mapping[str, Callable[[R, int], None]], runtime: Callable[[], R]) -> None:
    """Make `migrator.<verb>` a task of the app, for every verb of the table."""
    for name, verb in verbs.items():
        # Not shared: Celery would give the task to every other app of the process, where the first one made wins.
        app.task(_body(name, verb, runtime), name=PREFIX + name, shared=False)


def _body(name: str, verb: Callable[[R, int], None], runtime: Callable[[], R]) -> Callable[[int], None]:
    def run(subject_id: int) -> None:
        try:
            verb(runtime(), subject_id)
        except MigratorError as exc:
            # Expected trouble: it is in the database where it matters, and the next tick decides anew.
            log.warning("%s %s: %s", name, subject_id, exc, extra={"action": name, "subject_id": subject_id})

    run.__name__ = name
    return run
