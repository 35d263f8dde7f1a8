"""What a source's callbacks are given, on libnghttp2 and on h2q."""

from typing import Any

import pytest
from differential.nghttp2.catalogue import http2, require_library
from differential.nghttp2.driver import OK, REQUEST, SERVER, Driver


@pytest.mark.parametrize("of", [require_library, http2], ids=["libnghttp2", "h2q"])
@pytest.mark.parametrize("with_user_data", [True, False])
@pytest.mark.parametrize("through_callbacks", [True, False])
def test_read_and_send_data_get_the_same_source(of: Any, with_user_data: bool, through_callbacks: bool) -> None:
    api = of()
    given: list[object] = []

    def read(driver: object, stream_id: int, length: int, source: object) -> int:
        given.append(source)
        return 5 | int(api.DATA_FLAG_NO_COPY | api.DATA_FLAG_EOF)

    def send_data(driver: Driver, frame: Any, framehd: bytes, length: int, source: object) -> int:
        given.append(source)
        return driver.write_data(frame, framehd, b"12345")

    driver = Driver(api, SERVER, bind=("send_data", "read") if through_callbacks else ("send_data",))
    driver.hooks.update(send_data=send_data, read=read)
    driver.recv(driver.peer.headers(1, REQUEST, end=True))
    user_data = object() if with_user_data else None
    source = api.Source(None if through_callbacks else read, user_data)
    driver.session.submit_response(1, OK, source)
    driver.send()
    expected = user_data if with_user_data else source
    assert [thing is expected for thing in given] == [True, True]
    assert ("wire", "DATA", 5, 1, 1, 0, b"12345") in driver.finish()
