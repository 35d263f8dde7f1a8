"""libngtcp2 through ctypes: ``driver.c`` is compiled when it is first needed, and ``Endpoint`` is one connection.

NGTCP2_CFLAGS and NGTCP2_LIBS, as pkg-config prints them, choose another build of the library than the system's.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from ctypes import POINTER, Structure, byref, c_char_p, c_int64, c_void_p, create_string_buffer
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import frames

_SOURCE = Path(__file__).with_name("driver.c")
_KEYS = {frames.INITIAL: 1, frames.HANDSHAKE: 2, frames.ZERO_RTT: 3, frames.ONE_RTT: 4}
NEVER = (1 << 63) - 1

_OPTIONS = (
    "server now cidlen congestion initial_rtt max_udp_payload mtu_discovery shaping ack_thresh "
    "handshake_timeout max_window max_stream_window initial_pn keep_alive "
    "data stream_data_bidi_local stream_data_bidi_remote stream_data_uni streams_bidi streams_uni "
    "idle_timeout udp_payload_param active_cids max_ack_delay datagram_frame_size ack_delay_exponent "
    "client_hello server_hello server_flight client_finished tickets early key_phase_limit"
).split()


class Options(Structure):
    """``struct options`` of driver.c."""

    _fields_ = [(name, c_int64) for name in _OPTIONS]


class Unavailable(Exception):
    """There is no compiler, no header or no library; the text says which."""


_PROTOTYPES: dict[str, tuple[Any, ...]] = {
    # result, then arguments; int64 unless said otherwise
    "version": (c_int64,),
    "error": (c_char_p, c_int64),
    "new": (c_void_p, POINTER(Options)),
    "wire_error": (c_int64, c_int64),
    "free": (None, c_void_p),
    "introduce": (None, c_void_p, c_void_p),
    "remembered": (c_int64, c_void_p, c_void_p, c_int64),
    "remember": (c_int64, c_void_p, c_char_p, c_int64),
    "log": (c_char_p, c_void_p),
    "log_clear": (None, c_void_p),
    "writev_stream": (c_int64, c_void_p, c_void_p, c_int64, POINTER(c_int64), c_int64, c_int64, c_void_p)
    + (c_int64, c_int64),
    "writev_datagram": (c_int64, c_void_p, c_void_p, c_int64, POINTER(c_int64), c_int64, c_int64, c_void_p)
    + (c_int64, c_int64),
    "write_connection_close": (c_int64, c_void_p, c_void_p, c_int64, c_int64, c_int64, c_char_p, c_int64, c_int64),
    "read_pkt": (c_int64, c_void_p, c_char_p, c_int64, c_int64, c_int64, c_int64),
    "update_pkt_tx_time": (None, c_void_p, c_int64),
    "get_expiry": (c_int64, c_void_p),
    "handle_expiry": (c_int64, c_void_p, c_int64),
    "open": (c_int64, c_void_p, c_int64),
    "shutdown_stream": (c_int64, c_void_p, c_int64, c_int64, c_int64),
    "extend_max_stream_offset": (c_int64, c_void_p, c_int64, c_int64),
    "extend_max_offset": (None, c_void_p, c_int64),
    "extend_max_streams": (None, c_void_p, c_int64, c_int64),
    "submit_new_token": (c_int64, c_void_p, c_char_p, c_int64),
    "initiate_key_update": (c_int64, c_void_p, c_int64),
    "early_data_rejected": (c_int64, c_void_p),
    "info": (None, c_void_p, POINTER(c_int64)),
    "max_stream_data_left": (c_int64, c_void_p, c_int64),
    "seal": (None, c_int64, c_int64, c_char_p, c_int64, c_char_p, c_int64, c_void_p),
}


@functools.cache
def load() -> Any:
    """The driver, compiled into a temporary directory; Unavailable where that cannot be."""
    compiler = os.environ.get("CC", "gcc")
    with tempfile.TemporaryDirectory(prefix="oracle") as directory:
        target = Path(directory) / "driver.so"
        if shutil.which(shlex.split(compiler)[0]) is None:
            raise Unavailable(f"no compiler {compiler}")
        done = subprocess.run(
            [
                *shlex.split(compiler),
                *("-shared", "-fPIC", "-O1", "-o", str(target), str(_SOURCE)),
                *shlex.split(os.environ.get("NGTCP2_CFLAGS", "")),
                *shlex.split(os.environ.get("NGTCP2_LIBS", "-lngtcp2")),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Unavailable(done.stderr)
        library = ctypes.CDLL(str(target))
    for name, (result, *arguments) in _PROTOTYPES.items():
        function = getattr(library, "oracle_" + name)
        function.restype = result
        function.argtypes = arguments
    return library


def version() -> tuple[int, int]:
    """(major, minor) of the library in use."""
    number = load().oracle_version()
    return number >> 16, number >> 8 & 0xFF


def name_of(code: int) -> str:
    """The name of an error without its prefix; the numbers differ from version to version."""
    return str(load().oracle_error(code).decode().removeprefix("ERR_"))


def result(code: int) -> int | str:
    """A result as transcripts have it: what is negative by its name."""
    return name_of(code) if code < 0 else code


#: What ``read_pkt`` says without an error in what was read.
_NO_ERROR = ("CLOSING", "DRAINING", "DROP_CONN", "RETRY", "IDLE_CLOSE", "CALLBACK_FAILURE", "NOMEM")


def read_result(code: int) -> int | str:
    """As ``result``, but an error of the peer's by the code that CONNECTION_CLOSE has for it."""
    name = result(code)
    return f"error {load().oracle_wire_error(code):#x}" if isinstance(name, str) and name not in _NO_ERROR else name


