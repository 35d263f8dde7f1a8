"""Draws docs/priorities.png: who gets the connection while a page loads, with priorities and without.

Both pages are loaded by h2q itself, a client and a server in this process over a link that takes the same number of
bytes in each step of time. Needs matplotlib (`pip install h2q[bench]`); run `python docs/priorities.py`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h2q import http2

#: What the link carries in a step, in bytes: 16,384 a millisecond are 131 Mbit/s.
STEP = 16_384
DELAY = 10


@dataclass(frozen=True)
class Resource:
    """One response: its size in bytes, its priority, and the step in which the client asks for it."""

    name: str
    size: int
    priority: str
    asked: int
    colour: str


PAGE = (
    Resource("HTML (u=0, i)", 60_000, "u=0, i", 0, "#c0392b"),
    Resource("style sheet (u=1)", 90_000, "u=1", 2, "#e67e22"),
    Resource("script (u=1)", 250_000, "u=1", 2, "#f1c40f"),
    Resource("image above the fold (u=2, i)", 350_000, "u=2, i", 3, "#16a085"),
    Resource("image 2 (u=4, i)", 500_000, "u=4, i", 3, "#2980b9"),
    Resource("image 3 (u=4, i)", 500_000, "u=4, i", 3, "#5dade2"),
    Resource("next page (u=7)", 300_000, "u=7", 4, "#95a5a6"),
    Resource("font (u=1)", 60_000, "u=1", 30, "#8e44ad"),
)


class Browser(http2.Callbacks):
    """Counts what each stream receives in the step that runs."""

    def __init__(self) -> None:
        self.now: dict[int, int] = {}
        self.done: set[int] = set()

    def on_data_chunk_recv(self, session: Any, flags: int, stream_id: int, data: Any) -> None:
        self.now[stream_id] = self.now.get(stream_id, 0) + len(data)

    def on_stream_close(self, session: Any, stream_id: int, error_code: int) -> None:
        self.done.add(stream_id)


class Site(http2.Callbacks):
    """Answers the nth request with the nth resource."""

    def __init__(self, page: tuple[Resource, ...]) -> None:
        self.page = page

    def on_headers(self, session: Any, stream_id: int, headers: Any, end_stream: bool) -> None:
        session.submit_response(stream_id, [(":status", "200")], bytes(self.page[stream_id // 2].size))


def load(page: tuple[Resource, ...], *, priorities: bool) -> list[list[int]]:
    """Bytes of each resource in each step of the load."""
    browser = Browser()
    config = http2.Config(data_frame_size=1024)
    client = http2.Session(http2.CLIENT, browser, config)
    server = http2.Session(http2.SERVER, Site(page), config)
    client.submit_settings({http2.Setting.INITIAL_WINDOW_SIZE: 1 << 22})
    client.set_local_window_size(0, 1 << 24)
    server.submit_settings({http2.Setting.NO_RFC7540_PRIORITIES: 1})
    server.mem_recv(b"".join(client.send_vectored()))
    client.mem_recv(b"".join(server.send_vectored()))
    steps: list[list[int]] = []
    asked = 0
    while len(browser.done) < len(page):
        while asked < len(page) and page[asked].asked <= len(steps):
            priority = page[asked].priority if priorities else "u=3, i"
            fields = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", f"/{asked}")]
            client.submit_request([*fields, ("priority", priority)])
            asked += 1
        server.mem_recv(b"".join(client.send_vectored()))
        browser.now = {}
        client.mem_recv(b"".join(server.send_vectored(STEP)))
        steps.append([browser.now.get(2 * index + 1, 0) for index in range(len(page))])
    return steps


def draw(path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 1, figsize=(10, 6.4), sharex=True, layout="constrained")
    titles = {True: "priorities as the browser sends them", False: "all alike: u=3, i"}
    for axes, priorities in zip(panels, (True, False), strict=True):
        steps = load(PAGE, priorities=priorities)
        edges = [*range(len(steps)), len(steps)]
        shares = [[100 * step[index] / sum(step) for step in [*steps, steps[-1]]] for index in range(len(PAGE))]
        colours, names = [resource.colour for resource in PAGE], [resource.name for resource in PAGE]
        axes.stackplot(edges, *shares, colors=colours, labels=names, step="post", lw=0)
        for index, resource in enumerate(PAGE):
            end = max(number for number, step in enumerate(steps) if step[index]) + 1
            axes.plot([end, end], [101, 106], color=resource.colour, lw=2.5, clip_on=False, solid_capstyle="butt")
        axes.set_title(titles[priorities], loc="left", fontsize=11, pad=12)
        axes.set_ylim(0, 100)
        axes.set_xlim(0, len(steps))
        axes.set_ylabel("share of the connection, %")
        axes.spines[["top", "right"]].set_visible(False)
    panels[1].set_xlabel("steps of 16 KiB; a mark above shows where a response is complete")
    panels[0].legend(loc="center left", bbox_to_anchor=(1.01, 0.0), fontsize=9, frameon=False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("priorities.png"))
