"""One observed session: every call, callback and frame on the wire goes into a log, the transcript.

Scenarios drive it; ``api`` is a namespace with nghttp2's names: the module ``library``, or ``h2q.http2``.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import hpack

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NAMES = {
    0: "DATA",
    1: "HEADERS",
    2: "PRIORITY",
    3: "RST_STREAM",
    4: "SETTINGS",
    5: "PUSH_PROMISE",
    6: "PING",
    7: "GOAWAY",
    8: "WINDOW_UPDATE",
    9: "CONTINUATION",
    10: "ALTSVC",
    12: "ORIGIN",
    16: "PRIORITY_UPDATE",
}
EXTRAS = {
    0: ("padlen",),
    1: ("padlen", "category"),
    3: ("error_code",),
    4: ("settings",),
    5: ("padlen", "promised_stream_id"),
    6: ("opaque_data",),
    7: ("last_stream_id", "error_code", "opaque_data"),
    8: ("window_size_increment",),
    10: ("origin", "field_value"),
    12: ("origins",),
    16: ("prioritized_stream_id", "field_value"),
}
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 1, 1, 4, 8, 0x20
SERVER, CLIENT = "server", "client"

OBSERVED = (
    "send",
    "before_frame_send",
    "on_frame_send",
    "on_frame_not_send",
    "on_stream_close",
    "on_begin_frame",
    "on_begin_headers",
    "on_header",
    "on_invalid_header",
    "on_data_chunk_recv",
    "on_frame_recv",
    "on_invalid_frame_recv",
)
# The debug data of a GOAWAY is text for people; only what a scenario submitted is compared.
GIVEN_DEBUG_DATA = (b"", b"bye")
# Receive callbacks that may answer PAUSE: mem_recv returns early, and is called again with the rest, also with b"".
PAUSING = ("on_header", "on_invalid_header", "on_data_chunk_recv")
# What a send callback does with what it is given, relative to the frame and not to its size in bytes.
ALL, HALF, ONE = "all", "half", "one"

REQUEST = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"localhost")]
POST = [(b":method", b"POST"), *REQUEST[1:]]
OK = [(b":status", b"200")]
TRAILER = [(b"x-checksum", b"abc")]


class ScriptedFailure(Exception):
    """What a callback raises when a scenario says so."""


def summary(data: bytes) -> object:
    """Short data as they are, long data as (length, checksum)."""
    data = bytes(data)
    return data if len(data) <= 24 else (len(data), zlib.crc32(data))


class Wire:
    """Parses what a session sent into events; a header block and its CONTINUATIONs are one event."""

    def __init__(self, expect_magic: bool) -> None:
        self._buffer = bytearray()
        self._magic = expect_magic
        self._decoder = hpack.Decoder(max_header_list_size=1 << 24)
        self._decoder.max_allowed_table_size = 1 << 20
        self._block: tuple[int, int, int, int, bytearray, int, int] | None = None
        self.raw = bytearray()

    @property
    def partial(self) -> bool:
        """Whether the bytes so far end in the middle of a frame or of a header block."""
        return bool(self._buffer) or self._block is not None

    def feed(self, data: bytes) -> list[tuple[Any, ...]]:
        """Events of the frames that `data` completes."""
        self.raw += data
        self._buffer += data
        events: list[tuple[Any, ...]] = []
        if self._magic:
            if len(self._buffer) < len(MAGIC):
                return events
            if self._buffer[: len(MAGIC)] != MAGIC:
                raise AssertionError("a client's first bytes are not the preface")
            del self._buffer[: len(MAGIC)]
            self._magic = False
            events.append(("wire", "MAGIC"))
        while len(self._buffer) >= 9:
            length = int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < 9 + length:
                break
            kind, flags = self._buffer[3], self._buffer[4]
            stream_id = int.from_bytes(self._buffer[5:9], "big")
            payload = bytes(self._buffer[9 : 9 + length])
            del self._buffer[: 9 + length]
            event = self._frame(kind, flags, stream_id, payload)
            if event:
                events.append(event)
        return events

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> tuple[Any, ...] | None:
        if self._block and (kind != 9 or stream_id != self._block[2]):
            raise AssertionError("a frame between HEADERS and its CONTINUATION")
        padlen = 0
        length = len(payload)
        if kind in (0, 1, 5) and flags & PADDED:
            padlen = payload[0] + 1
            if any(payload[len(payload) - padlen + 1 :]):
                raise AssertionError("padding is not zero")
            payload = payload[1 : len(payload) - padlen + 1]
        if kind == 0:
            return ("wire", "DATA", length, flags, stream_id, padlen, summary(payload))
        if kind in (1, 5, 9):
            return self._header_frame(kind, flags, stream_id, payload, padlen, length)
        if kind == 7 and payload[8:] not in GIVEN_DEBUG_DATA:
            length, payload = 8, payload[:8]
        return ("wire", NAMES.get(kind, kind), length, flags, stream_id, summary(payload))

    def _header_frame(
        self, kind: int, flags: int, stream_id: int, payload: bytes, padlen: int, length: int
    ) -> tuple[Any, ...] | None:
        if kind == 9:
            if not self._block:
                raise AssertionError("a CONTINUATION without HEADERS")
            first, first_flags, _, padlen, block, promised, total = self._block
            block += payload
            total += length
        else:
            promised = 0
            if kind == 5:
                promised = int.from_bytes(payload[:4], "big")
                payload = payload[4:]
            first, first_flags, block, total = kind, flags, bytearray(payload), length
        if not flags & END_HEADERS:
            if length != 16384:
                raise AssertionError("a header block is split elsewhere than at 16,384 bytes")
            self._block = (first, first_flags, stream_id, padlen, block, promised, total)
            return None
        self._block = None
        headers = [(bytes(name), bytes(value)) for name, value in self._decoder.decode(bytes(block), raw=True)]
        if sum(len(value) for _, value in headers) > 400:
            headers = [(name, summary(value)) for name, value in headers]  # type: ignore[misc]
        event = (
            "wire",
            NAMES[first],
            HeaderLength(total),
            first_flags | END_HEADERS,
            stream_id,
            padlen,
            headers,
        )
        return (*event, promised) if promised else event


class HeaderLength(int):
    """A length that depends on how an encoder chose; ``Driver.finish`` replaces it by what does not."""


class Driver:
    """A session of `api` in the role SERVER or CLIENT with scripted callbacks, and its log."""

    def __init__(
        self,
        api: Any,
        role: str,
        *,
        bind: Iterable[str] = (),
        omit: Iterable[str] = (),
        handshake: bool | tuple[tuple[int, int], ...] = True,
        own: tuple[tuple[int, int], ...] = (),
        split: int = 0,
        **config: Any,
    ) -> None:
        self.api = api
        self.role = role
        self.log: list[tuple[Any, ...]] = []
        self.wire = Wire(role == CLIENT)
        self.script: dict[str, list[Any]] = {}
        self.hooks: dict[str, Callable[..., Any]] = {}
        self.peer = Peer()
        self.split = split
        self.paused = False
        self.config = config
        names = [name for name in (*OBSERVED, *bind) if name not in tuple(omit)]
        members = {name: self._method(name) for name in names}
        self.callbacks = type("Observer", (api.Callbacks,), members)()
        settings = api.Config(**config) if config else None
        self.session = api.Session(api.SERVER if role == SERVER else api.CLIENT, self.callbacks, settings)
        if handshake:
            self.handshake(own, () if handshake is True else handshake)

    # Callbacks

    def _method(self, name: str) -> Callable[..., Any]:
        def method(_callbacks: object, session: object, *arguments: Any) -> Any:
            return self._called(name, *arguments)

        method.__name__ = name
        return method

    def _called(self, name: str, *arguments: Any) -> Any:
        if name == "send":
            return self._sending(bytes(arguments[0]))
        sent = name in ("before_frame_send", "on_frame_send", "on_frame_not_send", "select_padding")
        shown = [self._show(value, sent) for value in arguments]
        if name == "select_padding":
            shown[-1] = HeaderRoom(arguments[1] - arguments[0].length)
        if name == "send_data":
            shown = [self._show(arguments[0], True), summary(arguments[1]), arguments[2]]
        if name in ("on_header", "on_invalid_header"):
            # Whether the frame is shown as far as it has come or with its CONTINUATIONs is left open.
            shown[0] = (shown[0][0], shown[0][3], shown[0][5])
        if name == "error":
            shown = [arguments[0]]
        entry = (name, *shown)
        self.log.append(entry)
        hook = self.hooks.get(name)
        outcome = hook(self, *arguments) if hook else self._next(name)
        if name in PAUSING and outcome == self.api.PAUSE:
            self.paused = True
        if outcome is None and name == "select_padding":
            return arguments[0].length
        if outcome is None and name == "send_data":
            return self.write_data(arguments[0], arguments[1], bytes(arguments[2]))
        if outcome is None and name == "data_source_read_length":
            return min(arguments[2], arguments[3], arguments[4])
        return outcome

    def _next(self, name: str) -> Any:
        outcomes = self.script.get(name)
        if not outcomes:
            return None
        outcome = outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _sending(self, data: bytes) -> Any:
        hook = self.hooks.get("send")
        outcome = hook(self, data) if hook else self._next("send")
        if outcome in (None, ALL):
            outcome = len(data)
        elif outcome == HALF:
            outcome = max(1, len(data) // 2)
        elif outcome == ONE:
            outcome = 1
        if isinstance(outcome, int) and 0 < outcome <= len(data):
            self._wrote(data[:outcome])
        else:
            self.log.append(("send", outcome))
        return outcome

    def _wrote(self, data: bytes) -> None:
        self.log.extend(self.wire.feed(data))

    def write_data(self, frame: Any, framehd: bytes, data: bytes) -> int:
        """What a send_data callback does: head, Pad Length, data, padding."""
        parts = [bytes(framehd)]
        if frame.padlen > 0:
            parts.append(bytes([frame.padlen - 1]))
        parts.append(data)
        if frame.padlen > 1:
            parts.append(bytes(frame.padlen - 1))
        self._wrote(b"".join(parts))
        return 0

    def _show(self, value: Any, sent: bool) -> Any:
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        if hasattr(value, "stream_id") and hasattr(value, "flags"):
            return self._show_frame(value, sent)
        if isinstance(value, int):
            return int(value)
        return value

    def _show_frame(self, frame: Any, sent: bool) -> tuple[Any, ...]:
        kind, length = int(frame.type), int(frame.length)
        if sent and kind in (1, 5):
            length = HeaderLength(length)
        if sent and kind == 7 and bytes(frame.opaque_data) not in GIVEN_DEBUG_DATA:
            return ("GOAWAY", 8, int(frame.flags), 0, int(frame.last_stream_id), int(frame.error_code), b"")
        parts: list[Any] = [NAMES.get(kind, kind), length, int(frame.flags), int(frame.stream_id)]
        for name in EXTRAS.get(kind, ()):
            value = getattr(frame, name, None)
            if name == "category" and value is not None:
                value = int(value)
            if name == "settings" and value is not None:
                # libnghttp2 keeps the last value where an identifier comes twice, h2q shows the frame as it came.
                value = tuple({int(key): int(entry) for key, entry in value}.items())
            if name == "origins" and value is not None:
                value = tuple(bytes(origin) for origin in value)
            parts.append(bytes(value) if isinstance(value, (bytes, memoryview)) else value)
        if sent and kind in (1, 5):
            headers = [(bytes(item[0]), summary(bytes(item[1]))) for item in frame.headers]
            parts.append(headers)
        if kind not in EXTRAS and kind > 9:
            parts.append(getattr(frame, "payload", None))
        return tuple(parts)

    # Calls

    def call(self, name: str, *arguments: Any, **named: Any) -> Any:
        """Call a method of the session; its result or the error's code is logged and returned."""
        shown = [_shorten(value) for value in arguments]
        shown += [f"{key}={_shorten(value)}" for key, value in named.items()]
        self.log.append(("call", name, *shown))
        try:
            result = getattr(self.session, name)(*arguments, **named)
        except Exception as error:
            code = getattr(error, "code", None)
            if code is None:
                raise
            cause = type(error.__cause__).__name__ if isinstance(error.__cause__, ScriptedFailure) else None
            self.log.append(("raised", name, int(code), cause))
            return Raised(int(code))
        if name == "mem_send":
            result = bytes(result)
            self._wrote(result)
            self.log.append(("returned", name, bool(result)))
            return result
        if isinstance(result, int):
            result = int(result)
        # What has nothing to return returns None or 0.
        self.log.append(("returned", name, result or 0))
        return result

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith(("submit_", "get_", "set_", "consume", "terminate_", "resume_", "upgrade", "change_")):
            return lambda *arguments, **named: self.call(name, *arguments, **named)
        raise AttributeError(name)

    def send(self) -> Any:
        result = self.call("send")
        if not fatal(result):
            self.wants()
        return result

    def mem_send(self) -> Any:
        result = self.call("mem_send")
        if not fatal(result):
            self.wants()
        return result

    def drain(self) -> None:
        """mem_send until nothing comes."""
        for _ in range(1000):
            if not self.mem_send():
                return
        raise AssertionError("mem_send does not come to an end")

    def recv(self, *pieces: bytes) -> Any:
        """mem_recv of the pieces joined, whole or in parts of `split` bytes."""
        data = b"".join(pieces)
        self.log.append(("in", len(data)))
        step = self.split or max(len(data), 1)
        position = 0
        while position < len(data) or self.paused:
            self.paused = False
            piece = data[position : position + step]
            try:
                taken = int(self.session.mem_recv(piece))
            except Exception as error:
                code = getattr(error, "code", None)
                if code is None:
                    raise
                self.log.append(("raised", "mem_recv", int(code)))
                return Raised(int(code))
            position += taken
            if taken != len(piece) and not self.paused:
                raise AssertionError(f"{taken} of {len(piece)} bytes were taken, and no callback paused")
            if self.paused:
                self.log.append(("paused",))
        self.wants()
        return position

    def exchange(self, *pieces: bytes) -> None:
        """Receive, then send what there is."""
        if not fatal(self.recv(*pieces)):
            self.send()

    def wants(self) -> None:
        session = self.session
        self.log.append(("wants", bool(session.want_read), bool(session.want_write)))

    def state(self, *stream_ids: int) -> None:
        """All getters of the session and of the given streams."""
        session = self.session
        self.log.append(
            (
                "state",
                bool(session.check_request_allowed),
                int(session.get_outbound_queue_size()),
                int(session.get_next_stream_id()),
                int(session.get_last_proc_stream_id()),
                ("windows", session.get_local_window_size(), session.get_effective_local_window_size()),
                ("received", session.get_effective_recv_data_length()),
                ("remote", session.get_remote_window_size()),
            )
        )
        for stream_id in stream_ids:
            self.log.append(
                (
                    "stream",
                    stream_id,
                    int(session.get_stream_local_close(stream_id)),
                    int(session.get_stream_remote_close(stream_id)),
                    int(session.get_stream_local_window_size(stream_id)),
                    int(session.get_stream_effective_local_window_size(stream_id)),
                    int(session.get_stream_effective_recv_data_length(stream_id)),
                    int(session.get_stream_remote_window_size(stream_id)),
                    session.get_stream_user_data(stream_id),
                )
            )

    def handshake(self, own: tuple[tuple[int, int], ...], settings: tuple[tuple[int, int], ...]) -> None:
        """Both sides' first SETTINGS and both acknowledgements; not logged."""
        self.session.submit_settings(list(own))
        first = MAGIC if self.role == SERVER and not self.config.get("no_recv_client_magic") else b""
        self.recv(first + self.peer.settings(*settings))
        self.send()
        self.recv(self.peer.settings(ack=True))
        self.send()
        self.log.clear()

    def note(self, *words: Any) -> None:
        self.log.append(("note", *words))

    # Data sources

    def source(self, *outcomes: Any) -> Any:
        """A source whose n-th read gives outcomes[n]: bytes, int, (bytes, flags); each read is logged."""
        queue = list(outcomes)

        def read(session: Any, stream_id: int, length: int, source: object) -> Any:
            self.log.append(("read", int(stream_id), int(length)))
            if not queue:
                return b"", self.api.DATA_FLAG_EOF
            outcome = queue.pop(0)
            if callable(outcome):
                outcome = outcome(self, stream_id, length)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        return self.api.Source(read)

    def bulk(self, size: int, *, no_copy: bool = False, room: int = 0, end: bool = True, fill: bytes = b"x") -> Any:
        """A source of `size` bytes that leaves `room` bytes of each read for padding; each read is logged."""
        left = size

        def read(session: Any, stream_id: int, length: int, source: object) -> Any:
            nonlocal left
            self.log.append(("read", int(stream_id), int(length)))
            count = min(left, max(1, length - room))
            left -= count
            flags = 0
            if left == 0:
                flags = self.api.DATA_FLAG_EOF if end else self.api.DATA_FLAG_EOF | self.api.DATA_FLAG_NO_END_STREAM
            if no_copy:
                return count | flags | self.api.DATA_FLAG_NO_COPY
            return fill * count, flags

        return self.api.Source(read)

    # The end

    def finish(self) -> list[tuple[Any, ...]]:
        """The log in the form in which two implementations must agree."""
        wire_lengths: list[int] = []
        sent: list[int] = []
        before = selected = 0
        faults: list[tuple[Any, ...]] = []
        for event in self.log:
            if event[0] == "wire" and isinstance(event[2] if len(event) > 2 else None, HeaderLength):
                wire_lengths.append(int(event[2]))
            if event[0] not in ("select_padding", "before_frame_send", "on_frame_send"):
                continue
            length = event[1][1]
            if not isinstance(length, HeaderLength):
                continue
            if event[0] == "select_padding":
                selected = int(length)
            elif event[0] == "before_frame_send":
                if selected and selected + event[1][4] != length:
                    faults.append(("note", "the padded length is not what select_padding said"))
                before, selected = int(length), 0
            else:
                sent.append(int(length))
                if before and before != length:
                    faults.append(("note", "on_frame_send's length is not before_frame_send's"))
                before = 0
        both = min(len(sent), len(wire_lengths))
        if sent[:both] != wire_lengths[:both]:
            faults.append(("note", "on_frame_send's lengths of header frames differ from the wire's"))
        self.log += faults
        return [_plain(event) for event in merged(self.log)]


