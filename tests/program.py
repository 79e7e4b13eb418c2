"""The installed command line as processes: run to the end, or started, watched, and stopped or killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig import PATIENCE_S, wait_for

MIGRATOR = str(Path(sys.executable).with_name("migrator"))
STOP_S = 30.0


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """The output, each line as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


class Running:
    """A process that was started; what it says goes to files."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.process = process
        self._out, self._err = out, err

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def says(self, text: str) -> None:
        """Wait until it says so on either stream."""

        def said() -> bool:
            assert self.process.poll() is None, f"it ended:\n{self.err}"
            return text in self.err or text in self.out

        wait_for(said, f"{text!r} in what it says")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def kill(self) -> None:
        """Kill it and all its children, as a machine does that loses its power."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def children(self) -> list[int]:
        """Return the ids of its child processes."""
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Program:
    """The command line in an environment of its own."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.environ = {
            **os.environ,
            "MIGRATOR_TICK_S": "0.1",
            "MIGRATOR_RESEND_S": "1",
            "MIGRATOR_LEASE_S": "5",
            "MIGRATOR_DRIFT_S": "1",
            "COLUMNS": "200",
            **environ,
        }
        self._count = 0

    def run(self, *arguments: str | Path, code: int = 0, **environ: str) -> Said:
        """Run one command to its end and demand its exit code; nothing ever shows a traceback."""
        done = subprocess.run(
            [MIGRATOR, *map(str, arguments)],
            env={**self.environ, **environ},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return Said(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, *arguments: str | Path, says: str = "", **environ: str) -> Iterator[Running]:
        """Start a command, wait until it says that it is ready; whatever is left of it in the end is killed."""
        self._count += 1
        out, err = (self.folder / f"{self._count}.{name}" for name in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [MIGRATOR, *map(str, arguments)],
                env={**self.environ, **environ},
                cwd=self.folder,
                stdout=stdout,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        running = Running(process, out, err)
        try:
            if says:
                running.says(says)
            yield running
        finally:
            if process.poll() is None:
                running.kill()
