"""The kernel against the vectors of HTTP/2 frames: right ones there and back, wrong ones by their heads."""

import json

import pytest
from support import VECTORS

from h2q import _core
from h2q.errors import InvalidArgument

FILES = sorted((VECTORS / "http2-frames").glob("*/*.json"))
ERROR_FRAME_SIZE = 6


def load(path):
    vector = json.loads(path.read_text())
    return vector, bytes.fromhex(vector["wire"])


def read(wire, pieces):
    """(head, payload) of the one frame in ``wire``, fed in pieces of this size; None: not all there."""
    frames = _core.FrameReader()
    began = False
    payload = None
    for i in range(0, len(wire), pieces):
        frames.feed(wire[i : i + pieces])
        began = began or frames.next_head()
        if began:
            payload = frames.take_payload(frames.length)
    return (frames.length, frames.type, frames.flags, frames.stream_id), payload


def unpad(flags, payload):
    """(padlen, content) of a payload that may be padded."""
    if not flags & 8:
        return 0, payload
    return payload[0] + 1, payload[1 : len(payload) - payload[0]]


def text(value):
    return (value or "").encode()


def parse(kind, flags, payload):
    """The payload in the vectors' words, by the kernel's functions."""
    u32 = _core.parse_u32
    padlen, content = unpad(flags, payload) if kind in (0, 1, 5) else (0, payload)
    padding = {}
    if padlen:
        padding = {"padding_length": padlen - 1, "padding": payload[len(payload) - padlen + 1 :]}
    if kind == 0:
        return {"data": content} | padding
    if kind == 1:
        fields = {}
        if flags & 0x20:
            fields = {
                "stream_dependency": u32(content, 0) & 0x7FFFFFFF,
                "exclusive": bool(u32(content, 0) >> 31),
                "weight": content[4] + 1,
            }
            content = content[5:]
        return {"header_block_fragment": content} | fields | padding
    if kind == 2:
        return {
            "stream_dependency": u32(content, 0) & 0x7FFFFFFF,
            "exclusive": bool(u32(content, 0) >> 31),
            "weight": content[4] + 1,
        }
    if kind == 3:
        return {"error_code": u32(content, 0)}
    if kind == 4:
        return {"settings": [list(entry) for entry in _core.parse_settings(content)]}
    if kind == 5:
        promised = u32(content, 0) & 0x7FFFFFFF
        return {"promised_stream_id": promised, "header_block_fragment": content[4:]} | padding
    if kind == 6:
        return {"opaque_data": content}
    if kind == 7:
        return {
            "last_stream_id": u32(content, 0) & 0x7FFFFFFF,
            "error_code": u32(content, 4),
            "additional_debug_data": content[8:],
        }
    if kind == 8:
        return {"window_size_increment": u32(content, 0) & 0x7FFFFFFF}
    return {"header_block_fragment": content}


def pack(kind, flags, stream_id, facts, padlen):
    """The frame by the kernel's pack functions; None where the kernel has none for this type."""
    block = text(facts.get("header_block_fragment"))
    if kind == 0:
        return _core.pack_data(stream_id, flags, text(facts["data"]), padlen)
    if kind == 1 and not flags & 0x20 and flags & 4:
        return b"".join(_core.pack_headers(stream_id, flags, block, padlen, 16384))
    if kind == 3:
        return _core.pack_rst_stream(stream_id, facts["error_code"])
    if kind == 4:
        return _core.pack_settings(facts["settings"], bool(flags & 1))
    if kind == 5 and flags & 4:
        return b"".join(_core.pack_push_promise(stream_id, facts["promised_stream_id"], block, padlen, 16384))
    if kind == 6:
        return _core.pack_ping(text(facts["opaque_data"]), bool(flags & 1))
    if kind == 7:
        debug = text(facts["additional_debug_data"])
        return _core.pack_goaway(facts["last_stream_id"], facts["error_code"], debug)
    if kind == 8:
        return _core.pack_window_update(stream_id, facts["window_size_increment"])
    return None


def zeroed(wire, padlen):
    """The vectors pad with text, a sender must pad with zeros (RFC 9113 section 6.1)."""
    return wire[: len(wire) - padlen + 1] + bytes(padlen - 1) if padlen else wire


def ids(path):
    return f"{path.parent.name}/{path.stem}"


def test_the_vectors_are_all_there(vectors):
    assert len(FILES) == 34


@pytest.mark.parametrize("pieces", [1, 4, 10, 1000])
@pytest.mark.parametrize("path", FILES, ids=ids)
def test_frame(path, pieces):
    vector, wire = load(path)
    (length, kind, flags, stream_id), payload = read(wire, pieces)
    assert length == int.from_bytes(wire[:3], "big")
    assert _core.pack_frame_head(length, kind, flags, stream_id) == wire[:9]
    frame = vector["frame"]
    if frame is None:
        if payload is None:
            assert ERROR_FRAME_SIZE in vector["error"] and length > len(wire) - 9
        else:
            assert _core.pack_frame(kind, flags, stream_id, payload) == wire[: 9 + length]
        return
    assert payload == wire[9:]
    assert [length, kind, flags, stream_id] == [
        frame[key] for key in ("length", "type", "flags", "stream_identifier")
    ]
    expected = frame["frame_payload"]
    for key, value in parse(kind, flags, payload).items():
        wanted = expected[key]
        assert value == (text(wanted) if isinstance(value, bytes) else wanted), key
    padlen = unpad(flags, payload)[0] if kind in (0, 1, 5) else 0
    packed = pack(kind, flags, stream_id, expected, padlen)
    if packed is None:
        packed = _core.pack_frame(kind, flags, stream_id, payload)
        assert packed == wire
    else:
        assert packed == zeroed(wire, padlen)


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_payloads_of_a_wrong_size(path):
    """What the kernel itself can see to be wrong, it refuses; it never reads behind the end."""
    vector, wire = load(path)
    if vector["error"] is None or ERROR_FRAME_SIZE not in vector["error"]:
        return
    (length, kind, _, _), payload = read(wire, 1000)
    if payload is None:
        return
    if kind == 4 and length % 6:
        with pytest.raises(InvalidArgument):
            _core.parse_settings(payload)
    if kind in (3, 7, 8) and length < (8 if kind == 7 else 4):
        with pytest.raises(InvalidArgument):
            _core.parse_u32(payload, 4 if kind == 7 else 0)
