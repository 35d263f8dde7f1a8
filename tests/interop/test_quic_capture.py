"""A transfer as Wireshark sees it: captured on the loopback interface, decrypted by our key log."""

import subprocess
import time
from pathlib import Path

import pytest
from peers import TIMEOUT
from quicpeers import ALPN, Certificates, Fetched, Process, serving
from support import flag, peer

from h2q import quic

pytestmark = pytest.mark.interop

ACK, CRYPTO, NEW_CONNECTION_ID, CLOSE, DONE = (
    int(kind)
    for kind in (
        quic.FrameType.ACK,
        quic.FrameType.CRYPTO,
        quic.FrameType.NEW_CONNECTION_ID,
        quic.FrameType.CONNECTION_CLOSE_APP,
        quic.FrameType.HANDSHAKE_DONE,
    )
)


def dissect(capture: Path, keys: Path, port: int, *fields: str, match: str = "quic") -> list[list[str]]:
    """The named fields of each frame of the capture that matches, decrypted."""
    command = [peer("tshark"), "-r", str(capture), "-o", f"tls.keylog_file:{keys}", "-d", f"udp.port=={port},quic"]
    command += ["-Y", match, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]
    for name in fields:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def capture_transfer(directory: Path, certificates: Certificates, content: bytes) -> tuple[Path, Path, int]:
    """Fetches a file from ourselves: the capture, the key log, and the server's port."""
    (directory / "file").write_bytes(content)
    capture, keys = directory / "capture.pcapng", directory / "keys"
    with serving(directory, quic.Config(tls=certificates.server_tls())) as server:
        tshark = Process([peer("tshark"), "-l", "-i", "lo", "-f", f"udp port {server.port}", "-w", capture])
        try:
            tshark.line("Capture started")
        except AssertionError as error:
            if flag("H2Q_REQUIRE_PEERS"):
                raise
            pytest.skip(f"nothing may be captured here: {error}")
        fetched = Fetched(server.port, ["/file"], quic.Config(tls=certificates.client_tls(keylog=str(keys))))
        assert fetched.bodies == {"/file": content}
        # What was captured is written in blocks, once a second at the latest.
        time.sleep(1.5)
        tshark.stop()
        return capture, keys, server.port


def test_a_transfer_decrypts(tmp_path: Path) -> None:
    content = bytes(range(256)) * 400
    capture, keys, port = capture_transfer(tmp_path, Certificates(tmp_path), content)
    assert {line.split()[0] for line in keys.read_text().splitlines()} >= {
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    }

    def look(*fields: str, match: str = "quic") -> list[list[str]]:
        return dissect(capture, keys, port, *fields, match=match)

    assert look("frame.number", match="quic.decryption_failed or _ws.malformed") == []
    rows = look("udp.srcport", "udp.length", "quic.long.packet_type", "quic.frame_type")
    sides = ([row for row in rows if row[0] != str(port)], [row for row in rows if row[0] == str(port)])
    # RFC 9000 section 14.1: each side begins with an Initial packet, in a datagram of 1,200 bytes at least.
    for side in sides:
        assert side[0][2].split(",")[0] == "0" and int(side[0][1]) - 8 >= 1200
    client, server = ({int(kind) for row in side for kind in row[3].split(",") if kind} for side in sides)
    assert {CRYPTO, ACK, NEW_CONNECTION_ID} <= client & server
    assert DONE in server - client
    assert CLOSE in client - server
    assert [row[0] for row in look("tls.handshake.extensions_alpn_str", match="tls.handshake.type == 1")] == [ALPN[0]]
    # The request, and the file: every byte is in a STREAM frame of stream 0, and the last frame says so.
    fields = ("quic.stream.stream_id", "quic.stream.offset", "quic.stream.fin", "quic.stream_data")
    ((stream_id, _, fin, data),) = look(*fields, match=f"udp.dstport == {port} and quic.stream_data")
    assert (stream_id, fin, bytes.fromhex(data)) == ("0", "1", b"GET /file\r\n")
    received, ended = bytearray(len(content)), False
    for stream_ids, offsets, fins, pieces in look(*fields, match=f"udp.srcport == {port} and quic.stream_data"):
        assert set(stream_ids.split(",")) == {"0"}
        found = [bytes.fromhex(piece) for piece in pieces.split(",")]
        # A frame at offset 0 does not name it.
        starts = [int(offset) for offset in offsets.split(",") if offset]
        starts = [0] * (len(found) - len(starts)) + starts
        for start, piece in zip(starts, found, strict=True):
            received[start : start + len(piece)] = piece
        ended |= "1" in fins
    assert ended and bytes(received) == content
