"""Tokens that a server gives out: valid for whom, how long and for what they were made, and nothing else."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2q.errors import InvalidArgument
from h2q.quic.constants import SECOND
from h2q.quic.tokens import MIN_RESET, TokenKeys, address_bytes, pack_stateless_reset

SECRET = bytes(range(32))
CLIENT = ("192.0.2.7", 40000)
NOW = 1_700_000_000 * SECOND
ODCID, RETRY_SCID = b"original", b"retry-scid"


def make_keys(secret: bytes = SECRET, seed: int = 1) -> TokenKeys:
    return TokenKeys(secret, random.Random(seed).randbytes)


@pytest.mark.rfc("9000", "8.1.2")
def test_retry_token_gives_back_the_original_dcid() -> None:
    token = make_keys().retry_token(CLIENT, ODCID, RETRY_SCID, NOW)
    assert TokenKeys.is_retry(token)
    # Another server with the same secret takes it.
    keys = make_keys(seed=2)
    assert keys.check_retry(token, CLIENT, RETRY_SCID, NOW) == ODCID
    assert keys.check_retry(token, CLIENT, RETRY_SCID, NOW + 10 * SECOND) == ODCID
    assert keys.check_retry(token, CLIENT, RETRY_SCID, NOW + 10 * SECOND + 1) is None
    assert keys.check_retry(token, CLIENT, RETRY_SCID, NOW - 1) is None
    assert keys.check_retry(token, ("192.0.2.8", 40000), RETRY_SCID, NOW) is None
    assert keys.check_retry(token, ("192.0.2.7", 40001), RETRY_SCID, NOW) is None
    assert keys.check_retry(token, CLIENT, b"other-scid", NOW) is None
    assert not keys.check_address(token, CLIENT, NOW)
    assert make_keys(bytes(32)).check_retry(token, CLIENT, RETRY_SCID, NOW) is None


@pytest.mark.rfc("9000", "8.1.3")
def test_address_token_is_for_the_host() -> None:
    keys = make_keys()
    token = keys.address_token(CLIENT, NOW)
    assert not TokenKeys.is_retry(token)
    assert keys.check_address(token, CLIENT, NOW)
    assert keys.check_address(token, ("192.0.2.7", 1), NOW + 24 * 3600 * SECOND)
    assert not keys.check_address(token, ("192.0.2.7", 1), NOW + 24 * 3600 * SECOND + 1)
    assert not keys.check_address(token, ("192.0.2.70", 40000), NOW)
    assert keys.check_retry(token, CLIENT, b"", NOW) is None


@pytest.mark.rfc("9000", "8.1.4")
def test_tokens_of_one_client_differ() -> None:
    keys = make_keys()
    tokens = {keys.address_token(CLIENT, NOW) for _ in range(20)}
    assert len(tokens) == 20


@given(st.data())
def test_a_changed_token_is_no_token(data: st.DataObject) -> None:
    keys = make_keys()
    token = bytearray(keys.retry_token(CLIENT, ODCID, RETRY_SCID, NOW))
    bit = data.draw(st.integers(0, 8 * len(token) - 1))
    token[bit // 8] ^= 1 << bit % 8
    assert keys.check_retry(bytes(token), CLIENT, RETRY_SCID, NOW) is None
    assert not keys.check_address(bytes(token), CLIENT, NOW)
    cut = data.draw(st.integers(0, len(token) - 1))
    assert keys.check_retry(bytes(token[:cut]), CLIENT, RETRY_SCID, NOW) is None


@given(st.binary(max_size=100))
def test_any_bytes_are_no_token(token: bytes) -> None:
    keys = make_keys()
    for first in (b"", b"\xb6", b"\x36"):
        assert keys.check_retry(first + token, CLIENT, RETRY_SCID, NOW) is None
        assert not keys.check_address(first + token, CLIENT, NOW)


def test_addresses_of_any_form() -> None:
    assert address_bytes(b"raw", True) == b"raw"
    assert address_bytes(("::1", 5, 0, 0), True) == address_bytes(("::1", 5), True)
    assert address_bytes(("::1", 5), False) == address_bytes(("::1", 6), False)
    assert address_bytes("/run/socket", True) != address_bytes("/run/other", True)


def test_short_secrets_are_refused() -> None:
    with pytest.raises(InvalidArgument):
        make_keys(bytes(15))


@pytest.mark.rfc("9000", "10.3.2")
def test_reset_token_follows_from_the_cid() -> None:
    first, second = make_keys(seed=1), make_keys(seed=2)
    assert first.reset_token(b"cid") == second.reset_token(b"cid")
    assert len(first.reset_token(b"cid")) == 16
    others = {first.reset_token(b"cie"), make_keys(bytes(32)).reset_token(b"cid"), first.reset_token(b"")}
    assert first.reset_token(b"cid") not in others and len(others) == 3


@pytest.mark.rfc("9000", "10.3")
@pytest.mark.rfc("9000", "10.3.3")
@given(st.integers(0, 1500), st.integers(0, 1 << 32))
def test_stateless_reset(size: int, seed: int) -> None:
    token = bytes(range(16))
    reset = pack_stateless_reset(token, size, random.Random(seed).randbytes)
    if size <= MIN_RESET:
        assert reset is None
    else:
        assert reset is not None
        assert MIN_RESET <= len(reset) < size
        assert reset[0] & 0xC0 == 0x40
        assert reset[-16:] == token


def test_stateless_reset_is_unpredictable() -> None:
    source = random.Random(1).randbytes
    assert len({pack_stateless_reset(bytes(16), 100, source) for _ in range(20)}) == 20
    with pytest.raises(InvalidArgument):
        pack_stateless_reset(bytes(15), 100, source)
