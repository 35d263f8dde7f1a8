"""h2q behind the oracle's neutral interface: ``h2q.quic.Connection`` with real packet protection, and a TLS that only
has lengths and fixed secrets, like the one of ``driver.c``.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from . import frames, library
from .driver import CLIENT, DEFAULTS, SERVER, Driver

SUITE = 0x1301
INITIAL_LEVEL, HANDSHAKE_LEVEL, APPLICATION_LEVEL = 0, 2, 3
_SALT = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
#: Longer than any buffer may be: only their lengths matter, since they are refused.
_UNREADABLE = 1 << 24


def secret_of(level: int, role: str) -> bytes:
    """The traffic secret of a level that ``role`` sends with."""
    return hashlib.sha256(f"{level} {role}".encode()).digest()


class Key:
    """AES-128-GCM packet protection from a secret (RFC 9001 section 5)."""

    def __init__(self, secret: bytes, hp: bytes | None = None) -> None:
        self.secret = secret
        self._aead = AESGCM(expand(secret, "quic key", 16))
        self._iv = int.from_bytes(expand(secret, "quic iv", 12), "big")
        self.hp = hp or expand(secret, "quic hp", 16)
        self._ecb = Cipher(algorithms.AES(self.hp), modes.ECB()).encryptor()

    def updated(self) -> Key:
        return Key(expand(self.secret, "quic ku", 32), self.hp)

    def mask(self, sample: bytes) -> bytes:
        return self._ecb.update(sample)[:5]

    def nonce(self, pn: int) -> bytes:
        return (self._iv ^ pn).to_bytes(12, "big")

    def open(self, pn: int, head: bytes, sealed: bytes) -> bytes | None:
        try:
            return self._aead.decrypt(self.nonce(pn), sealed, head)
        except InvalidTag:
            return None

    def seal(self, pn: int, head: bytes, payload: bytes) -> bytes:
        return self._aead.encrypt(self.nonce(pn), payload, head)


def expand(secret: bytes, label: str, length: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 section 7.1, without context."""
    name = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0"
    return HKDFExpand(SHA256(), length, info).derive(secret)


def initial_secret(dcid: bytes, role: str) -> bytes:
    mac = HMAC(_SALT, SHA256())
    mac.update(dcid)
    return expand(mac.finalize(), f"{role} in", 32)


class Wire:
    """Reads the packets of both ends, and makes those of a scripted peer."""

    def __init__(self, cid_length: int, odcid: bytes, scids: dict[str, bytes]) -> None:
        self.cid_length = cid_length
        self._scids = scids
        self._keys: dict[tuple[str, str], list[Key]] = {}
        for role in (CLIENT, SERVER):
            self._keys[frames.INITIAL, role] = [Key(initial_secret(odcid, role))]
            self._keys[frames.HANDSHAKE, role] = [Key(secret_of(HANDSHAKE_LEVEL, role))]
            self._keys[frames.ONE_RTT, role] = [Key(secret_of(APPLICATION_LEVEL, role))]
        self._largest: dict[tuple[str, str], int] = {}

    def open(self, datagram: bytes, sender: str) -> list[frames.Packet]:
        return [self._packet(datagram, head, sender) for head in frames.heads(datagram, self.cid_length)]

    def _packet(self, datagram: bytes, head: frames.Head, sender: str) -> frames.Packet:
        generations = self._keys[head.kind, sender]
        sample = datagram[head.pn_offset + 4 : head.pn_offset + 20]
        mask = generations[-1].mask(sample)
        plain = bytearray(datagram[head.start : head.pn_offset + 4])
        plain[0] ^= mask[0] & (0x1F if head.kind == frames.ONE_RTT else 0x0F)
        size = (plain[0] & 3) + 1
        offset = head.pn_offset - head.start
        for index in range(size):
            plain[offset + index] ^= mask[1 + index]
        truncated = int.from_bytes(plain[offset : offset + size], "big")
        sealed = datagram[head.pn_offset + size : head.end]
        largest = self._largest.get((head.kind, sender), -1)
        number = truncated
        while number + (1 << (8 * size - 1)) <= largest + 1:
            number += 1 << (8 * size)
        header = bytes(plain[: offset + size])
        payload = generations[-1].open(number, header, sealed)
        if payload is None:
            generations.append(generations[-1].updated())
            payload = generations[-1].open(number, header, sealed)
        if payload is None:
            raise AssertionError("a packet cannot be decrypted")
        self._largest[head.kind, sender] = max(number, largest)
        phase = plain[0] >> 2 & 1 if head.kind == frames.ONE_RTT else 0
        return frames.Packet(head.kind, head.end - head.start, head.length_size, truncated, payload, phase)

    def seal(self, pn: int, payload: bytes, to_server: bool, generation: int = 0) -> bytes:
        """A 1-RTT packet with a packet number of 4 bytes, as if the peer had sent it, so many key updates later."""
        sender, receiver = (CLIENT, SERVER) if to_server else (SERVER, CLIENT)
        key = self._keys[frames.ONE_RTT, sender][0]
        for _ in range(generation):
            key = key.updated()
        head = bytes([0x43 | (generation & 1) << 2]) + self._scids[receiver] + pn.to_bytes(4, "big")
        sealed = key.seal(pn, head, payload)
        packet = bytearray(head + sealed)
        sample = sealed[:16].ljust(16, b"\0")
        mask = key.mask(sample)
        packet[0] ^= mask[0] & 0x1F
        for index in range(4):
            packet[len(head) - 4 + index] ^= mask[1 + index]
        return bytes(packet)


