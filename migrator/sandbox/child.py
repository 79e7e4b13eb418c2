"""One sandbox server in a process of its own, started by `processes`; not for people.

It reads its task as one JSON line from stdin, answers one JSON line on stdout, and lives until stdin ends. So it
also ends when its parent is killed, on every system, and whichever thread of the parent started it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from migrator.errors import Exit, Invalid, MigratorError

Stop = Callable[[], None]


def main() -> int:
    """Serve until stdin ends. Returns the exit code."""
    # Ctrl-C and many a supervisor reach the whole process group; the parent decides when its servers stop.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    task: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    try:
        answer, stop = _serve_oss(task) if task["kind"] == "oss" else _serve_origin(task)
    except MigratorError as error:
        _say({"error": str(error), "hint": error.hint})
        return int(error.exit_code)
    try:
        _say(answer)
        sys.stdin.buffer.read()
    finally:
        stop()
    return int(Exit.OK)


def _serve_oss(task: dict[str, Any]) -> tuple[dict[str, object], Stop]:
    from migrator.sandbox.oss.config import OssConfig  # noqa: PLC0415 - each child imports its own server only
    from migrator.sandbox.oss.run import serve  # noqa: PLC0415
    from migrator.sandbox.switches import Switches  # noqa: PLC0415

    state = Path(task["state_dir"]) if task["state_dir"] else None
    try:
        if state:
            state.mkdir(parents=True, exist_ok=True)
        config = OssConfig(state_dir=state, switches=Switches().changed(task["switches"]), cnames=task["cnames"])
        server, listener = serve(config, task["port"], task["host"])
    except ValueError as error:
        raise Invalid(f"{error}.") from error
    except OSError as error:
        where = f"{task['host']}:{task['port']}"
        reason = os.strerror(error.errno) if error.errno else error
        raise Invalid(
            f"The sandbox OSS cannot start at {where}: {reason}.", hint="choose another --oss-port"
        ) from error
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()

    answer = {
        "port": listener.getsockname()[1],
        "region": config.region,
        "access_key_id": config.access_key_id,
        "access_key_secret": config.access_key_secret,
    }
    return answer, stop


def _serve_origin(task: dict[str, Any]) -> tuple[dict[str, object], Stop]:
    from migrator.sandbox.origin import OriginConfig, start_origin  # noqa: PLC0415

    origin = start_origin(OriginConfig(host=task["host"], port=task["port"]))
    for bucket in task["buckets"]:
        origin.create_bucket(bucket)
    fed = {}
    for feed in task["feeds"]:
        root = Path(feed["root"]) if feed["root"] else None
        fed[feed["bucket"]] = origin.feed(feed["bucket"], root, feed["limit"], feed["seed"])
    answer = {
        "port": origin.port,
        "region": origin.region,
        "access_key_id": origin.access_key_id,
        "access_key_secret": origin.access_key_secret,
        "fed": fed,
    }
    return answer, origin.stop


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
