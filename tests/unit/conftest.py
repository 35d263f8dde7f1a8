"""Fixtures of the unit tests."""

import pytest
from hpackkit import VERSIONS


@pytest.fixture(params=VERSIONS.values(), ids=list(VERSIONS))
def kernel(request):
    """The HPACK kernel: as built, and its twin."""
    return request.param
