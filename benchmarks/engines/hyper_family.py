"""The workloads on the API that h2 and jh2 share; `hyper_h2` and `jh2_engine` bind it to the packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .. import common
from ..common import Case, expect

FRAMES_PER_WRITE = 4  # frames of 16 KiB between two calls of data_to_send: about what one socket write takes


class Family:
    """The cases of one of the two packages. The state of a round is a small dict or list, see each case."""

    def __init__(self, package: str) -> None:
        self._connection: Any = import_module(f"{package}.connection")
        self._config: Any = import_module(f"{package}.config")
        self._events: Any = import_module(f"{package}.events")
        self._codes: Any = import_module(f"{package}.settings").SettingCodes
        self.cases: dict[str, Callable[[int], Case]] = {
            "W1": lambda units: self._bulk(units, common.FRAME, padded=False),
            "W1p": lambda units: self._bulk(units, common.PADDED_FRAME, padded=True),
            "W1c": lambda units: self._bulk(units, common.FRAME, padded=False),
            "W2": self._pair,
            "W2s": self._server,
            "W3": self._turns,
            "W4d": self._upload,
            "W4h": self._requests,
        }

    def _endpoint(self, *, client: bool) -> Any:
        config = self._config.H2Configuration(client_side=client, header_encoding=None)
        endpoint = self._connection.H2Connection(config)
        endpoint.local_settings.update({self._codes.INITIAL_WINDOW_SIZE: common.MAX_WINDOW})
        endpoint.local_settings.acknowledge()
        endpoint.initiate_connection()
        endpoint.increment_flow_control_window(common.MAX_WINDOW - 65_535)
        return endpoint

    def _opened_server(self, requests: int) -> Any:
        server = self._endpoint(client=False)
        server.receive_data(common.preface(magic=True))
        for piece in common.request_batches(requests) if requests else ():
            server.receive_data(piece)
        server.data_to_send()
        return server

    def _bulk(self, units: int, size: int, *, padded: bool) -> Case:
        source = memoryview(common.SOURCE)

        def setup() -> list[Any]:
            server = self._opened_server(1)
            server.send_headers(1, common.response_fields_of_any_length())
            server.data_to_send()
            return [server, 0]

        def run(state: list[Any]) -> None:
            server = state[0]
            sent = 0
            start = 0
            for number in range(units):
                chunk = source[start : start + size]
                start = (start + size) & 0x7FFFF
                padding = (number * 7 + 1) & 0xFF if padded else None
                server.send_data(1, chunk, end_stream=number + 1 == units, pad_length=padding)
                if number % FRAMES_PER_WRITE == 0:
                    sent += len(server.data_to_send())
            state[1] = sent + len(server.data_to_send())

        def check(state: list[Any]) -> None:
            padding = sum(((number * 7 + 1) & 0xFF) + 1 for number in range(units)) if padded else 0
            expect("bytes sent", state[1], units * (9 + size) + padding)

        return Case(setup, run, check)

    def _serve(self, server: Any, wire: bytes) -> int:
        """The server's part: reads `wire`, answers every request, returns how many fields it saw."""
        fields = 0
        requested = self._events.RequestReceived
        for event in server.receive_data(wire):
            if type(event) is requested:
                fields += len(event.headers)
                server.send_headers(event.stream_id, common.response_fields())
                server.send_data(event.stream_id, common.BODY, end_stream=True)
        return fields

    def _pair(self, units: int) -> Case:
        def setup() -> dict[str, Any]:
            client, server = self._endpoint(client=True), self._endpoint(client=False)
            for _ in range(2):
                server.receive_data(client.data_to_send())
                client.receive_data(server.data_to_send())
            return {"client": client, "server": server}

        def run(state: dict[str, Any]) -> None:
            client, server = state["client"], state["server"]
            responded = self._events.ResponseReceived
            received = self._events.DataReceived
            ended = self._events.StreamEnded
            request_fields = response_fields = size = done = 0
            for first in range(0, units, common.BATCH):
                for number in range(first, first + common.BATCH):
                    stream_id = client.get_next_available_stream_id()
                    client.send_headers(stream_id, common.request_fields(number), end_stream=True)
                request_fields += self._serve(server, client.data_to_send())
                for event in client.receive_data(server.data_to_send()):
                    kind = type(event)
                    if kind is responded:
                        response_fields += len(event.headers)
                    elif kind is received:
                        size += len(event.data)
                        client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif kind is ended:
                        done += 1
            state["seen"] = (request_fields, response_fields, size, done)

        def check(state: dict[str, Any]) -> None:
            wanted = (common.REQUEST_FIELDS * units, common.RESPONSE_FIELDS * units, 1_024 * units, units)
            expect("fields, fields, bytes, responses", state["seen"], wanted)

        return Case(setup, run, check)

    def _server(self, units: int) -> Case:
        pieces = common.request_batches(units)

        def setup() -> list[Any]:
            return [self._opened_server(0), 0, 0]

        def run(state: list[Any]) -> None:
            server = state[0]
            for piece in pieces:
                state[1] += self._serve(server, piece)
                state[2] += len(server.data_to_send())

        def check(state: list[Any]) -> None:
            expect("fields", state[1], common.REQUEST_FIELDS * units)
            expect("all bodies sent", state[2] > units * (1_024 + 18), True)

        return Case(setup, run, check)

    def _turns(self, units: int) -> Case:
        turns = units // common.STREAMS

        def setup() -> list[Any]:
            server = self._opened_server(common.STREAMS)
            for number in range(common.STREAMS):
                server.send_headers(2 * number + 1, common.response_fields_of_any_length())
            server.data_to_send()
            return [server, 0]

        def run(state: list[Any]) -> None:
            server = state[0]
            source = memoryview(common.SOURCE)
            for turn in range(turns):
                last = turn + 1 == turns
                start = turn % 1_023 * common.SMALL_FRAME
                for stream_id in range(1, 2 * common.STREAMS, 2):
                    server.send_data(stream_id, source[start : start + common.SMALL_FRAME], end_stream=last)
                state[1] += len(server.data_to_send())

        def check(state: list[Any]) -> None:
            expect("bytes sent", state[1], turns * common.STREAMS * (9 + common.SMALL_FRAME))

        return Case(setup, run, check)

    def _upload(self, units: int) -> Case:
        reads = common.upload_reads(units)
        head = common.RequestEncoder().frame(0, end_stream=False)

        def setup() -> list[Any]:
            server = self._opened_server(0)
            server.receive_data(head)
            return [server, 0]

        def run(state: list[Any]) -> None:
            server = state[0]
            received = self._events.DataReceived
            size = 0
            for piece in reads:
                for event in server.receive_data(piece):
                    if type(event) is received:
                        size += len(event.data)
                        server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                server.data_to_send()
            state[1] = size

        def check(state: list[Any]) -> None:
            expect("bytes received", state[1], units * common.FRAME)

        return Case(setup, run, check)

    def _requests(self, units: int) -> Case:
        wire = common.request_batches(common.BATCH)[0]

        def setup() -> list[Any]:
            return [[self._opened_server(0) for _ in range(units // common.BATCH)], 0]

        def run(state: list[Any]) -> None:
            requested = self._events.RequestReceived
            fields = 0
            for server in state[0]:
                for event in server.receive_data(wire):
                    if type(event) is requested:
                        fields += len(event.headers)
            state[1] = fields

        def check(state: list[Any]) -> None:
            expect("fields", state[1], common.REQUEST_FIELDS * units)

        return Case(setup, run, check)
