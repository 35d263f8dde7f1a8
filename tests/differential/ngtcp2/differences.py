"""What differs, with the reasons: h2q from ngtcp2's newest source, and distributions' older libraries from that.

The tests demand that a scenario that is named here differs, in one variant at least, and that every other does not.
"""

from __future__ import annotations

_LENGTH = "h2q writes the Length of a long header in 2 bytes, ngtcp2 in 4: there is room for more"
_PIECES = "ngtcp2's client cuts its first CRYPTO data into pieces"
_SMALL = "RFC 9000 section 14.1: a client sends no datagram with an Initial that is below 1,200 bytes"
_NEVER = "a datagram that no packet could ever hold is refused; ngtcp2 answers 0 for ever"
_PATHS = "datagrams of path validation are padded as far as the amplification limit lets them be"
_EITHER = "RFC 9000 allows either error code"

#: Where h2q does better on purpose, or follows an RFC where ngtcp2 does not: scenario, or all its variants, to reason.
DELIBERATE: dict[str, str] = {
    "a_client_closes_after_the_servers_flight": "the keys for 1-RTT packets are there, so the real code goes too",
    "a_client_moves": _PATHS,
    "a_client_probes_another_path": _PATHS,
    "a_client_that_moves_does_not_answer": _PATHS,
    "a_client_with_a_small_buffer[100]": _SMALL,
    "a_client_with_a_small_buffer[1199]": _SMALL,
    "a_client_writes_too_much_behind_its_finished": _LENGTH,
    "a_large_certificate": _LENGTH,
    "a_large_client_hello": _PIECES,
    "a_large_client_hello_in_the_wrong_order": _PIECES,
    "a_server_that_has_read_nothing": "InvalidState for both kinds of closing; ngtcp2 says NOBUF for one",
    "a_server_with_a_small_buffer[100]": _LENGTH,
    "a_server_with_a_small_buffer[1199]": "a Handshake packet that comes before the ServerHello is kept and read then",
    "a_server_with_a_small_buffer[500]": _LENGTH,
    "a_small_buffer_for_the_finished": _SMALL,
    "datagrams_that_fit_or_not[1172]": _NEVER,
    "datagrams_that_fit_or_not[1173]": _NEVER,
    "datagrams_that_fit_or_not[2000]": _NEVER,
    "half_of_a_client_hello_is_lost": _PIECES,
    "many_gaps": "32 ranges are kept and sent; ngtcp2 sends one more",
    "wrong_frames[long_form_of_a_frame_type]": _EITHER,
    "wrong_frames[reset_of_a_stream_we_only_write]": "RFC 9000 section 19.4: STREAM_STATE_ERROR",
    "wrong_frames[stream_offset_too_large]": _EITHER,
    "wrong_frames[streams_blocked_too_large]": _EITHER,
}

#: What h2q is to do as ngtcp2 does, and does not yet: scenarios, or all their variants.
PENDING: frozenset[str] = frozenset(
    (
        "early_data",
        "early_data_and_a_lost_first_flight",
    )
)


#: Seeds of random programs in which it does not yet.
PENDING_SEEDS: frozenset[int] = frozenset((258,))  # lost_datagram for a packet that a probe has looked at


def reason(name: str) -> str | None:
    """Why h2q differs in a scenario, or None: by its whole name, or by that of all its variants."""
    return DELIBERATE.get(name) or DELIBERATE.get(name.split("[")[0])


def is_pending(name: str) -> bool:
    return name in PENDING or name.split("[")[0] in PENDING


