"""QUIC packets for tests, written with nothing but keys: what the sending kernel would never write as well."""

import functools
import importlib

VERSION_1 = 1
VERSION_2 = 0x6B3343CF
INITIAL, ZERO_RTT, HANDSHAKE, RETRY, SHORT, VERSION_NEGOTIATION, UNKNOWN_VERSION = range(7)
DCID = bytes(range(0x10, 0x18))
SCID = bytes(range(0x20, 0x25))
MAX = (1 << 62) - 1

SUITES = {0x1301: 16, 0x1302: 32, 0x1303: 32}


@functools.lru_cache(maxsize=64)
def key(module, suite=0x1301, number=0, hp=None):
    """A PacketKey of the build that `module`, one of its kernel modules, belongs to."""
    size = SUITES[suite]
    aead = importlib.import_module(module.__name__.rpartition(".")[0] + "._aead")
    return aead.PacketKey(
        suite, bytes([number]) * size, bytes([number]) * 12, bytes([number if hp is None else hp]) * size
    )


def varint(number, size=0):
    """The variable-length integer, in `size` bytes where that is not 0."""
    size = size or next(n for n in (1, 2, 4, 8) if number < 1 << 8 * n - 2)
    return (number | {1: 0, 2: 1, 4: 2, 8: 3}[size] << 8 * size - 2).to_bytes(size, "big")


def v(*parts):
    """Ints as varints, bytes as they are."""
    return b"".join(varint(part) if isinstance(part, int) else part for part in parts)


def first_byte(kind, version, low=0, fixed=1):
    bits = (kind + 1) % 4 if version == VERSION_2 else kind
    return 0x80 | fixed << 6 | bits << 4 | low


def long_header(
    kind, *, version=VERSION_1, dcid=DCID, scid=SCID, token=b"", rest=0, pn=0, pn_length=2, reserved=0, fixed=1
):
    """A long header without protection; `rest` bytes follow the packet number."""
    return b"".join((
        bytes([first_byte(kind, version, reserved << 2 | pn_length - 1, fixed)]),
        version.to_bytes(4, "big"),
        bytes([len(dcid)]), dcid, bytes([len(scid)]), scid,
        varint(len(token)) + token if kind == INITIAL else b"",
        varint(pn_length + rest, 2 if pn_length + rest < 1 << 14 else 4),
        (pn & (1 << 8 * pn_length) - 1).to_bytes(pn_length, "big"),
    ))  # fmt: skip


def short_header(*, dcid=DCID, pn=0, pn_length=2, reserved=0, key_phase=0, spin=0, fixed=1):
    first = fixed << 6 | spin << 5 | reserved << 3 | key_phase << 2 | pn_length - 1
    return bytes([first]) + dcid + (pn & (1 << 8 * pn_length) - 1).to_bytes(pn_length, "big")


def protect(key, header, pn, pn_length, payload):
    """The packet, sealed and with header protection (RFC 9001 sections 5.3 and 5.4)."""
    packet = bytearray(header + key.seal(pn, header, payload))
    at = len(header) - pn_length
    mask = key.mask(bytes(packet[at + 4 : at + 20]).ljust(16, b"\0"))
    packet[0] ^= mask[0] & (0x0F if packet[0] & 0x80 else 0x1F)
    for i in range(pn_length):
        packet[at + i] ^= mask[1 + i]
    return bytes(packet)


def long_packet(key, kind, payload, *, pn=0, pn_length=2, **fields):
    header = long_header(kind, rest=len(payload) + 16, pn=pn, pn_length=pn_length, **fields)
    return protect(key, header, pn, pn_length, payload)


def short_packet(key, payload, *, pn=0, pn_length=2, **fields):
    return protect(key, short_header(pn=pn, pn_length=pn_length, **fields), pn, pn_length, payload)


def opened(module, payload, *, kind=SHORT, copy=False):
    """A reader of `module` with a packet of this payload open, padded in front of nothing: the payload is whole."""
    reader = module.PacketReader(copy)
    one = key(module)
    make = short_packet if kind == SHORT else functools.partial(long_packet, kind=kind)
    reader.start(make(one, payload=payload, pn_length=4), len(DCID))
    if reader.next_packet() != kind or not reader.unprotect(one, -1) or not reader.decrypt(one):
        raise AssertionError("the packet cannot be opened")
    return reader


NUMBERS = (
    "kind", "version", "dcid", "scid", "token", "position", "packet_size", "datagram_size", "discarded",
    "first_byte_fixed_bit", "pn", "pn_length", "key_phase", "spin", "reserved", "payload_length",
    "frame_type", "seen", "stream_id", "offset", "length", "fin", "error_code", "final_size", "maximum",
    "sequence", "retire_prior_to", "closing_frame_type",
    "largest", "ack_delay", "range_count", "ect0", "ect1", "ce",
)  # fmt: skip


def state(reader):
    """Everything that can be read of a reader."""
    out = {name: getattr(reader, name) for name in NUMBERS}
    out["ranges"] = [(reader.ack_low(i), reader.ack_high(i)) for i in range(reader.range_count)]
    out["data"] = bytes(reader.data()), reader.data_bytes()
    out["flags"] = reader.is_ack_eliciting(), reader.is_probing()
    if reader.frame_type == 0x18:
        out["id"] = reader.cid(), reader.reset_token()
    return out
