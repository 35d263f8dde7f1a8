"""Header blocks by four independent encoders, decoded and encoded again."""

import json

import pytest
from support import VECTORS, pure

import h2q._hpack

STORIES = sorted((VECTORS / "hpack").glob("*/story_*.json"))


@pytest.fixture(params=["build", "twin"])
def hpack(request):
    return h2q._hpack if request.param == "build" else pure("_hpack")


def test_stories_are_there(vectors):
    assert len(STORIES) == 80


@pytest.mark.parametrize("path", STORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_story(path, hpack):
    story = json.loads(path.read_text())
    decoder, encoder, follower = hpack.Decoder(), hpack.Encoder(), hpack.Decoder()
    for case in story["cases"]:
        pairs = [pair for field in case["headers"] for pair in field.items()]
        headers = [(name.encode(), value.encode()) for name, value in pairs]
        if "header_table_size" in case:
            decoder.change_table_size(case["header_table_size"])
            encoder.change_table_size(case["header_table_size"])
            follower.change_table_size(case["header_table_size"])
        assert decoder.decode(bytes.fromhex(case["wire"])) == headers
        assert follower.decode(encoder.encode(headers)) == headers
        assert follower.entries() == encoder.entries()
        assert follower.table_size == encoder.table_size
