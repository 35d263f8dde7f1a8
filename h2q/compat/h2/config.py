"""How one connection of the h2 API behaves: `H2Configuration`, and the loggers that it takes."""

from __future__ import annotations

import sys
from typing import Any, TextIO


class DummyLogger:
    """A logger that drops everything; a connection that has one does not format messages either."""

    def __init__(self, *vargs: Any) -> None:
        pass

    def debug(self, *vargs: Any, **kwargs: Any) -> None:
        """Drops the message."""

    def trace(self, *vargs: Any, **kwargs: Any) -> None:
        """Drops the message."""


class OutputLogger:
    """A logger that prints to ``file`` (standard error by default), what is received only with ``trace_level``."""

    def __init__(self, file: TextIO | None = None, trace_level: bool = False) -> None:
        self.file = file or sys.stderr
        self.trace_level = trace_level

    def debug(self, fmtstr: str, *args: Any) -> None:
        """Prints what the connection does."""
        print(f"h2 (debug): {fmtstr % args}", file=self.file)

    def trace(self, fmtstr: str, *args: Any) -> None:
        """Prints what the connection receives."""
        if self.trace_level:
            print(f"h2 (trace): {fmtstr % args}", file=self.file)


class _Switch:
    """A setting that is True or False; it is kept as one bit of ``_bits``, which connections read at once."""

    def __init__(self, bit: int) -> None:
        self._bit = bit

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: H2Configuration | None, owner: type) -> Any:
        if instance is None:
            return self
        return instance._bits & self._bit != 0

    def __set__(self, instance: H2Configuration, value: bool) -> None:
        if not isinstance(value, bool):
            raise ValueError(f"{self._name} must be a bool")  # ValueError and not TypeError, as in h2
        instance._bits = instance._bits | self._bit if value else instance._bits & ~self._bit


class H2Configuration:
    """The switches of one connection.

    client_side: which end it is. header_encoding: the name of an encoding in which events show header fields as
    `str`; None or False: as `bytes`. validate_outbound_headers, validate_inbound_headers: whether header blocks
    are checked. normalize_outbound_headers: whether names become lower case, space around names and values goes,
    fields about the connection are left out and secrets marked as never indexed. normalize_inbound_headers:
    whether cookie fields are joined. split_outbound_cookies: whether they are split. logger: has ``debug`` and
    ``trace``. Switches that are no bool raise ValueError."""

    client_side = _Switch(1)
    validate_outbound_headers = _Switch(2)
    normalize_outbound_headers = _Switch(4)
    split_outbound_cookies = _Switch(8)
    validate_inbound_headers = _Switch(16)
    normalize_inbound_headers = _Switch(32)

    def __init__(
        self,
        client_side: bool = True,
        header_encoding: bool | str | None = None,
        validate_outbound_headers: bool = True,
        normalize_outbound_headers: bool = True,
        split_outbound_cookies: bool = False,
        validate_inbound_headers: bool = True,
        normalize_inbound_headers: bool = True,
        logger: DummyLogger | OutputLogger | None = None,
    ) -> None:
        self._bits = 0
        self.client_side = client_side
        self.header_encoding = header_encoding
        self.validate_outbound_headers = validate_outbound_headers
        self.normalize_outbound_headers = normalize_outbound_headers
        self.split_outbound_cookies = split_outbound_cookies
        self.validate_inbound_headers = validate_inbound_headers
        self.normalize_inbound_headers = normalize_inbound_headers
        self.logger = logger or DummyLogger(__name__)

    @property
    def header_encoding(self) -> bool | str | None:
        """The encoding in which events show header fields as `str`; None or False: they are `bytes`."""
        return self._header_encoding

    @header_encoding.setter
    def header_encoding(self, value: bool | str | None) -> None:
        if not isinstance(value, bool | str | None):
            raise ValueError("header_encoding must be bool, string, or None")
        if value is True:
            raise ValueError("header_encoding cannot be True")
        self._header_encoding = value
