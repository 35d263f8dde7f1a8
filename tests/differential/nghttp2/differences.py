"""Where h2q is meant to differ from libnghttp2 1.52, scenario by scenario, with the reason.

NEWER: later versions of nghttp2 do what h2q does, which was seen by running the scenarios on a build of its
newest source; the test demands a difference with 1.52 and none with them. DELIBERATE: h2q does better, or
follows an RFC where nghttp2 does not. A name that ends in * stands for every scenario that begins so.
"""

from __future__ import annotations

_RESET = "RST_STREAM for a stream that is gone, idle or being reset is silent; 1.52 sends it"
_INVALID_DATA = "on_invalid_frame_recv is called for DATA that breaks the message; 1.52 only resets the stream"
_BLOCK = "fields are reported when their block is whole; libnghttp2 reports those before the error"
_FIELD = "RFC 9113 section 8.2.1: an invalid field is an error without on_invalid_header"
_PRIORITY = "PRIORITY is checked as RFC 9113 section 6.3 says, shown and ignored; nghttp2 drops it unread"
_CLOSED = "RFC 9113 section 5.1: frames after END_STREAM or RST_STREAM are an error of the connection"
_CANCELLED = "a cancelled WINDOW_UPDATE leaves the window as it was; nghttp2 counts what the peer never got"
_FLOW = "a broken window of a stream ends the connection; 1.52 resets the stream"
_STATUS = ":status below 100 is malformed"

NEWER: dict[str, str] = {
    "data_of_streams_without_priority_signals": "RFC 9218 scheduling is the default; 1.52 shares by frame",
    "arguments_that_a_server_refuses": _RESET,
    "reset_of_a_request_that_waits": _RESET,
    "reset_twice_and_reset_of_what_is_gone": _RESET,
    "late_rst_stream_on_queued_reset": _RESET,
    "no_copy_frame_that_waits_and_a_reset[own]": _RESET,
    "data_and_its_reset_while_half_sent_in_several_streams": _RESET,
    "initial_window_too_large_for_a_stream": _FLOW,
    "window_update_overflows[stream]": _FLOW,
    "own_window_overrun_on_the_stream": _FLOW,
    "our_initial_window_setting_reaches_open_streams_with_its_ack": _FLOW,
    "requests_that_are_malformed[authority_userinfo]": "RFC 9113 section 8.3.1: no userinfo in :authority",
    "responses_right_and_wrong[zero]": _STATUS,
    "responses_right_and_wrong[low]": _STATUS,
    "data_before_the_response": _INVALID_DATA,
    "content_length_of_a_request[short]": _INVALID_DATA,
    "content_length_of_a_request[long]": _INVALID_DATA,
    "content_length_of_a_request[none]": _INVALID_DATA,
    "content_length_of_a_request[zero_with_data]": _INVALID_DATA,
    "content_length_of_a_response[short]": _INVALID_DATA,
    "content_length_of_a_response[long]": _INVALID_DATA,
    "content_length_of_a_response[not_modified_with_data]": _INVALID_DATA,
    "content_length_of_a_response[no_content_with_data]": _INVALID_DATA,
    "responses_to_head_and_connect": _INVALID_DATA,
    "an_unexpected_mixture_of_splits[one]": "1.52 counts a CONTINUATION once for each input that it comes in",
}

# As 1.52, and not as later versions.
OLDER: dict[str, str] = {
    "fields_that_may_be_ignored*": _FIELD,
    "error_callback_of_messages[ignored]": _FIELD,
    "frames_on_idle_streams[priority]": _PRIORITY,
}

DELIBERATE: dict[str, str] = {
    "header_compression_errors[truncated]": _BLOCK,
    "header_compression_errors[bad_huffman]": _BLOCK,
    "header_compression_errors[size_update_late]": _BLOCK,
    "header_compression_errors[eos]": _BLOCK,
    "continuation_without_headers_and_on_another_stream": _BLOCK,
    "unknown_frames_between_headers_and_continuation": _BLOCK,
    "continuations[above]": _BLOCK,
    "malformed_priority[on_zero]": _PRIORITY,
    "priority_frames_are_read_and_ignored": _PRIORITY,
    "skipped_stream_ids_are_closed": _PRIORITY,
    "late_priority_*": _PRIORITY,
    "late_data_on_end": _CLOSED,
    "late_empty_data_end_on_end": _CLOSED,
    "late_headers_on_end": _CLOSED,
    "late_request_on_end": _CLOSED,
    "late_data_on_peers_reset": _CLOSED,
    "late_empty_data_end_on_peers_reset": _CLOSED,
    "late_headers_on_peers_reset": _CLOSED,
    "late_request_on_peers_reset": _CLOSED,
    "late_empty_data_end_on_half_closed_here": _CLOSED,
    "late_headers_on_half_closed_here": _CLOSED,
    "reset_limit": "after too many resets new streams are ignored; nghttp2 takes them until its GOAWAY is out",
    "priority_update_received[zero]": "RFC 9218 section 7.1: PRIORITY_UPDATE for stream 0 is an error",
    "cancelled_before_frame_send[window_update]": _CANCELLED,
    "cancelled_before_frame_send[connection_window_update]": _CANCELLED,
}


def reason(table: dict[str, str], name: str) -> str | None:
    """The table's reason for a scenario, or None."""
    if name in table:
        return table[name]
    for pattern, text in table.items():
        if pattern.endswith("*") and name.startswith(pattern[:-1]):
            return text
    return None
