"""httpx with HTTP/2: many requests at once, a large body up and one down. Arguments: URL, CA file or -, upload path."""

import asyncio
import hashlib
import os
import ssl
import sys

import httpx


async def main(url, ca, upload):
    verify = ssl.create_default_context(cafile=ca) if ca != "-" else True
    async with httpx.AsyncClient(http1=False, http2=True, verify=verify, timeout=20) as client:
        answers = await asyncio.gather(*[client.get(f"{url}/") for _ in range(60)])
        assert all(answer.status_code == 200 and answer.http_version == "HTTP/2" for answer in answers)
        big = await client.get(f"{url}/big")
        print(hashlib.sha256(big.content).hexdigest())
        body = os.urandom(500_000)
        answer = await client.post(f"{url}{upload}", content=body, headers={"x-long": "v" * 5000})
        assert answer.status_code == 200, answer
        assert answer.content == body
        assert (await client.get(f"{url}/missing")).status_code == 404
        headed = await client.head(f"{url}/")
        assert headed.status_code == 200 and headed.headers["content-length"] == "12" and headed.content == b""
        async with client.stream("GET", f"{url}/big") as answer:
            async for _ in answer.aiter_bytes():
                break  # what is left is given up: the stream is reset, the connection goes on
        assert (await client.get(f"{url}/")).status_code == 200
    import h2.connection

    print(h2.connection.__name__)


asyncio.run(main(*sys.argv[1:]))