class Shared:
    """What the two ends of one connection tell each other outside of their packets: lengths and parameters."""

    def __init__(self, options: dict[str, int]) -> None:
        self.options = options
        self.parameters: dict[str, bytes] = {}


class Handshake:
    """TLS as a connection sees it (``h2q.tls.Handshake``), with messages that are nothing but so many bytes."""

    role = ""

    def __init__(self, config: Any, sink: Any, parameters: Callable[[], bytes], *, random: Any = None) -> None:
        self.shared: Shared = config.shared
        self.sink = sink
        self.received = {INITIAL_LEVEL: 0, HANDSHAKE_LEVEL: 0, APPLICATION_LEVEL: 0}
        self._parameters = parameters
        self.complete = False

    def start(self) -> None:
        if self.role == CLIENT:
            self._introduce()
            self.sink.add_handshake_data(INITIAL_LEVEL, bytes(self.shared.options["client_hello"]))

    def _introduce(self) -> None:
        parameters = self._parameters
        self.shared.parameters[self.role] = parameters() if callable(parameters) else bytes(parameters)

    def receive(self, level: int, data: Any) -> None:
        before = self.received[level]
        self.received[level] = now = before + len(data)
        options = self.shared.options

        def reached(name: str) -> bool:
            return before < options[name] <= now

        if self.role == SERVER:
            if level == INITIAL_LEVEL and reached("client_hello"):
                self._client_hello()
            elif level == HANDSHAKE_LEVEL and reached("client_finished"):
                self.sink.set_read_secret(APPLICATION_LEVEL, SUITE, secret_of(APPLICATION_LEVEL, CLIENT))
                self._completed()
        elif level == INITIAL_LEVEL and reached("server_hello"):
            self.sink.set_read_secret(HANDSHAKE_LEVEL, SUITE, secret_of(HANDSHAKE_LEVEL, SERVER))
            self.sink.set_write_secret(HANDSHAKE_LEVEL, SUITE, secret_of(HANDSHAKE_LEVEL, CLIENT))
        elif level == HANDSHAKE_LEVEL and reached("server_flight"):
            sink = self.sink
            sink.on_peer_transport_parameters(self.shared.parameters[SERVER])
            sink.add_handshake_data(HANDSHAKE_LEVEL, bytes(options["client_finished"]))
            sink.set_read_secret(APPLICATION_LEVEL, SUITE, secret_of(APPLICATION_LEVEL, SERVER))
            sink.set_write_secret(APPLICATION_LEVEL, SUITE, secret_of(APPLICATION_LEVEL, CLIENT))
            self._completed()

    def _client_hello(self) -> None:
        sink = self.sink
        options = self.shared.options
        self._introduce()
        sink.on_peer_transport_parameters(self.shared.parameters[CLIENT])
        sink.add_handshake_data(INITIAL_LEVEL, bytes(options["server_hello"]))
        sink.set_write_secret(HANDSHAKE_LEVEL, SUITE, secret_of(HANDSHAKE_LEVEL, SERVER))
        sink.set_read_secret(HANDSHAKE_LEVEL, SUITE, secret_of(HANDSHAKE_LEVEL, CLIENT))
        sink.add_handshake_data(HANDSHAKE_LEVEL, bytes(options["server_flight"]))
        sink.set_write_secret(APPLICATION_LEVEL, SUITE, secret_of(APPLICATION_LEVEL, SERVER))

    def _completed(self) -> None:
        self.complete = True
        self.sink.on_handshake_complete()


