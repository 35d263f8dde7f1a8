"""An endpoint whose connections fail: the others go on, and the peer is told why."""

import dataclasses

from sim.network import MILLISECOND
from sim.scenario import Security, tls_configs

from h2q import quic
from h2q.quic.constants import SECOND

HERE, THERE = ("192.0.2.1", 443), ("192.0.2.2", 50000)


def test_what_arrives_behind_the_datagram_that_ends_a_connection() -> None:
    client_tls, server_tls = tls_configs(Security(client_certificate=True))
    client_tls = dataclasses.replace(client_tls, certificate_chain=None, private_key=None)
    reasons: list[object] = []
    endpoint = quic.Endpoint(
        quic.Config(tls=server_tls), lambda incoming: quic.Callbacks(), lambda conn, reason: reasons.append(reason)
    )
    now = SECOND
    client = quic.Connection.client(quic.Callbacks(), quic.Config(tls=client_tls), quic.Path(THERE, HERE), now)
    dest = bytearray(1452)

    def from_client() -> list[bytes]:
        found = []
        while size := client.write_pkt(dest, now):
            found.append(bytes(dest[:size]))
        return found

    for datagram in from_client():
        endpoint.receive(datagram, quic.Path(HERE, THERE), now)
    while sent := endpoint.write(dest, now):
        client.read_pkt(bytes(dest[: sent.size]), now)
    now += MILLISECOND
    # The client shows no certificate, which ends the connection; what it sends twice arrives before anybody says so.
    flight = from_client()
    assert flight
    for datagram in flight * 2:
        endpoint.receive(datagram, quic.Path(HERE, THERE), now)
    assert len(reasons) == 1 and isinstance(reasons[0], Exception)
    while sent := endpoint.write(dest, now):
        client.read_pkt(bytes(dest[: sent.size]), now)
    assert client.in_draining and client.close_error.code == 0x174
    assert len(reasons) == 1
    now += 10 * SECOND
    endpoint.handle_expiry(now)
    assert len(endpoint) == 0
