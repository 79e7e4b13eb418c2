"""Start and stop a sandbox OSS."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from types import TracebackType
from typing import Self

import uvicorn

from migrator.sandbox.oss.config import OssConfig
from migrator.sandbox.oss.server import create_app


def serve(config: OssConfig, port: int, host: str = "127.0.0.1") -> tuple[uvicorn.Server, socket.socket]:
    """Return a server that is ready to `run(sockets=[socket])` in a thread or process, and its listening socket.

    Port 0 picks a free one. Clients may connect from now on: the socket queues them until the server runs.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    if config.extranet == OssConfig().extranet:
        shown = f"[{host}]" if ":" in host else host
        config = replace(config, extranet=f"{shown}:{listener.getsockname()[1]}")
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(config),
            http="httptools",
            loop="uvloop",
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
    )
    return server, listener


@dataclass(frozen=True, slots=True)
class RunningOss:
    """A sandbox OSS in a thread of this process; a context manager that stops it."""

    endpoint: str
    region: str
    access_key_id: str
    access_key_secret: str
    port: int
    _server: uvicorn.Server
    _thread: threading.Thread

    def stop(self) -> None:
        """Stop the server and wait for it; a second time is fine."""
        self._server.should_exit = True
        self._thread.join()

    def switch(self, **changes: object) -> None:
        """Change switches while the server runs. Raises ValueError for what is no switch."""
        self.admin("POST", "switches", changes)

    def admin(self, method: str, path: str, body: object = None) -> bytes:
        """Ask the server's own door (see `admin`) and return the answer's body. Raises ValueError where it refuses."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, f"/-/{path}", json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise ValueError(text.decode())
        return text

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_oss(config: OssConfig | None = None, **switches: object) -> RunningOss:
    """Start a sandbox OSS on a free port of loopback, in a thread, with `switches` changed from their defaults."""
    config = config or OssConfig()
    config = replace(config, switches=config.switches.changed(switches))
    server, listener = serve(config, 0)
    port: int = listener.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox-oss", daemon=True)
    thread.start()
    return RunningOss(
        endpoint=f"http://127.0.0.1:{port}",
        region=config.region,
        access_key_id=config.access_key_id,
        access_key_secret=config.access_key_secret,
        port=port,
        _server=server,
        _thread=thread,
    )
