"""SETTINGS values: which are allowed, how they are stored, and their payload for an upgrade."""

import pytest

from h2q import http2
from h2q.errors import InvalidArgument
from h2q.http2.settings import Settings, is_valid

ALLOWED = {
    1: ([0, 4096, 2**32 - 1], [-1, 2**32]),
    2: ([0, 1], [2, 2**32 - 1]),
    3: ([0, 2**32 - 1], [-1, 2**32]),
    4: ([0, 2**31 - 1], [2**31, 2**32 - 1]),
    5: ([16384, 2**24 - 1], [0, 16383, 2**24]),
    6: ([0, 2**32 - 1], [2**32]),
    8: ([0, 1], [2]),
    9: ([0, 1], [2]),
    0x1234: ([0, 2**32 - 1], [2**32]),
}


@pytest.mark.rfc("9113", "6.5.2")
@pytest.mark.parametrize("setting", ALLOWED)
def test_values(setting):
    good, wrong = ALLOWED[setting]
    for value in good:
        assert is_valid(setting, value)
        http2.Session(http2.CLIENT).submit_settings({setting: value})
    for value in wrong:
        assert not is_valid(setting, value)
        session = http2.Session(http2.CLIENT)
        with pytest.raises(InvalidArgument):
            session.submit_settings({setting: value})
        with pytest.raises(InvalidArgument):
            session.submit_settings([(3, 5), (setting, value)])
        assert session.get_outbound_queue_size() == 0
        with pytest.raises(InvalidArgument):
            http2.pack_settings_payload({setting: value})


@pytest.mark.rfc("9113", "6.5.2")
def test_defaults():
    session = http2.Session(http2.SERVER)
    values = {1: 4096, 2: 1, 3: 2**32 - 1, 4: 65535, 5: 16384, 6: 2**32 - 1, 8: 0}
    assert {key: session.get_local_settings(key) for key in values} == values
    # Until its SETTINGS tell, the peer is taken to allow a hundred streams.
    assert {key: session.get_remote_settings(key) for key in values} == values | {3: 100}
    for unknown in (0, 7, 10, -1):
        with pytest.raises(InvalidArgument):
            session.get_remote_settings(unknown)


def test_storage():
    settings = Settings()
    for place, setting in enumerate((1, 2, 3, 4, 5, 6, 8, 9)):
        settings.put(setting, 1000 + place)
    settings.put(0x1234, 5)
    assert [settings.get(setting) for setting in (1, 2, 3, 4, 5, 6, 8, 9)] == list(range(1000, 1008))
    assert settings.get(0x1234) == -1


def test_the_payload_of_an_upgrade():
    assert http2.pack_settings_payload({3: 100}) == b"\x00\x03\x00\x00\x00\x64"
    assert http2.pack_settings_payload([(4, 1), (4, 2)]) == b"\x00\x04\x00\x00\x00\x01\x00\x04\x00\x00\x00\x02"
    assert http2.pack_settings_payload(()) == b""


@pytest.mark.parametrize("entries", [[(1 << 16, 1)], [(-1, 1)], [(3, 1)] * 2731])
def test_settings_that_cannot_be_sent(entries):
    with pytest.raises(InvalidArgument):
        http2.Session(http2.CLIENT).submit_settings(entries)


def test_settings_of_a_wrong_type():
    session = http2.Session(http2.CLIENT)
    for wrong in (5, [5], [(1, 2, 3)], {"a": 1}, {3: 1.5}, {3: None}):
        with pytest.raises((TypeError, ValueError)):
            session.submit_settings(wrong)
    assert session.get_outbound_queue_size() == 0
