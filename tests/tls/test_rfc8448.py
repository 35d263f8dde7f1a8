"""The traces of RFC 8448, sections 3 (a simple handshake) and 5 (HelloRetryRequest): every byte and every secret."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from tlskit import Recorder, server_config, split_messages

from h2q.tls import PeerFault, ServerHandshake
from h2q.tls.codepoints import SECP256R1, X25519
from h2q.tls.groups import KeyShare, respond
from h2q.tls.messages import (
    RETRY_RANDOM,
    pack_certificate,
    pack_certificate_verify,
    parse_certificate,
    parse_certificate_verify,
    parse_client_hello,
    parse_client_shares,
    parse_cookie,
    parse_encrypted_extensions,
    parse_new_session_ticket,
    parse_selected,
    parse_server_hello,
    parse_server_name,
    parse_server_share,
    parse_supported_groups,
    parse_supported_versions,
    signed_content,
)
from h2q.tls.schedule import KeySchedule, hkdf_expand_label, ticket_psk

h = bytes.fromhex

EARLY = h("33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a")

CERTIFICATE = """
    0b0001b9000001b50001b0308201ac30820115a003020102020102300d06092a864886f70d01010b0500300e310c300a06035504031303727361
    301e170d3136303733303031323335395a170d3236303733303031323335395a300e310c300a0603550403130372736130819f300d06092a8648
    86f70d010101050003818d0030818902818100b4bb498f8279303d980836399b36c6988c0c68de55e1bdb826d3901a2461eafd2de49a91d015ab
    bc9a95137ace6c1af19eaa6af98c7ced43120998e187a80ee0ccb0524b1b018c3e0b63264d449a6d38e22a5fda430846748030530ef0461c8ca9
    d9efbfae8ea6d1d03e2bd193eff0ab9a8002c47428a6d35a8d88d79f7f1e3f0203010001a31a301830090603551d1304023000300b0603551d0f
    0404030205a0300d06092a864886f70d01010b05000381810085aad2a0e5b9276b908c65f73a7267170618a54c5f8a7b337d2df7a594365417f2
    eae8f8a58c8f8172f9319cf36b7fd6c55b80f21a03015156726096fd335e5e67f2dbf102702e608ccae6bec1fc63a42a99be5c3eb7107c3c54e9
    b9eb2bd5203b1c3b84e0a8b2f759409ba3eac9d91d402dcc0cc8f8961229ac9187b42b4de10000
