"""The page tests/spec.md names tests that exist."""

import ast
import re

import pytest
from differential.nghttp2.catalogue import NAMES
from differential.ngtcp2.catalogue import NAMES as QUIC_NAMES
from support import ROOT

PAGE = (ROOT / "tests" / "spec.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \d+ \| .* \| (.*) \|$", PAGE, re.MULTILINE)
NAMED = sorted({name for row in ROWS for name in re.findall(r"`([^`]+)`", row)})
SCENARIOS = {name.split("[")[0] for name in (*NAMES, *QUIC_NAMES)}
SHORT = {"misuse": "tests/differential/ngtcp2/test_misuse.py"}
CALLBACKS = {"on_stream_close", "send"}


def functions_in(path: str) -> set[str]:
    """The functions, and the methods as Class.method, of a test module."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return found


def test_rows_are_found() -> None:
    assert len(ROWS) == PAGE.count("\n| ") - PAGE.count("\n| # |")
    assert len(ROWS) > 70


@pytest.mark.parametrize("name", [name for name in NAMED if name not in CALLBACKS])
def test_named_test_exists(name: str) -> None:
    if "::" in name:
        path, _, function = name.partition("::")
        assert function in functions_in(SHORT.get(path, path))
    elif name.startswith("Test"):
        assert name in functions_in("tests/http2/test_session_send.py")
    else:
        assert name in SCENARIOS
