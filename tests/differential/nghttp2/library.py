"""libnghttp2 through ctypes, with the names, arguments and results of ``h2q.http2``.

The differential tests run one scenario on this module and on ``h2q.http2`` and compare what they saw.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_int32,
    c_size_t,
    c_ssize_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from dataclasses import dataclass, field
from typing import Any

from .structures import (
    PROTOTYPES,
    Altsvc,
    DataProvider,
    Extpri,
    Nv,
    Origin,
    OriginEntry,
    PriorityUpdate,
    ReadCallback,
    SettingsEntry,
)

SERVER, CLIENT = 1, 0

WOULDBLOCK, EOF, DEFERRED, PAUSE, CANCEL = -504, -507, -508, -526, -535
TEMPORAL_CALLBACK_FAILURE, CALLBACK_FAILURE, NOMEM = -521, -902, -901
DATA_FLAG_EOF, DATA_FLAG_NO_END_STREAM, DATA_FLAG_NO_COPY = 1 << 32, 1 << 33, 1 << 34
_FLAG_SHIFT = 32
_COUNT_MASK = (1 << _FLAG_SHIFT) - 1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ALTSVC, ORIGIN, PRIORITY_UPDATE = 0x0A, 0x0C, 0x10
FLAG_END_STREAM, FLAG_END_HEADERS, FLAG_NO_INDEX = 0x01, 0x04, 0x01


_RESULT_TYPES: dict[str, Any] = {
    "nghttp2_session_mem_send": c_ssize_t,
    "nghttp2_session_mem_recv": c_ssize_t,
    "nghttp2_session_get_stream_user_data": c_void_p,
    "nghttp2_session_get_outbound_queue_size": c_size_t,
    "nghttp2_session_get_hd_inflate_dynamic_table_size": c_size_t,
    "nghttp2_session_get_hd_deflate_dynamic_table_size": c_size_t,
    "nghttp2_session_get_remote_settings": c_uint32,
    "nghttp2_session_get_local_settings": c_uint32,
    "nghttp2_session_get_next_stream_id": c_uint32,
    "nghttp2_session_find_stream": c_void_p,
    "nghttp2_strerror": c_char_p,
}


def path() -> str | None:
    """The library's name for ``dlopen``: NGHTTP2_LIBRARY, or the system's libnghttp2; None without one."""
    return os.environ.get("NGHTTP2_LIBRARY") or ctypes.util.find_library("nghttp2")


def _load() -> Any:
    name = path()
    if name is None:
        return None
    library = ctypes.CDLL(name)
    for function, result in _RESULT_TYPES.items():
        getattr(library, function).restype = result
    return library


_LIBRARY = _load()


class _Info(Structure):
    _fields_ = [("age", c_int), ("version_num", c_int), ("version_str", c_char_p), ("proto_str", c_char_p)]


def version() -> tuple[int, int]:
    """(major, minor) of the library in use."""
    _LIBRARY.nghttp2_version.restype = POINTER(_Info)
    number = _LIBRARY.nghttp2_version(0).contents.version_num
    return number >> 16, number >> 8 & 0xFF


class LibraryError(Exception):
    """A negative result of a libnghttp2 call; ``code`` is that number."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{_LIBRARY.nghttp2_strerror(c_int(code)).decode()} ({code})")
        self.code = code


class Source:
    """A data source that reads through ``read`` or the callbacks object's ``read``."""

    def __init__(self, read: Callable[..., Any] | None = None, user_data: object = None) -> None:
        self.read = read
        self.user_data = user_data


@dataclass(frozen=True)
class Config:
    """nghttp2's options; one that the library at hand does not know is ignored."""

    no_auto_window_update: bool = False
    no_auto_ping_ack: bool = False
    no_http_messaging: bool = False
    no_recv_client_magic: bool = False
    user_recv_extension_types: Sequence[int] = ()
    peer_max_concurrent_streams: int | None = None
    max_reserved_remote_streams: int | None = None
    max_send_header_block_length: int | None = None
    max_deflate_dynamic_table_size: int | None = None
    max_settings: int | None = None
    max_outbound_ack: int | None = None
    max_continuations: int | None = None
    stream_reset_burst: int = 1000
    stream_reset_rate: int = 33
    glitch_burst: int = 10000
    glitch_rate: int = 330
    max_outbound_queue_size: int | None = None


