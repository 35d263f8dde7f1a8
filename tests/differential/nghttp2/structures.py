"""The C structures and callback types of nghttp2.h (version 1.52), for ``library.py``."""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    Union,
    c_char_p,
    c_int,
    c_int32,
    c_size_t,
    c_ssize_t,
    c_uint8,
    c_uint32,
    c_void_p,
)
from typing import Any


class Nv(Structure):
    _fields_ = [
        ("name", c_void_p),
        ("value", c_void_p),
        ("namelen", c_size_t),
        ("valuelen", c_size_t),
        ("flags", c_uint8),
    ]


class FrameHd(Structure):
    _fields_ = [
        ("length", c_size_t),
        ("stream_id", c_int32),
        ("type", c_uint8),
        ("flags", c_uint8),
        ("reserved", c_uint8),
    ]


class PrioritySpec(Structure):
    _fields_ = [("stream_id", c_int32), ("weight", c_int32), ("exclusive", c_uint8)]


class Data(Structure):
    _fields_ = [("hd", FrameHd), ("padlen", c_size_t)]


class Headers(Structure):
    _fields_ = [
        ("hd", FrameHd),
        ("padlen", c_size_t),
        ("pri_spec", PrioritySpec),
        ("nva", POINTER(Nv)),
        ("nvlen", c_size_t),
        ("cat", c_int),
    ]


class RstStream(Structure):
    _fields_ = [("hd", FrameHd), ("error_code", c_uint32)]


class SettingsEntry(Structure):
    _fields_ = [("settings_id", c_int32), ("value", c_uint32)]


class Settings(Structure):
    _fields_ = [("hd", FrameHd), ("niv", c_size_t), ("iv", POINTER(SettingsEntry))]


class PushPromise(Structure):
    _fields_ = [
        ("hd", FrameHd),
        ("padlen", c_size_t),
        ("nva", POINTER(Nv)),
        ("nvlen", c_size_t),
        ("promised_stream_id", c_int32),
        ("reserved", c_uint8),
    ]


class Ping(Structure):
    _fields_ = [("hd", FrameHd), ("opaque_data", c_uint8 * 8)]


class Goaway(Structure):
    _fields_ = [
        ("hd", FrameHd),
        ("last_stream_id", c_int32),
        ("error_code", c_uint32),
        ("opaque_data", c_void_p),
        ("opaque_data_len", c_size_t),
        ("reserved", c_uint8),
    ]


class WindowUpdate(Structure):
    _fields_ = [("hd", FrameHd), ("window_size_increment", c_int32), ("reserved", c_uint8)]


class Extension(Structure):
    _fields_ = [("hd", FrameHd), ("payload", c_void_p)]


class FrameUnion(Union):
    _fields_ = [
        ("hd", FrameHd),
        ("data", Data),
        ("headers", Headers),
        ("rst_stream", RstStream),
        ("settings", Settings),
        ("push_promise", PushPromise),
        ("ping", Ping),
        ("goaway", Goaway),
        ("window_update", WindowUpdate),
        ("ext", Extension),
    ]


class Altsvc(Structure):
    _fields_ = [
        ("origin", c_void_p),
        ("origin_len", c_size_t),
        ("field_value", c_void_p),
        ("field_value_len", c_size_t),
    ]


class OriginEntry(Structure):
    _fields_ = [("origin", c_void_p), ("origin_len", c_size_t)]


class Origin(Structure):
    _fields_ = [("nov", c_size_t), ("ov", POINTER(OriginEntry))]


class PriorityUpdate(Structure):
    _fields_ = [("stream_id", c_int32), ("field_value", c_void_p), ("field_value_len", c_size_t)]


class Extpri(Structure):
    _fields_ = [("urgency", c_uint32), ("inc", c_int)]


ReadCallback = CFUNCTYPE(c_ssize_t, c_void_p, c_int32, c_void_p, c_size_t, POINTER(c_uint32), c_void_p, c_void_p)


class DataProvider(Structure):
    _fields_ = [("source", c_void_p), ("read_callback", ReadCallback)]


FrameP, HdP = POINTER(FrameUnion), POINTER(FrameHd)

# One row per callback: the setter's name, then the C signature without session and user_data.
PROTOTYPES: dict[str, tuple[str, Any]] = {
    "send": ("send", CFUNCTYPE(c_ssize_t, c_void_p, c_void_p, c_size_t, c_int, c_void_p)),
    "recv": ("recv", CFUNCTYPE(c_ssize_t, c_void_p, c_void_p, c_size_t, c_int, c_void_p)),
    "send_data": (
        "send_data",
        CFUNCTYPE(c_int, c_void_p, FrameP, c_void_p, c_size_t, POINTER(c_void_p), c_void_p),
    ),
    "select_padding": ("select_padding", CFUNCTYPE(c_ssize_t, c_void_p, FrameP, c_size_t, c_void_p)),
    "data_source_read_length": (
        "data_source_read_length",
        CFUNCTYPE(c_ssize_t, c_void_p, c_uint8, c_int32, c_int32, c_int32, c_uint32, c_void_p),
    ),
    "before_frame_send": ("before_frame_send", CFUNCTYPE(c_int, c_void_p, FrameP, c_void_p)),
    "on_frame_send": ("on_frame_send", CFUNCTYPE(c_int, c_void_p, FrameP, c_void_p)),
    "on_frame_not_send": ("on_frame_not_send", CFUNCTYPE(c_int, c_void_p, FrameP, c_int, c_void_p)),
    "on_stream_close": ("on_stream_close", CFUNCTYPE(c_int, c_void_p, c_int32, c_uint32, c_void_p)),
    "on_begin_frame": ("on_begin_frame", CFUNCTYPE(c_int, c_void_p, HdP, c_void_p)),
    "on_begin_headers": ("on_begin_headers", CFUNCTYPE(c_int, c_void_p, FrameP, c_void_p)),
    "on_header": (
        "on_header",
        CFUNCTYPE(c_int, c_void_p, FrameP, c_void_p, c_size_t, c_void_p, c_size_t, c_uint8, c_void_p),
    ),
    "on_invalid_header": (
        "on_invalid_header",
        CFUNCTYPE(c_int, c_void_p, FrameP, c_void_p, c_size_t, c_void_p, c_size_t, c_uint8, c_void_p),
    ),
    "on_data_chunk_recv": (
        "on_data_chunk_recv",
        CFUNCTYPE(c_int, c_void_p, c_uint8, c_int32, c_void_p, c_size_t, c_void_p),
    ),
    "on_frame_recv": ("on_frame_recv", CFUNCTYPE(c_int, c_void_p, FrameP, c_void_p)),
    "on_invalid_frame_recv": ("on_invalid_frame_recv", CFUNCTYPE(c_int, c_void_p, FrameP, c_int, c_void_p)),
    "on_extension_chunk_recv": (
        "on_extension_chunk_recv",
        CFUNCTYPE(c_int, c_void_p, HdP, c_void_p, c_size_t, c_void_p),
    ),
    "unpack_extension": ("unpack_extension", CFUNCTYPE(c_int, c_void_p, POINTER(c_void_p), HdP, c_void_p)),
    "pack_extension": (
        "pack_extension",
        CFUNCTYPE(c_ssize_t, c_void_p, c_void_p, c_size_t, FrameP, c_void_p),
    ),
    "error": ("error", CFUNCTYPE(c_int, c_void_p, c_int, c_char_p, c_size_t, c_void_p)),
}
