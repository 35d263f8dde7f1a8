"""The h2 package and `h2q.compat.h2` driven by the same calls: what each returned, raised, sent and became."""

from __future__ import annotations

import enum
import importlib
import struct
from types import ModuleType
from typing import Any

import hpack
import pytest

from h2q.compat import h2 as compat

real: ModuleType = pytest.importorskip("h2")
if real is compat:
    raise AssertionError("h2q.compat.h2 was installed in the place of h2: there is nothing to compare with")
for _name in ("config", "connection", "errors", "events", "exceptions", "settings", "stream", "utilities"):
    importlib.import_module(f"h2.{_name}")

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "example.com"), (":path", "/")]
RESPONSE = [(":status", "200"), ("server", "kit")]
SECRETS = (b"authorization", b"proxy-authorization", b"cookie", "authorization", "proxy-authorization", "cookie")
_FRAMES = "DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION".split()


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """One frame, right or wrong (RFC 9113 section 4.1)."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream_id) + payload


def settings(values: dict[int, int], *, ack: bool = False) -> bytes:
    """A SETTINGS frame."""
    return frame(4, int(ack), 0, b"".join(struct.pack(">HI", *item) for item in values.items()))


def plain(value: Any) -> Any:
    """A value of either package in a form that can be compared: classes by name, events by their attributes."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple) and hasattr(value, "indexable"):
        # h2q's encoder never indexes secrets, h2's connection marks them, and only where it normalizes.
        return type(value).__name__ if value[0] not in SECRETS else "secret", tuple(value)
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if type(value) is object:
        return "placeholder"
    module = type(value).__module__
    if module.endswith((".events", ".settings", "hyperframe.frame")):
        names = [name for name in dir(value) if not name.startswith("_")]
        shown = {name: getattr(value, name) for name in names}
        return type(value).__name__, {
            name: plain(item)
            for name, item in shown.items()
            if not callable(item) and name not in ("defined_flags", "flags", "stream_association")
        }
    return value


class Output:
    """Reads what one connection sends, frame by frame, header blocks decoded."""

    def __init__(self, *, magic: bool) -> None:
        self._data = b""
        self._magic = magic
        self._decoder = hpack.Decoder()
        self._decoder.max_allowed_table_size = 2**20
        self._block = b""

    def read(self, data: bytes) -> list[Any]:
        """The frames in `data`; the sizes of header blocks are left out, coders may differ."""
        self._data += data
        if self._magic and self._data.startswith(MAGIC):
            self._data = self._data[len(MAGIC) :]
            self._magic = False
        frames = []
        while len(self._data) >= 9:
            length = int.from_bytes(self._data[:3], "big")
            assert len(self._data) >= 9 + length, "frames are handed out whole"
            kind, flags, stream_id = struct.unpack(">BBI", self._data[3:9])
            payload, self._data = self._data[9 : 9 + length], self._data[9 + length :]
            frames.append(self._frame(kind, flags, stream_id, payload))
        assert not self._data
        return [found for found in frames if found is not None]

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> Any:
        name = _FRAMES[kind] if kind < len(_FRAMES) else f"type {kind}"
        if name not in ("HEADERS", "PUSH_PROMISE", "CONTINUATION"):
            return name, flags, stream_id, payload
        fixed = 4 if name == "PUSH_PROMISE" else 5 if flags & 0x20 else 0
        start = b"" if name == "CONTINUATION" else payload[:fixed]
        self._block += payload[len(start) :]
        if name != "CONTINUATION":
            self._begun = (name, flags & ~0x4, stream_id, start)
        if not flags & 0x4:
            return None
        block, self._block = self._block, b""
        fields = self._decoder.decode(block, raw=True)
        return *self._begun, [(f.indexable or f[0] in SECRETS, *f) for f in fields]


