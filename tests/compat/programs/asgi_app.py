"""An ASGI application for hypercorn: says hello, echoes, sends much, pushes, streams."""

import sys


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    path = scope["path"]
    status, body = 200, b"Hello, world"
    if path == "/who":
        body = sys.modules["h2.connection"].__name__.encode()
    elif path == "/echo":
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
    elif path == "/big":
        body = bytes(range(256)) * 8192
    elif path == "/push":
        await send({"type": "http.response.push", "path": "/who", "headers": []})
    elif path != "/":
        status = 404
    fields = [(b"content-type", b"application/octet-stream"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    for start in range(0, len(body) or 1, 100_000):
        more = start + 100_000 < len(body)
        await send({"type": "http.response.body", "body": body[start : start + 100_000], "more_body": more})
