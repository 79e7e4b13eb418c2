"""Run the demo from the first byte to the summary."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from migrator import settings
from migrator.app import control
from migrator.app.context import Runtime
from migrator.app.preflight import preflight, refuse
from migrator.app.report import snapshot
from migrator.domain.progress import JobSnapshot, with_rate
from migrator.domain.states import JobState
from migrator.errors import MigratorError
from migrator.runtime import Embedded, build
from migrator.sandbox.demo.celery_workers import celery_workers
from migrator.sandbox.demo.reader import Reader
from migrator.sandbox.demo.stage import JOB, Stage, stage
from migrator.sandbox.demo.summary import RuleWatch, Summary, summarise

TICK_S = 0.3
_PATIENCE_S = 600.0


class DemoFailed(MigratorError):
    """The demo did not come to its end."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may choose."""

    root: Path | None = None
    objects: int | None = 2000
    seed: int = 1
    workers: int = 0
    """Celery worker processes; 0: threads of this process."""


Show = Callable[[JobSnapshot, Reader], None]


def run(
    options: Options,
    show: Show,
    started: Callable[[Runtime, Stage], None],
    finished: Callable[[Summary], None],
) -> Summary:
    """Move real files from a legacy S3 origin to the sandbox OSS while a reader reads; return what came of it.

    `started` is called once the job exists, `show` about twice a second, `finished` while everything still runs.
    Raises DemoFailed when the job does not end.
    """
    begun = monotonic()
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="migrator-demo-")))
        scene = stack.enter_context(stage(options.root, options.objects, options.seed))
        rt = stack.enter_context(_machinery(options, state))
        refuse(preflight(rt, scene.spec))
        control.start(rt, scene.spec)
        started(rt, scene)
        _wait(rt, lambda current: current.readers_may_come)
        door = f"{scene.oss.endpoint}/{scene.bucket.bucket_name}/"
        with Reader(door, scene.files, options.seed, pause_s=0.003) as reader:
            last = _follow(rt, reader, show)
        watch = RuleWatch(scene.foreign)
        for revision in reversed(rt.store.rules.history(rt.store.jobs.by_name(JOB).bucket_id, limit=10_000)):
            watch.look(revision.after or b"")
        seconds = monotonic() - begun
        summary = summarise(scene, reader, watch, prefixes=len(last.prefixes), seconds=seconds, seed=options.seed)
        finished(summary)
        return summary


def _follow(rt: Runtime, reader: Reader, show: Show) -> JobSnapshot:
    earlier, deadline = None, monotonic() + _PATIENCE_S
    pause = threading.Event()
    while True:
        current = with_rate(snapshot(rt, JOB), earlier)
        show(current, reader)
        if current.state is JobState.DONE:
            return current
        if monotonic() > deadline or rt.store.jobs.by_name(JOB).blocked_reason:
            raise DemoFailed(f"the job did not end: {current.sentence} {current.wait.reason}")
        earlier = current
        pause.wait(0.5)


def _wait(rt: Runtime, ready: Callable[[JobSnapshot], bool]) -> None:
    deadline, pause = monotonic() + _PATIENCE_S, threading.Event()
    while not ready(current := snapshot(rt, JOB)):
        if monotonic() > deadline or current.wait.command:
            raise DemoFailed(f"the job did not begin: {current.sentence} {current.wait.reason}")
        pause.wait(0.05)


@contextmanager
def _machinery(options: Options, state: Path) -> Iterator[Runtime]:
    """Run ticks and verbs: on threads of this process, or in real Celery workers."""
    loaded = settings.load(
        database_url=f"sqlite:///{state / 'tracking.db'}", tick_s=TICK_S, threads=4, broker_url="", resend_s=5.0
    )
    if not options.workers:
        with Embedded(loaded) as rt:
            yield rt
        return
    rt = build(loaded)  # it only writes intents; the workers' own ticks find them
    try:
        with celery_workers(loaded, options.workers, state):
            yield rt
    finally:
        rt.store.close()
