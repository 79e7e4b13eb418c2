"""Runs the sandbox alone: a local OSS and a local legacy origin to play with, until told to stop."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from migrator.errors import Exit, MigratorError
from migrator.sandbox.processes import Feed, SandboxConfig, SandboxProcesses

__all__ = ["Feed", "SandboxConfig", "SandboxProcesses", "main", "run"]


def run(
    oss_port: int,
    origin_port: int,
    state_dir: Path | None,
    host: str = "127.0.0.1",
    *,
    announce: TextIO | None = None,
    oss_buckets: Sequence[str] = (),
    origin_buckets: Sequence[str] = (),
    feeds: Sequence[Feed] = (),
) -> None:
    """Serve until SIGTERM or SIGINT, then stop both servers and return. Call it in the main thread.

    Writes exactly one JSON line to `announce` (default: stdout) once both servers accept connections:
    `{"oss": {endpoint, region, access_key_id, access_key_secret}, "origin": {the same}}`.
    The OSS keeps its objects and website documents in `state_dir` across restarts; the origin begins anew each time.

    Raises Invalid for a busy port, SandboxFailed when a server ends by itself.
    """
    config = SandboxConfig(
        oss_port=oss_port,
        origin_port=origin_port,
        host=host,
        state_dir=state_dir,
        oss_buckets=tuple(oss_buckets),
        origin_buckets=tuple(origin_buckets),
        feeds=tuple(feeds),
    )
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with SandboxProcesses(config) as both:
            line = json.dumps({"oss": asdict(both.oss), "origin": asdict(both.origin)})
            print(line, file=announce or sys.stdout, flush=True)
            both.wait(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox from the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m migrator.sandbox.main", description=__doc__)
    parser.add_argument("--oss-port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--origin-port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep the OSS's objects and websites here")
    parser.add_argument("--host", default="127.0.0.1", help="listen here instead of on loopback only")
    parser.add_argument("--oss-bucket", action="append", default=[], metavar="NAME", help="create it, public-read")
    parser.add_argument("--origin-bucket", action="append", default=[], metavar="NAME", help="create it, public")
    options = parser.parse_args(arguments)
    try:
        run(
            options.oss_port,
            options.origin_port,
            options.state,
            options.host,
            oss_buckets=options.oss_bucket,
            origin_buckets=options.origin_bucket,
        )
    except MigratorError as error:
        print(f"{error} {error.hint}".strip(), file=sys.stderr)  # noqa: T201 - one line for the person who started it
        return int(error.exit_code)
    return int(Exit.OK)


if __name__ == "__main__":
    sys.exit(main())
