"""The door for whoever runs a rehearsal: `/-/...` on the same port, from loopback only ("-" is no bucket name).

```
GET  /-/switches            the switches as JSON        POST  changes those that the JSON body names
GET  /-/log?after=N         the event log as JSON lines POST {"on": true}   DELETE  forgets the lines
POST /-/buckets             {"bucket", "created_at"}: backdate a bucket
```
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from migrator.sandbox.oss.answers import Answer, Refusal
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.state import Oss

BUCKET = "-"


def is_admin(call: Call) -> bool:
    """Return whether a request is meant for this door."""
    return call.bucket == BUCKET and call.host.path_style


def answer(oss: Oss, call: Call) -> Answer:
    """Answer one request at this door. Raises Refusal."""
    if not ipaddress.ip_address(call.client or "0.0.0.0").is_loopback:  # noqa: S104 - an address, not a bind
        raise Refusal.denied("This door opens from loopback only.")
    match call.method, call.key:
        case "GET", "switches":
            return _json(asdict(oss.switches))
        case "POST", "switches":
            return _change_switches(oss, call)
        case "GET", "log":
            after = call.number("after", default=0, low=0, high=1 << 62)
            lines = oss.log.lines if not after else [line for line in oss.log.lines if json.loads(line)["seq"] > after]
            return Answer(200, [("content-type", "application/jsonl")], "".join(f"{line}\n" for line in lines).encode())
        case "POST", "log":
            oss.log.on = bool(_body(call).get("on"))
            return _json({"on": oss.log.on})
        case "DELETE", "log":
            oss.log.clear()
            return Answer(204)
        case "POST", "buckets":
            return _change_bucket(oss, call)
    raise Refusal(404, "NoSuchDoor", "There is switches, log and buckets here.")


def _change_switches(oss: Oss, call: Call) -> Answer:
    try:
        oss.switches = oss.switches.changed(_body(call))
    except ValueError as error:
        raise Refusal(400, "InvalidArgument", str(error)) from None
    return _json(asdict(oss.switches))


def _change_bucket(oss: Oss, call: Call) -> Answer:
    body = _body(call)
    bucket = oss.bucket(str(body.get("bucket", "")))
    try:
        created_at = datetime.fromisoformat(str(body.get("created_at")))
    except ValueError as error:
        raise Refusal(400, "InvalidArgument", str(error)) from None
    bucket.created_at = created_at if created_at.tzinfo else created_at.replace(tzinfo=UTC)
    oss.store.save_bucket(bucket)
    return _json({"bucket": bucket.name, "created_at": bucket.created_at.isoformat()})


def _body(call: Call) -> dict[str, Any]:
    try:
        body = json.loads(call.body or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "InvalidArgument", "The body must be a JSON object.")
    return body


def _json(value: object) -> Answer:
    return Answer(200, [("content-type", "application/json")], json.dumps(value).encode())