def _sizes(sizes: Sequence[int]) -> Any:
    return (c_int64 * max(len(sizes), 1))(*sizes)


@dataclass(frozen=True)
class Info:
    """What ``ngtcp2_conn_get_conn_info`` and the getters beside it say."""

    cwnd: int
    bytes_in_flight: int
    smoothed_rtt: int
    ssthresh: int
    completed: bool
    closing: bool
    draining: bool
    streams_bidi_left: int
    streams_uni_left: int
    data_left: int
    pto: int


class Endpoint:
    """One ngtcp2 connection, with the calls of the oracle's neutral interface."""

    def __init__(self, **options: int) -> None:
        self._library = load()
        self.options = Options(**options)
        self.server = bool(self.options.server)
        self.cid_length = int(self.options.cidlen)
        self._end = self._library.oracle_new(byref(self.options))
        if not self._end:
            raise AssertionError("ngtcp2 refuses the options")
        self._dest: Any = None
        self._other: Endpoint | None = None

    def __del__(self) -> None:
        if getattr(self, "_end", None):
            self._library.oracle_free(self._end)

    def introduce(self, other: Endpoint) -> None:
        """Who the other end is: the transport parameters come from it when the handshake reaches that point."""
        self._other = other
        self._library.oracle_introduce(self._end, other._end)

    def remembered(self) -> bytes:
        """What a client keeps of the server's transport parameters for early data."""
        buffer = create_string_buffer(4096)
        size = self._library.oracle_remembered(self._end, buffer, len(buffer))
        if size < 0:
            raise AssertionError(name_of(size))
        return buffer.raw[:size]

    def remember(self, params: bytes) -> None:
        if code := self._library.oracle_remember(self._end, params, len(params)):
            raise AssertionError(name_of(code))

    def callbacks(self) -> list[str]:
        """What was called back since the last time, one line each."""
        lines = self._library.oracle_log(self._end).decode().splitlines()
        self._library.oracle_log_clear(self._end)
        return [line for line in lines if not line.startswith("crypto ")]

    def _buffer(self, room: int) -> Any:
        """The same buffer as long as the size is the same: that of an open packet."""
        if self._dest is None or len(self._dest) != room:
            self._dest = create_string_buffer(room)
        return self._dest

    def writev_stream(
        self, room: int, stream_id: int, sizes: Sequence[int], now: int, flags: int
    ) -> tuple[int | str, int, bytes]:
        dest, taken = self._buffer(room), c_int64(-2)
        code = self._library.oracle_writev_stream(
            self._end, dest, room, byref(taken), flags, stream_id, _sizes(sizes), len(sizes), now
        )
        return result(code), taken.value, dest.raw[: max(code, 0)]

    def writev_datagram(
        self, room: int, dgram_id: int, sizes: Sequence[int], now: int, flags: int
    ) -> tuple[int | str, int, bytes]:
        dest, taken = self._buffer(room), c_int64(-2)
        code = self._library.oracle_writev_datagram(
            self._end, dest, room, byref(taken), flags, dgram_id, _sizes(sizes), len(sizes), now
        )
        return result(code), taken.value, dest.raw[: max(code, 0)]

    def write_connection_close(
        self, room: int, application: bool, code: int, reason: bytes, now: int
    ) -> tuple[int | str, bytes]:
        dest = self._buffer(room)
        done = self._library.oracle_write_connection_close(
            self._end, dest, room, application, code, reason, len(reason), now
        )
        return result(done), dest.raw[: max(done, 0)]

    def read_pkt(self, datagram: bytes, now: int, path: int = 0, ecn: int = 0) -> int | str:
        return read_result(self._library.oracle_read_pkt(self._end, datagram, len(datagram), path, ecn, now))

    def update_pkt_tx_time(self, now: int) -> None:
        self._library.oracle_update_pkt_tx_time(self._end, now)

    def get_expiry(self) -> int:
        """NEVER without a timer."""
        expiry = self._library.oracle_get_expiry(self._end)
        return NEVER if expiry < 0 else int(expiry)

    def handle_expiry(self, now: int) -> int | str:
        return result(self._library.oracle_handle_expiry(self._end, now))

    def open_stream(self, bidi: bool) -> int | str:
        return result(self._library.oracle_open(self._end, bidi))

    def shutdown_stream(self, which: str, stream_id: int, code: int) -> int | str:
        """``which``: "both", "read" or "write"."""
        number = ("both", "read", "write").index(which)
        return result(self._library.oracle_shutdown_stream(self._end, number, stream_id, code))

    def extend_max_stream_offset(self, stream_id: int, n: int) -> int | str:
        return result(self._library.oracle_extend_max_stream_offset(self._end, stream_id, n))

    def extend_max_offset(self, n: int) -> None:
        self._library.oracle_extend_max_offset(self._end, n)

    def extend_max_streams(self, bidi: bool, n: int) -> None:
        self._library.oracle_extend_max_streams(self._end, bidi, n)

    def submit_new_token(self, token: bytes) -> int | str:
        return result(self._library.oracle_submit_new_token(self._end, token, len(token)))

    def initiate_key_update(self, now: int) -> int | str:
        return result(self._library.oracle_initiate_key_update(self._end, now))

    @property
    def info(self) -> Info:
        values = (c_int64 * 11)()
        self._library.oracle_info(self._end, values)
        return Info(*values[:4], *map(bool, values[4:7]), *values[7:])

    def max_stream_data_left(self, stream_id: int) -> int:
        return int(self._library.oracle_max_stream_data_left(self._end, stream_id))


