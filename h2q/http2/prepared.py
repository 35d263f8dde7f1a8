"""Header fields that are checked once and sent many times. Applications make them, submit calls take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._fields import normalize


class PreparedHeaders:
    """A header list whose fields are valid and in the encoder's form, for ``headers=`` of any submit call.

    Submitting it costs no check and no copy. The encoder finds its fields by their addresses in its table, so that a
    block of prepared fields is a few table look-ups; whatever the table holds at that moment, the block is right.
    Pseudo-header fields come first, as in any list. Raises InvalidArgument naming a field that cannot be sent.

        JSON = http2.PreparedHeaders([(":status", "200"), ("content-type", "application/json"), ("server", "x")])
        session.submit_response(stream_id, JSON.plus([(b"content-length", b"2")]), b"{}")
    """

    __slots__ = ("_fields",)

    def __init__(self, headers: Iterable[tuple[Any, ...]]) -> None:
        self._fields = normalize(headers, True)

    def plus(self, headers: Iterable[tuple[Any, ...]]) -> PreparedHeaders:
        """These fields and then others, of which only the others are checked."""
        added = normalize(headers, True)
        more = PreparedHeaders.__new__(PreparedHeaders)
        more._fields = self._fields + added
        if added and added[0][0].startswith(b":"):
            # A pseudo-header field may not come behind a regular one.
            normalize(more._fields, True)
        return more

    def __len__(self) -> int:
        return len(self._fields)

    def __iter__(self) -> Any:
        return iter(self._fields)

    def __repr__(self) -> str:
        return f"PreparedHeaders({self._fields!r})"

    def __reduce__(self) -> Any:
        raise TypeError("PreparedHeaders cannot be pickled")


def fields_of(headers: Any, check: bool) -> list[tuple[bytes, bytes]]:
    """What a submit call was given, ready for the encoder."""
    if type(headers) is PreparedHeaders:
        prepared: PreparedHeaders = headers
        return prepared._fields
    return normalize(headers, check)
