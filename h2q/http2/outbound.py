"""The queues of frames to send. Submit calls and the receiver fill them, the sender empties them."""

from __future__ import annotations

from typing import Any

from .constants import (
    T_ALTSVC,
    T_GOAWAY,
    T_HEADERS,
    T_ORIGIN,
    T_PING,
    T_PRIORITY_UPDATE,
    T_PUSH_PROMISE,
    T_RST_STREAM,
    T_SETTINGS,
    T_WINDOW_UPDATE,
)
from .frames import (
    Frame,
    make_altsvc,
    make_extension,
    make_goaway,
    make_headers,
    make_origin,
    make_ping,
    make_priority_update,
    make_push_promise,
    make_rst_stream,
    make_settings,
    make_window_update,
)


class Item:
    """A frame other than DATA that waits for its turn. Which fields mean something depends on ``type``."""

    __slots__ = (
        "body",
        "builtin",
        "cancelled",
        "category",
        "code",
        "flags",
        "headers",
        "length",
        "next",
        "notice",
        "padlen",
        "payload",
        "saved_state",
        "silent_without_stream",
        "stream_id",
        "terminal",
        "type",
        "user_data",
        "value",
    )

    def clear(self) -> None:
        """The values of a new one; made by ``__new__`` alone, it needs this first."""
        self.type = 0
        self.flags = 0
        self.stream_id = 0
        self.length = 0
        self.padlen = 0
        self.next: Item | None = None
        #: HEADERS and PUSH_PROMISE.
        self.headers: Any = None
        self.category = 0
        self.body: Any = None
        self.user_data: Any = None
        #: A request that RST_STREAM overtook in the queue, and the code it was reset with.
        self.cancelled = False
        self.code = 0
        #: Promised stream, window increment, last stream id, prioritized stream: one number.
        self.value = 0
        #: Settings tuple, opaque data, extension payload, (origin, field value), origins.
        self.payload: Any = None
        self.builtin = False
        #: GOAWAY: a notice that closes nothing yet; the one after which nothing is sent.
        self.notice = False
        self.terminal = False
        #: RST_STREAM: not sent, and not reported, when its stream is gone; what to restore when it is cancelled.
        self.silent_without_stream = False
        self.saved_state = -1

    def snapshot(self) -> Frame:
        """The frame as callbacks see it."""
        kind = self.type
        if kind == T_HEADERS:
            return make_headers(
                self.length, self.flags, self.stream_id, self.padlen, self.category, tuple(self.headers)
            )
        if kind == T_WINDOW_UPDATE:
            return make_window_update(self.stream_id, self.value)
        if kind == T_RST_STREAM:
            return make_rst_stream(self.stream_id, self.code)
        if kind == T_SETTINGS:
            return make_settings(self.flags, self.payload)
        if kind == T_PING:
            return make_ping(self.flags, self.payload)
        if kind == T_GOAWAY:
            return make_goaway(self.value, self.code, self.payload)
        if kind == T_PUSH_PROMISE:
            return make_push_promise(
                self.length, self.flags, self.stream_id, self.padlen, self.value, tuple(self.headers)
            )
        if self.builtin:
            if kind == T_ALTSVC:
                return make_altsvc(self.stream_id, self.payload[0], self.payload[1])
            if kind == T_ORIGIN:
                return make_origin(self.length, self.payload)
            if kind == T_PRIORITY_UPDATE:
                return make_priority_update(self.value, self.payload)
        return make_extension(self.length, kind, self.flags, self.stream_id, self.payload)


def make_item(type: int, flags: int, stream_id: int) -> Item:
    """An item of a type; the caller fills in what goes with it."""
    item = Item.__new__(Item)
    item.clear()
    item.type = type
    item.flags = flags
    item.stream_id = stream_id
    return item


class Queue:
    """Items first in, first out."""

    __slots__ = ("first", "last", "size")

    def __init__(self) -> None:
        self.first: Item | None = None
        self.last: Item | None = None
        self.size = 0

    def push(self, item: Item) -> None:
        """Puts an item at the end."""
        item.next = None
        if self.last is None:
            self.first = item
        else:
            self.last.next = item
        self.last = item
        self.size += 1

    def pop(self) -> Item | None:
        """Takes the first item, None when there is none."""
        item = self.first
        if item is not None:
            self.first = item.next
            if self.first is None:
                self.last = None
            item.next = None
            self.size -= 1
        return item

    def clear(self) -> None:
        """Drops everything, one by one: a long chain must not be freed by recursion."""
        while self.pop() is not None:
            pass
