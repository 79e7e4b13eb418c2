"""The ASGI application: one function through which each request passes, and nothing slow around it."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from migrator.sandbox.oss import admin, auth, routes, s3
from migrator.sandbox.oss.answers import CHUNKED, Answer, Refusal, http_now
from migrator.sandbox.oss.call import Call, read_call
from migrator.sandbox.oss.config import OssConfig
from migrator.sandbox.oss.state import Oss

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_BODY_METHODS = frozenset({"PUT", "POST"})


class ClientGone(Exception):
    """The client hung up before its request was complete; nothing of it was applied."""


def create_app(config: OssConfig) -> App:
    """Return a server with its own store. State in `config.state_dir` is read now."""
    oss = Oss(config)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _serve(oss, scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)

    return app


async def _serve(oss: Oss, scope: Scope, receive: Receive, send: Send) -> None:
    request_id = oss.next_request_id()
    call: Call | None = None
    try:
        # Taken first, so that a refusal leaves nothing on the wire that looks like the next request.
        body = await _read_body(receive) if scope["method"] in _BODY_METHODS else b""
        call = read_call(scope, oss.config.cnames)
        call.request_id, call.body = request_id, body
        reply = handle(oss, call)
    except ClientGone:
        return
    except Refusal as refusal:
        host = call.host.name if call else ""
        reply = refusal.answer(request_id, host, head=scope["method"] == "HEAD")
    if call is not None and oss.log.on and not admin.is_admin(call):
        oss.log.add(call, reply.status)
    await _send(
        scope, send, request_id, reply, close=call is None or (call.has_body and call.method not in _BODY_METHODS)
    )


def handle(oss: Oss, call: Call) -> Answer:
    """Answer one request, whole. Every request passes here, and takes effect here, without interleaving."""
    if admin.is_admin(call):
        return admin.answer(oss, call)
    try:
        if s3.speaks(call):
            s3.identify(call, oss.config)
            return s3.dressed(routes.answer(oss, call))
        auth.identify(call, oss.config)
        return routes.answer(oss, call)
    except Refusal:
        raise
    except Exception:  # noqa: BLE001 - a bug here must look like a bug of OSS, not end the connection
        traceback.print_exc()
        message = "We encountered an internal error. Please try again."
        raise Refusal(500, "InternalError", message, "0016-00000001") from None


async def _read_body(receive: Receive) -> bytes:
    pieces = []
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        if piece := event.get("body"):
            pieces.append(piece)
        if not event.get("more_body"):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _send(scope: Scope, send: Send, request_id: str, reply: Answer, *, close: bool) -> None:
    headers = [
        (b"server", b"AliyunOSS"),
        (b"date", http_now().encode("latin-1")),
        (b"connection", b"close" if close else b"keep-alive"),
        (b"x-oss-request-id", request_id.encode("latin-1")),
        (b"x-oss-server-time", b"1"),
    ]
    if reply.length != CHUNKED and reply.status not in {204, 304}:
        length = len(reply.body) if reply.length < 0 else reply.length
        headers.append((b"content-length", b"%d" % length))
    headers += [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if reply.stream is not None and scope["method"] != "HEAD":
        for piece in reply.stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": reply.body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
