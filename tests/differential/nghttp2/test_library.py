"""The oracle itself: libnghttp2 is seen to do what the documents say of nghttp2."""

import pytest
from differential.nghttp2 import library
from differential.nghttp2.catalogue import NAMES, first_difference, require_library, run
from differential.nghttp2.driver import CLIENT, POST, REQUEST, Driver


def test_version() -> None:
    require_library()
    assert library.version() >= (1, 52)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("late_", "kind_is_sent", "padding"))])
def test_a_transcript_can_be_had_again(name: str) -> None:
    api = require_library()
    assert not first_difference(run(api, name), run(api, name))


def test_the_time_chart() -> None:
    driver = Driver(require_library(), CLIENT, bind=("select_padding",))
    driver.submit_request(POST, driver.source((b"body", driver.api.DATA_FLAG_EOF)))
    driver.send()
    names = [event[0] for event in driver.log if event[0] not in ("call", "returned", "wants")]
    assert names == [
        "select_padding",
        "before_frame_send",
        "wire",
        "on_frame_send",
        "read",
        "select_padding",
        "wire",
        "on_frame_send",
    ]


def test_errors_carry_the_number_and_the_cause() -> None:
    api = require_library()

    class Failing(library.Callbacks):
        def send(self, session: library.Session, data: bytes) -> int:
            raise KeyError("no")

    session = api.Session(api.CLIENT, Failing())
    with pytest.raises(library.LibraryError) as caught:
        session.submit_response(1, REQUEST)
    assert caught.value.code == -505
    session.submit_request(REQUEST)
    with pytest.raises(library.LibraryError) as caught:
        session.send()
    assert caught.value.code == -902
    assert isinstance(caught.value.__cause__, KeyError)
