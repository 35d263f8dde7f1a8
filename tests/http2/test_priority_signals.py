"""RFC 9218: which of two signals about one stream counts."""

from __future__ import annotations

import pytest

from h2q import http2

REQUEST = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"localhost"), (b":path", b"/")]


def connected() -> tuple[http2.Session, http2.Session]:
    server, client = http2.Session(http2.SERVER), http2.Session(http2.CLIENT)
    server.submit_settings({http2.Setting.NO_RFC7540_PRIORITIES: 1})
    client.submit_settings()
    exchange(client, server)
    return client, server


def exchange(client: http2.Session, server: http2.Session) -> None:
    for source, sink in ((server, client), (client, server)):
        sink.mem_recv(b"".join(source.send_vectored()))


@pytest.mark.rfc("9218", "7")
@pytest.mark.parametrize("update_first", [True, False])
def test_an_update_counts_more_than_the_field(update_first):
    client, server = connected()
    if update_first:
        client.submit_priority_update(1, b"u=1, i")
        exchange(client, server)
    stream_id = client.submit_request([*REQUEST, (b"priority", b"u=5")])
    exchange(client, server)
    if not update_first:
        assert server.get_extpri_stream_priority(stream_id) == (5, False)
        client.submit_priority_update(stream_id, b"u=1, i")
        exchange(client, server)
    assert server.get_extpri_stream_priority(stream_id) == (1, True)


@pytest.mark.rfc("9218", "7")
def test_an_update_that_cannot_be_parsed_says_nothing():
    client, server = connected()
    client.submit_priority_update(1, b"u=9")
    exchange(client, server)
    stream_id = client.submit_request([*REQUEST, (b"priority", b"u=5")])
    exchange(client, server)
    assert server.get_extpri_stream_priority(stream_id) == (5, False)


def test_the_server_has_the_last_word():
    client, server = connected()
    stream_id = client.submit_request(REQUEST)
    exchange(client, server)
    server.change_extpri_stream_priority(stream_id, 0, False, ignore_client_signal=True)
    client.submit_priority_update(stream_id, b"u=7")
    exchange(client, server)
    assert server.get_extpri_stream_priority(stream_id) == (0, False)
