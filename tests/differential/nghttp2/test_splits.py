"""mem_recv takes any split of its input with the same transcript."""

import pytest
from differential.nghttp2 import receiving
from differential.nghttp2.catalogue import NAMES, first_difference, http2, run

# Where the split shows, as it does in libnghttp2: data comes in as many calls, of which the first may fail or reset the
# stream, and automatic windows are judged after each input.
VISIBLE = (
    "receive_callbacks_pause",
    "receive_callbacks_fail[on_data_chunk_recv]",
    "submitting_from_receive_callbacks",
    "content_length_of_a_request[long]",
    "content_length_of_a_response[long]",
    "automatic_window_updates",
)
RECEIVING = [
    name
    for name in NAMES
    if not name.startswith(VISIBLE) and (hasattr(receiving, name.split("[")[0]) or name.startswith("late_"))
]


@pytest.mark.parametrize("split", [1, 7])
@pytest.mark.parametrize("name", RECEIVING)
def test_split(name: str, split: int) -> None:
    difference = first_difference(run(http2(), name), run(http2(), name, split=split))
    assert not difference, "\n" + difference
