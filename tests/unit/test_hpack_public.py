"""`h2q.http2.hpack`: header compression for those who want nothing else of a session."""

import hpack

import h2q
from h2q import _hpack
from h2q.http2 import hpack as public


def test_a_header_list_there_and_back():
    encoder, decoder = public.Encoder(), public.Decoder()
    headers = [(":method", "GET"), (":path", "/"), ("x-token", "secret", True)]
    fields = decoder.decode(encoder.encode(headers))
    assert fields == [(b":method", b"GET"), (b":path", b"/"), (b"x-token", b"secret")]
    assert isinstance(fields[2], public.NeverIndexedHeaderTuple)


def test_a_section_of_a_response():
    block = public.Encoder().encode(public.normalize([(":Status", "204")], True))
    section = public.Decoder().decode_section(block, public.RESPONSE)
    assert (section.status, section.malformed) == (204, -1)
    assert isinstance(section, public.FieldSection)


def test_names():
    assert set(public.__all__) <= set(dir(public))
    assert public.NeverIndexedHeaderTuple is hpack.NeverIndexedHeaderTuple
    assert (public.REQUEST, public.RESPONSE, public.TRAILERS, public.RAW) == (0, 1, 2, 3)


def test_the_build_is_the_one_meant():
    assert _hpack.__file__.endswith(".py") != h2q.COMPILED
