"""Run the dashboard on a thread of this process."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn

from migrator.app.context import Runtime
from migrator.errors import Invalid
from migrator.web.site import create_site


class Dashboard:
    """Serves from entering the context to leaving it. Port 0 picks a free one."""

    def __init__(self, rt: Runtime, host: str, port: int) -> None:
        self._rt = rt
        self._host = host
        self._port = port

    @property
    def url(self) -> str:
        """Where it is, once it serves."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/"

    def __enter__(self) -> Self:
        """Begin to serve. Raises Invalid for an address that cannot be had, or one that others could reach."""
        if self._host not in ("127.0.0.1", "::1", "localhost"):
            raise Invalid(
                f"the dashboard has no login, so it only listens on loopback, not on {self._host}",
                hint="use --host 127.0.0.1 and a tunnel: ssh -L 8080:127.0.0.1:8080 this-machine",
            )
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            self._listener = socket.create_server((self._host, self._port), family=family)
        except OSError as error:
            raise Invalid(
                f"port {self._port} of {self._host} cannot be used: {error.strerror}", hint="--port 0"
            ) from error
        self._port = self._listener.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                create_site(self._rt),
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=1,
                lifespan="off",
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, name="dashboard", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
