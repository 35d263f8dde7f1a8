"""A scheduling policy in Python: streams share the connection by weight, instead of one urgency after the other.

RFC 9218's urgency 0 to 7 becomes a weight of 128 to 1. Run it to see what three downloads of one client get.
"""

import heapq

from h2q import http2
from h2q.scheduler import Node, Scheduler


class Weighted(Scheduler):
    """Stride scheduling: who is next has had the least, each byte counting 2 ** urgency. O(log n) a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[int, Node] = {}
        self.had: dict[int, int] = {}
        self.turns: list[tuple[int, int]] = []
        self.now = 0

    def __len__(self) -> int:
        return len(self.nodes)

    def is_empty(self) -> bool:
        return not self.nodes

    def next(self) -> Node | None:
        # A turn is stale when its stream was blocked, or has been given another since.
        while self.turns and self.had.get(self.turns[0][1]) != self.turns[0][0]:
            heapq.heappop(self.turns)
        return self.nodes[self.turns[0][1]] if self.turns else None

    def charge(self, node: Node, size: int) -> None:
        if node.stream_id in self.had:
            self.now = self.had[node.stream_id]
            self._give_turn(node.stream_id, self.now + (size << node.urgency))

    def unblock(self, node: Node) -> None:
        if node.stream_id not in self.nodes:
            # Waiting earns nothing: it begins where the others are.
            self.nodes[node.stream_id] = node
            self._give_turn(node.stream_id, self.now)

    def block(self, node: Node) -> None:
        if self.nodes.pop(node.stream_id, None) is not None:
            del self.had[node.stream_id]

    def reprioritize(self, node: Node, urgency: int, incremental: bool) -> None:
        node.urgency = urgency
        node.incremental = incremental

    def _give_turn(self, stream_id: int, at: int) -> None:
        self.had[stream_id] = at
        if len(self.turns) > 2 * len(self.had) + 16:
            # Mostly stale ones: streams that come and go must not make it grow.
            self.turns = [(at, stream_id) for stream_id, at in self.had.items()]
            heapq.heapify(self.turns)
        else:
            heapq.heappush(self.turns, (at, stream_id))


class Downloads(http2.Callbacks):
    """Counts what each stream receives, until one of them is complete."""

    def __init__(self) -> None:
        self.received: dict[int, int] = {}
        self.first: int | None = None

    def on_data_chunk_recv(self, session: http2.Session, flags: int, stream_id: int, data: memoryview) -> None:
        self.received[stream_id] = self.received.get(stream_id, 0) + len(data)

    def on_stream_close(self, session: http2.Session, stream_id: int, error_code: int) -> None:
        self.first = self.first or stream_id


def main() -> None:
    size = 2_000_000
    downloads = Downloads()
    client = http2.Session(http2.CLIENT, downloads)
    server = http2.Session(http2.SERVER, scheduler=Weighted())
    client.submit_settings({http2.Setting.INITIAL_WINDOW_SIZE: size})
    client.set_local_window_size(0, 4 * size)
    server.submit_settings({})
    for urgency in (1, 2, 3):
        client.submit_request(
            [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/"), ("priority", f"u={urgency}")]
        )
    server.mem_recv(b"".join(client.send_vectored()))
    for stream_id in (1, 3, 5):
        server.submit_response(stream_id, [(":status", "200")], bytes(size))
    while downloads.first is None:
        client.mem_recv(b"".join(server.send_vectored(16_384)))
    total = sum(downloads.received.values())
    for urgency, stream_id in ((1, 1), (2, 3), (3, 5)):
        share = 100 * downloads.received[stream_id] / total
        print(f"urgency {urgency}: {share:.0f} % while stream {downloads.first} lasted")


if __name__ == "__main__":
    main()
