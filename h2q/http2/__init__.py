"""HTTP/2 (RFC 9113) as libnghttp2 does it: sessions, callbacks, outcomes."""

from ..config import Http2Config as Config
from ..padding import Padding
from ..priority import parse as parse_priority
from ..sources import File, Source
from .callbacks import Callbacks
from .constants import (
    CANCEL,
    CLIENT,
    DATA_FLAG_EOF,
    DATA_FLAG_NO_COPY,
    DATA_FLAG_NO_END_STREAM,
    DEFERRED,
    EOF,
    NV_FLAG_NO_INDEX,
    NV_FLAG_NONE,
    PAUSE,
    SERVER,
    TEMPORAL_CALLBACK_FAILURE,
    WOULDBLOCK,
    Error,
    ErrorCode,
    Flag,
    FrameType,
    HeadersCategory,
    Setting,
)
from .hpack import Decoder, Encoder
from .prepared import PreparedHeaders
from .session import Session
from .tools import (
    check_authority,
    check_header_name,
    check_header_value,
    check_method,
    check_path,
    data_frame_buffers,
    pack_settings_payload,
    select_alpn,
)

__all__ = [
    "CANCEL",
    "CLIENT",
    "DATA_FLAG_EOF",
    "DATA_FLAG_NO_COPY",
    "DATA_FLAG_NO_END_STREAM",
    "DEFERRED",
    "EOF",
    "NV_FLAG_NONE",
    "NV_FLAG_NO_INDEX",
    "PAUSE",
    "SERVER",
    "TEMPORAL_CALLBACK_FAILURE",
    "WOULDBLOCK",
    "Callbacks",
    "Config",
    "Decoder",
    "Encoder",
    "Error",
    "ErrorCode",
    "File",
    "Flag",
    "FrameType",
    "HeadersCategory",
    "Padding",
    "PreparedHeaders",
    "Session",
    "Setting",
    "Source",
    "check_authority",
    "check_header_name",
    "check_header_value",
    "check_method",
    "check_path",
    "data_frame_buffers",
    "pack_settings_payload",
    "parse_priority",
    "select_alpn",
]
