"""Millions of requests and many connections: the server stays as small as it was."""

import re
from pathlib import Path

import pytest
from peers import Serve, run

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("options", [[], ["--no-tls"]], ids=["tls", "cleartext"])
def test_old_connections_are_as_small_as_new_ones(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "hello").write_text("hello")
    with Serve(tmp_path / "site", *options, cache=tmp_path / "cache") as server:

        def load(count: int, connections: int) -> None:
            said = run(
                "h2load", "-n", str(count), "-c", str(connections), "-m", "100", server.url + "hello", timeout=600
            )
            assert re.search(rf"{count} succeeded, 0 failed", said)

        load(100_000, 10)
        before = server.memory()
        load(5_000_000, 1)
        for _ in range(20):
            load(20_000, 200)
        assert server.memory() < before + (64 << 20)
        load(5_000_000, 10)
        load(100_000, 10)
        assert server.memory() < before + (64 << 20)