class Wire:
    """Reads the packets of both ends, and makes those of a scripted peer."""

    def __init__(self, cid_length: int) -> None:
        self.cid_length = cid_length

    def open(self, datagram: bytes, sender: str) -> list[frames.Packet]:
        found = []
        for head in frames.heads(datagram, self.cid_length):
            size = (datagram[head.start] & 3) + 1
            pn = int.from_bytes(datagram[head.pn_offset : head.pn_offset + size], "big")
            payload = datagram[head.pn_offset + size : head.end - frames.TAG]
            phase = datagram[head.start] >> 2 & 1 if head.kind == frames.ONE_RTT else 0
            found.append(frames.Packet(head.kind, head.end - head.start, head.length_size, pn, payload, phase))
        return found

    def seal(self, pn: int, payload: bytes, to_server: bool, generation: int = 0) -> bytes:
        """A 1-RTT packet with a packet number of 4 bytes, as if the peer had sent it, so many key updates later."""
        dcid = bytes([0x50 if to_server else 0xC0] * (self.cid_length - 1) + [0])
        head = bytes([0x43 | (generation & 1) << 2]) + dcid + pn.to_bytes(4, "big")
        tag = create_string_buffer(frames.TAG)
        load().oracle_seal(_KEYS[frames.ONE_RTT] + generation, pn, head, len(head), payload, len(payload), tag)
        return head + payload + tag.raw
