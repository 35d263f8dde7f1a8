"""``TLSConfig``: what is refused at construction, and what is made of what is given."""

import dataclasses

import pytest
from tlskit import Pair, client_config, leaf, root, server_config

from h2q.errors import InvalidArgument
from h2q.tls import X25519, X25519MLKEM768, TLSConfig, keylog_from_environment
from h2q.tls.codepoints import SECP256R1, SECP384R1


@pytest.mark.parametrize(
    "options",
    [
        {"cipher_suites": []},
        {"cipher_suites": [0x1304]},
        {"cipher_suites": [0x1301, 0x1301]},
        {"groups": []},
        {"groups": [0x0019]},
        {"groups": [X25519, X25519]},
        {"groups": [X25519], "key_shares": [SECP256R1]},
        {"key_shares": [X25519, X25519]},
        {"signature_algorithms": []},
        {"signature_algorithms": [0x0401]},
        {"client_auth": "maybe"},
        {"client_auth": None},
        {"alpn": [""]},
        {"alpn": [b"x" * 256]},
        {"server_name": ""},
        {"server_name": "a b"},
        {"server_name": "a..b"},
        {"server_name": "a_b"},
        {"server_name": "-a.b"},
        {"server_name": "a:443"},
        {"server_name": "*.example.org"},
        {"server_name": "a." * 127 + "a"},
        {"server_name": "x" * 64 + ".example"},
        {"server_name": "ü" * 64},
    ],
    ids=str,
)
def test_values_that_are_refused(options):
    with pytest.raises(InvalidArgument):
        TLSConfig(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"cipher_suites": "x"},
        {"cipher_suites": ["TLS_AES_128_GCM_SHA256"]},
        {"groups": 29},
        {"alpn": "h3"},
        {"alpn": b"h3"},
        {"alpn": [3]},
        {"server_name": b"localhost"},
        {"verify": 1},
        {"retry_cookie": "yes"},
        {"time": 0},
        {"keylog": 3.5},
        {"select": 1},
        {"unknown": 1},
    ],
    ids=str,
)
def test_types_that_are_refused(options):
    with pytest.raises(TypeError):
        TLSConfig(**options)


def test_a_key_log_that_cannot_be_opened(tmp_path):
    with pytest.raises(OSError):
        TLSConfig(keylog=tmp_path / "missing" / "keys")


def test_a_name_with_an_underscore_where_nothing_is_checked():
    pair = Pair(client_config(verify=False, server_name="my_host")).run()
    assert pair.server.server_name == "my_host"


def test_shares_of_the_default():
    assert TLSConfig().offered_shares == (X25519,)
    assert TLSConfig(groups=[SECP384R1, X25519]).offered_shares == (X25519,)
    assert TLSConfig(groups=[SECP384R1, X25519MLKEM768]).offered_shares == (SECP384R1,)
    assert TLSConfig(key_shares=[]).offered_shares == ()


def test_it_does_not_change():
    config = client_config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.verify = False
    assert hash(config) == hash(config)
    assert config != client_config()


def test_replace():
    config = dataclasses.replace(client_config(), alpn=["x"], key_shares=None)
    assert config.protocols == (b"x",)
    assert config.verifier is not None


def test_the_key_is_not_shown():
    config = server_config(certificate_chain=leaf().pem, private_key=leaf().key_pem)
    assert "PRIVATE KEY" not in repr(config)
    assert "PRIVATE KEY" in leaf().key_pem.decode()


def test_nothing_is_loaded_to_check_with_where_nothing_is_checked():
    assert server_config().verifier is None
    assert client_config(verify=False).verifier is None
    assert client_config().verifier is not None
    assert server_config(client_auth="optional", roots=[root().certificate]).verifier is not None


def test_authorities_are_named_once():
    certificate = root().certificate
    config = server_config(client_auth="optional", roots=[certificate, certificate])
    assert config.authorities == (certificate.subject.public_bytes(),)


def test_key_log_of_the_environment(monkeypatch):
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    assert keylog_from_environment() is None
    monkeypatch.setenv("SSLKEYLOGFILE", "")
    assert keylog_from_environment() is None
    monkeypatch.setenv("SSLKEYLOGFILE", "/some/where")
    assert keylog_from_environment() == "/some/where"
    # The configuration itself does not look.
    assert TLSConfig().keylog is None
