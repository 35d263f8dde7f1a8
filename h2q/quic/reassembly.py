"""Bytes of a stream that came ahead of their turn: the receiving side of streams and of CRYPTO data keeps them here.

They are copied into chunks that lie on multiples of ``CHUNK``, so a flood of tiny frames costs each of them the same,
and memory follows the offsets that flow control has let the peer reach: a chunk is as long as the highest byte in it
demands. The number of ranges is bounded by ``MAX_RANGES`` (libngtcp2 ends a connection at 4,000 gaps).
"""

from __future__ import annotations

from typing import Any

from ..ranges import RangeSet

CHUNK = 16384
MAX_RANGES = 4096


class Reassembly:
    """Made when the first byte is ahead of its turn; one that has nothing left can stay.

    Where bytes overlap what is held, the later ones win: RFC 9000 section 2.2 lets an endpoint assume that they are the
    same."""

    __slots__ = ("_chunks", "_discarding", "_ranges")

    def __init__(self) -> None:
        self._ranges = RangeSet()
        self._chunks: dict[int, bytearray] = {}
        self._discarding = False

    def size(self) -> int:
        """How many bytes have arrived ahead of their turn."""
        return self._ranges.size

    def insert(self, offset: int, data: Any, length: int) -> int:
        """Keeps ``data``: how many of its bytes are new; -1, and nothing is kept, when it is one range too many."""
        new = self._ranges.add(offset, offset + length)
        if new == 0:
            return 0
        if len(self._ranges) > MAX_RANGES:
            self._ranges.remove(offset, offset + length)
            return -1
        if not self._discarding:
            self._write(offset, data, length)
        return new

    def _write(self, offset: int, data: Any, length: int) -> None:
        key = offset // CHUNK
        within = offset - key * CHUNK
        done = 0
        while done < length:
            part = CHUNK - within
            if part > length - done:
                part = length - done
            piece = data if part == length else data[done : done + part]
            chunk: bytearray | None = self._chunks.get(key)
            if chunk is None:
                chunk = bytearray(within)
                self._chunks[key] = chunk
            size = len(chunk)
            if size <= within:
                if size < within:
                    chunk += bytes(within - size)
                chunk += piece
            else:
                chunk[within : within + part] = piece
            done += part
            key += 1
            within = 0

    def take(self, position: int, ready: list[Any]) -> int:
        """Moves the bytes whose turn has come at ``position`` to ``ready``; the position behind them.

        What lies below ``position`` is dropped."""
        while True:
            start = self._ranges.first()
            if start < 0 or start > position:
                return position
            stop = self._ranges.first_stop()
            if stop > position:
                if not self._discarding:
                    self._read(position, stop, ready)
                position = stop
            self._ranges.pop_first()
            self._drop(start, stop)

    def _read(self, position: int, stop: int, ready: list[Any]) -> None:
        while position < stop:
            key = position // CHUNK
            within = position - key * CHUNK
            part = CHUNK - within
            if part > stop - position:
                part = stop - position
            chunk: bytearray = self._chunks[key]
            if part == len(chunk):
                ready.append(bytes(chunk))
            else:
                ready.append(bytes(chunk[within : within + part]))
            position += part

    def _drop(self, start: int, stop: int) -> None:
        """Lets the chunks of a range go that no other range needs."""
        if self._discarding:
            return
        key = start // CHUNK
        end = (stop - 1) // CHUNK + 1
        following = self._ranges.first()
        if following >= 0 and following // CHUNK < end:
            end = following // CHUNK
        while key < end:
            del self._chunks[key]
            key += 1

    def discard(self) -> None:
        """Forgets the bytes, now and from here on; where they lie is still kept."""
        self._discarding = True
        self._chunks.clear()

    def memory(self) -> int:
        """Bytes that the chunks take."""
        return sum(len(chunk) for chunk in self._chunks.values())

    def _check(self) -> None:
        self._ranges._check()
        keys: set[int] = set()
        for start, stop in self._ranges:
            keys.update(range(start // CHUNK, (stop - 1) // CHUNK + 1))
            key = (stop - 1) // CHUNK
            if not self._discarding and len(self._chunks[key]) < stop - key * CHUNK:
                raise AssertionError(f"chunk {key} is shorter than [{start}, {stop})")
        if set(self._chunks) != (set() if self._discarding else keys):
            raise AssertionError(f"chunks {sorted(self._chunks)} for {self._ranges!r}")
