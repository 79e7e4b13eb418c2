"""The sandbox's legacy origin: moto's S3 on loopback, fed with real files.

Moto checks no signatures and cannot reach keys with line breaks; everything else that a migration reads of S3 is
there. Objects live in memory only.
"""

from __future__ import annotations

import json
import logging
import mimetypes
import os
import re
import socket
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from migrator.errors import Invalid
from migrator.sandbox.trees import real_files

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

ACCOUNT: Final = "123456789012"
"""The one account that moto serves to callers with any key."""
MAX_AGE: Final = "public, max-age=86400"
LONG_LIVED: Final = ("image/", "font/", "text/css", "text/javascript")


@dataclass(frozen=True, slots=True)
class OriginConfig:
    """Everything that is decided before the server starts."""

    host: str = "127.0.0.1"
    port: int = 0
    region: str = "us-east-1"
    access_key_id: str = "legacy"
    access_key_secret: str = field(default="legacy-secret", repr=False)


class RunningOrigin:
    """A started origin; stop it once. Feeding and creating buckets is possible while it runs."""

    def __init__(self, config: OriginConfig, server: BaseWSGIServer) -> None:
        self.port: int = server.port
        self.endpoint = f"http://{config.host}:{self.port}"
        self.region = config.region
        self.access_key_id = config.access_key_id
        self.access_key_secret = config.access_key_secret
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="sandbox-origin", daemon=True)
        self._thread.start()

    def create_bucket(self, bucket: str) -> None:
        """Create a bucket whose objects anybody may read, as readers who follow a redirect do. Idempotent.

        Raises Invalid for what is no bucket name.
        """
        from moto.s3.exceptions import S3ClientError  # noqa: PLC0415

        backend = _backend()
        if bucket in backend.buckets:
            return
        try:
            backend.create_bucket(bucket, self.region)
        except S3ClientError as error:
            raise Invalid(f"{bucket!r} cannot be a bucket's name at the origin.") from error
        backend.put_bucket_policy(bucket, _public_read(bucket))

    def feed(self, bucket: str, root: Path | None = None, limit: int | None = None, seed: int = 0) -> int:
        """Put real files (see `real_files`) into a bucket, creating it, and return how many. Raises Invalid."""
        if root is not None and not root.is_dir():
            raise Invalid(f"There is no folder {root}.")
        self.create_bucket(bucket)
        chosen = real_files(root, limit, seed)
        for key, path in chosen:
            self.put(bucket, key, path.read_bytes(), headers_for(key, int(path.stat().st_mtime)))
        return len(chosen)

    def put(self, bucket: str, key: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Store one object without going over HTTP. Header names as S3 spells them, `x-amz-meta-*` included."""
        held = _backend().put_object(bucket, key, body, disable_notification=True)
        held.set_metadata(dict(headers))

    def stop(self) -> None:
        """Close the socket and forget every object."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        _backend().reset()


def start_origin(config: OriginConfig | None = None) -> RunningOrigin:
    """Serve path-style S3. Moto keeps one set of buckets per process, so run one origin per process.

    Raises Invalid when the port is taken.
    """
    # Imported here: moto takes most of a second and is an optional dependency.
    from moto.moto_server.werkzeug_app import MotoRequestHandler  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    config = config or OriginConfig()
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    try:
        listener = socket.create_server((config.host, config.port), backlog=512)
    except OSError as error:
        where, reason = f"{config.host}:{config.port}", os.strerror(error.errno) if error.errno else error
        raise Invalid(f"The origin cannot start at {where}: {reason}.", hint="choose another --origin-port") from error
    with listener:
        # Given the socket, werkzeug neither prints nor exits when the port is taken.
        port: int = listener.getsockname()[1]
        server = make_server(
            config.host,
            port,
            _KeyCheck(_application(), config.access_key_id),
            threaded=True,
            request_handler=MotoRequestHandler,
            fd=listener.fileno(),
        )
    server.daemon_threads = True  # type: ignore[attr-defined]
    return RunningOrigin(config, server)


def headers_for(key: str, modified: int) -> dict[str, str]:
    """Give a file the metadata that a web server's upload script would: all objects some, no two kinds the same."""
    kind, encoding = mimetypes.guess_type(key, strict=False)
    headers = {"Content-Type": kind or "application/octet-stream"}
    if encoding == "gzip":
        headers["Content-Encoding"] = "gzip"
    if headers["Content-Type"].startswith(LONG_LIVED):
        headers["Cache-Control"] = MAX_AGE
    if zlib.crc32(key.encode()) % 3 == 0:
        headers["x-amz-meta-mtime"] = str(modified)
    return headers


class _KeyCheck:
    """Refuses foreign access keys, which moto would accept; signatures themselves are not checked."""

    _KEY = re.compile(r"(?:Credential=|^AWS )([^/:,\s]+)")
    _REFUSAL = (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InvalidAccessKeyId</Code>'
        b"<Message>The AWS Access Key Id you provided does not exist in our records.</Message></Error>"
    )

    def __init__(self, inner: Any, access_key_id: str) -> None:
        self._inner = inner
        self._access_key_id = access_key_id

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        found = self._KEY.search(environ.get("HTTP_AUTHORIZATION", ""))
        if found and found[1] != self._access_key_id:
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else self._REFUSAL]
        return self._inner(environ, start_response)


def _application() -> Any:
    """Make moto's S3 application alone.

    Its dispatcher over all services lists moto's own folder for every request, which is half of the time of a GET.
    """
    import moto.core.serialize  # noqa: PLC0415
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415

    # A listing spells every date as text, parses it and spells it again; a third of its time.
    parse = vars(moto.core.serialize)["parse_to_aware_datetime"]
    if not hasattr(parse, "cache_info"):
        vars(moto.core.serialize)["parse_to_aware_datetime"] = lru_cache(maxsize=65_536)(parse)
    return create_backend_app("s3")


def _backend() -> Any:
    from moto.s3.models import s3_backends  # noqa: PLC0415

    return s3_backends[ACCOUNT]["aws"]


def _public_read(bucket: str) -> bytes:
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:HeadObject"],
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
