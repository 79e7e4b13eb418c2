"""The dispatcher of the embedded default: threads of this process run the same verbs that Celery workers run."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, TypeVar

from migrator.errors import MigratorError

log = logging.getLogger(__name__)

R = TypeVar("R")


class NowhereDispatcher:
    """For processes that only write intents: the next tick of whoever runs the workers finds them."""

    def send(self, verb: str, subject_id: int) -> None:
        """Drop the hint."""


class LocalDispatcher(Generic[R]):
    """Runs verbs on threads: one for each quick control verb in turn, the others for the long ones.

    A message that is waiting already is not queued twice; what is queued is lost with the process, and sent again
    by a later tick.
    """

    def __init__(
        self, verbs: Mapping[str, Callable[[R, int], None]], queues: Mapping[str, str], *, threads: int
    ) -> None:
        self._verbs = verbs
        self._names = queues
        self._queues: dict[str, queue.SimpleQueue[tuple[str, int] | None]] = {
            name: queue.SimpleQueue() for name in {*queues.values()}
        }
        self._threads_of = {name: threads if name == "copy" else 1 for name in self._queues}
        self._waiting: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def send(self, verb: str, subject_id: int) -> None:
        """Queue a verb unless the same message is waiting; unknown verbs are logged and dropped."""
        if verb not in self._verbs:
            log.error("there is no verb %r; the message is dropped", verb)
            return
        with self._lock:
            if self._stopping.is_set() or (verb, subject_id) in self._waiting:
                return
            self._waiting.add((verb, subject_id))
        self._queues[self._names[verb]].put((verb, subject_id))

    def start(self, runtime: R, *, tick_s: float | None = None) -> None:
        """Begin to run verbs; with `tick_s`, also tick that often."""
        for name, count in self._threads_of.items():
            for number in range(count):
                self._spawn(f"{name}-{number}", partial(self._work, runtime, self._queues[name]))
        if tick_s is not None:
            self._spawn("ticker", lambda: self._tick(tick_s))

    def stop(self, drain: Callable[[], None] = lambda: None) -> None:
        """Take no more messages, let running verbs end (`drain` asks them to), and wait for the threads."""
        self._stopping.set()
        drain()
        for name, count in self._threads_of.items():
            for _ in range(count):
                self._queues[name].put(None)
        for thread in self._threads:
            thread.join()

    def _spawn(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self, runtime: R, messages: queue.SimpleQueue[tuple[str, int] | None]) -> None:
        while (message := messages.get()) is not None:
            with self._lock:
                self._waiting.discard(message)
            if self._stopping.is_set():
                continue
            verb, subject_id = message
            try:
                self._verbs[verb](runtime, subject_id)
            except MigratorError as error:
                log.warning("%s %d: %s", verb, subject_id, error)  # expected trouble; the next tick decides anew
            except Exception:
                # The facts are in the database: whatever this was, the next tick decides anew.
                log.exception("%s %d failed", verb, subject_id)

    def _tick(self, tick_s: float) -> None:
        while True:
            self.send("tick", 0)
            if self._stopping.wait(tick_s):
                return