"""


class Simple:
    """Section 3."""

    client_random = h("cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7")
    client_private = h("49af42ba7f7994852d713ef2784bcbcaa7911de26adc5642cb634540e7ea5005")
    client_public = h("99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c")
    server_private = h("b1580eeadf6dd589b8ef4f2d5652578cc810e9980191ec8d058308cea216a21e")
    server_public = h("c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f")
    shared = h("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d")
    client_hello = h(
        "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece700000613011303130201000091"
        "0000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300"
        "260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d002000"
        "1e040305030603020308040805080604010501060102010402050206020202002d00020101001c00024001"
    )
    server_hello = h(
        "020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d00"
        "20c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304"
    )
    encrypted_extensions = h("080000240022000a00140012001d00170018001901000101010201030104001c0002400100000000")
    certificate = h(CERTIFICATE)
    certificate_verify = h(
        "0f000084080400805a747c5d88fa9bd2e55ab085a61015b7211f824cd484145ab3ff52f1fda8477b0b7abc90db78e2d33a5c14"
        "1a078653fa6bef780c5ea248eeaaa785c4f394cab6d30bbe8d4859ee511f602957b15411ac027671459e46445c9ea58c181e81"
        "8e95b8c3fb0bf3278409d3be152a3da5043e063dda65cdf5aea20d53dfacd42f74f3"
    )
    server_finished = h("140000209b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718")
    client_finished = h("14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61")
    handshake_secret = h("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac")
    client_handshake = h("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21")
    server_handshake = h("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
    master_secret = h("18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919")
    client_application = h("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
    server_application = h("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")
    exporter = h("fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50")
    resumption = h("7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c")
    transcripts = (
        h("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8"),
        h("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13"),
        h("209145a96ee8e2a122ff810047cc952684658d6049e86429426db87c54ad143d"),
    )


class Retry:
    """Section 5."""

    client_random = h("b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f")
    client_private = int("ab5473467e19346ceb0a0414e41da21d4d2445bc3025afe97c4e8dc8d513da39", 16)
    client_public = h(
        "04a6da7392ec591e17abfd535964b99894d13befb221b3def2ebe3830eac8f0151812677c4d6d2237e85cf01d6910cfb83954e"
        "76ba7352830534159897e8065780"
    )
    server_private = int("8c510601f9765bfb8ed693449a48989859b5cfa879cb9f5443c41c5ff10634ed", 16)
    server_public = h(
        "04583e054b7a66672ae020ad9d2686fcc85b5ad41a134a0f03ee72b893052bd85b4c8de6776f5b04ac07d83540eab3e3d9c547"
        "bc6528c4317d294686093a6cad7d"
    )
    shared = h("c142ce13ca11b5c2233652e63ad3d97844f1621fbfb9de69d547dc8fedeabeb4")
    cookie = h(
        "71dcd04bb88bc3189119398a00000000eefafc76c146b823b096f8aacad365dd0030953f4edf625636e5f21bb2e23fcc654b"
        "1b5b40318d10d137abcbb87574e36e8a1f025f7dfa5d6e50781b5eda4aa15b0c8be778257d16aa3030e9e7841dd9e4c0342267"
        "e8ca0caf571fb2b7cff0f934b0"
    )
    first_hello = h(
        "010000b00303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f00000613011303130201000081"
        "0000000b0009000006736572766572ff01000100000a00080006001d00170018003300260024001d0020e8e8e3f3b93a25ed97"
        "a14a7dcacb8a272c6288e585c6484d05262fcad062ad1f002b0003020304000d0020001e040305030603020308040805080604"
        "010501060102010402050206020202002d00020101001c00024001"
    )
    request = (
        h(
            "020000ac0303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c001301000084003300020017002c00740072"
        )
        + cookie
        + h("002b00020304")
    )
    second_hello = (
        h(
            "010001fc0303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f000006130113031302010001cd"
            "0000000b0009000006736572766572ff01000100000a00080006001d0017001800330047004500170041"
        )
        + client_public
        + h("002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002c00740072")
        + cookie
        + h("002d00020101001c00024001001500af")
        + bytes(0xAF)
    )
    server_hello = (
        h("020000770303bb341d847fd789c47c387172dc0c9bf147fccacb5043d86ca4c598d3ff571b9800130100004f00330045001700 41")
        + server_public
        + h("002b00020304")
    )
    encrypted_extensions = h("080000180016000a0008000600170018001d001c00024001000000 00")
    certificate = h(CERTIFICATE)
    certificate_verify = h(
        "0f0000840804008033ab13d4462707231b5dcae6c8190b63d1dabc74f28c395370da0b07e5b83066d0246a31acd95df475bfd7"
        "99a4a70d33ad93d3a317a9b2c0d237a5685b219e774112e391a247607d1aeff1bbd0a39f382ee1a5fe88ae99ec59228e6497e4"
        "5d48ce275a6d5ef40d169fb6f9d33b052ed3dcdd6b5a48baafffbcb290128415bd38"
    )
    server_finished = h("140000208863e6bfb0420a927fa27f34336a70ae426e968e3eb884945b96856dba3976d1")
    handshake_secret = h("ce022e5e6e81e50736d773f2d3adfce8220d049bf510f0dbfac927ef4243b148")
    client_handshake = h("158aa7ab8855073582b41d674b4055cabcc534728f659314861b4e08e2011566")
    server_handshake = h("3403e781e2af7b6508da28574f6e95a1abf162de83a97927c37672a4a0cef8a1")
    master_secret = h("1131545d0baf79ddce9b87f06945781a57dd18ef378dcd2060f8f9a569027ed8")
    client_application = h("75ecf4b972525aa0dcd057c9944d4cd5d82671d8843141d7dc2a4ff15a21dc51")
    server_application = h("5c74f87df04225db0f8209c9de6429e49435fdefa7cad61864874d12f31cfc8d")
    exporter = h("7c06d3ae106a3a374ace4837b3985cac67780a6e2c5c04b58319d584df09d223")
    transcripts = (
        h("8aa8e828ec2f8a884fec95a3139de01c15a3daa7ff5bfc3f4bfcc21b438d7bf8"),
        h("50f63cbf36b0dd049e7a0ba27d6455745ea2aaac54bb167f9950b2b7ce9509da"),
    )


def follow(keys, trace):
    """The schedule from behind ServerHello to the server's Finished."""
    assert keys.transcript_hash() == trace.transcripts[0]
    assert keys.enter_handshake(trace.shared) == (trace.client_handshake, trace.server_handshake)
    assert keys.handshake == trace.handshake_secret
    keys.update(trace.encrypted_extensions)
    keys.update(trace.certificate)
    content = signed_content(True, keys.transcript_hash())
    scheme, signature = parse_certificate_verify(trace.certificate_verify[4:])
    certificate = x509.load_der_x509_certificate(parse_certificate(trace.certificate[4:]).entries[0])
    assert scheme == 0x0804
    certificate.public_key().verify(signature, content, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    keys.update(trace.certificate_verify)
    assert keys.finished(trace.server_handshake) == trace.server_finished[4:]
    keys.update(trace.server_finished)
    assert keys.transcript_hash() == trace.transcripts[1]
    assert keys.enter_application() == (trace.client_application, trace.server_application, trace.exporter)
    assert keys.master == trace.master_secret


@pytest.mark.rfc("8448", "3")
def test_secrets_of_the_simple_handshake():
    trace = Simple
    keys = KeySchedule("sha256")
    keys.update(trace.client_hello)
    keys.update(trace.server_hello)
    follow(keys, trace)
    assert keys.finished(trace.client_handshake) == trace.client_finished[4:]
    keys.update(trace.client_finished)
    assert keys.transcript_hash() == trace.transcripts[2]
    assert keys.resumption_master_secret() == trace.resumption
    assert hkdf_expand_label("sha256", trace.client_application, b"key", b"", 16) == h(
        "17422dda596ed5d9acd890e3c63f5051"
    )
    assert hkdf_expand_label("sha256", trace.client_application, b"iv", b"", 12) == h("5b78923dee08579033e523d9")
    assert hkdf_expand_label("sha256", trace.server_application, b"key", b"", 16) == h(
        "9f02283b6c9c07efc26bb9f2ac92e356"
    )
    assert hkdf_expand_label("sha256", trace.server_application, b"iv", b"", 12) == h("cf782b88dd83549aadf1e984")


@pytest.mark.rfc("8448", "3")
def test_psk_of_the_ticket():
    assert ticket_psk("sha256", Simple.resumption, b"\x00\x00") == h(
        "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3"
    )
    # Section 4 resumes with it.
    keys = KeySchedule("sha256", h("4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3"))
    assert keys.early == h("9b2188e9b2fc6d64d71dc329900e20bb41915000f678aa839cbb797cb7d8332c")


@pytest.mark.rfc("8448", "5")
def test_secrets_behind_a_hello_retry_request():
    trace = Retry
    keys = KeySchedule("sha256")
    keys.update(trace.first_hello)
    keys.replace_by_message_hash()
    for message in (trace.request, trace.second_hello, trace.server_hello):
        keys.update(message)
    follow(keys, trace)


@pytest.mark.rfc("8448", "3")
def test_key_exchange_of_the_simple_handshake():
    share = KeyShare(X25519, lambda n: Simple.client_private)
    assert share.public == Simple.client_public
    assert share.shared_secret(Simple.server_public) == Simple.shared
    answer = respond(X25519, Simple.client_public, lambda n: Simple.server_private)
    assert answer == (Simple.server_public, Simple.shared)
    assert x25519.X25519PrivateKey.from_private_bytes(Simple.client_private).public_key().public_bytes_raw() == (
        share.public
    )


@pytest.mark.rfc("8448", "5")
def test_key_exchange_behind_a_hello_retry_request():
    def scalar(private):
        # A share's scalar is what the random source gives, modulo the order less one, plus one.
        return lambda n: (private - 1).to_bytes(n, "big")

    share = KeyShare(SECP256R1, scalar(Retry.client_private))
    assert share.public == Retry.client_public
    assert share.shared_secret(Retry.server_public) == Retry.shared
    assert respond(SECP256R1, Retry.client_public, scalar(Retry.server_private)) == (Retry.server_public, Retry.shared)
    assert ec.SECP256R1().key_size == 256


@pytest.mark.rfc("8448", "3")
def test_messages_of_the_simple_handshake():
    hello = parse_client_hello(Simple.client_hello[4:])
    assert hello.random == Simple.client_random
    assert hello.cipher_suites == (0x1301, 0x1303, 0x1302)
    assert (hello.version, hello.session_id, hello.compression) == (0x0303, b"", b"\x00")
    assert parse_server_name(hello.extensions[0]) == "server"
    assert parse_supported_groups(hello.extensions[10])[:3] == (0x1D, 0x17, 0x18)
    assert parse_supported_versions(hello.extensions[43]) == (0x0304,)
    assert parse_client_shares(hello.extensions[51]) == {0x1D: Simple.client_public}
    answer = parse_server_hello(Simple.server_hello[4:])
    assert not answer.is_retry
    assert answer.cipher_suite == 0x1301
    assert parse_server_share(answer.extensions[51]) == (0x1D, Simple.server_public)
    assert set(parse_encrypted_extensions(Simple.encrypted_extensions[4:])) == {10, 28, 0}
    certificate = parse_certificate(Simple.certificate[4:])
    assert pack_certificate(certificate.entries) == Simple.certificate
    assert pack_certificate_verify(*parse_certificate_verify(Simple.certificate_verify[4:])) == (
        Simple.certificate_verify
    )


@pytest.mark.rfc("8448", "3")
def test_the_ticket_of_the_simple_handshake_is_not_one_for_quic():
    # It allows 1,024 bytes of early data; QUIC knows 0xffffffff alone (RFC 9001 section 4.6.1).
    ticket = h("0400001a0000001efad6aac502000000080102030405060708000800 2a00040000 0400".replace(" ", ""))
    with pytest.raises(PeerFault) as caught:
        parse_new_session_ticket(ticket[4:])
    assert caught.value.code == 0x0A


@pytest.mark.rfc("8448", "5")
def test_messages_of_the_retry():
    request = parse_server_hello(Retry.request[4:])
    assert request.is_retry and request.random == RETRY_RANDOM
    assert parse_selected(request.extensions[51], "key_share") == SECP256R1
    assert parse_cookie(request.extensions[44]) == Retry.cookie
    second = parse_client_hello(Retry.second_hello[4:])
    assert parse_cookie(second.extensions[44]) == Retry.cookie
    assert parse_client_shares(second.extensions[51]) == {SECP256R1: Retry.client_public}
    assert parse_server_share(parse_server_hello(Retry.server_hello[4:]).extensions[51]) == (
        SECP256R1,
        Retry.server_public,
    )


@pytest.mark.rfc("8448", "5")
def test_a_server_with_the_preference_of_the_trace_asks_for_the_same_group():
    # Our server cannot go on with the trace: it is not QUIC's. With the transport parameters added it can.
    sink = Recorder()
    server = ServerHandshake(server_config(alpn=(), groups=[SECP256R1]), sink, b"parameters")
    extensions = Retry.first_hello[4 + 2 + 32 + 1 + 8 + 2 :]
    length = int.from_bytes(extensions[:2], "big")
    hello = Retry.first_hello[4 : 4 + 2 + 32 + 1 + 8 + 2] + (length + 4).to_bytes(2, "big") + extensions[2:]
    hello += h("00390000")
    server.receive(0, b"\x01" + len(hello).to_bytes(3, "big") + hello)
    ((level, data),) = sink.outgoing
    (request,) = split_messages(data)
    parsed = parse_server_hello(request[4:])
    assert level == 0 and parsed.is_retry
    assert parse_selected(parsed.extensions[51], "key_share") == SECP256R1
