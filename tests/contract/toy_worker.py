"""A small table of verbs that report what happens to them, and a Celery app of it for worker processes.

Reports are datagrams to the test, so that it can wait for them from any process without looking at the clock.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from celery import Celery

from migrator.errors import LeaseLost
from workers.bare import bare_app
from workers.tasks import Drain, PerProcess, drain_on_shutdown


@dataclass(frozen=True)
class Toy:
    """What the verbs are given: where to report, a folder that stands for leases, and the drain."""

    port: int
    folder: Path
    drain: Drain
    pid: int

    def report(self, verb: str, subject_id: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            report = {"verb": verb, "id": subject_id, "pid": os.getpid(), "built_in": self.pid}
            sender.sendto(json.dumps(report).encode(), ("127.0.0.1", self.port))


def note(toy: Toy, subject_id: int) -> None:
    toy.report("note", subject_id)


def once(toy: Toy, subject_id: int) -> None:
    """Like a shard under a lease: whoever comes second goes away."""
    try:
        (toy.folder / f"lease-{subject_id}").touch(exist_ok=False)
    except FileExistsError:
        return
    toy.report("once", subject_id)


def fail(toy: Toy, subject_id: int) -> None:
    toy.report("fail", subject_id)
    raise LeaseLost if subject_id == 0 else RuntimeError("a bug")


def crash(toy: Toy, subject_id: int) -> None:
    toy.report("crash", subject_id)
    os.kill(os.getpid(), signal.SIGKILL)


def hold(toy: Toy, subject_id: int) -> None:
    """Like a long shard: works until it is asked to yield."""
    toy.report("hold", subject_id)
    while not toy.drain.is_set():
        time.sleep(0.01)
    toy.report("yielded", subject_id)


VERBS = {"note": note, "once": once, "fail": fail, "crash": crash, "hold": hold}
QUEUES = {"note": "control", "once": "copy", "fail": "control", "crash": "copy", "hold": "copy"}


def make_app(environ: Mapping[str, str]) -> Celery:
    drain = drain_on_shutdown()

    def build() -> Toy:
        return Toy(int(environ["TOY_PORT"]), Path(environ["TOY_FOLDER"]), drain, os.getpid())

    return bare_app(environ["TOY_BROKER_URL"], VERBS, QUEUES, PerProcess(build), tick_s=3600)


def __getattr__(name: str) -> Celery:
    if name == "app" and "TOY_BROKER_URL" in os.environ:
        globals()["app"] = made = make_app(os.environ)
        return made
    raise AttributeError(name)
