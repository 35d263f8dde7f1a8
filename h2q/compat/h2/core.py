# cython: binding=True
# Programs and their test doubles ask the calls of a connection for their signatures.
"""What sending and receiving share: the connection's state machine, its streams, windows, settings and output.

`receiving.Receiver` and `sending.Sender` build on it, `connection.H2Connection` is the public face of all three.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum, IntEnum
from typing import Any

from ..._core import pack_frame, pack_goaway, pack_headers, pack_push_promise, pack_rst_stream, pack_window_update
from ..._hpack import Decoder, Encoder
from .config import DummyLogger, H2Configuration
from .constants import (
    C_SEND_GOAWAY,
    C_SEND_SETTINGS,
    F_END_HEADERS,
    F_END_STREAM,
    F_PRIORITY,
    MAX_STREAM_ID,
    T_CONTINUATION,
    T_HEADERS,
)
from .events import Event
from .exceptions import (
    NoAvailableStreamIDError,
    NoSuchStreamError,
    ProtocolError,
    StreamClosedError,
    StreamIDTooLowError,
)
from .settings import SettingCodes, Settings
from .stream import H2Stream, StreamClosedBy
from .tables import MOST_TABLE, HpackDecoder, HpackEncoder
from .utilities import guard_increment_window
from .windows import WindowManager


class ConnectionState(Enum):
    """Where a connection is: nobody has opened a stream, this end did, the other did, or it is over."""

    IDLE = 0
    CLIENT_OPEN = 1
    SERVER_OPEN = 2
    CLOSED = 3


class ConnectionInputs(Enum):
    """What can happen to a connection."""

    SEND_HEADERS = 0
    SEND_PUSH_PROMISE = 1
    SEND_DATA = 2
    SEND_GOAWAY = 3
    SEND_WINDOW_UPDATE = 4
    SEND_PING = 5
    SEND_SETTINGS = 6
    SEND_RST_STREAM = 7
    SEND_PRIORITY = 8
    RECV_HEADERS = 9
    RECV_PUSH_PROMISE = 10
    RECV_DATA = 11
    RECV_GOAWAY = 12
    RECV_WINDOW_UPDATE = 13
    RECV_PING = 14
    RECV_SETTINGS = 15
    RECV_RST_STREAM = 16
    RECV_PRIORITY = 17
    SEND_ALTERNATIVE_SERVICE = 18
    RECV_ALTERNATIVE_SERVICE = 19


class AllowedStreamIDs(IntEnum):
    """Which numbers new streams have: those of a server or those of a client."""

    EVEN = 0
    ODD = 1


_STATES = tuple(ConnectionState)
_INPUTS = len(ConnectionInputs)
_CLOSED = 3


def _transitions() -> list[int]:
    # By state and input: the next state, -1 for what is not allowed.
    idle, client, server, closed = ConnectionState
    inputs = ConnectionInputs
    anywhere = (
        "SEND_SETTINGS RECV_SETTINGS SEND_WINDOW_UPDATE RECV_WINDOW_UPDATE SEND_PING RECV_PING SEND_PRIORITY "
        "RECV_PRIORITY"
    )
    opened = "SEND_HEADERS RECV_HEADERS SEND_DATA RECV_DATA SEND_RST_STREAM RECV_RST_STREAM RECV_ALTERNATIVE_SERVICE"
    stays = {
        idle: anywhere,
        client: f"{anywhere} {opened} RECV_PUSH_PROMISE",
        server: f"{anywhere} {opened} SEND_PUSH_PROMISE SEND_ALTERNATIVE_SERVICE",
        closed: "",
    }
    # A client can never have received a request; SEND_PRIORITY is kept from servers before it comes here.
    moves = {
        inputs.SEND_HEADERS: client,
        inputs.RECV_HEADERS: server,
        inputs.SEND_ALTERNATIVE_SERVICE: server,
        inputs.RECV_ALTERNATIVE_SERVICE: client,
    }
    flat = [-1] * (len(ConnectionState) * _INPUTS)
    for state, names in stays.items():
        for name in names.split():
            flat[state.value * _INPUTS + inputs[name].value] = state.value
        for input_ in (inputs.SEND_GOAWAY, inputs.RECV_GOAWAY):
            flat[state.value * _INPUTS + input_.value] = closed.value
    for input_, state in moves.items():
        flat[idle.value * _INPUTS + input_.value] = state.value
    return flat


_FLAT = _transitions()


class H2ConnectionStateMachine:
    """The state of a connection."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = 0

    @property
    def state(self) -> ConnectionState:
        """Where the connection is."""
        return _STATES[self._state]

    @state.setter
    def state(self, value: ConnectionState) -> None:
        self._state = ConnectionState(value).value

    def process_input(self, input_: ConnectionInputs) -> list[Event]:
        """Takes one step. ProtocolError where the input is not allowed, and the connection is closed then."""
        if not isinstance(input_, ConnectionInputs):
            raise ValueError("Input must be an instance of ConnectionInputs")
        self.advance(input_.value)
        return []

    def advance(self, input_: int) -> None:
        """Takes one step, as `process_input`."""
        state: int = _FLAT[self._state * _INPUTS + input_]
        if state < 0:
            old = _STATES[self._state]
            self._state = _CLOSED
            raise ProtocolError(f"Invalid input {ConnectionInputs(input_)} in state {old}")
        self._state = state


