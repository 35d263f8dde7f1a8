"""grpclib without protobuf: the codec of the service, its server and its client. Arguments: server or client, port."""

import asyncio
import sys

from grpclib.client import Channel, StreamStreamMethod, StreamUnaryMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler, Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError
from grpclib.server import Server


class Raw(CodecBase):
    """Messages are bytes."""

    __content_subtype__ = "raw"

    def encode(self, message, message_type):
        return message

    def decode(self, data, message_type):
        return data


LARGE = bytes(range(256)) * 2000


class Service:
    """One method of each kind, and one that fails."""

    async def unary(self, stream):
        message = await stream.recv_message()
        await stream.send_message(message[::-1])

    async def collect(self, stream):
        total = 0
        async for message in stream:
            total += len(message)
        await stream.send_message(b"%d" % total)

    async def expand(self, stream):
        count = int(await stream.recv_message())
        for number in range(count):
            await stream.send_message(LARGE[: number * 1000])

    async def chat(self, stream):
        async for message in stream:
            await stream.send_message(message.upper())
        await stream.send_trailing_metadata(metadata={"closing": "words"})

    async def fail(self, stream):
        await stream.recv_message()
        raise GRPCError(Status.INVALID_ARGUMENT, "not this one")

    def __mapping__(self):
        kinds = {
            "unary": Cardinality.UNARY_UNARY,
            "collect": Cardinality.STREAM_UNARY,
            "expand": Cardinality.UNARY_STREAM,
            "chat": Cardinality.STREAM_STREAM,
            "fail": Cardinality.UNARY_UNARY,
        }
        return {f"/kit/{name}": Handler(getattr(self, name), kind, bytes, bytes) for name, kind in kinds.items()}


async def serve(port):
    server = Server([Service()], codec=Raw())
    await server.start("127.0.0.1", port)
    await server.wait_closed()


async def talk(port):
    channel = Channel("127.0.0.1", port, codec=Raw())
    try:
        unary = UnaryUnaryMethod(channel, "/kit/unary", bytes, bytes)
        assert await unary(b"abc") == b"cba"
        assert await unary(LARGE) == LARGE[::-1]
        answers = await asyncio.gather(*[unary(b"%d" % number) for number in range(150)])
        assert answers == [(b"%d" % number)[::-1] for number in range(150)]
        collect = StreamUnaryMethod(channel, "/kit/collect", bytes, bytes)
        assert await collect([LARGE] * 5) == b"%d" % (5 * len(LARGE))
        expand = UnaryStreamMethod(channel, "/kit/expand", bytes, bytes)
        assert [len(part) for part in await expand(b"40")] == [number * 1000 for number in range(40)]
        chat = StreamStreamMethod(channel, "/kit/chat", bytes, bytes)
        async with chat.open(metadata={"opening": "words"}) as stream:
            for word in (b"one", b"two", b"three"):
                await stream.send_message(word)
                assert await stream.recv_message() == word.upper()
            await stream.end()
            assert await stream.recv_message() is None
            await stream.recv_trailing_metadata()
            assert stream.trailing_metadata["closing"] == "words"
        async with chat.open() as stream:
            await stream.send_message(b"given up")
            await stream.cancel()
        try:
            await UnaryUnaryMethod(channel, "/kit/fail", bytes, bytes)(b"x")
        except GRPCError as error:
            assert (error.status, error.message) == (Status.INVALID_ARGUMENT, "not this one")
        else:
            raise AssertionError("no error")
        assert await unary(b"still here") == b"ereh llits"
    finally:
        channel.close()
    print(sys.modules["h2.connection"].__name__)


asyncio.run({"server": serve, "client": talk}[sys.argv[1]](int(sys.argv[2])))
