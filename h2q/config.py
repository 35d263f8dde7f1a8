"""Every limit and switch, with its default and the attack that it stops. Sessions take one at construction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from .errors import InvalidArgument
from .padding import Padding

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Http2Config:
    """Options of an HTTP/2 session: libnghttp2's (``nghttp2_option_set_*``) with its defaults, then h2q's own.

    Sizes are bytes, times nanoseconds, rates per second.
    """

    #: WINDOW_UPDATE frames are sent only for what ``consume`` is told (default: as data arrives).
    no_auto_window_update: bool = False
    #: The application answers PINGs itself with ``submit_ping(data, ack=True)``.
    no_auto_ping_ack: bool = False
    #: Header fields and messages are not checked against RFC 9113 section 8.
    no_http_messaging: bool = False
    #: A server session's input begins behind the client's preface string.
    no_recv_client_magic: bool = False
    #: Frame types that go to ``on_extension_chunk_recv`` and ``unpack_extension``.
    user_recv_extension_types: Iterable[int] = field(default=frozenset())
    #: Of ALTSVC (10), ORIGIN (12) and PRIORITY_UPDATE (16): those that the session understands.
    builtin_recv_extension_types: Iterable[int] = field(default=frozenset({10, 12, 16}))
    #: How many streams to open before the peer's SETTINGS tell.
    peer_max_concurrent_streams: int = 100
    #: Promised streams held at once; more are refused (a server that promises without end).
    max_reserved_remote_streams: int = 200
    #: A longer compressed header block is not sent (FRAME_SIZE_ERROR).
    max_send_header_block_length: int = 65536
    #: The encoder's dynamic table, whatever more the peer would allow.
    max_deflate_dynamic_table_size: int = 4096
    #: SETTINGS entries accepted in one frame (SETTINGS flood, CVE-2019-9515).
    max_settings: int = 32
    #: SETTINGS and PING acknowledgements queued (PING flood, CVE-2019-9512).
    max_outbound_ack: int = 1000
    #: CONTINUATION frames in one header block (CONTINUATION flood, CVE-2024-28182).
    max_continuations: int = 8
    #: Resets, received or provoked (Rapid Reset, CVE-2023-44487; MadeYouReset, CVE-2025-8671).
    stream_reset_burst: int = 1000
    stream_reset_rate: int = 33
    #: Oddities that cost the peer nothing: empty DATA, PRIORITY, unknown frames, malformed messages.
    glitch_burst: int = 10000
    glitch_rate: int = 330
    #: Control frames waiting to be sent (a peer that asks and does not read, CVE-2019-9517).
    max_outbound_queue_size: int = 5000

    #: Decoded header list as RFC 9113 section 6.5.2 counts it; a larger one is refused (header bombs, CVE-2016-6581).
    max_header_list_size: int = 65536
    #: Fields in one header list (many tiny fields; split cookies).
    max_header_fields: int = 1024
    #: Data and no window for this long: the stream, or connection, is ended; 0: never (Data Dribble, CVE-2019-9511).
    zero_window_timeout: int = 60 * SECOND
    #: ``on_data_chunk_recv`` gets ``bytes`` instead of views.
    copy_data: bool = False
    #: The largest DATA payload made, whatever more the peer would take; ``data_source_read_length`` overrides it.
    data_frame_size: int = 16384
    #: Padding of DATA, HEADERS and PUSH_PROMISE: a ``Padding``; the ``select_padding`` callback takes its place.
    padding: Padding | None = None
    #: Grow receive windows to the measured bandwidth-delay product, up to this size; 0: leave them as they are.
    max_auto_window: int = 16 * 1024 * 1024

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "padding":
                if value is not None and not isinstance(value, Padding):
                    raise TypeError(f"padding must be a Padding, not {type(value).__name__}")
            elif item.name.endswith("extension_types"):
                types = frozenset(int(kind) for kind in value)
                if any(not 0 <= kind <= 255 for kind in types):
                    raise InvalidArgument(f"{item.name}: frame types are 0 to 255")
                object.__setattr__(self, item.name, types)
            elif isinstance(item.default, bool):
                object.__setattr__(self, item.name, bool(value))
            elif isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{item.name} must be an int, not {type(value).__name__}")
            elif not 0 <= value < 1 << 62 or (item.name == "data_frame_size" and not 1 <= value <= 16777215):
                raise InvalidArgument(f"{item.name} is out of range: {value}")
        if any(kind <= 9 for kind in self.user_recv_extension_types):
            raise InvalidArgument("user_recv_extension_types: types 0 to 9 are HTTP/2's own")
        if not self.builtin_recv_extension_types <= {10, 12, 16}:  # type: ignore[operator]
            raise InvalidArgument("builtin_recv_extension_types: 10, 12 and 16 are known")