#: Scenarios in which libngtcp2 0.12 does not what 1.25 does: reason to scenarios.
OLDER: dict[str, tuple[str, ...]] = {
    "it acknowledges with whatever it sends; later versions when the delay or the threshold is reached": (
        "a_client_probes_another_path",
        "a_congestion_mark_is_acknowledged_at_once",
        "a_stream_closes_after_a_reset_of_ours_is_acknowledged",
        "a_stream_closes_when_both_sides_are_done",
        "an_ack_that_is_not_due_waits_while_data_go",
        "closed_streams_of_the_peer_give_no_credit_by_themselves",
        "connection_credit_is_said_when_due",
        "credit_rides_with_data",
        "credit_up_to_the_end",
        "data_after_shutdown_read_are_not_shown",
        "datagrams_that_were_changed",
        "every_second_packet_is_acknowledged_at_once",
        "handshake_done_again",
        "lost_credit_is_said_anew",
        "lost_credit_that_is_out_of_date",
        "lost_data_of_a_stream_that_was_reset_stay_lost",
        "lost_data_where_little_room_is",
        "lost_stop_sending_of_a_stream_that_ended",
        "old_keys_do_not_open_newer_packets",
        "path_challenge_on_the_path",
        "path_response_that_nobody_asked_for",
        "reading_restarts_the_idle_timer",
        "stream_credit_after_the_end",
        "stream_credit_is_said_when_due",
        "stream_of_the_peer_that_both_may_send_on",
        "stream_of_the_peer_that_only_it_may_send_on",
        "the_peer_is_blocked",
        "the_peer_updates_keys",
        "we_update_keys",
    ),
    "it sends no DATA_BLOCKED and no STREAM_DATA_BLOCKED": (
        "a_blocked_stream_when_the_window_is_full",
        "blocked_at_once",
        "blocked_by_both",
        "blocked_by_the_connection",
        "blocked_by_the_connection_exactly",
        "blocked_by_the_stream",
        "blocked_exactly_at_the_limit",
        "blocked_frames_are_not_repeated_for_one_limit",
        "blocked_then_other_streams",
        "blocked_where_an_ack_waits",
        "blocked_where_control_frames_wait",
        "both_blocked_frames_and_little_room",
        "connection_blocked_in_an_open_packet",
        "connection_blocked_with_an_ack_waiting",
        "datagrams_need_no_credit",
        "empty_data_needs_no_connection_credit",
        "empty_data_needs_no_credit",
        "fin_is_not_set_where_credit_cuts",
        "lost_blocked_frames",
        "lost_blocked_frames_that_are_out_of_date",
        "lost_data_blocked",
        "probe_where_the_stream_is_blocked",
    ),
    "it has fewer callbacks": (
        "reset_and_stop_sending_of_streams",
        "smaller_limits_are_ignored",
        "stop_sending_after_all_is_acknowledged",
        "stop_sending_after_fin",
        "stop_sending_from_the_peer",
    ),
    "it pads the Handshake packet instead of sending a 1-RTT packet behind it": (
        "a_blocked_stream_behind_finished",
        "a_client_closes_after_finished",
        "a_client_closes_after_the_servers_flight",
        "a_client_writes_behind_its_finished",
        "a_client_writes_too_much_behind_its_finished",
        "a_large_certificate",
        "a_server_closes_after_its_flight",
        "a_server_closes_after_the_handshake",
        "a_server_with_a_small_buffer",
        "a_server_writes_before_the_client_is_done",
        "a_small_buffer_for_the_finished",
        "data_come_before_finished",
        "datagrams_of_the_handshake_twice",
        "early_data",
        "early_data_and_a_lost_first_flight",
        "errors_of_streams_behind_finished",
        "finished_and_data_are_lost",
        "finished_is_lost",
        "handshake_done_is_lost",
        "pacing_in_the_handshake",
        "padding_flag_in_the_handshake",
        "plain",
        "rtt_of_a_slow_path",
        "shutdown_during_the_handshake",
        "streams_cannot_be_opened_before_the_parameters_are_known",
        "the_first_flight_is_lost",
        "the_handshake_times_out",
        "the_server_probes",
        "the_servers_flight_is_lost",
    ),
    "an assertion fails in it": (
        "a_client_moves",
        "datagrams",
    ),
    "it sends empty frames again and again": (
        "empty_data_on_a_stream_that_has_sent_completes",
        "empty_data_with_fin_after_data",
        "empty_first_data_with_more",
        "empty_first_write_is_a_frame",
        "the_same_stream_many_times",
    ),
    "other errors for the same wrong input": (
        "credit_of_streams_that_are_not_there",
        "datagrams_cut_short",
        "wrong_frames",
    ),
    "it fills up a packet that has a few bytes left": (
        "a_write_takes_what_fits",
        "datagrams_that_fit_or_not",
        "stream_blocked_frames_do_not_fit",
    ),
    "later clients cut their first CRYPTO data into pieces": (
        "a_client_with_a_small_buffer",
        "a_large_client_hello",
        "a_large_client_hello_in_the_wrong_order",
        "half_of_a_client_hello_is_lost",
    ),
    "streams open and close at other frames": (
        "a_stream_closes_after_a_reset_of_the_peers",
        "uni_streams_close_on_one_side",
    ),
    "RESET_STREAM and STOP_SENDING did not go through the stream's queue then": (
        "probe_of_a_reset",
        "shutdown_in_an_open_packet",
        "shutdown_in_an_open_packet_then_minus_one",
        "shutdown_of_another_stream_in_an_open_packet",
        "shutdown_read_when_all_has_arrived",
    ),
    "its control frames have another order, and its windows grow by another rule": (
        "windows_do_not_grow_where_there_is_time",
        "windows_grow_where_they_are_used_up_fast",
    ),
    "it has no PADDING flag": (
        "datagrams_with_padding",
        "flags_may_change_in_an_open_packet",
        "padding",
        "padding_of_control_frames",
        "padding_of_what_does_not_elicit_an_ack",
        "padding_to_the_buffer",
        "probe_with_padding",
        "probes_with_padding_when_the_window_is_full",
    ),
    "it does not add PING to acknowledgements at the same times": (
        "data_arrive",
        "probe_with_a_ping",
        "sizes_of_dest_where_an_ack_waits",
        "the_threshold_of_acknowledgements",
    ),
    "it cuts data also where fewer than 256 bytes fit": (
        "a_server_writes_much_before_the_client_is_done",
        "little_room_is_left",
        "little_room_is_left_for_small_data",
        "lost_data_go_before_new",
        "more_until_the_packet_is_full",
        "sizes_of_dest",
        "sizes_of_dest_with_more",
    ),
}
