"""A legacy web server that can be told to misbehave, a sandbox OSS, and a preflight between them."""

from __future__ import annotations

import itertools
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import oss_rig

from migrator import jobfile
from migrator.app.preflight import preflight

_names = itertools.count(1)


class Legacy:
    """Serves the files of a folder. `answers` maps decoded paths to (status, headers, body) instead."""

    def __init__(self, folder):
        self.folder, self.answers, self.headers, self.asked = folder, {}, {}, []
        legacy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = unquote(urlsplit(self.path).path)
                legacy.asked.append((path, {name.lower(): value for name, value in self.headers.items()}))
                file = legacy.folder / path.removeprefix("/")
                status, headers, body = legacy.answers.get(path) or (
                    (200, {}, file.read_bytes()) if file.is_file() else (404, {}, b"gone")
                )
                wanted = self.headers.get("Range", "")
                if status == 200 and wanted == "bytes=0-0" and body:
                    headers = {**headers, "Content-Range": f"bytes 0-0/{len(body)}"}
                    status, body = 206, body[:1]
                self.send_response(status)
                for name, value in {**legacy.headers, **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def put(self, key, body=b"legacy\n"):
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


@contextmanager
def legacy(folder):
    made = Legacy(folder)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


class Scene:
    """One bucket, one origin, one job file."""

    def __init__(self, rt, oss, origin):
        self.rt, self.oss, self.origin = rt, oss, origin
        self.bucket = oss_rig.new_bucket(oss, "public-read")
        self.client = oss_rig.client(oss, self.bucket)

    def document(self, **changes):
        return {
            "name": f"job-{next(_names)}",
            "origin": {"url": f"file://{self.origin.folder}"},
            "destination": {"url": f"oss://{self.bucket}/", "endpoint": self.oss.endpoint, "region": self.oss.region},
            "redirect": {"url": f"{self.origin.url}/"},
            "allow_private": True,
            **changes,
        }

    def spec(self, **changes):
        return jobfile.parse(json.dumps(self.document(**changes)).encode())

    def look(self, sample_log=None, **changes):
        return self.found(self.rt, sample_log, **changes)

    def found(self, rt, sample_log=None, **changes):
        """Return the findings by code; the worst one where there are several of a code."""
        order = ["ok", "note", "warning", "error"]
        findings = preflight(rt, self.spec(**changes), sample_log=sample_log)
        return {each.code: each for each in sorted(findings, key=lambda each: order.index(each.level))}

    def website(self, inner):
        oss_rig.website(self.oss, self.bucket, f"<WebsiteConfiguration>{inner}</WebsiteConfiguration>".encode())

    def configure(self, part, document):
        self.client.call("PUT", query={part: ""}, body=document.encode())