class HeaderRoom(int):
    """max_length - frame.length of a select_padding call."""


class Raised(int):
    """The code of an error that a call raised; true, so that scenarios can tell it from a result."""


def fatal(result: Any) -> bool:
    """Whether a call raised an error after which libnghttp2's session must be given up."""
    return isinstance(result, Raised) and result <= -900


def _plain(value: Any) -> Any:
    if isinstance(value, HeaderLength):
        return "H"
    if isinstance(value, bytes):
        return summary(value)
    if isinstance(value, (tuple, list)):
        return tuple(_plain(item) for item in value)
    return value


def _shorten(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return summary(bytes(value))
    if isinstance(value, list):
        return tuple(value) if len(value) < 6 else len(value)
    if isinstance(value, (int, str, tuple, dict, type(None))):
        return value
    return re.sub(r" at 0x[0-9a-f]+", "", type(value).__name__)


def merged(log: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The log without what is left open: how data is cut, when in a block fields are reported, how many close.

    Neighbouring chunks of one frame are joined. libnghttp2 reports fields while a block arrives, h2q when it is whole:
    on_header goes behind the on_begin_frame of CONTINUATION. Streams that one frame closes are sorted by number:
    libnghttp2 closes them in the order of a hash table.
    """
    result: list[tuple[Any, ...]] = []
    for event in log:
        last = result[-1] if result else ("",)
        if event[0] in ("on_data_chunk_recv", "on_extension_chunk_recv") and last[:-1] == event[:-1]:
            result[-1] = (*event[:-1], last[-1] + event[-1])
        elif event[0] == "on_begin_frame" and event[1][0] == "CONTINUATION":
            position = len(result)
            while position and result[position - 1][0] == "on_header":
                position -= 1
            result.insert(position, event)
        elif event[0] == last[0] == "on_stream_close" and event[1] < last[1]:
            position = len(result)
            while position and result[position - 1][0] == "on_stream_close" and event[1] < result[position - 1][1]:
                position -= 1
            result.insert(position, event)
        else:
            result.append(event)
    return result


class Peer:
    """Makes the other side's frames, well-formed or not."""

    def __init__(self) -> None:
        self.encoder = hpack.Encoder()

    def frame(self, kind: int, flags: int, stream_id: int, payload: bytes = b"", length: int | None = None) -> bytes:
        size = len(payload) if length is None else length
        return size.to_bytes(3, "big") + bytes([kind, flags]) + stream_id.to_bytes(4, "big") + payload

    def block(self, headers: Iterable[Any]) -> bytes:
        return self.encoder.encode(list(headers), huffman=False)

    def headers(
        self,
        stream_id: int,
        headers: Iterable[Any],
        *,
        end: bool = False,
        pad: int | None = None,
        priority: tuple[int, int] | None = None,
        fragments: int = 1,
    ) -> bytes:
        block = self.block(headers)
        parts = [block]
        if fragments > 1:
            size = max(1, -(-len(block) // fragments))
            parts = [block[i : i + size] for i in range(0, len(block), size)]
            parts += [b""] * (fragments - len(parts))
        flags = (END_STREAM if end else 0) | (END_HEADERS if len(parts) == 1 else 0)
        payload = parts[0]
        if priority is not None:
            flags |= PRIORITY_FLAG
            payload = priority[0].to_bytes(4, "big") + bytes([priority[1]]) + payload
        if pad is not None:
            flags |= PADDED
            payload = bytes([pad]) + payload + bytes(pad)
        result = self.frame(1, flags, stream_id, payload)
        for index, part in enumerate(parts[1:], 2):
            result += self.frame(9, END_HEADERS if index == len(parts) else 0, stream_id, part)
        return result

    def push_promise(self, stream_id: int, promised: int, headers: Iterable[Any], *, pad: int | None = None) -> bytes:
        payload = promised.to_bytes(4, "big") + self.block(headers)
        flags = END_HEADERS
        if pad is not None:
            flags |= PADDED
            payload = bytes([pad]) + payload + bytes(pad)
        return self.frame(5, flags, stream_id, payload)

    def data(self, stream_id: int, data: bytes = b"", *, end: bool = False, pad: int | None = None) -> bytes:
        flags = END_STREAM if end else 0
        if pad is not None:
            flags |= PADDED
            data = bytes([pad]) + data + bytes(pad)
        return self.frame(0, flags, stream_id, data)

    def settings(self, *pairs: tuple[int, int], ack: bool = False) -> bytes:
        payload = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in pairs)
        return self.frame(4, ACK if ack else 0, 0, payload)

    def rst_stream(self, stream_id: int, code: int = 0) -> bytes:
        return self.frame(3, 0, stream_id, code.to_bytes(4, "big"))

    def window_update(self, stream_id: int, increment: int) -> bytes:
        return self.frame(8, 0, stream_id, increment.to_bytes(4, "big"))

    def ping(self, opaque: bytes = b"12345678", *, ack: bool = False) -> bytes:
        return self.frame(6, ACK if ack else 0, 0, opaque)

    def goaway(self, last_stream_id: int, code: int = 0, debug: bytes = b"") -> bytes:
        return self.frame(7, 0, 0, last_stream_id.to_bytes(4, "big") + code.to_bytes(4, "big") + debug)

    def priority(self, stream_id: int, dependency: int = 0, weight: int = 15) -> bytes:
        return self.frame(2, 0, stream_id, dependency.to_bytes(4, "big") + bytes([weight]))