class Callbacks:
    """What a session calls; a method that is not defined is not registered."""


@dataclass
class Frame:
    """A copy of a frame: the head's fields, and the type's own as attributes."""

    type: int
    length: int
    flags: int
    stream_id: int
    fields: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(name) from None


def _bytes(pointer: int | None, length: int) -> bytes:
    return ctypes.string_at(pointer, length) if pointer and length else b""


def _nv_list(nva: Any, count: int) -> list[tuple[bytes, bytes]]:
    return [(_bytes(nva[i].name, nva[i].namelen), _bytes(nva[i].value, nva[i].valuelen)) for i in range(count)]


def _as_bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


class Session:
    """A libnghttp2 session with h2q's calls; a negative result that is no outcome raises LibraryError."""

    def __init__(
        self, role: int, callbacks: object = None, config: Config | None = None, *, clock: object = None
    ) -> None:
        del clock
        self.role = role
        self.user_data: object = None
        self._callbacks = callbacks
        self._config = config or Config()
        self._handles: dict[int, object] = {}
        self._failure: BaseException | None = None
        self._kept: list[Any] = []
        self._session = c_void_p()
        self._read_callback = ReadCallback(self._read)
        table = c_void_p()
        option = c_void_p()
        self._check(_LIBRARY.nghttp2_session_callbacks_new(byref(table)))
        self._check(_LIBRARY.nghttp2_option_new(byref(option)))
        try:
            self._bind(table)
            self._set_options(option)
            create = _LIBRARY.nghttp2_session_server_new2 if role == SERVER else _LIBRARY.nghttp2_session_client_new2
            self._check(create(byref(self._session), table, None, option))
        finally:
            _LIBRARY.nghttp2_session_callbacks_del(table)
            _LIBRARY.nghttp2_option_del(option)

    def close(self) -> None:
        """Free the C session; no call may follow."""
        if self._session:
            _LIBRARY.nghttp2_session_del(self._session)
            self._session = c_void_p()

    def __del__(self) -> None:
        self.close()

    # Binding

    def _bind(self, table: c_void_p) -> None:
        for name, (setter, prototype) in PROTOTYPES.items():
            if not hasattr(self._callbacks, name):
                continue
            thunk = prototype(getattr(self, "_" + name))
            self._kept.append(thunk)
            suffix = "_callback2" if name == "error" else "_callback"
            getattr(_LIBRARY, f"nghttp2_session_callbacks_set_{setter}{suffix}")(table, thunk)

    def _set_options(self, option: c_void_p) -> None:
        config = self._config
        for name in (
            "no_auto_window_update",
            "no_auto_ping_ack",
            "no_http_messaging",
            "no_recv_client_magic",
        ):
            getattr(_LIBRARY, "nghttp2_option_set_" + name)(option, c_int(int(getattr(config, name))))
        numbers: dict[str, Any] = {
            "peer_max_concurrent_streams": c_uint32,
            "max_reserved_remote_streams": c_uint32,
            "max_send_header_block_length": c_size_t,
            "max_deflate_dynamic_table_size": c_size_t,
            "max_settings": c_size_t,
            "max_outbound_ack": c_size_t,
            "max_continuations": c_size_t,
            "max_outbound_queue_size": c_size_t,
        }
        for name, kind in numbers.items():
            value = getattr(config, name)
            setter = getattr(_LIBRARY, "nghttp2_option_set_" + name, None)
            if value is not None and setter is not None:
                setter(option, kind(value))
        for name, burst, rate in (
            ("stream_reset_rate_limit", config.stream_reset_burst, config.stream_reset_rate),
            ("glitch_rate_limit", config.glitch_burst, config.glitch_rate),
        ):
            setter = getattr(_LIBRARY, "nghttp2_option_set_" + name, None)
            if setter is not None:
                setter(option, c_uint64(burst), c_uint64(rate))
        for kind in (ALTSVC, ORIGIN, PRIORITY_UPDATE):
            if kind not in config.user_recv_extension_types:
                _LIBRARY.nghttp2_option_set_builtin_recv_extension_type(option, c_uint8(kind))
        for kind in config.user_recv_extension_types:
            _LIBRARY.nghttp2_option_set_user_recv_extension_type(option, c_uint8(kind))

    def _handle(self, value: object) -> c_void_p:
        if value is None:
            return c_void_p()
        self._handles[id(value)] = value
        return c_void_p(id(value))

    def _object(self, handle: int | None) -> object:
        return None if handle is None else self._handles.get(handle)

    # Results

    def _check(self, result: int) -> int:
        if result < 0:
            error = LibraryError(result)
            cause, self._failure = self._failure, None
            raise error from cause
        return int(result)

    def _call(self, name: str, *arguments: Any) -> int:
        return self._check(getattr(_LIBRARY, name)(self._session, *arguments))

    def _ask(self, name: str, *arguments: Any) -> int:
        return int(getattr(_LIBRARY, name)(self._session, *arguments))

    # Callbacks: C to Python

    def _guard(self, name: str, none: int, *arguments: Any) -> Any:
        try:
            result = getattr(self._callbacks, name)(self, *arguments)
        except Exception as error:
            self._failure = error
            return CALLBACK_FAILURE
        return none if result is None else result

    def _frame(self, pointer: Any) -> Frame:
        union = pointer.contents
        hd = union.hd
        frame = Frame(hd.type, hd.length, hd.flags, hd.stream_id)
        fields = frame.fields
        if hd.type == DATA:
            fields["padlen"] = union.data.padlen
        elif hd.type == HEADERS:
            part = union.headers
            fields.update(padlen=part.padlen, headers=_nv_list(part.nva, part.nvlen), category=part.cat)
        elif hd.type == RST_STREAM:
            fields["error_code"] = union.rst_stream.error_code
        elif hd.type == SETTINGS:
            part = union.settings
            fields["settings"] = tuple((part.iv[i].settings_id, part.iv[i].value) for i in range(part.niv))
        elif hd.type == PUSH_PROMISE:
            part = union.push_promise
            fields.update(
                padlen=part.padlen,
                headers=_nv_list(part.nva, part.nvlen),
                promised_stream_id=part.promised_stream_id,
            )
        elif hd.type == PING:
            fields["opaque_data"] = bytes(union.ping.opaque_data)
        elif hd.type == GOAWAY:
            part = union.goaway
            fields.update(
                last_stream_id=part.last_stream_id,
                error_code=part.error_code,
                opaque_data=_bytes(part.opaque_data, part.opaque_data_len),
            )
        elif hd.type == WINDOW_UPDATE:
            fields["window_size_increment"] = union.window_update.window_size_increment
        elif hd.type > CONTINUATION:
            self._extension_fields(frame, union.ext.payload)
        return frame

    def _extension_fields(self, frame: Frame, payload: int | None) -> None:
        fields = frame.fields
        if payload is not None and payload in self._handles:
            fields["payload"] = self._handles[payload]
        elif payload is None or frame.type in self._config.user_recv_extension_types:
            fields["payload"] = None
        elif frame.type == ALTSVC:
            altsvc = ctypes.cast(payload, POINTER(Altsvc)).contents
            fields["origin"] = _bytes(altsvc.origin, altsvc.origin_len)
            fields["field_value"] = _bytes(altsvc.field_value, altsvc.field_value_len)
        elif frame.type == ORIGIN:
            origin = ctypes.cast(payload, POINTER(Origin)).contents
            fields["origins"] = [_bytes(origin.ov[i].origin, origin.ov[i].origin_len) for i in range(origin.nov)]
        elif frame.type == PRIORITY_UPDATE:
            update = ctypes.cast(payload, POINTER(PriorityUpdate)).contents
            fields["prioritized_stream_id"] = update.stream_id
            fields["field_value"] = _bytes(update.field_value, update.field_value_len)

    def _head(self, pointer: Any) -> Frame:
        hd = pointer.contents
        return Frame(hd.type, hd.length, hd.flags, hd.stream_id)

    def _send(self, _s: int, data: int, length: int, _flags: int, _u: int) -> int:
        return int(self._guard("send", CALLBACK_FAILURE, _bytes(data, length)))

    def _recv(self, _s: int, buffer: int, length: int, _flags: int, _u: int) -> int:
        result = self._guard("recv", CALLBACK_FAILURE, length)
        if isinstance(result, int):
            return result
        if len(result) <= length:
            ctypes.memmove(buffer, bytes(result), len(result))
        return len(result)

    def _read(self, _s: int, stream_id: int, buffer: int, length: int, flags: Any, handle: int | None, _u: int) -> int:
        # `handle` points to nghttp2_data_source, whose first member is our handle.
        source = self._object(ctypes.cast(handle, POINTER(c_void_p))[0]) if handle else None
        try:
            if isinstance(source, Source) and source.read is None:
                result = self._callbacks.read(self, stream_id, length, _given(source))  # type: ignore[union-attr]
            elif isinstance(source, Source):
                result = source.read(self, stream_id, length, _given(source))  # type: ignore[misc]
            else:
                return CALLBACK_FAILURE
        except Exception as error:
            self._failure = error
            return CALLBACK_FAILURE
        if result is None:
            return CALLBACK_FAILURE
        if isinstance(result, int):
            if result >= 0:
                flags[0] = result >> _FLAG_SHIFT
                result &= _COUNT_MASK
            return result
        data, bits = result if isinstance(result, tuple) else (result, 0)
        flags[0] = bits >> _FLAG_SHIFT
        if len(data) <= length:
            ctypes.memmove(buffer, bytes(data), len(data))
        return len(data)

    def _send_data(self, _s: int, frame: Any, framehd: int, length: int, handle: Any, _u: int) -> int:
        source = self._object(handle[0])
        return int(
            self._guard("send_data", CALLBACK_FAILURE, self._frame(frame), _bytes(framehd, 9), length, _given(source))
        )

    def _select_padding(self, _s: int, frame: Any, max_length: int, _u: int) -> int:
        return int(self._guard("select_padding", CALLBACK_FAILURE, self._frame(frame), max_length))

    def _data_source_read_length(
        self,
        _s: int,
        kind: int,
        stream_id: int,
        session_window: int,
        stream_window: int,
        frame_size: int,
        _u: int,
    ) -> int:
        return int(
            self._guard(
                "data_source_read_length",
                CALLBACK_FAILURE,
                kind,
                stream_id,
                session_window,
                stream_window,
                frame_size,
            )
        )

    def _before_frame_send(self, _s: int, frame: Any, _u: int) -> int:
        return int(self._guard("before_frame_send", 0, self._frame(frame)))

    def _on_frame_send(self, _s: int, frame: Any, _u: int) -> int:
        return int(self._guard("on_frame_send", 0, self._frame(frame)))

    def _on_frame_not_send(self, _s: int, frame: Any, error: int, _u: int) -> int:
        return int(self._guard("on_frame_not_send", 0, self._frame(frame), error))

    def _on_stream_close(self, _s: int, stream_id: int, error_code: int, _u: int) -> int:
        return int(self._guard("on_stream_close", 0, stream_id, error_code))

    def _on_begin_frame(self, _s: int, head: Any, _u: int) -> int:
        return int(self._guard("on_begin_frame", 0, self._head(head)))

    def _on_begin_headers(self, _s: int, frame: Any, _u: int) -> int:
        return int(self._guard("on_begin_headers", 0, self._frame(frame)))

    def _on_header(self, _s: int, frame: Any, n: int, nl: int, v: int, vl: int, flags: int, _u: int) -> int:
        return int(self._guard("on_header", 0, self._frame(frame), _bytes(n, nl), _bytes(v, vl), flags))

    def _on_invalid_header(self, _s: int, frame: Any, n: int, nl: int, v: int, vl: int, flags: int, _u: int) -> int:
        return int(self._guard("on_invalid_header", 0, self._frame(frame), _bytes(n, nl), _bytes(v, vl), flags))

    def _on_data_chunk_recv(self, _s: int, flags: int, stream_id: int, data: int, length: int, _u: int) -> int:
        return int(self._guard("on_data_chunk_recv", 0, flags, stream_id, _bytes(data, length)))

    def _on_frame_recv(self, _s: int, frame: Any, _u: int) -> int:
        return int(self._guard("on_frame_recv", 0, self._frame(frame)))

    def _on_invalid_frame_recv(self, _s: int, frame: Any, error: int, _u: int) -> int:
        return int(self._guard("on_invalid_frame_recv", 0, self._frame(frame), error))

    def _on_extension_chunk_recv(self, _s: int, head: Any, data: int, length: int, _u: int) -> int:
        return int(self._guard("on_extension_chunk_recv", 0, self._head(head), _bytes(data, length)))

    def _unpack_extension(self, _s: int, payload: Any, head: Any, _u: int) -> int:
        result = self._guard("unpack_extension", 0, self._head(head))
        if isinstance(result, int) and result <= 0:
            return result
        payload[0] = self._handle(result).value
        return 0

    def _pack_extension(self, _s: int, buffer: int, length: int, frame: Any, _u: int) -> int:
        result = self._guard("pack_extension", CALLBACK_FAILURE, self._frame(frame), length)
        if isinstance(result, int):
            return result
        if len(result) <= length:
            ctypes.memmove(buffer, bytes(result), len(result))
        return len(result)

    def _error(self, _s: int, code: int, message: bytes, length: int, _u: int) -> int:
        return int(self._guard("error", 0, code, message[:length].decode()))

    # Input and output

    def send(self) -> None:
        self._call("nghttp2_session_send")

    def mem_send(self) -> bytes:
        pointer = c_void_p()
        length = self._check(_LIBRARY.nghttp2_session_mem_send(self._session, byref(pointer)))
        return _bytes(pointer.value, length)

    def mem_recv(self, data: bytes) -> int:
        data = bytes(data)
        return self._check(_LIBRARY.nghttp2_session_mem_recv(self._session, data, c_size_t(len(data))))

    def recv(self) -> int:
        result = int(_LIBRARY.nghttp2_session_recv(self._session))
        return result if result == EOF else self._check(result)

    # Submitting

    def _nva(self, headers: Iterable[Any]) -> tuple[Any, int]:
        headers = list(headers)
        nva = (Nv * max(len(headers), 1))()
        for entry, header in zip(nva, headers, strict=False):
            name, value = _as_bytes(header[0]), _as_bytes(header[1])
            entry.name = ctypes.cast(c_char_p(name), c_void_p)
            entry.value = ctypes.cast(c_char_p(value), c_void_p)
            entry.namelen, entry.valuelen = len(name), len(value)
            entry.flags = FLAG_NO_INDEX if len(header) > 2 and header[2] else 0
            nva.__dict__.setdefault("alive", []).append((name, value))
        return nva, len(headers)

    def _provider(self, data: object) -> Any:
        if data is None:
            return None
        if isinstance(data, (bytes, bytearray, memoryview)):
            data = Source(_read_bytes(bytes(data)))
        elif not isinstance(data, Source):
            data = Source(data)  # type: ignore[arg-type]
        provider = DataProvider(self._handle(data), self._read_callback)
        return byref(provider)

    def submit_request(self, headers: Iterable[Any], data: object = None, *, stream_user_data: object = None) -> int:
        nva, count = self._nva(headers)
        return self._call(
            "nghttp2_submit_request",
            None,
            nva,
            c_size_t(count),
            self._provider(data),
            self._handle(stream_user_data),
        )

    def submit_response(self, stream_id: int, headers: Iterable[Any], data: object = None) -> None:
        nva, count = self._nva(headers)
        self._call("nghttp2_submit_response", c_int32(stream_id), nva, c_size_t(count), self._provider(data))

    def submit_headers(
        self,
        stream_id: int,
        headers: Iterable[Any],
        *,
        end_stream: bool = False,
        stream_user_data: object = None,
    ) -> int:
        nva, count = self._nva(headers)
        flags = c_uint8(FLAG_END_STREAM if end_stream else 0)
        user_data = self._handle(stream_user_data)
        return self._call("nghttp2_submit_headers", flags, c_int32(stream_id), None, nva, c_size_t(count), user_data)

    def submit_trailer(self, stream_id: int, headers: Iterable[Any]) -> None:
        nva, count = self._nva(headers)
        self._call("nghttp2_submit_trailer", c_int32(stream_id), nva, c_size_t(count))

    def submit_data(self, stream_id: int, data: object, *, end_stream: bool = True) -> None:
        flags = c_uint8(FLAG_END_STREAM if end_stream else 0)
        self._call("nghttp2_submit_data", flags, c_int32(stream_id), self._provider(data))

    def submit_push_promise(
        self, stream_id: int, headers: Iterable[Any], *, promised_stream_user_data: object = None
    ) -> int:
        nva, count = self._nva(headers)
        user_data = self._handle(promised_stream_user_data)
        return self._call(
            "nghttp2_submit_push_promise", c_uint8(0), c_int32(stream_id), nva, c_size_t(count), user_data
        )

    def submit_rst_stream(self, stream_id: int, error_code: int = 0) -> None:
        self._call("nghttp2_submit_rst_stream", c_uint8(0), c_int32(stream_id), c_uint32(error_code))

    def submit_settings(self, settings: Mapping[int, int] | Iterable[tuple[int, int]]) -> None:
        pairs = list(settings.items()) if isinstance(settings, Mapping) else list(settings)
        entries = (SettingsEntry * max(len(pairs), 1))(*[SettingsEntry(int(k), int(v)) for k, v in pairs])
        self._call("nghttp2_submit_settings", c_uint8(0), entries, c_size_t(len(pairs)))

    def submit_ping(self, opaque_data: bytes = bytes(8), *, ack: bool = False) -> None:
        self._call("nghttp2_submit_ping", c_uint8(int(ack)), bytes(opaque_data))

    def submit_goaway(self, last_stream_id: int, error_code: int = 0, opaque_data: bytes = b"") -> None:
        length = c_size_t(len(opaque_data))
        code = c_uint32(error_code)
        self._call("nghttp2_submit_goaway", c_uint8(0), c_int32(last_stream_id), code, bytes(opaque_data), length)

    def submit_shutdown_notice(self) -> None:
        self._call("nghttp2_submit_shutdown_notice")

    def submit_window_update(self, stream_id: int, window_size_increment: int) -> None:
        self._call("nghttp2_submit_window_update", c_uint8(0), c_int32(stream_id), c_int32(window_size_increment))

    def submit_extension(self, type: int, flags: int, stream_id: int, payload: object = None) -> None:
        handle = self._handle(payload)
        self._call("nghttp2_submit_extension", c_uint8(type), c_uint8(flags), c_int32(stream_id), handle)

    def submit_altsvc(self, stream_id: int, origin: bytes, field_value: bytes) -> None:
        sizes = c_size_t(len(origin)), c_size_t(len(field_value))
        self._call(
            "nghttp2_submit_altsvc",
            c_uint8(0),
            c_int32(stream_id),
            bytes(origin),
            sizes[0],
            bytes(field_value),
            sizes[1],
        )

    def submit_origin(self, origins: Sequence[bytes]) -> None:
        entries = (OriginEntry * max(len(origins), 1))()
        for entry, origin in zip(entries, origins, strict=False):
            entry.origin, entry.origin_len = ctypes.cast(c_char_p(origin), c_void_p), len(origin)
        self._call("nghttp2_submit_origin", c_uint8(0), entries, c_size_t(len(origins)))

    def submit_priority_update(self, stream_id: int, field_value: bytes) -> None:
        length = c_size_t(len(field_value))
        self._call("nghttp2_submit_priority_update", c_uint8(0), c_int32(stream_id), bytes(field_value), length)

    def resume_data(self, stream_id: int) -> None:
        self._call("nghttp2_session_resume_data", c_int32(stream_id))

    def terminate_session(self, error_code: int) -> None:
        self._call("nghttp2_session_terminate_session", c_uint32(error_code))

    def terminate_session2(self, last_stream_id: int, error_code: int) -> None:
        self._call("nghttp2_session_terminate_session2", c_int32(last_stream_id), c_uint32(error_code))

    # State

    @property
    def want_read(self) -> bool:
        return bool(self._ask("nghttp2_session_want_read"))

    @property
    def want_write(self) -> bool:
        return bool(self._ask("nghttp2_session_want_write"))

    @property
    def check_request_allowed(self) -> bool:
        return bool(self._ask("nghttp2_session_check_request_allowed"))

    def get_stream_user_data(self, stream_id: int) -> object:
        return self._object(_LIBRARY.nghttp2_session_get_stream_user_data(self._session, c_int32(stream_id)))

    def set_stream_user_data(self, stream_id: int, data: object) -> None:
        self._call("nghttp2_session_set_stream_user_data", c_int32(stream_id), self._handle(data))

    def set_next_stream_id(self, stream_id: int) -> None:
        self._call("nghttp2_session_set_next_stream_id", c_int32(stream_id))

    def get_remote_settings(self, setting: int) -> int:
        return self._ask("nghttp2_session_get_remote_settings", c_int(setting))

    def get_local_settings(self, setting: int) -> int:
        return self._ask("nghttp2_session_get_local_settings", c_int(setting))

    def get_next_stream_id(self) -> int:
        return self._ask("nghttp2_session_get_next_stream_id")

    def get_last_proc_stream_id(self) -> int:
        return self._ask("nghttp2_session_get_last_proc_stream_id")

    def get_outbound_queue_size(self) -> int:
        return self._ask("nghttp2_session_get_outbound_queue_size")

    def get_local_window_size(self) -> int:
        return self._ask("nghttp2_session_get_local_window_size")

    def get_effective_local_window_size(self) -> int:
        return self._ask("nghttp2_session_get_effective_local_window_size")

    def get_remote_window_size(self) -> int:
        return self._ask("nghttp2_session_get_remote_window_size")

    def get_effective_recv_data_length(self) -> int:
        return self._ask("nghttp2_session_get_effective_recv_data_length")

    def get_hd_inflate_dynamic_table_size(self) -> int:
        return self._ask("nghttp2_session_get_hd_inflate_dynamic_table_size")

    def get_hd_deflate_dynamic_table_size(self) -> int:
        return self._ask("nghttp2_session_get_hd_deflate_dynamic_table_size")

    def get_stream_local_close(self, stream_id: int) -> int:
        return self._ask("nghttp2_session_get_stream_local_close", c_int32(stream_id))

    def get_stream_remote_close(self, stream_id: int) -> int:
        return self._ask("nghttp2_session_get_stream_remote_close", c_int32(stream_id))

    def get_stream_local_window_size(self, stream_id: int) -> int:
        return self._ask("nghttp2_session_get_stream_local_window_size", c_int32(stream_id))

    def get_stream_effective_local_window_size(self, stream_id: int) -> int:
        return self._ask("nghttp2_session_get_stream_effective_local_window_size", c_int32(stream_id))

    def get_stream_effective_recv_data_length(self, stream_id: int) -> int:
        return self._ask("nghttp2_session_get_stream_effective_recv_data_length", c_int32(stream_id))

    def get_stream_remote_window_size(self, stream_id: int) -> int:
        return self._ask("nghttp2_session_get_stream_remote_window_size", c_int32(stream_id))

    # Flow control, upgrade, priority

    def consume(self, stream_id: int, size: int) -> None:
        self._call("nghttp2_session_consume", c_int32(stream_id), c_size_t(size))

    def consume_connection(self, size: int) -> None:
        self._call("nghttp2_session_consume_connection", c_size_t(size))

    def consume_stream(self, stream_id: int, size: int) -> None:
        self._call("nghttp2_session_consume_stream", c_int32(stream_id), c_size_t(size))

    def set_local_window_size(self, stream_id: int, window_size: int) -> None:
        self._call("nghttp2_session_set_local_window_size", c_uint8(0), c_int32(stream_id), c_int32(window_size))

    def upgrade2(self, settings_payload: bytes, head_request: bool, stream_user_data: object = None) -> None:
        length = c_size_t(len(settings_payload))
        user_data = self._handle(stream_user_data)
        self._call("nghttp2_session_upgrade2", bytes(settings_payload), length, c_int(int(head_request)), user_data)

    def change_extpri_stream_priority(
        self, stream_id: int, urgency: int, incremental: bool, ignore_client_signal: bool = False
    ) -> None:
        extpri = Extpri(urgency, int(incremental))
        ignore = c_int(int(ignore_client_signal))
        self._call("nghttp2_session_change_extpri_stream_priority", c_int32(stream_id), byref(extpri), ignore)


def _given(source: object) -> object:
    if isinstance(source, Source) and source.user_data is not None:
        return source.user_data
    return source


def _read_bytes(data: bytes) -> Callable[..., Any]:
    position = 0

    def read(session: object, stream_id: int, length: int, source: object) -> Any:
        nonlocal position
        piece = data[position : position + length]
        position += len(piece)
        return piece, DATA_FLAG_EOF if position == len(data) else 0

    return read
