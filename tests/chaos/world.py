"""The outside world in one process: the sandbox OSS and the legacy origin, with one event log that is exactly in order.

`python -m tests.chaos.world LOG` prints one JSON line with its ports, then obeys JSON lines on its standard input.
Who asked is known by the port: readers, the migrator (behind the fault proxies) and clients have one each.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote

import uvloop
from fastcrc import crc64

from migrator.sandbox.oss import routes
from migrator.sandbox.oss.answers import Answer, Refusal, http_now
from migrator.sandbox.oss.call import Call, read_call
from migrator.sandbox.oss.config import OssConfig
from migrator.sandbox.oss.server import handle
from migrator.sandbox.oss.state import Oss
from migrator.sandbox.switches import Switches

from . import scene as scenes
from .httpd import Handler, Request, listen, reply
from .legacy import Legacy

_KEY = re.compile(rb"<Key>([^<]*)</Key>")
_SUBJECTS = (
    ("website", "site"),
    ("uploads", "start"),
    ("partNumber", "part"),
    ("uploadId", "upload"),
    ("bucketInfo", "info"),
    ("acl", "acl"),
)


class World:
    """Both servers' state and the log."""

    def __init__(self, scene: scenes.Scene, log: TextIO) -> None:
        # A bound of half a second on how long a website change takes to show; OSS itself documents none.
        self.oss = Oss(OssConfig(switches=Switches(propagation_delay_s=0.2)))
        self.legacy = Legacy(time.time())
        for thing in scene.by_key.values():
            self.legacy.add(thing)
        self.reads: Counter[str] = Counter()
        self._log, self._seq = log, 0
        self._servers: dict[str, asyncio.Server] = {}

    async def start(self) -> dict[str, object]:
        """Listen on every port; return what others must know."""
        doors: dict[str, Handler] = {
            "oss_readers": lambda request: self._oss("reader", request),
            "oss_migrator": lambda request: self._oss("migrator", request),
            "oss_clients": lambda request: self._oss("client", request),
            "legacy_readers": lambda request: self._legacy("reader", request),
            "legacy_migrator": lambda request: self._legacy("migrator", request),
        }
        ports: dict[str, object] = {}
        for name, door in doors.items():
            self._servers[name], ports[name] = await listen(door)
        return {**ports, "id": self.oss.config.access_key_id, "secret": self.oss.config.access_key_secret}

    # -- the log -----------------------------------------------------------------------------------------------------
    def note(self, side: str, who: str, event: dict[str, object]) -> None:
        """Write one event; its number is its place in the one order of effects."""
        self._seq += 1
        line = {"s": self._seq, "t": round(time.time(), 6), "side": side, "who": who, **event}
        self._log.write(json.dumps(line) + "\n")

    # -- the legacy side ---------------------------------------------------------------------------------------------
    def _legacy(self, who: str, request: Request) -> bytes:
        answer, event = self.legacy.answer(request)
        if who == "reader":
            self.reads[f"legacy {event['status']}"] += 1
        else:
            self.note("legacy", who, event)
        return answer

    # -- OSS ---------------------------------------------------------------------------------------------------------
    def _oss(self, who: str, request: Request) -> bytes:
        path, _, query = request.target.partition(b"?")
        scope = {
            "method": request.method,
            "raw_path": path,
            "query_string": query,
            "headers": request.headers,
            "client": ("127.0.0.1", 0),
        }
        call: Call | None = None
        request_id = self.oss.next_request_id()
        held_before = False
        try:
            call = read_call(scope, {})
            call.request_id, call.body = request_id, request.body
            held_before = bool(call.key) and call.key in self._objects(call)
            answer = self._handled(who, call)
        except Refusal as refusal:
            answer = refusal.answer(request_id, "", head=request.method == "HEAD")
        if who == "reader":
            self.reads[f"oss {answer.status}"] += 1
        elif call is not None and call.bucket != "-":
            self.note("oss", who, self._event(call, answer, held_before))
        return _spelled(request.method, request_id, answer)

    def _handled(self, who: str, call: Call) -> Answer:
        if who != "client":
            return handle(self.oss, call)
        call.signed, call.access_key_id = "header", self.oss.config.access_key_id  # a port for trusted callers
        return routes.answer(self.oss, call)

    def _objects(self, call: Call) -> dict[str, object]:
        bucket = self.oss.store.buckets.get(call.bucket)
        return bucket.objects if bucket is not None else {}  # type: ignore[return-value]

    def _event(self, call: Call, answer: Answer, held_before: bool) -> dict[str, object]:
        subject = next((name for parameter, name in _SUBJECTS if parameter in call.query), "")
        verb = call.method.lower()
        if not subject and not call.key:
            subject, verb = ("list", "") if call.method == "GET" else ("bucket", verb)
        event: dict[str, object] = {"op": f"{subject}.{verb}".strip("."), "status": answer.status}
        if call.key:
            event |= {"key": call.key, "held": held_before}
        if call.signed == "anonymous":
            event["anonymous"] = True
        if subject == "site" and call.body:
            event["doc"] = call.body.decode("utf-8", "replace")
        elif event["op"] == "site.get" and answer.status == 200:
            event["doc"] = answer.body.decode("utf-8", "replace")
        elif subject == "list":
            keys = _KEY.findall(answer.body)
            last = unquote(keys[-1].decode()) if keys else ""
            event |= {"prefix": call.parameter("prefix"), "after": call.parameter("start-after"), "last": last}
            event |= {"n": len(keys), "more": b"<IsTruncated>true" in answer.body}
        elif event["op"] in {"put", "upload.post"}:
            event |= {"forbid": call.header("x-oss-forbid-overwrite") == "true"}
            if answer.status == 200:
                event |= {"size": len(call.body), "crc": self._crc(call)}
        elif event["op"] == "start.post":
            event |= {"forbid": call.header("x-oss-forbid-overwrite") == "true"}
        return event

    def _crc(self, call: Call) -> int:
        held = self.oss.store.buckets[call.bucket].find(call.key)
        return held.entry.crc64 if held is not None else -1

    # -- orders ------------------------------------------------------------------------------------------------------
    def obey(self, order: dict[str, object]) -> dict[str, object]:
        """Carry out one order and say what came of it."""
        if "switch" in order:
            self.oss.switches = self.oss.switches.changed(order["switch"])  # type: ignore[arg-type]
        if "close_legacy" in order:
            for name in ("legacy_readers", "legacy_migrator"):
                self._servers[name].close()
            self.legacy.objects.clear()  # connections that are still open find nothing either
            self.note("legacy", "run", {"op": "closed"})
        if "mark" in order:
            self.note("run", "run", {"op": "mark", "what": order["mark"]})
        if "dump" in order:
            self._log.flush()
            Path(str(order["dump"])).write_text(json.dumps(self._dump()))
        return {"seq": self._seq, "reads": dict(self.reads)}

    def _dump(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, bucket in self.oss.store.buckets.items():
            objects = {}
            for key, held in bucket.objects.items():
                body = held.blob.read(0, held.entry.size_bytes)
                objects[key] = {"size": len(body), "crc": int(crc64.xz(body)), "headers": dict(held.entry.headers)}
            site = bucket.documents.get("website", b"").decode()
            found[name] = {"objects": objects, "uploads": [u.key for u in bucket.uploads.values()], "site": site}
        return found


def _spelled(method: str, request_id: str, answer: Answer) -> bytes:
    body = answer.body if answer.stream is None else b"".join(answer.stream)
    headers = [("server", "AliyunOSS"), ("date", http_now()), ("x-oss-request-id", request_id), *answer.headers]
    length = answer.length if answer.length >= 0 else len(body)
    return reply(answer.status, headers, b"" if method == "HEAD" else body, length=length)


async def main(log_path: str, order: dict[str, int]) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    with Path(log_path).open("w", buffering=1 << 16) as log:
        world = World(scenes.draw(order["seed"], order["waves"], order["objects"]), log)
        print(json.dumps(await world.start()), flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(world.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], json.loads(sys.argv[2])))
