"""What an application overrides to take part in a connection: libngtcp2's callbacks as the methods of one object."""

from __future__ import annotations

from typing import Any

from ..callbacks import bound_method


class Callbacks:
    """Base for a connection's callbacks (``ngtcp2_callbacks``). Override what you want; the rest costs nothing.

    The connection looks its methods up once, at construction; every method gets the connection first. What they
    return does not matter, unless it says so. An exception ends the connection with CallbackFailure, whose
    ``__cause__`` it is. Inside a callback everything that opens, shuts, extends or asks is legal; ``read_*``,
    ``write*`` and ``handle_expiry`` raise InvalidState.
    """

    def handshake_completed(self, conn: Any) -> None:
        """TLS is done and the peer authenticated (``ngtcp2_handshake_completed``)."""

    def handshake_confirmed(self, conn: Any) -> None:
        """The server has confirmed the handshake; clients only (``ngtcp2_handshake_confirmed``)."""

    def recv_stream_data(self, conn: Any, flags: int, stream_id: int, offset: int, data: memoryview | bytes) -> None:
        """Stream data in order, without gaps (``ngtcp2_recv_stream_data``).

        ``flags`` has STREAM_DATA_FLAG_FIN when this is the end of the stream; ``data`` may then be empty. Credit comes
        back with ``extend_max_stream_offset`` and ``extend_max_offset``, when the data have been dealt with.
        """

    def acked_stream_data_offset(self, conn: Any, stream_id: int, offset: int, datalen: int) -> None:
        """The peer has the bytes ``offset`` to ``offset + datalen``, and all before them.

        Called in order, never twice for a byte; once with ``datalen`` 0 for a FIN without data
        (``ngtcp2_acked_stream_data_offset``).
        """

    def stream_open(self, conn: Any, stream_id: int) -> None:
        """The peer has opened a stream (``ngtcp2_stream_open``)."""

    def stream_close(self, conn: Any, stream_id: int, app_error_code: int | None) -> None:
        """Both directions are finished; the code of the reset or of STOP_SENDING, if any (``ngtcp2_stream_close``).

        The stream is gone when this returns. Give the peer a new one with ``extend_max_streams_*``.
        """

    def stream_reset(self, conn: Any, stream_id: int, final_size: int, app_error_code: int) -> None:
        """RESET_STREAM has arrived: no more data will (``ngtcp2_stream_reset``)."""

    def recv_stop_sending(self, conn: Any, stream_id: int, app_error_code: int) -> None:
        """STOP_SENDING has arrived: our side is reset with its code (``ngtcp2_recv_stop_sending``)."""

    def stream_stop_sending(self, conn: Any, stream_id: int, app_error_code: int) -> None:
        """A STOP_SENDING frame is about to be sent (``ngtcp2_stream_stop_sending``)."""

    def extend_max_local_streams_bidi(self, conn: Any, max_streams: int) -> None:
        """So many bidirectional streams may be opened by us in total (``ngtcp2_extend_max_streams``)."""

    def extend_max_local_streams_uni(self, conn: Any, max_streams: int) -> None:
        """So many unidirectional streams may be opened by us in total (``ngtcp2_extend_max_streams``)."""

    def extend_max_remote_streams_bidi(self, conn: Any, max_streams: int) -> None:
        """The peer is about to be told that it may open so many (``ngtcp2_extend_max_streams``)."""

    def extend_max_remote_streams_uni(self, conn: Any, max_streams: int) -> None:
        """The peer is about to be told that it may open so many (``ngtcp2_extend_max_streams``)."""

    def extend_max_stream_data(self, conn: Any, stream_id: int, max_data: int) -> None:
        """The peer takes data up to this offset of a stream (``ngtcp2_extend_max_stream_data``)."""

    def extend_max_data(self, conn: Any, max_data: int) -> None:
        """The peer takes this much over all streams (``ngtcp2_extend_max_data``)."""

    def recv_datagram(self, conn: Any, flags: int, data: memoryview | bytes) -> None:
        """The payload of a DATAGRAM frame (``ngtcp2_recv_datagram``)."""

    def ack_datagram(self, conn: Any, dgram_id: int) -> None:
        """A DATAGRAM frame was acknowledged (``ngtcp2_ack_datagram``)."""

    def lost_datagram(self, conn: Any, dgram_id: int) -> None:
        """A DATAGRAM frame was in a packet declared lost; it may arrive yet (``ngtcp2_lost_datagram``)."""

    def recv_new_token(self, conn: Any, token: bytes) -> None:
        """A token for the next connection to this server (``ngtcp2_recv_new_token``)."""

    def recv_version_negotiation(self, conn: Any, versions: list[int]) -> None:
        """The server knows none but these versions (``ngtcp2_recv_version_negotiation``)."""

    def recv_retry(self, conn: Any, token: bytes) -> None:
        """The server wants the address proven; the connection starts over (``ngtcp2_recv_retry``)."""

    def recv_stateless_reset(self, conn: Any) -> None:
        """The peer has lost this connection's state (``ngtcp2_recv_stateless_reset``)."""

    def path_validation(self, conn: Any, path: Any, succeeded: bool) -> None:
        """Validation of a path has ended (``ngtcp2_path_validation``)."""

    def update_key(self, conn: Any) -> None:
        """Both directions have moved to the next keys (``ngtcp2_update_key``)."""

    def remove_connection_id(self, conn: Any, cid: bytes) -> None:
        """The peer will not use this id of ours any more (``ngtcp2_remove_connection_id``)."""

    def new_connection_id(self, conn: Any, cid: bytes) -> None:
        """An id of ours was given to the peer: packets may arrive for it (``ngtcp2_get_new_connection_id``)."""


def overridden(callbacks: object, name: str) -> Any:
    """The bound method ``name`` of ``callbacks`` where it is something other than the base's, else None."""
    return bound_method(callbacks, name, Callbacks)
