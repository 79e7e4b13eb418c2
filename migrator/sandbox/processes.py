"""The sandbox OSS and the legacy origin as two processes, so that neither waits for the other's interpreter lock."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from migrator.errors import Invalid, MigratorError

STOP_TIMEOUT_S = 10


class SandboxFailed(MigratorError):
    """A sandbox server ended by itself."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Real files that the origin holds from the beginning; see `trees.real_files`."""

    bucket: str
    root: Path | None = None
    limit: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Everything that is decided before the servers start. Port 0 picks a free one."""

    oss_port: int = 0
    origin_port: int = 0
    host: str = "127.0.0.1"
    state_dir: Path | None = None
    """Where the OSS keeps objects and websites across restarts; the origin keeps nothing."""
    oss_buckets: tuple[str, ...] = ()
    """Created public-read where missing."""
    origin_buckets: tuple[str, ...] = ()
    """Created for everybody to read."""
    feeds: tuple[Feed, ...] = ()
    cnames: Mapping[str, str] = field(default_factory=dict)
    """Custom domain -> OSS bucket."""
    switches: Mapping[str, object] = field(default_factory=dict)
    """Changes to the open questions of `switches.Switches`."""


@dataclass(frozen=True, slots=True)
class Side:
    """How to reach one server."""

    endpoint: str
    region: str
    access_key_id: str
    access_key_secret: str = field(repr=False)


class SandboxProcesses:
    """Both servers, from entering to leaving the context; they also end when this process does, however it ends."""

    oss: Side
    origin: Side

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config or SandboxConfig()
        self.fed: Mapping[str, int] = {}
        """Origin bucket -> objects that were put there at the start."""
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """Start both; returns once both accept connections. Raises Invalid where one cannot (a busy port)."""
        for port in (self.config.oss_port, self.config.origin_port):
            if not 0 <= port <= 65_535:
                raise Invalid(f"There is no port {port}.", hint="ports go from 0 (any free one) to 65535")
        try:
            self._start("OSS", self._oss_task())
            self._start("origin", self._origin_task())
            self.oss, _ = self._answer("OSS")
            self.origin, self.fed = self._answer("origin")
            for bucket in self.config.oss_buckets:
                self.create_bucket(bucket)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def create_bucket(self, bucket: str, acl: str = "public-read") -> None:
        """Create a bucket at the OSS, or set the ACL of an existing one. Raises Invalid for what is no bucket name."""
        # Signed by hand (version 1): importing an SDK would take longer than starting the server.
        date = formatdate(usegmt=True)
        text = f"PUT\n\n\n{date}\nx-oss-acl:{acl}\n/{bucket}/"
        signature = hmac.digest(self.oss.access_key_secret.encode(), text.encode(), "sha1")
        headers = {
            "Date": date,
            "x-oss-acl": acl,
            "Authorization": f"OSS {self.oss.access_key_id}:{b64encode(signature).decode()}",
        }
        connection = HTTPConnection(self.oss.endpoint.removeprefix("http://"), timeout=30)
        try:
            connection.request("PUT", f"/{quote(bucket, safe='')}", headers=headers)
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise Invalid(f"The sandbox OSS refused to create the bucket {bucket!r}: {body}")

    def wait(self, asked: threading.Event) -> None:
        """Block until `asked` is set. Raises SandboxFailed when a server ends by itself before."""
        ended: list[str] = []

        def watch(name: str, child: subprocess.Popen[bytes]) -> None:
            code = child.wait()
            ended.append(f"The sandbox {name} ended with code {code}.")
            asked.set()

        for name, child in self._children.items():
            threading.Thread(target=watch, args=(name, child), daemon=True).start()
        asked.wait()
        if ended:
            raise SandboxFailed(ended[0])

    def stop(self) -> None:
        """End both and wait for them; a second time is fine."""
        children, self._children = self._children, {}
        for child in children.values():
            if child.stdin:
                child.stdin.close()
        for child in children.values():
            try:
                child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdout:
                child.stdout.close()

    # -- the children --------------------------------------------------------------------------------------------
    def _oss_task(self) -> dict[str, object]:
        state = self.config.state_dir
        return {
            "kind": "oss",
            "host": self.config.host,
            "port": self.config.oss_port,
            "state_dir": str(state / "oss") if state else "",
            "cnames": dict(self.config.cnames),
            "switches": dict(self.config.switches),
        }

    def _origin_task(self) -> dict[str, object]:
        return {
            "kind": "origin",
            "host": self.config.host,
            "port": self.config.origin_port,
            "buckets": self.config.origin_buckets,
            "feeds": [{**asdict(feed), "root": str(feed.root or "")} for feed in self.config.feeds],
        }

    def _start(self, name: str, task: dict[str, object]) -> None:
        child = subprocess.Popen(
            [sys.executable, "-m", "migrator.sandbox.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._children[name] = child
        assert child.stdin is not None
        child.stdin.write(json.dumps(task).encode() + b"\n")
        child.stdin.flush()

    def _answer(self, name: str) -> tuple[Side, Mapping[str, int]]:
        child = self._children[name]
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise SandboxFailed(f"The sandbox {name} ended with code {child.wait()} before it was ready.")
        answer = json.loads(line)
        if "error" in answer:
            raise Invalid(answer["error"], hint=answer["hint"])
        # Who listens everywhere is reached here.
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.config.host, self.config.host)  # noqa: S104
        endpoint = f"http://{host}:{answer['port']}"
        side = Side(endpoint, answer["region"], answer["access_key_id"], answer["access_key_secret"])
        return side, answer.get("fed", {})
