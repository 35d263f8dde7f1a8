"""aioquic, without its asyncio part."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .. import quic as shared
from ..common import Case
from .aio_family import Family


def available() -> bool:
    """Whether the package is here."""
    return find_spec("aioquic") is not None


def _prepare(configuration: Any, certificate: bytes, key: bytes) -> None:
    configuration.certificate = x509.load_pem_x509_certificate(certificate)
    configuration.private_key = load_pem_private_key(key, None)


CASES: dict[str, Callable[[int], Case]] = dict(
    Family("aioquic", {"max_datagram_size": shared.DATAGRAM}, _prepare).cases
)
