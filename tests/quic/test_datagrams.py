"""What fits into a DATAGRAM frame, and what of them is taken."""

import pytest

from h2q.errors import RemoteError
from h2q.quic.constants import PROTOCOL_VIOLATION, T_DATAGRAM, T_DATAGRAM_LEN
from h2q.quic.datagrams import Datagrams


@pytest.mark.rfc("9221", "3")
class TestReceiving:
    def test_none_are_taken_without_the_parameter(self):
        datagrams = Datagrams()
        for frame_type in (T_DATAGRAM, T_DATAGRAM_LEN):
            with pytest.raises(RemoteError) as caught:
                datagrams.on_received(frame_type, 0)
            assert caught.value.code == PROTOCOL_VIOLATION
        assert datagrams.received == 0

    def test_the_parameter_is_the_size_of_the_whole_frame(self):
        datagrams = Datagrams(100)
        datagrams.on_received(T_DATAGRAM, 99)
        datagrams.on_received(T_DATAGRAM_LEN, 97)
        assert datagrams.received == 2
        for frame_type, length in ((T_DATAGRAM, 100), (T_DATAGRAM_LEN, 98), (T_DATAGRAM, 1 << 40)):
            with pytest.raises(RemoteError):
                datagrams.on_received(frame_type, length)


@pytest.mark.rfc("9221", "5")
class TestSending:
    def test_not_to_a_peer_that_takes_none(self):
        datagrams = Datagrams(65535)
        assert not datagrams.can_send() and datagrams.largest_payload(1200) == -1
        datagrams.peer_max = 1
        assert datagrams.can_send() and datagrams.largest_payload(1200) == -1

    @pytest.mark.parametrize("room", [0, 1, 2, 3, 64, 65, 66, 67, 68, 1200, 16385, 16386, 16387, 16388, 16389, 65535])
    def test_the_largest_payload_fits_and_one_byte_more_does_not(self, room):
        datagrams = Datagrams()
        datagrams.peer_max = 65535
        length = datagrams.largest_payload(room)
        assert length == -1 or datagrams.frame_size(length) <= room
        assert datagrams.frame_size(length + 1) > room
        datagrams.peer_max, limit = room, datagrams.peer_max
        assert room == 0 or datagrams.largest_payload(limit) == length

    def test_sizes_of_frames(self):
        sizes = Datagrams()
        assert [sizes.frame_size(length) for length in (0, 63, 64, 16383, 16384)] == [2, 65, 67, 16386, 16389]
