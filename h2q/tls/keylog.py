"""The key log: secrets of connections in NSS's format, for Wireshark and its like (``SSLKEYLOGFILE``)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable

KeyLog = str | os.PathLike[str] | Callable[[str], object]

CLIENT_HANDSHAKE = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
SERVER_HANDSHAKE = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
CLIENT_APPLICATION = "CLIENT_TRAFFIC_SECRET_0"
SERVER_APPLICATION = "SERVER_TRAFFIC_SECRET_0"
EXPORTER = "EXPORTER_SECRET"


def keylog_from_environment() -> str | None:
    """For ``TLSConfig.keylog``: the path in SSLKEYLOGFILE, None when it is not set or empty."""
    return os.environ.get("SSLKEYLOGFILE") or None


def open_for_append(path: str | os.PathLike[str]) -> int:
    """A descriptor of the file; one that is new can be read by its owner alone."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)


def write(keylog: KeyLog, client_random: bytes, secrets: Iterable[tuple[str, bytes]]) -> None:
    """One line for each (label, secret). A file that cannot be written any more does not fail the handshake."""
    lines = [f"{label} {client_random.hex()} {secret.hex()}" for label, secret in secrets]
    if callable(keylog):
        for line in lines:
            keylog(line)
        return
    with contextlib.suppress(OSError):
        descriptor = open_for_append(keylog)
        try:
            # All lines in one write: connections and processes share the file.
            os.write(descriptor, ("\n".join(lines) + "\n").encode("ascii"))
        finally:
            os.close(descriptor)
