"""One contract for every dispatcher: threads of this process, Celery in memory, Celery's worker processes on Redis."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import servers
import toy_worker
from celery.contrib.testing.worker import start_worker

from migrator.adapters.local_dispatch import LocalDispatcher
from migrator.ports import Dispatcher
from workers.dispatch import QUIET_S, CeleryDispatcher
from workers.tasks import Drain, PerProcess

PATIENCE_S = 60


@dataclass
class Reports:
    """What the verbs say, from whichever process."""

    socket: socket.socket
    seen: list[tuple[str, int]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.socket.getsockname()[1]

    def wait_for(self, verb: str, subject_id: int) -> dict[str, int]:
        while True:
            report = json.loads(self.socket.recv(1000))
            self.seen.append((report["verb"], report["id"]))
            if self.seen[-1] == (verb, subject_id):
                return report


@dataclass
class Rig:
    dispatcher: Dispatcher
    reports: Reports
    worker: subprocess.Popen[bytes] | None = None


@contextmanager
def listening() -> Iterator[Reports]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE_S)
        yield Reports(receiver)


@contextmanager
def local(reports: Reports, folder: Path) -> Iterator[Rig]:
    toy = toy_worker.Toy(reports.port, folder, Drain(), os.getpid())
    dispatcher = LocalDispatcher(toy_worker.VERBS, toy_worker.QUEUES, threads=2)
    dispatcher.start(toy)
    yield Rig(dispatcher, reports)
    dispatcher.stop(toy.drain.set)


@contextmanager
def celery_in_memory(reports: Reports, folder: Path) -> Iterator[Rig]:
    environ = {"TOY_BROKER_URL": "memory://", "TOY_PORT": str(reports.port), "TOY_FOLDER": str(folder)}
    app = toy_worker.make_app(environ)
    app.control.purge()
    with start_worker(app, pool="solo", perform_ping_check=False):
        yield Rig(CeleryDispatcher(app, toy_worker.QUEUES), reports)


@contextmanager
def celery_on_redis(reports: Reports, folder: Path, redis_url: str) -> Iterator[Rig]:
    toy = {"TOY_BROKER_URL": redis_url, "TOY_PORT": str(reports.port), "TOY_FOLDER": str(folder)}
    celery = [sys.executable, "-m", "celery", "-A", "toy_worker", "worker", "-P", "prefork", "-c", "2"]
    with subprocess.Popen(
        [*celery, "--without-gossip", "--without-mingle", "--loglevel", "WARNING"],
        cwd=Path(__file__).parent,
        env=os.environ | toy,
        start_new_session=True,
    ) as worker:
        try:
            yield Rig(CeleryDispatcher(toy_worker.make_app(toy), toy_worker.QUEUES), reports, worker)
            worker.send_signal(signal.SIGTERM)
            worker.wait(PATIENCE_S)
        finally:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def worker_processes(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Started once: it takes seconds."""
    with listening() as reports, celery_on_redis(reports, tmp_path_factory.mktemp("toy"), redis_server) as rig:
        yield rig


@pytest.fixture
def on_redis(worker_processes: Rig) -> Rig:
    worker_processes.reports.seen.clear()
    return worker_processes


@pytest.fixture(params=["local", "celery-memory", pytest.param("celery-redis", marks=pytest.mark.redis)])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    if request.param == "celery-redis":
        yield request.getfixturevalue("on_redis")
        return
    with (
        listening() as reports,
        {"local": local, "celery-memory": celery_in_memory}[request.param](reports, tmp_path) as rig,
    ):
        yield rig


def test_a_message_reaches_its_verb_with_its_id(rig: Rig) -> None:
    rig.dispatcher.send("note", 7)
    report = rig.reports.wait_for("note", 7)
    assert report["built_in"] == report["pid"], "the runtime was not built in the process that uses it"


def test_a_second_delivery_is_harmless(rig: Rig) -> None:
    for _ in range(3):
        rig.dispatcher.send("once", 1)
    rig.dispatcher.send("once", 2)
    rig.dispatcher.send("once", 3)
    for subject_id in (2, 3):
        if ("once", subject_id) not in rig.reports.seen:
            rig.reports.wait_for("once", subject_id)
    assert rig.reports.seen.count(("once", 1)) == 1


def test_an_unknown_verb_is_refused_and_the_next_message_runs(rig: Rig) -> None:
    rig.dispatcher.send("unheard-of", 1)
    rig.dispatcher.send("note", 2)
    rig.reports.wait_for("note", 2)
    assert rig.reports.seen == [("note", 2)]


def test_a_verb_that_fails_is_not_repeated_and_the_next_message_runs(rig: Rig) -> None:
    rig.dispatcher.send("fail", 0)
    rig.reports.wait_for("fail", 0)
    rig.dispatcher.send("fail", 1)
    rig.reports.wait_for("fail", 1)
    rig.dispatcher.send("note", 2)
    rig.reports.wait_for("note", 2)
    assert rig.reports.seen == [("fail", 0), ("fail", 1), ("note", 2)]


@pytest.mark.redis
def test_a_worker_survives_a_task_it_does_not_know(on_redis: Rig, redis_server: str) -> None:
    """An older worker meets a newer ticker's verb."""
    newer = toy_worker.make_app({"TOY_BROKER_URL": redis_server})
    newer.send_task("migrator.newer", args=(1,), queue="control", retry=False)
    on_redis.dispatcher.send("note", 2)
    on_redis.reports.wait_for("note", 2)


@pytest.mark.redis
def test_a_verb_that_kills_its_process_is_not_started_over_and_over(on_redis: Rig) -> None:
    on_redis.dispatcher.send("crash", 1)
    on_redis.reports.wait_for("crash", 1)
    for subject_id in range(4):  # more than there are processes
        on_redis.dispatcher.send("note", subject_id)
        on_redis.reports.wait_for("note", subject_id)
    assert on_redis.reports.seen.count(("crash", 1)) == 1


@pytest.mark.redis
def test_a_worker_that_is_told_to_stop_asks_its_verbs_to_yield(redis_server: str, tmp_path: Path) -> None:
    own_redis = servers.sibling_database(redis_server)  # the other worker would take its messages
    with listening() as reports, celery_on_redis(reports, tmp_path, own_redis) as rig:
        assert rig.worker is not None
        rig.dispatcher.send("hold", 1)
        rig.reports.wait_for("hold", 1)
        rig.worker.send_signal(signal.SIGTERM)
        rig.reports.wait_for("yielded", 1)
        assert rig.worker.wait(PATIENCE_S) == 0


def test_a_dead_broker_is_logged_once_and_tried_again_later(
    free_port, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    app = toy_worker.make_app({"TOY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"})
    dispatcher = CeleryDispatcher(app, toy_worker.QUEUES, monotonic=lambda: now)
    with caplog.at_level(logging.WARNING, logger="workers.dispatch"):
        for subject_id in range(100):
            dispatcher.send("note", subject_id)
        assert len(caplog.records) == 1
        now += QUIET_S
        dispatcher.send("note", 1)
        assert len(caplog.records) == 2


def test_the_drain_is_seen_by_a_child_that_was_forked_before_it_was_set() -> None:
    drain = Drain()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)  # until the parent closes its end
        os._exit(0 if drain.is_set() else 1)
    os.close(reader)
    assert not drain.is_set()
    drain.set()
    os.close(writer)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_threads_of_a_process_share_one_runtime() -> None:
    built: list[object] = []

    def build() -> object:
        built.append(object())
        return built[-1]

    runtime = PerProcess(build)
    threads = [threading.Thread(target=runtime) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runtime() is built[0]
    assert len(built) == 1
