"""The examples of RFC 7541 appendix C, decoded, and encoded where our encoder makes the same choices."""

import pytest

REQUESTS = [
    [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")],
    [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", b"/"),
        (b":authority", b"www.example.com"),
        (b"cache-control", b"no-cache"),
    ],
    [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/index.html"),
        (b":authority", b"www.example.com"),
        (b"custom-key", b"custom-value"),
    ],
]
REQUEST_TABLES = [
    ([(b":authority", b"www.example.com")], 57),
    ([(b"cache-control", b"no-cache"), (b":authority", b"www.example.com")], 110),
    (
        [
            (b"custom-key", b"custom-value"),
            (b"cache-control", b"no-cache"),
            (b":authority", b"www.example.com"),
        ],
        164,
    ),
]
RESPONSES = [
    [
        (b":status", b"302"),
        (b"cache-control", b"private"),
        (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
        (b"location", b"https://www.example.com"),
    ],
    [
        (b":status", b"307"),
        (b"cache-control", b"private"),
        (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
        (b"location", b"https://www.example.com"),
    ],
    [
        (b":status", b"200"),
        (b"cache-control", b"private"),
        (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
        (b"location", b"https://www.example.com"),
        (b"content-encoding", b"gzip"),
        (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ],
]
RESPONSE_TABLES = [
    (
        [
            (b"location", b"https://www.example.com"),
            (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"cache-control", b"private"),
            (b":status", b"302"),
        ],
        222,
    ),
    (
        [
            (b":status", b"307"),
            (b"location", b"https://www.example.com"),
            (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"cache-control", b"private"),
        ],
        222,
    ),
    (
        [
            (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
            (b"content-encoding", b"gzip"),
            (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
        ],
        215,
    ),
]

# section: (table size, blocks, fields, tables after each block)
SEQUENCES = {
    "C.3": (
        4096,
        [
            "828684410f7777772e6578616d706c652e636f6d",
            "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ],
        REQUESTS,
        REQUEST_TABLES,
    ),
    "C.4": (
        4096,
        [
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ],
        REQUESTS,
        REQUEST_TABLES,
    ),
    "C.5": (
        256,
        [
            "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768"
            "747470733a2f2f7777772e6578616d706c652e636f6d",
            "4803333037c1c0bf",
            "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153"
            "444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e"
            "3d31",
        ],
        RESPONSES,
        RESPONSE_TABLES,
    ),
    "C.6": (
        256,
        [
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8"
            "e9ae82ae43d3",
            "4883640effc1c0bf",
            "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b"
            "3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        ],
        RESPONSES,
        RESPONSE_TABLES,
    ),
}


@pytest.mark.rfc("7541", "C.1")
@pytest.mark.parametrize(
    ("block", "index"),
    # C.1.1 to C.1.3 are 10 and 1337 below 5 bits and 42 below 8: shown as size updates and an index.
    [("2a", 10), ("3f9a0a", 1337)],
)
def test_integers(kernel, block, index):
    decoder = kernel.Decoder()
    assert decoder.decode(bytes.fromhex(block)) == []
    assert decoder.max_dynamic_table_size == index
    encoder = kernel.Encoder()
    encoder.change_table_size(index)
    assert encoder.encode([]).hex() == block


@pytest.mark.rfc("7541", "C.2")
@pytest.mark.parametrize(
    ("block", "field", "table"),
    [
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", (b"custom-key", b"custom-header"), True),
        ("040c2f73616d706c652f70617468", (b":path", b"/sample/path"), False),
        ("100870617373776f726406736563726574", (b"password", b"secret"), False),
        ("82", (b":method", b"GET"), False),
    ],
)
def test_one_field(kernel, block, field, table):
    decoder = kernel.Decoder()
    assert decoder.decode(bytes.fromhex(block)) == [field]
    assert decoder.entries() == ([field] if table else [])
    assert decoder.table_size == (55 if table else 0)


@pytest.mark.parametrize("section", SEQUENCES)
def test_decoding(kernel, section):
    size, blocks, fields, tables = SEQUENCES[section]
    decoder = kernel.Decoder(size)
    for block, expected, table in zip(blocks, fields, tables, strict=True):
        assert decoder.decode(bytes.fromhex(block)) == expected
        assert (decoder.entries(), decoder.table_size) == table


@pytest.mark.rfc("7541", "C.4")
def test_encoding_requests(kernel):
    encoder = kernel.Encoder()
    _, blocks, fields, tables = SEQUENCES["C.4"]
    for block, headers, table in zip(blocks, fields, tables, strict=True):
        assert encoder.encode(headers).hex() == block
        assert (encoder.entries(), encoder.table_size) == table


@pytest.mark.rfc("7541", "C.6")
def test_encoding_the_first_response_but_for_what_we_do_not_index(kernel):
    # Ours sends `location` without indexing; the first three fields are as in the example.
    encoder = kernel.Encoder(256)
    encoder.encode([])
    block = encoder.encode(RESPONSES[0][:3]).hex()
    assert SEQUENCES["C.6"][1][0] == block + "6e919d29ad171863c78f0b97c8e9ae82ae43d3"
