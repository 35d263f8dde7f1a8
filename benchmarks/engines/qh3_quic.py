"""qh3, without its asyncio part; its packet core is Rust."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from .. import quic as shared
from ..common import Case
from .aio_family import Family


def available() -> bool:
    """Whether the package is here."""
    return find_spec("qh3") is not None


def _prepare(configuration: Any, certificate: bytes, key: bytes) -> None:
    configuration.load_cert_chain(certificate, key)


CASES: dict[str, Callable[[int], Case]] = dict(
    Family("qh3", {"max_datagram_size": shared.DATAGRAM, "probe_datagram_size": False}, _prepare).cases
)