class ClientHandshake(Handshake):
    role = CLIENT


class ServerHandshake(Handshake):
    role = SERVER


class H2q:
    """Both ends from h2q. ``package`` is "h2q", or the name that the pure twin is loaded under."""

    name = "h2q"

    def __init__(self, package: str = "h2q") -> None:
        self.package = package
        self.quic: Any = importlib.import_module(package + ".quic")

    def pair(self, client: dict[str, int], server: dict[str, int]) -> tuple[Any, Any, Any]:
        options = {CLIENT: {**DEFAULTS, **client}, SERVER: {**DEFAULTS, **server}}
        shared = Shared(options[CLIENT] | {name: options[SERVER][name] for name in ("server_hello", "server_flight")})
        random = {role: randomness(role) for role in options}
        now = options[CLIENT]["now"]
        setup = importlib.import_module(self.package + ".quic.handshake")
        with (
            mock.patch.object(setup, "ClientHandshake", ClientHandshake),
            mock.patch.object(setup, "ServerHandshake", ServerHandshake),
        ):
            callbacks = {role: self._callbacks() for role in options}
            connection = self.quic.Connection
            config = {role: self._config(role, options[role], shared, random[role]) for role in options}
            path = {role: self.quic.Path(role, "peer") for role in options}
            first = connection.client(callbacks[CLIENT], config[CLIENT], path[CLIENT], now)
            odcid = first.dcid
            second = connection.server(
                callbacks[SERVER], config[SERVER], path[SERVER], now, dcid=odcid, scid=first.scid
            )
        wire = Wire(options[CLIENT]["cidlen"], odcid, {CLIENT: first.scid, SERVER: second.scid})
        return (
            Endpoint(self.quic, first, callbacks[CLIENT], path[CLIENT]),
            Endpoint(self.quic, second, callbacks[SERVER], path[SERVER]),
            wire,
        )

    def _callbacks(self) -> Any:
        return make_callbacks(self.quic.Callbacks)

    def _config(self, role: str, o: dict[str, int], shared: Shared, random: Callable[[int], bytes]) -> Any:
        return self.quic.Config(
            tls=self._tls(role, shared),
            versions=(1,),
            connection_id_length=o["cidlen"],
            congestion=("newreno", "cubic")[o["congestion"]],
            initial_rtt=o["initial_rtt"],
            max_tx_udp_payload_size=o["max_udp_payload"],
            no_tx_udp_payload_size_shaping=not o["shaping"],
            pmtud=bool(o["mtu_discovery"]),
            ack_thresh=o["ack_thresh"],
            handshake_timeout=o["handshake_timeout"],
            keep_alive_timeout=o["keep_alive"],
            grease_quic_bit=False,
            initial_packet_number=o["initial_pn"],
            max_window=o["max_window"],
            max_stream_window=o["max_stream_window"],
            random=random,
            initial_max_data=o["data"],
            initial_max_stream_data_bidi_local=o["stream_data_bidi_local"],
            initial_max_stream_data_bidi_remote=o["stream_data_bidi_remote"],
            initial_max_stream_data_uni=o["stream_data_uni"],
            initial_max_streams_bidi=o["streams_bidi"],
            initial_max_streams_uni=o["streams_uni"],
            max_idle_timeout=o["idle_timeout"],
            max_udp_payload_size=o["udp_payload_param"],
            active_connection_id_limit=o["active_cids"],
            ack_delay_exponent=o["ack_delay_exponent"],
            max_ack_delay=o["max_ack_delay"],
            max_datagram_frame_size=o["datagram_frame_size"],
        )

    def _tls(self, role: str, shared: Shared) -> Any:
        """A TLSConfig that knows the lengths."""
        tls = importlib.import_module(self.package + ".tls")
        known = type("Known", (tls.TLSConfig,), {"__slots__": ("shared", "__dict__")})
        made = known(verify=False)
        object.__setattr__(made, "shared", shared)
        if role == SERVER:
            object.__setattr__(made, "credentials", object())
        return made