class Side:
    """A connection of one of the two packages, and an h2 that listens to it."""

    def __init__(self, package: ModuleType, *, client: bool, **config: Any) -> None:
        self.package = package
        module: Any = package
        self.connection: Any = module.connection.H2Connection(
            module.config.H2Configuration(client_side=client, **config)
        )
        self.output = Output(magic=client)
        self.listener: Any = real.connection.H2Connection(real.config.H2Configuration(client_side=not client))

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """What a method returned, or what it raised."""
        return self.outcome(lambda: getattr(self.connection, name)(*args, **kwargs))

    def outcome(self, action: Any) -> Any:
        """What `action()` returned, or the class, code and text of what it raised."""
        try:
            return "returned", plain(action())
        except Exception as error:
            shown: list[Any] = ["raised", type(error).__name__, plain(getattr(error, "error_code", None))]
            for name in ("stream_id", "max_stream_id", "expected_length", "actual_length"):
                shown.append(getattr(error, name, None))
            return shown

    def sent(self) -> Any:
        """The frames since the last time, and what the listening h2 makes of them."""
        data = self.connection.data_to_send()
        heard = self.outcome(lambda: self.listener.receive_data(data))
        return self.output.read(data), heard

    def state(self) -> Any:
        """Everything that programs can read."""
        connection = self.connection
        return {
            "state": plain(connection.state_machine.state),
            "streams": {number: _stream(stream) for number, stream in connection.streams.items()},
            "highest": (connection.highest_inbound_stream_id, connection.highest_outbound_stream_id),
            "windows": (connection.inbound_flow_control_window, connection.outbound_flow_control_window),
            "sizes": (connection.max_inbound_frame_size, connection.max_outbound_frame_size),
            "local": _settings(connection.local_settings),
            "remote": _settings(connection.remote_settings),
            "closed": {number: plain(how) for number, how in connection._closed_streams.items()},
        }


def _settings(mapping: Any) -> Any:
    return {plain(key): list(values) for key, values in mapping._settings.items()}


def _stream(stream: Any) -> Any:
    machine = stream.state_machine
    return (
        plain(machine.state),
        plain(stream.closed_by),
        (stream.open, stream.closed, stream.stream_id, stream.max_outbound_frame_size),
        (stream.inbound_flow_control_window, stream.outbound_flow_control_window),
        (machine.client, machine.headers_sent, machine.trailers_sent),
        (machine.headers_received, machine.trailers_received),
        stream.request_method,
    )


class Pair:
    """Both packages side by side; every step compares what they did."""

    def __init__(self, *, client: bool, **config: Any) -> None:
        self.sides = [Side(real, client=client, **config), Side(compat, client=client, **config)]
        self.encoder = hpack.Encoder()

    def _same(self, what: str, seen: list[Any]) -> Any:
        wanted, found = seen
        assert found == wanted, f"{what}: h2q {found}, h2 {wanted}"
        return wanted

    def do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Calls a method on both; what it returned or raised."""
        outcome = self._same(name, [side.call(name, *args, **kwargs) for side in self.sides])
        self.compare()
        return outcome

    def receive(self, *frames: bytes) -> Any:
        """Both receive the same bytes."""
        return self.do("receive_data", b"".join(frames))

    def get(self, name: str) -> Any:
        """An attribute that may run code."""
        return self._same(name, [side.outcome(lambda s=side: getattr(s.connection, name)) for side in self.sides])

    def compare(self) -> Any:
        """Compares what both have become and sent; the frames."""
        self._same("state", [side.state() for side in self.sides])
        return self._same("output", [side.sent() for side in self.sides])[0]

    def block(self, *fields: Any) -> bytes:
        """A header block as the peer encodes it."""
        return self.encoder.encode(list(fields))

    def start(self, **values: int) -> None:
        """The beginning of a connection, as both peers have it."""
        self.do("initiate_connection")
        magic = b"" if self.sides[0].connection.config.client_side else MAGIC
        self.receive(magic, settings({}), settings({}, ack=True))
