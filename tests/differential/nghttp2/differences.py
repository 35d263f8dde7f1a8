"""Where h2q is meant to differ from libnghttp2 1.52, scenario by scenario, with the reason.

NEWER: later versions of nghttp2 do what h2q does, which was seen by running the scenarios on a build of its
newest source; the test demands a difference with 1.52 and none with them. DELIBERATE: h2q does better, or
follows an RFC where nghttp2 does not. A name that ends in * stands for every scenario that begins so.
"""

from __future__ import annotations

_CLOSED = "frames on a closed stream are ignored; 1.52 remembers closed streams and ends the connection"
_PRIORITY = "RFC 7540 priorities are read and ignored; 1.52 keeps a tree of them"
_RESET = "RST_STREAM for a stream that is gone, idle or being reset is silent; 1.52 sends it"
_FIELD = "an invalid field without an on_invalid_header callback is dropped; to 1.52 the message is malformed"
_INVALID_DATA = (
    "on_invalid_frame_recv is called for DATA that breaks the message; 1.52 only resets the stream"
)
_STATUS = ":status below 100 is malformed"

NEWER: dict[str, str] = {
    "data_of_streams_without_priority_signals": "RFC 9218 scheduling is the default; 1.52 shares by frame",
    "arguments_that_a_server_refuses": _RESET,
    "reset_of_a_request_that_waits": _RESET,
    "reset_twice_and_reset_of_what_is_gone": _RESET,
    "late_rst_stream_on_queued_reset": _RESET,
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
    "late_priority_*": _PRIORITY,
    "frames_on_idle_streams[priority]": _PRIORITY,
    "priority_frames_are_read_and_ignored": _PRIORITY,
    "malformed_priority[on_zero]": _PRIORITY,
    "requests_that_are_malformed[authority_userinfo]": "RFC 9113 section 8.3.1: no userinfo in :authority",
    "fields_that_may_be_ignored[empty_name]": _FIELD,
    "fields_that_may_be_ignored[space_in_name]": _FIELD,
    "fields_that_may_be_ignored[control_in_name]": _FIELD,
    "fields_that_may_be_ignored[colon_in_name]": _FIELD,
    "fields_that_may_be_ignored[utf8_name]": _FIELD,
    "fields_that_may_be_ignored[nul_in_value]": _FIELD,
    "fields_that_may_be_ignored[newline_in_value]": _FIELD,
    "fields_that_may_be_ignored[return_in_value]": _FIELD,
    "fields_that_may_be_ignored[delete_in_value]": _FIELD,
    "fields_that_may_be_ignored[leading_space]": _FIELD,
    "fields_that_may_be_ignored[trailing_space]": _FIELD,
    "fields_that_may_be_ignored[trailing_tab]": _FIELD,
    "fields_that_may_be_ignored[host_bad]": _FIELD,
    "fields_that_may_be_ignored[priority_control]": _FIELD,
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
}

DELIBERATE: dict[str, str] = {}


def reason(table: dict[str, str], name: str) -> str | None:
    """The table's reason for a scenario, or None."""
    if name in table:
        return table[name]
    for pattern, text in table.items():
        if pattern.endswith("*") and name.startswith(pattern[:-1]):
            return text
    return None