def randomness(role: str) -> Callable[[int], bytes]:
    """Bytes that differ from call to call, the same in every run; a single byte is 255: no packet number is skipped."""
    calls: Iterator[int] = iter(range(1 << 30))

    def random(size: int) -> bytes:
        if size < 8:
            return b"\xff" * size
        return hashlib.shake_128(f"{role} {next(calls)}".encode()).digest(size)

    return random


def make_callbacks(base: type) -> Any:
    """Callbacks that write the lines that ``driver.c`` writes."""

    class Lines(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self.lines: list[str] = []

        def recv_stream_data(self, conn: Any, flags: int, stream_id: int, offset: int, data: Any) -> None:
            fin = " fin" if flags & 1 else ""
            self.lines.append(f"recv_stream_data {stream_id} {offset} {len(data)}{fin}")

        def recv_datagram(self, conn: Any, flags: int, data: Any) -> None:
            self.lines.append(f"recv_datagram {len(data)}")

        def recv_new_token(self, conn: Any, token: bytes) -> None:
            self.lines.append(f"recv_new_token {len(token)}")

        def stream_close(self, conn: Any, stream_id: int, app_error_code: int | None) -> None:
            code = "" if app_error_code is None else f" {app_error_code}"
            self.lines.append(f"stream_close {stream_id}{code}")

        def remove_connection_id(self, conn: Any, cid: bytes) -> None:
            self.lines.append("remove_connection_id")

        def path_validation(self, conn: Any, path: Any, succeeded: bool) -> None:
            self.lines.append(f"path_validation {0 if succeeded else 1}")

    def plain(name: str) -> Callable[..., None]:
        def method(self: Any, conn: Any, *values: int) -> None:
            self.lines.append(" ".join(map(str, (name, *values))))

        method.__name__ = name
        return method

    for name in (
        "handshake_completed",
        "handshake_confirmed",
        "acked_stream_data_offset",
        "stream_open",
        "stream_reset",
        "stream_stop_sending",
        "recv_stop_sending",
        "extend_max_local_streams_bidi",
        "extend_max_local_streams_uni",
        "extend_max_remote_streams_bidi",
        "extend_max_remote_streams_uni",
        "extend_max_stream_data",
        "extend_max_data",
        "ack_datagram",
        "lost_datagram",
    ):
        setattr(Lines, name, plain(name))
    return Lines()


def buffer_of(size: int) -> Any:
    """So many bytes; where they would not fit into memory, a buffer that only says that it has them."""
    if size < _UNREADABLE:
        return bytes(size)
    return (ctypes.c_char * size).from_address(ctypes.addressof(_ONE))


_ONE = ctypes.c_char()


class Endpoint:
    """One connection of h2q, with the calls of the oracle's neutral interface."""

    def __init__(self, quic: Any, conn: Any, callbacks: Any, path: Any) -> None:
        self.quic = quic
        self.conn = conn
        self._callbacks = callbacks
        self._path = path
        self._dest = bytearray()

    def callbacks(self) -> list[str]:
        lines, self._callbacks.lines = self._callbacks.lines, []
        return lines

    def _result(self, code: int) -> int | str:
        return self.quic.Error(code).name if code < 0 else int(code)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """A call's result, or the name of the code that it raises."""
        try:
            return function(*arguments)
        except Exception as exc:
            code = getattr(exc, "code", None)
            if not isinstance(code, int):
                raise
            return self.quic.Error(code).name if code < 0 else f"error {code:#x}"

    def _buffer(self, room: int) -> bytearray:
        if len(self._dest) != room:
            self._dest = bytearray(room)
        return self._dest

    def _write(self, function: Callable[..., Any], *arguments: Any, dest: bytearray) -> tuple[int | str, int, bytes]:
        answer = self._call(function, dest, *arguments)
        if isinstance(answer, str):
            return answer, -1, b""
        code, taken = answer
        return self._result(code), int(taken), bytes(dest[: max(code, 0)])

    def writev_stream(
        self, room: int, stream_id: int, sizes: Sequence[int], now: int, flags: int
    ) -> tuple[int | str, int, bytes]:
        data = [buffer_of(size) for size in sizes]
        return self._write(self.conn.writev_stream, stream_id, data, now, flags, dest=self._buffer(room))

    def writev_datagram(
        self, room: int, dgram_id: int, sizes: Sequence[int], now: int, flags: int
    ) -> tuple[int | str, int, bytes]:
        data = [bytes(size) for size in sizes]
        code, taken, sent = self._write(self.conn.writev_datagram, dgram_id, data, now, flags, dest=self._buffer(room))
        return code, max(taken, 0), sent

    def write_connection_close(
        self, room: int, application: bool, code: int, reason: bytes, now: int
    ) -> tuple[int | str, bytes]:
        dest = self._buffer(room)
        error = self.quic.CloseError(code, application=application, reason=reason)
        done = self._call(self.conn.write_connection_close, dest, now, error)
        return (done, b"") if isinstance(done, str) else (self._result(done), bytes(dest[: max(done, 0)]))

    def read_pkt(self, datagram: bytes, now: int, path: int = 0, ecn: int = 0) -> int | str:
        where = self.quic.Path("elsewhere", "peer") if path else self._path
        code = self._call(self.conn.read_pkt, datagram, now, where, ecn)
        return code if isinstance(code, str) else self._result(code)

    def update_pkt_tx_time(self, now: int) -> None:
        self.conn.update_pkt_tx_time(now)

    def get_expiry(self) -> int:
        return int(self.conn.get_expiry())

    def handle_expiry(self, now: int) -> int | str:
        code = self._call(self.conn.handle_expiry, now)
        return code if isinstance(code, str) else self._result(code)

    def open_stream(self, bidi: bool) -> int | str:
        answer = self._call(self.conn.open_bidi_stream if bidi else self.conn.open_uni_stream)
        return answer if isinstance(answer, str) else self._result(answer)

    def shutdown_stream(self, which: str, stream_id: int, code: int) -> int | str:
        name = {"both": "shutdown_stream", "read": "shutdown_stream_read", "write": "shutdown_stream_write"}[which]
        answer = self._call(getattr(self.conn, name), stream_id, code)
        return answer if isinstance(answer, str) else self._result(answer or 0)

    def extend_max_stream_offset(self, stream_id: int, n: int) -> int | str:
        answer = self._call(self.conn.extend_max_stream_offset, stream_id, n)
        return answer if isinstance(answer, str) else self._result(answer or 0)

    def extend_max_offset(self, n: int) -> None:
        return self._call(self.conn.extend_max_offset, n)

    def extend_max_streams(self, bidi: bool, n: int) -> None:
        return self._call(self.conn.extend_max_streams_bidi if bidi else self.conn.extend_max_streams_uni, n)

    def submit_new_token(self, token: bytes) -> int | str:
        answer = self._call(self.conn.submit_new_token, token)
        return answer if isinstance(answer, str) else 0

    def initiate_key_update(self, now: int) -> int | str:
        answer = self._call(self.conn.initiate_key_update)
        return answer if isinstance(answer, str) else 0

    @property
    def info(self) -> library.Info:
        conn = self.conn
        path = conn.info()
        return library.Info(
            path.cwnd,
            path.bytes_in_flight,
            path.smoothed_rtt,
            path.ssthresh,
            conn.handshake_completed,
            conn.in_closing,
            conn.in_draining,
            conn.streams_bidi_left,
            conn.streams_uni_left,
            conn.max_data_left,
            conn.get_pto(),
        )

    def max_stream_data_left(self, stream_id: int) -> int:
        return int(self.conn.max_stream_data_left(stream_id))


__all__ = ["Driver", "H2q"]
