"""What HPACK and field validation know by heart: the static table, the Huffman code, classes of names and of
characters.

Both versions of the kernel (`_hpack`, `_fields`) read it once, at import.
"""

import string

# RFC 7541 appendix A; the first entry has index 1.
STATIC_TABLE: tuple[tuple[bytes, bytes], ...] = (
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    *((b":status", code) for code in (b"200", b"204", b"206", b"304", b"400", b"404", b"500")),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    *(
        (name, b"")
        for name in (
            b"accept-language accept-ranges accept access-control-allow-origin age allow authorization "
            b"cache-control content-disposition content-encoding content-language content-length "
            b"content-location content-range content-type cookie date etag expect expires from host if-match "
            b"if-modified-since if-none-match if-range if-unmodified-since last-modified link location "
            b"max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after server "
            b"set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate"
        ).split()
    ),
)

# RFC 7541 appendix B. The code is canonical: codes of one length follow each other in the order of their
# symbols, and each length goes on where the one before ended. So the lengths are all there is to know; EOS is
# symbol 256.
_SYMBOLS_BY_LENGTH: dict[int, bytes] = {
    5: b"012aceiost",
    6: b" %-./3456789=A_bdfghlmnpru",
    7: b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: b"&*,;XZ",
    10: b'!"()?',
    11: b"'+|",
    12: b"#>",
    13: b"\x00$@[]~",
    14: b"^}",
    15: b"<`{",
    19: b"\\\xc3\xd0",
    20: b"\x80\x82\x83\xa2\xb8\xc2\xe0\xe2",
    21: b"\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6",
    22: b"\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4"
    b"\xe8\xe9",
    23: b"\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7"
    b"\xbc\xbf\xc5\xe7\xef",
    24: b"\x09\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed",
    25: b"\xc7\xcf\xea\xeb",
    26: b"\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff",
    27: b"\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe",
    28: b"\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d"
    b"\x1e\x1f\x7f\xdc\xf9",
    30: b"\x0a\x0d\x16",
}
EOS = 256


def huffman_code() -> tuple[tuple[int, int], ...]:
    """(code, length in bits) of each of the 256 symbols and of EOS."""
    table: dict[int, tuple[int, int]] = {}
    code = 0
    for length in range(1, 31):
        code <<= 1
        for symbol in _SYMBOLS_BY_LENGTH.get(length, b""):
            table[symbol] = (code, length)
            code += 1
    table[EOS] = (code, 30)
    return tuple(table[symbol] for symbol in range(257))


# Classes of names: what a name asks of its value. From REGULAR on the fields are not pseudo-header fields.
EMPTY_NAME, BAD_NAME, UPPERCASE_NAME, UNKNOWN_PSEUDO = 1, 2, 3, 4
METHOD_NAME, SCHEME_NAME, AUTHORITY_NAME, PATH_NAME, STATUS_NAME, PROTOCOL_NAME = 5, 6, 7, 8, 9, 10
REGULAR, HOST_NAME, LENGTH_NAME, CONNECTION_NAME, TE_NAME, PRIORITY_NAME = 11, 12, 13, 14, 15, 16

NAME_CLASSES: dict[bytes, int] = {
    b":method": METHOD_NAME,
    b":scheme": SCHEME_NAME,
    b":authority": AUTHORITY_NAME,
    b":path": PATH_NAME,
    b":status": STATUS_NAME,
    b":protocol": PROTOCOL_NAME,
    b"host": HOST_NAME,
    b"content-length": LENGTH_NAME,
    # RFC 9113 section 8.2.2
    b"connection": CONNECTION_NAME,
    b"keep-alive": CONNECTION_NAME,
    b"proxy-connection": CONNECTION_NAME,
    b"transfer-encoding": CONNECTION_NAME,
    b"upgrade": CONNECTION_NAME,
    b"te": TE_NAME,
    b"priority": PRIORITY_NAME,
}

# What the encoder does with a field that is in no table: insert it, send it as a literal, or mark it for
# every hop as one that must never be inserted. The choices are those that most encoders make: what changes
# with every message only pushes out what does not, and what is secret and guessable must not be probed
# through compression (RFC 7541 section 7.1).
INDEXED, LITERAL, NEVER_INDEXED, NEVER_INDEXED_IF_SHORT = 0, 1, 2, 3
SHORT_SECRET = 20
INDEXING: dict[bytes, int] = {
    b":path": LITERAL,
    b"age": LITERAL,
    b"content-length": LITERAL,
    b"content-range": LITERAL,
    b"etag": LITERAL,
    b"if-modified-since": LITERAL,
    b"if-none-match": LITERAL,
    b"location": LITERAL,
    b"set-cookie": LITERAL,
    b"authorization": NEVER_INDEXED,
    b"proxy-authorization": NEVER_INDEXED,
    b"cookie": NEVER_INDEXED_IF_SHORT,
}

# RFC 9110 section 5.6.2 (token), RFC 9113 section 8.2.1, RFC 3986; paths and values may hold any byte from
# 0x80 up.
_DIGITS, _LETTERS = string.digits.encode(), string.ascii_letters.encode()
_HIGH = bytes(range(0x80, 0x100))
TOKEN_CHARS = b"!#$%&'*+-.^_`|~" + _DIGITS + _LETTERS
NAME_CHARS = bytes(sorted(set(TOKEN_CHARS) - set(string.ascii_uppercase.encode())))
VALUE_CHARS = b"\t" + bytes(range(0x20, 0x7F)) + _HIGH
PATH_CHARS = bytes(range(0x21, 0x7F)) + _HIGH
AUTHORITY_CHARS = b"!$%&'()*+,-.:;=[]_~" + _DIGITS + _LETTERS
SCHEME_CHARS = b"+-." + _DIGITS + _LETTERS

# The texts of FieldSection.malformed_reason; facts carry their index.
REASONS: tuple[str, ...] = (
    "",
    "uppercase letter in a field name",
    "unknown pseudo-header field",
    "empty pseudo-header field",
    "character that is not allowed in a pseudo-header field",
    "status code is not three digits, or is 101",
    "connection-specific field",
    "te is not trailers",
    "empty host",
    "content-length is not a number",
    "pseudo-header field in trailers",
    "pseudo-header field that this kind of message does not have",
    "pseudo-header field after a regular field",
    "field that may occur once only occurs again",
)

# What the decoder says of a block that it refuses.
NO_INTEGER = "the header block ends within a number, or the number is too long (RFC 7541 section 5.1)"
NO_STRING = "the header block ends within a string (RFC 7541 section 5.2)"
NO_VALUE = "the header block ends within a field (RFC 7541 section 6.2)"
BAD_HUFFMAN = "a Huffman string holds EOS or is padded wrongly (RFC 7541 section 5.2)"
LATE_UPDATE = "size update after the first field of a block (RFC 7541 section 4.2)"
MISSING_UPDATE = "a size update is missing after the table was made smaller (RFC 7541 section 4.2)"
BROKEN = "an earlier header block broke the decoder"
LARGE_UPDATE = "size update to {}, at most {} allowed (RFC 7541 section 6.3)"
NO_ENTRY = "there is no table entry {} (RFC 7541 section 2.3.3)"
TOO_MUCH = "{} bytes of header fields, or their number, are above the decoder's limits"
BUSY_ENCODER = "a header block is being encoded, or waits for commit or rollback"
NO_TENTATIVE = "there is no tentative header block"
NEGATIVE_SIZE = "a table size is not negative, {} is"
