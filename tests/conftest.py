"""Fixtures of every test, Hypothesis profiles, and the check that the build under test is the one meant."""

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from support import ROOT, VECTORS, flag, peer

import h2q

# In CI the same examples in every run: what breaks is the change's doing. New ones are sought elsewhere, and by soak.
hypothesis.settings.register_profile(
    "default",
    max_examples=50,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "short", parent=hypothesis.settings.get_profile("default"), max_examples=20
)
hypothesis.settings.register_profile(
    "ci", parent=hypothesis.settings.get_profile("default"), max_examples=100, print_blob=True
)
hypothesis.settings.register_profile(
    "soak",
    parent=hypothesis.settings.get_profile("default"),
    max_examples=5000,
    print_blob=True,
    derandomize=False,
)
hypothesis.settings.load_profile(os.environ.get("H2Q_HYPOTHESIS", "default"))


def variant() -> str:
    """Which build is imported: "compiled", "pure" or "checked"."""
    if not h2q.COMPILED:
        return "pure"
    return "checked" if ROOT / "build" / "checked" in Path(h2q.__file__).resolve().parents else "compiled"


def pytest_configure(config: pytest.Config) -> None:
    # After a plain install, code that runs in the checkout uses the pure tree without a word.
    expected = os.environ.get("H2Q_EXPECT")
    if expected and expected != variant():
        raise pytest.UsageError(f"H2Q_EXPECT={expected}, but {h2q.__file__} is the {variant()} build")


def pytest_report_header(config: pytest.Config) -> str:
    return f"h2q {h2q.__version__}: the {variant()} build, {Path(h2q.__file__).parent}"


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of test vectors beside the repository; without it tests skip, and fail in CI."""
    if not VECTORS.is_dir():
        if flag("CI"):
            pytest.fail(f"{VECTORS} does not exist, and CI is set")
        pytest.skip("no folder of vectors beside the repository")
    return VECTORS


@pytest.fixture(scope="session", name="peer")
def peer_fixture() -> Callable[[str], str]:
    """`peer("nghttp")`: the path of a peer's program; skips, or fails where H2Q_REQUIRE_PEERS is set."""
    return peer
