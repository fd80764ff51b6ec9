"""People who scroll: thumbnails asked for over HTTP as browsers ask, six connections each.

Run as `python -m benchmarks.viewers PORT VIEWERS SECONDS IDS PACE`, this is the viewers' side, in a process of its
own so that it does not hold up who measures searches meanwhile; `scrolling` starts it.

A viewer asks for the thumbnails of a windowful of pictures, looks at them and goes on after so many seconds, always to
pictures not seen before, as a browser keeps the others.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

WINDOW = 30
CONNECTIONS = 6
EDGE = 256


@dataclass(slots=True)
class Seen:
    """What came of the requests: milliseconds of those that were answered with a picture, and how many were not."""

    taken_ms: list[float] = field(default_factory=list)
    failed: int = 0
    seconds: float = 0.0
    late_s: float = 0.0

    def __iadd__(self, other: Seen) -> Seen:
        """Both, one after the other."""
        self.taken_ms += other.taken_ms
        self.failed += other.failed
        self.seconds += other.seconds
        self.late_s = max(self.late_s, other.late_s)
        return self

    def row(self, what: str) -> dict[str, str | int | float]:
        """A line of the table."""
        return {
            "what": what, "p50_ms": float(np.quantile(self.taken_ms, 0.5)),
            "p99_ms": float(np.quantile(self.taken_ms, 0.99)), "max_ms": max(self.taken_ms),
            "per_s": len(self.taken_ms) / self.seconds, "lost": self.failed,
        }  # fmt: skip


class Thumbnails:
    """A connection to the page that stays open; for one thread."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: HTTPConnection | None = None

    def get(self, image_id: str, edge: int, seen: Seen) -> None:
        """Ask for a thumbnail and read it."""
        began = time.perf_counter()
        try:
            self._connection = self._connection or HTTPConnection("127.0.0.1", self._port, timeout=60)
            self._connection.request("GET", f"/api/thumbnails/{image_id}?edge={edge}")
            response = self._connection.getresponse()
            body = response.read()
        except OSError:
            seen.failed += 1
            self.close()
            return
        if response.status == 200 and body:
            seen.taken_ms.append((time.perf_counter() - began) * 1e3)
        else:
            seen.failed += 1

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Viewer:
    """One person.

    Args:
        port: of the page.
        number: makes the choice of pictures another one.
        ids: of the images.
    """

    def __init__(self, port: int, number: int, ids: Sequence[str]) -> None:
        self._chance = random.Random(number)
        self._ids = ids
        self._local = threading.local()
        self._port = port
        self.seen = Seen()

    def scroll(self, until: float, pace_s: float) -> None:
        """Look at a windowful every so many seconds."""
        with ThreadPoolExecutor(CONNECTIONS) as connections:
            due = time.perf_counter() + self._chance.uniform(0, pace_s)
            while due < until:
                time.sleep(max(0.0, due - time.perf_counter()))
                start = self._chance.randrange(len(self._ids))
                window = [self._ids[(start + place) % len(self._ids)] for place in range(WINDOW)]
                list(connections.map(self._get, window))
                self.seen.late_s = max(self.seen.late_s, time.perf_counter() - due)
                due = max(due + pace_s, time.perf_counter())

    def _get(self, image_id: str) -> None:
        if not hasattr(self._local, "thumbnails"):
            self._local.thumbnails = Thumbnails(self._port)
        self._local.thumbnails.get(image_id, EDGE, self.seen)


@contextmanager
def scrolling(
    port: int, ids: Sequence[str], viewers: int, seconds: float, pace_s: float, work: Path
) -> Iterator[list[Seen]]:
    """Viewers in a process of their own while the block runs; at its end the list has what they saw."""
    listed, found = work / "ids.json", list[Seen]()
    listed.write_text(json.dumps(list(ids)))
    arguments = [str(port), str(viewers), str(seconds), str(listed), str(pace_s)]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.viewers", *arguments], stdout=subprocess.PIPE)
    try:
        yield found
        out, _ = process.communicate(timeout=seconds + 120)
        found.append(Seen(**json.loads(out)))
    finally:
        process.kill()
        process.wait()


def many(port: int, asked: Sequence[tuple[str, int]], connections: int) -> Seen:
    """All of these, image and edge, as fast as so many connections get them."""
    seen, local = Seen(), threading.local()
    began = time.perf_counter()

    def get(one: tuple[str, int]) -> None:
        if not hasattr(local, "thumbnails"):
            local.thumbnails = Thumbnails(port)
        local.thumbnails.get(*one, seen)

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(get, asked))
    seen.seconds = time.perf_counter() - began
    return seen


def main() -> None:
    """Scroll, and print what was seen as JSON."""
    port, viewers, seconds, listed, pace_s = sys.argv[1:]
    ids = json.loads(Path(listed).read_text())
    people = [Viewer(int(port), number, ids) for number in range(int(viewers))]
    began = time.perf_counter()
    threads = [
        threading.Thread(target=person.scroll, args=(began + float(seconds), float(pace_s))) for person in people
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = {
        "taken_ms": [ms for person in people for ms in person.seen.taken_ms],
        "failed": sum(person.seen.failed for person in people),
        "seconds": time.perf_counter() - began,
        "late_s": max(person.seen.late_s for person in people),
    }
    print(json.dumps(total))


if __name__ == "__main__":
    main()
