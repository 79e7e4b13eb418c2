"""kill -9 in the middle of everything: the job still ends, counters stay exact, nothing is left behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from fault_proxy import FaultProxy, fault_proxy
from program import Program
from rig import Reader, Rig, wait_for

from migrator.domain.states import JobState, ShardState

UP = ("up", "--port", "0")
RUNNING = "running; dashboard:"
WORKER = ("worker", "--concurrency", "2", "--beat")


class Hold:
    """The origin answers one GET of one object only when it is let go."""

    def __init__(self, proxy: FaultProxy, part_of_path: str) -> None:
        self.reached, self._go = threading.Event(), threading.Event()

        def act(forward: Callable[..., object]) -> object:
            self.reached.set()
            self._go.wait(60)
            return forward()

        proxy.add("GET", act, part_of_path=part_of_path)

    def wait(self) -> None:
        assert self.reached.wait(60), "nobody asked for the object"

    def let_go(self) -> None:
        self._go.set()


@contextmanager
def scene(rig: Rig, **environ: str) -> Iterator[tuple[Program, Hold]]:
    """Start a job whose origin hangs in the middle, and read from it all the time."""
    rig.fill(prefixes=3, each=12)
    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        hold = Hold(proxy, f"/{rig.there}/p01/005.txt")
        rig.start(origin={"url": f"s3://{rig.there}/", "endpoint": proxy.url})
        program = Program(rig.folder, {"MIGRATOR_DATABASE_URL": rig.settings.database_url, **environ})
        try:
            yield program, hold
        finally:
            hold.let_go()


def done(rig: Rig) -> None:
    wait_for(lambda: rig.rt.store.jobs.by_name("job").state is JobState.DONE, rig.story())
    rig.check_end()
    counters = rig.snapshot().counters
    assert counters.copied + counters.already_equal == len(rig.files) == 37


def shard_states(rig: Rig) -> set[ShardState]:
    job = rig.rt.store.jobs.by_name("job")
    prefixes = [view.prefix.id for view in rig.rt.store.prefixes.views(job.id)]
    return {shard.state for each in prefixes for shard in rig.rt.store.shards.of_prefix(each)}


def test_kill_9_of_everything_in_one_process(each_rig: Rig) -> None:
    with scene(each_rig) as (program, hold):
        with program.started(*UP, says=RUNNING) as first:
            hold.wait()
            with Reader(each_rig.door, each_rig.files) as reader:
                first.kill()
                hold.let_go()
                with program.started(*UP, says=RUNNING) as second:
                    done(each_rig)
                    assert second.stop() == 0
        assert reader.wrong == []
        assert reader.reads


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_process_gives_back_what_it_holds(rig: Rig, number: int) -> None:
    # Nobody would wait for a lease as long as this.
    with scene(rig, MIGRATOR_LEASE_S="600") as (program, hold):
        with program.started(*UP, says=RUNNING) as first:
            hold.wait()
            first.process.send_signal(number)
            hold.let_go()
            assert first.process.wait(30) == 0
            assert "drained and stopped" in first.err
            assert "Traceback" not in first.err
        assert rig.rt.store.jobs.by_name("job").state is JobState.RUNNING
        assert ShardState.LEASED not in shard_states(rig)
        with program.started(*UP, says=RUNNING):
            done(rig)


def test_kill_9_of_celery_processes(rig: Rig, redis_url: str) -> None:
    with (
        scene(rig, MIGRATOR_BROKER_URL=redis_url) as (program, hold),
        program.started("worker", "--beat-only") as beat,
        program.started(*WORKER[:-1]) as worker,
    ):
        hold.wait()
        # Whoever holds the object dies, and its siblings with it; the worker starts new ones.
        for pid in worker.children():
            os.kill(pid, signal.SIGKILL)
        hold.let_go()
        done(rig)
        assert worker.stop() == 0
        assert beat.stop() == 0


def test_kill_9_of_a_whole_worker_and_another_one_goes_on(each_rig: Rig, redis_url: str) -> None:
    with scene(each_rig, MIGRATOR_BROKER_URL=redis_url) as (program, hold):
        with program.started(*WORKER) as first:
            hold.wait()
            first.kill()
        hold.let_go()
        with program.started(*WORKER) as second:
            done(each_rig)
            assert second.stop() == 0


def test_a_stopped_worker_gives_back_what_it_holds(rig: Rig, redis_url: str) -> None:
    with scene(rig, MIGRATOR_BROKER_URL=redis_url, MIGRATOR_LEASE_S="600") as (program, hold):
        with program.started(*WORKER) as first:
            hold.wait()
            first.process.send_signal(signal.SIGTERM)
            hold.let_go()
            assert first.process.wait(30) == 0
        assert ShardState.LEASED not in shard_states(rig)
        with program.started(*WORKER):
            done(rig)