def _setting(settings: Any, code: int, default: int) -> int:
    """The value in force of a setting; programs may have replaced the mapping by one of their own."""
    if type(settings) is not Settings:
        return int(settings.get(code, default))
    values = settings._settings.get(code)
    if values is None or values[0] is None:
        return default
    return int(values[0])


class Core:
    """The state of a connection, and what is done with it from both sides."""

    __slots__ = (
        "_client",
        "_closed_streams",
        "_custom_decoder",
        "_custom_encoder",
        "_decoder",
        "_encoder",
        "_inbound_flow_control_window_manager",
        "_max_closed",
        "_out",
        "_out_at",
        "config",
        "highest_inbound_stream_id",
        "highest_outbound_stream_id",
        "local_settings",
        "max_inbound_frame_size",
        "max_outbound_frame_size",
        "outbound_flow_control_window",
        "remote_settings",
        "state_machine",
        "streams",
    )

    def __init__(self, config: H2Configuration | None, max_header_list_size: int, max_closed_streams: int) -> None:
        self.config = config or H2Configuration(client_side=True)
        self._client: bool = self.config.client_side
        self.state_machine = H2ConnectionStateMachine()
        self.streams: dict[int, H2Stream] = {}
        self.highest_inbound_stream_id = 0
        self.highest_outbound_stream_id = 0
        self._encoder = Encoder(MOST_TABLE)
        self._decoder = Decoder()
        self._decoder.max_list_size = max_header_list_size
        self._decoder.max_fields = 2**31  # the size is the limit: a field counts for 32 bytes at least
        self._custom_encoder: Any = None
        self._custom_decoder: Any = None
        self.local_settings = Settings(
            client=self._client,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: 100,
                SettingCodes.MAX_HEADER_LIST_SIZE: max_header_list_size,
            },
        )
        self.remote_settings = Settings(client=not self._client)
        self.outbound_flow_control_window = self.remote_settings.initial_window_size
        self.max_outbound_frame_size = self.remote_settings.max_frame_size
        self.max_inbound_frame_size = self.local_settings.max_frame_size
        self._inbound_flow_control_window_manager = WindowManager(self.local_settings.initial_window_size)
        # How streams that are gone were closed, the latest of them.
        self._closed_streams: OrderedDict[int, StreamClosedBy | None] = OrderedDict()
        self._max_closed = max_closed_streams
        self._out: list[Any] = []  # `bytes` and views of `bytes`
        self._out_at = 0  # bytes of the first piece that were handed out

    # ---- State that programs read

    @property
    def encoder(self) -> Any:
        """The HPACK encoder; one that is put here is used by its method ``encode``."""
        if self._custom_encoder is None:
            return HpackEncoder(self._encoder)
        return self._custom_encoder

    @encoder.setter
    def encoder(self, value: Any) -> None:
        self._custom_encoder = value

    @property
    def decoder(self) -> Any:
        """The HPACK decoder."""
        if self._custom_decoder is None:
            self._custom_decoder = HpackDecoder(self._decoder)
        return self._custom_decoder

    @property
    def open_outbound_streams(self) -> int:
        """How many streams that this end has opened are open. Closed streams are forgotten on the way."""
        return self.count_streams(self._client)

    @property
    def open_inbound_streams(self) -> int:
        """How many streams that the peer has opened are open. Closed streams are forgotten on the way."""
        return self.count_streams(not self._client)

    @property
    def inbound_flow_control_window(self) -> int:
        """Bytes that the peer may still send on the connection."""
        return self._inbound_flow_control_window_manager.current_window_size

    def local_flow_control_window(self, stream_id: int) -> int:
        """Bytes that may be sent on a stream now: what both its window and the connection's have room for."""
        return self.room(stream_id)

    def remote_flow_control_window(self, stream_id: int) -> int:
        """Bytes that the peer may send on a stream now."""
        stream = self.find(stream_id)
        window = stream._inbound_window_manager.current_window_size
        whole = self._inbound_flow_control_window_manager.current_window_size
        return whole if whole < window else window

    def get_next_available_stream_id(self) -> int:
        """The number of the next stream that this end opens; NoAvailableStreamIDError when they are used up.

        It stays the same until the stream is opened by sending headers or a promise."""
        number = self.highest_outbound_stream_id + 2
        if self.highest_outbound_stream_id == 0:
            number = 1 if self._client else 2
        if self.loud():
            self.config.logger.debug("Next available stream ID %d", number)
        if number > getattr(self, "HIGHEST_ALLOWED_STREAM_ID", MAX_STREAM_ID):
            raise NoAvailableStreamIDError("Exhausted allowed stream IDs")
        return number

    # ---- Output

    def data_to_send(self, amount: int | None = None) -> bytes:
        """Takes what there is to send, at most ``amount`` bytes of it, in the order of the calls that made it."""
        out = self._out
        if amount is None and self._out_at == 0:
            data: bytes = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            return data
        start = self._out_at
        if len(out) != 1:
            if start:
                out[0] = out[0][start:]
                start = 0
            out[:] = [b"".join(out)]
        whole: bytes = out[0]
        # As `bytes[:amount]` has it, a negative amount counts from the end.
        end = len(whole) if amount is None else slice(amount).indices(len(whole) - start)[1] + start
        out.clear()
        self._out_at = 0
        if end < len(whole):
            out.append(whole)
            self._out_at = end
        return whole[start:end]

    def clear_outbound_data_buffer(self) -> None:
        """Drops what there is to send."""
        self.drop_output()

    def drop_output(self) -> None:
        self._out.clear()
        self._out_at = 0

    def put(self, frame: bytes) -> None:
        self._out.append(frame)

    def put_block(
        self, stream_id: int, end_stream: bool, block: bytes, priority: bytes | None, promised_stream_id: int
    ) -> None:
        """Sends a header block as HEADERS, or as PUSH_PROMISE where a stream is promised, and CONTINUATION."""
        size = self.max_outbound_frame_size
        flags = F_END_STREAM if end_stream else 0
        if promised_stream_id:
            self._out += pack_push_promise(stream_id, promised_stream_id, block, 0, size)
        elif priority is None:
            self._out += pack_headers(stream_id, flags, block, 0, size)
        else:
            at = size - 5
            flags |= F_PRIORITY
            if at >= len(block):
                flags |= F_END_HEADERS
            self.put(pack_frame(T_HEADERS, flags, stream_id, priority + block[:at]))
            while at < len(block):
                last = at + size >= len(block)
                self.put(
                    pack_frame(T_CONTINUATION, F_END_HEADERS if last else 0, stream_id, block[at : at + size])
                )
                at += size

    def put_window_update(self, stream_id: int, increment: int) -> None:
        self.put(pack_window_update(stream_id, increment))

    def put_rst_stream(self, stream_id: int, error_code: int) -> None:
        self.put(pack_rst_stream(stream_id, error_code))

    def terminate(self, error_code: int) -> None:
        """Ends the connection for an error of the peer's."""
        self.state_machine.advance(C_SEND_GOAWAY)
        self.put(pack_goaway(self.highest_inbound_stream_id, error_code, b""))

    def loud(self) -> bool:
        logger: object = self.config.logger
        return type(logger) is not DummyLogger

    # ---- Streams

    def count_streams(self, odd: bool) -> int:
        """How many odd or even streams are open; those that are closed are forgotten."""
        count = 0
        gone: list[H2Stream] | None = None
        for stream in self.streams.values():
            if stream.is_open():
                if (stream.stream_id & 1 != 0) == odd:
                    count += 1
            elif stream.is_closed():
                if gone is None:
                    gone = []
                gone.append(stream)
        if gone is not None:
            for stream in gone:
                del self.streams[stream.stream_id]
                self._closed_streams[stream.stream_id] = stream.state_machine.stream_closed_by
                if len(self._closed_streams) > self._max_closed:
                    self._closed_streams.popitem(last=False)
        return count

    def is_outbound(self, stream_id: int) -> bool:
        return (stream_id & 1 != 0) == self._client

    def find(self, stream_id: int) -> H2Stream:
        """The stream of this number; NoSuchStreamError if it was not opened, StreamClosedError if it is gone."""
        stream = self.streams.get(stream_id)
        if stream is not None:
            return stream
        if self.is_outbound(stream_id):
            highest = self.highest_outbound_stream_id
        else:
            highest = self.highest_inbound_stream_id
        if stream_id == 0 or stream_id > highest:
            raise NoSuchStreamError(stream_id or -1)
        raise StreamClosedError(stream_id)

    def begin(self, stream_id: int, odd: bool) -> H2Stream:
        """Opens a stream; its number must be above those of its kind, and odd or not."""
        outbound = self.is_outbound(stream_id)
        highest = self.highest_outbound_stream_id if outbound else self.highest_inbound_stream_id
        if stream_id <= highest:
            raise StreamIDTooLowError(stream_id, highest)
        if (stream_id & 1 != 0) != odd:
            raise ProtocolError("Invalid stream ID for peer.")
        stream = H2Stream(
            stream_id,
            self.config,
            _setting(self.local_settings, 4, 65535),
            _setting(self.remote_settings, 4, 65535),
        )
        stream.max_outbound_frame_size = self.max_outbound_frame_size
        if self.loud():
            self.config.logger.debug("Stream ID %d created", stream_id)
        self.streams[stream_id] = stream
        if outbound:
            self.highest_outbound_stream_id = stream_id
        else:
            self.highest_inbound_stream_id = stream_id
        return stream

    def room(self, stream_id: int) -> int:
        stream = self.find(stream_id)
        window = stream.outbound_flow_control_window
        whole = self.outbound_flow_control_window
        return whole if whole < window else window

    def _get_stream_by_id(self, stream_id: int) -> H2Stream:
        return self.find(stream_id)

    def _begin_new_stream(self, stream_id: int, allowed_ids: AllowedStreamIDs) -> H2Stream:
        return self.begin(stream_id, bool(allowed_ids))

    # ---- Settings

    def apply_remote_settings(self) -> None:
        """The peer's settings come into force, with what follows for windows, frames and the encoder."""
        self.state_machine.advance(C_SEND_SETTINGS)
        changes = self.remote_settings.acknowledge()
        if (change := changes.get(SettingCodes.INITIAL_WINDOW_SIZE)) is not None:
            # RFC 9113 section 6.9.2: the connection's window is not touched.
            delta = change.new_value - (change.original_value or 0)
            for stream in self.streams.values():
                stream.outbound_flow_control_window = guard_increment_window(
                    stream.outbound_flow_control_window, delta
                )
        if (change := changes.get(SettingCodes.HEADER_TABLE_SIZE)) is not None:
            self.encoder.header_table_size = change.new_value
        if (change := changes.get(SettingCodes.MAX_FRAME_SIZE)) is not None:
            self.max_outbound_frame_size = change.new_value
            for stream in self.streams.values():
                stream.max_outbound_frame_size = change.new_value

    def apply_local_settings(self) -> dict[Any, Any]:
        """The peer has acknowledged our settings; the changes that came into force."""
        changes = self.local_settings.acknowledge()
        if (change := changes.get(SettingCodes.INITIAL_WINDOW_SIZE)) is not None:
            delta = change.new_value - (change.original_value or 0)
            for stream in self.streams.values():
                stream.resize_window(delta)
        if (change := changes.get(SettingCodes.MAX_HEADER_LIST_SIZE)) is not None:
            self.decoder.max_header_list_size = change.new_value
        if (change := changes.get(SettingCodes.MAX_FRAME_SIZE)) is not None:
            self.max_inbound_frame_size = change.new_value
        if (change := changes.get(SettingCodes.HEADER_TABLE_SIZE)) is not None:
            self.decoder.max_allowed_table_size = change.new_value
        return changes
