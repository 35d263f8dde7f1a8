"""Every scenario on libnghttp2 and on h2q: the same transcript of calls, callbacks and frames."""

import pytest
from differential.nghttp2 import library
from differential.nghttp2.catalogue import NAMES, first_difference, http2, require_library, run
from differential.nghttp2.differences import DELIBERATE, NEWER, OLDER, reason


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name: str) -> None:
    theirs = run(require_library(), name)
    ours = run(http2(), name)
    difference = first_difference(theirs, ours)
    meant = reason(DELIBERATE, name) or reason(NEWER if library.version() <= (1, 52) else OLDER, name)
    if meant:
        assert difference, f"no longer a difference: {meant}"
    else:
        assert not difference, "\n" + difference


def test_every_difference_names_a_scenario() -> None:
    for name in (*NEWER, *OLDER, *DELIBERATE):
        assert any(known == name or (name.endswith("*") and known.startswith(name[:-1])) for known in NAMES), name
