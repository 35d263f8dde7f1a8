"""`python -m benchmarks.hypercorn_hello`: hypercorn's hello world under h2load, on h2 and on h2q in its place.

Both servers run at the same time, each round asks one after the other. Server and h2load have a core each where
there are two. Cleartext with prior knowledge, one worker. The processor time of the server, which Linux tells, does
not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPLICATION = """
FIELDS = [(b"content-type", b"text/plain"), (b"content-length", b"13")]

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": FIELDS})
        await send({"type": "http.response.body", "body": b"Hello, world!"})
"""
SERVERS = {"h2": ["-m", "hypercorn"], "h2q": ["-m", "h2q.compat", "hypercorn"]}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def cores() -> tuple[set[int], set[int]]:
    """Those of the servers and those of h2load."""
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    usable = sorted(os.sched_getaffinity(0))
    return {usable[-1]}, {usable[0]}


def bind(core: set[int]) -> None:
    """Binds the process to cores, all if the set is empty."""
    if core:
        os.sched_setaffinity(0, core)


@contextlib.contextmanager
def serving(arguments: list[str], folder: str, worker: str) -> Iterator[tuple[str, int]]:
    """hypercorn in a process of its own: its URL, and the process's id."""
    port = free_port()
    bind(cores()[0])
    process = subprocess.Popen(
        [sys.executable, *arguments, "app:app", "-b", f"127.0.0.1:{port}", "-w", "0", "-k", worker],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"hypercorn did not start: {arguments}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/", process.pid
    finally:
        process.terminate()
        process.wait()


def processor_time(process: int) -> float:
    """Seconds that a process has run, 0 where that cannot be told."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(url: str, requests: int, clients: int, streams: int) -> float:
    """Requests a second, none of which failed."""
    bind(cores()[1])
    done = subprocess.run(
        ["h2load", "-n", str(requests), "-c", str(clients), "-m", str(streams), url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if f"{requests} succeeded" not in done:
        raise SystemExit(done)
    found = re.search(r"([\d.]+) req/s", done)
    if found is None:
        raise SystemExit(done)
    return float(found[1])


def main(argv: list[str]) -> int:
    """Prints each side's requests a second and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hypercorn_hello", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--worker", default="asyncio", help="hypercorn's worker class: asyncio, uvloop or trio")
    options = parser.parse_args(argv)
    if shutil.which("h2load") is None:
        parser.error("h2load is not installed")
    seen: dict[str, list[float]] = {name: [] for name in SERVERS}
    spent: dict[str, list[float]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        Path(folder, "app.py").write_text(APPLICATION)
        servers = {
            name: stack.enter_context(serving(arguments, folder, options.worker)) for name, arguments in SERVERS.items()
        }
        for _ in range(options.rounds):
            for name, (url, process) in servers.items():
                before = processor_time(process)
                seen[name].append(load(url, options.requests, options.clients, options.streams))
                spent[name].append((processor_time(process) - before) / options.requests)
    for name, rates in seen.items():
        cost = statistics.median(spent[name]) * 1e6
        print(f"{name:<4} {statistics.median(rates):8.0f} req/s (best {max(rates):.0f}), {cost:.0f} us each")
    print(f"h2q/h2, requests a second: {statistics.median(seen['h2q']) / statistics.median(seen['h2']):.2f}")
    if any(spent["h2q"]):
        print(f"h2/h2q, processor time: {statistics.median(spent['h2']) / statistics.median(spent['h2q']):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
