"""zttp, with its core in Zig: the workloads that it can do. It does not pad and has no HPACK to call."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .. import common
from ..common import Case, expect


def available() -> bool:
    """Whether `zttp` can be imported."""
    return find_spec("zttp") is not None


class _Cases:
    """The cases, bound to the package."""

    def __init__(self, zttp: Any) -> None:
        self._zttp = zttp

    def _endpoint(self, role: int) -> Any:
        endpoint = self._zttp.Connection(role, self._zttp.HTTP2)
        endpoint.initiate_connection()
        return endpoint

    def _drain(self, endpoint: Any) -> None:
        need_data = self._zttp.NEED_DATA
        while endpoint.next_event() is not need_data:
            pass

    def _opened_server(self, requests: int) -> Any:
        server = self._endpoint(self._zttp.SERVER)
        server.receive_data(common.preface(magic=True))
        for piece in common.request_batches(requests) if requests else ():
            server.receive_data(piece)
        self._drain(server)
        server.data_to_send()
        return server

    def bulk(self, units: int) -> Case:
        """W1c: one 16 KiB frame a call, as its `send_data` copies anyway."""

        def setup() -> list[Any]:
            server = self._opened_server(1)
            stream = server.stream(1)
            stream.send_response(200, common.response_fields_of_any_length()[1:])
            server.data_to_send()
            return [server, stream, 0]

        def run(state: list[Any]) -> None:
            server, stream, _ = state
            source = memoryview(common.SOURCE)
            start = sent = 0
            for number in range(units):
                stream.send_data(source[start : start + common.FRAME])
                start = (start + common.FRAME) & 0x7FFFF
                if number % 4 == 0:
                    sent += len(server.data_to_send())
            stream.end_message()
            state[2] = sent + len(server.data_to_send())

        def check(state: list[Any]) -> None:
            expect("bytes sent", state[2], units * (9 + common.FRAME) + 9)

        return Case(setup, run, check)

    def _serve(self, server: Any, wire: bytes) -> int:
        request, need_data = self._zttp.Request, self._zttp.NEED_DATA
        fields = 0
        server.receive_data(wire)
        while (event := server.next_event()) is not need_data:
            if type(event) is request:
                fields += len(event.headers)
                stream = server.stream(event.stream_id)
                stream.send_response(200, [*common.RESPONSE_TAIL])
                stream.send_data(common.BODY)
                stream.end_message()
        return fields

    def pair(self, units: int) -> Case:
        """W2. Pseudo-header fields are arguments here, and not among the fields it delivers."""
        tail = [(b"host", b"www.example.com"), *common.REQUEST_TAIL]

        def setup() -> dict[str, Any]:
            client, server = self._endpoint(self._zttp.CLIENT), self._endpoint(self._zttp.SERVER)
            for _ in range(2):
                server.receive_data(client.data_to_send())
                self._drain(server)
                client.receive_data(server.data_to_send())
                self._drain(client)
            return {"client": client, "server": server}

        def run(state: dict[str, Any]) -> None:
            client, server = state["client"], state["server"]
            response, data, end = self._zttp.Response, self._zttp.Data, self._zttp.EndOfMessage
            need_data = self._zttp.NEED_DATA
            request_fields = response_fields = size = done = 0
            for first in range(0, units, common.BATCH):
                for number in range(first, first + common.BATCH):
                    client.send_request(b"GET", common.request_path(number), b"2", [*tail]).end_message()
                # Its receive window, 65,535 bytes, is less than a batch: the rest follows WINDOW_UPDATE.
                while done < first + common.BATCH:
                    request_fields += self._serve(server, client.data_to_send())
                    if not (answer := server.data_to_send()):
                        break
                    client.receive_data(answer)
                    while (event := client.next_event()) is not need_data:
                        kind = type(event)
                        if kind is response:
                            response_fields += len(event.headers)
                        elif kind is data:
                            size += len(event.data)
                        elif kind is end:
                            done += 1
            state["seen"] = (request_fields, response_fields, size, done)

        def check(state: dict[str, Any]) -> None:
            wanted = (len(tail) * units, len(common.RESPONSE_TAIL) * units, 1_024 * units, units)
            expect("fields, fields, bytes, responses", state["seen"], wanted)

        return Case(setup, run, check)

    def server(self, units: int) -> Case:
        """W2s."""
        pieces = common.request_batches(units)

        def setup() -> list[Any]:
            return [self._opened_server(0), 0, 0]

        def run(state: list[Any]) -> None:
            server = state[0]
            for piece in pieces:
                state[1] += self._serve(server, piece)
                state[2] += len(server.data_to_send())

        def check(state: list[Any]) -> None:
            expect("fields", state[1], (1 + len(common.REQUEST_TAIL)) * units)
            expect("all bodies sent", state[2] > units * (1_024 + 18), True)

        return Case(setup, run, check)

    def turns(self, units: int) -> Case:
        """W3, the order being the caller's: it has no scheduler."""
        turns = units // common.STREAMS

        def setup() -> list[Any]:
            server = self._opened_server(common.STREAMS)
            streams = [server.stream(2 * number + 1) for number in range(common.STREAMS)]
            for stream in streams:
                stream.send_response(200, common.response_fields_of_any_length()[1:])
            server.data_to_send()
            return [server, streams, 0]

        def run(state: list[Any]) -> None:
            server, streams, _ = state
            source = memoryview(common.SOURCE)
            sent = 0
            for turn in range(turns):
                start = turn % 1_023 * common.SMALL_FRAME
                for stream in streams:
                    stream.send_data(source[start : start + common.SMALL_FRAME])
                sent += len(server.data_to_send())
            for stream in streams:
                stream.end_message()
            state[2] = sent + len(server.data_to_send())

        def check(state: list[Any]) -> None:
            expect("bytes sent", state[2], common.STREAMS * (turns * (9 + common.SMALL_FRAME) + 9))

        return Case(setup, run, check)

    def upload(self, units: int) -> Case:
        """W4d. It grants credit by itself."""
        reads = common.upload_reads(units)
        head = common.RequestEncoder().frame(0, end_stream=False)

        def setup() -> list[Any]:
            server = self._opened_server(0)
            server.receive_data(head)
            self._drain(server)
            return [server, 0]

        def run(state: list[Any]) -> None:
            server = state[0]
            data, need_data = self._zttp.Data, self._zttp.NEED_DATA
            size = 0
            for piece in reads:
                server.receive_data(piece)
                while (event := server.next_event()) is not need_data:
                    if type(event) is data:
                        size += len(event.data)
                server.data_to_send()
            state[1] = size

        def check(state: list[Any]) -> None:
            expect("bytes received", state[1], units * common.FRAME)

        return Case(setup, run, check)

    def requests(self, units: int) -> Case:
        """W4h."""
        wire = common.request_batches(common.BATCH)[0]

        def setup() -> list[Any]:
            return [[self._opened_server(0) for _ in range(units // common.BATCH)], 0]

        def run(state: list[Any]) -> None:
            request, need_data = self._zttp.Request, self._zttp.NEED_DATA
            fields = 0
            for server in state[0]:
                server.receive_data(wire)
                while (event := server.next_event()) is not need_data:
                    if type(event) is request:
                        fields += len(event.headers)
            state[1] = fields

        def check(state: list[Any]) -> None:
            expect("fields", state[1], (1 + len(common.REQUEST_TAIL)) * units)

        return Case(setup, run, check)


CASES: dict[str, Callable[[int], Case]] = {}
if available():
    _cases = _Cases(import_module("zttp"))
    CASES.update(
        {
            "W1": _cases.bulk,
            "W1c": _cases.bulk,
            "W2": _cases.pair,
            "W2s": _cases.server,
            "W3": _cases.turns,
            "W4d": _cases.upload,
            "W4h": _cases.requests,
        }
    )
