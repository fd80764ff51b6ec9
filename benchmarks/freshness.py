"""From a file's last close to its place in the answers: what a search over the socket says, asked again and again.

Photographs of 1400 x 800, each new to the daemon: single ones, each written when the one before was found, and a burst
that is written as fast as the disk takes it. Found means that a search for the image names the file.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from simctl import Client
from simctl.errors import SimctlError

from benchmarks.daemon import running
from benchmarks.photographs import photographs
from benchmarks.report import Row, arguments, publish
from simd.types import image_id_of

_ASK_EVERY_S = 0.005
_DEADLINE_S = 300.0
_LOOK_AHEAD = 4
_SETTLED = 100
"""How many pictures are there before."""


@dataclass(frozen=True, slots=True)
class Landing:
    """A file that was written: when it was closed, and how to ask for it."""

    path: str
    image_id: str
    closed: float


def land(source: Path, root: Path) -> Landing:
    """Write a copy as a program would that knows nothing of the daemon."""
    content = source.read_bytes()
    target = root / source.name
    with target.open("wb") as file:
        file.write(content)
    return Landing(str(target), image_id_of(content).hex(), time.perf_counter())


def is_found(client: Client, landing: Landing) -> bool:
    """Whether a search names the file."""
    try:
        matches = client.search(image_id=landing.image_id, limit=1).matches
    except SimctlError:
        return False
    return bool(matches) and landing.path in matches[0].paths


def single(client: Client, sources: Sequence[Path], root: Path) -> list[float]:
    """Seconds for each file, one after the other."""
    taken = []
    for source in sources:
        landing = land(source, root)
        while not is_found(client, landing):
            _check(landing)
            time.sleep(_ASK_EVERY_S)
        taken.append(time.perf_counter() - landing.closed)
    return taken


def burst(client: Client, sources: Sequence[Path], root: Path) -> tuple[list[float], float]:
    """Seconds for each file of many written at once, and the seconds that writing them took."""
    began = time.perf_counter()
    waiting = deque(land(source, root) for source in sources)
    written_s = time.perf_counter() - began
    taken = []
    while waiting:
        _check(waiting[0])
        # They come roughly in order: asking for all of them would keep the daemon busy with answers.
        found = [landing for landing in list(waiting)[:_LOOK_AHEAD] if is_found(client, landing)]
        now = time.perf_counter()
        for landing in found:
            waiting.remove(landing)
            taken.append(now - landing.closed)
        if not found:
            time.sleep(_ASK_EVERY_S)
    return taken, written_s


def _check(landing: Landing) -> None:
    if time.perf_counter() - landing.closed > _DEADLINE_S:
        raise SystemExit(f"{landing.path} was not found after {_DEADLINE_S:g} s")


def _row(method: str, taken: Sequence[float], written_s: float | None = None) -> Row:
    p50, p99 = np.percentile(taken, [50, 99])
    row: dict[str, str | int | float] = {
        "method": method,
        "files": len(taken),
        "p50_s": float(p50),
        "p99_s": float(p99),
    }
    row["max_s"] = max(taken)
    if written_s is not None:
        row["written_in_s"] = written_s
    return row


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--files", type=int, default=200, help="single files")
    parser.add_argument("--burst", type=int, default=1000, help="files at once")
    options = parser.parse_args()
    sources = photographs(_SETTLED + options.files + options.burst)
    work = Path(tempfile.mkdtemp(prefix="simd-bench-"))
    try:
        root = work / "root"
        root.mkdir()
        for source in sources[:_SETTLED]:
            land(source, root)
        with running(root) as (client, _):
            alone = single(client, sources[_SETTLED : _SETTLED + options.files], root)
            together, written_s = burst(client, sources[_SETTLED + options.files :], root)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    rows = [_row("one after the other", alone), _row("a burst", together, written_s)]
    figures = {
        "p50_s": float(rows[0]["p50_s"]),
        "p99_s": float(rows[0]["p99_s"]),
        "burst_p50_s": float(rows[1]["p50_s"]),
        "burst_p99_s": float(rows[1]["p99_s"]),
    }
    publish("freshness", rows, figures, options.json)


if __name__ == "__main__":
    main()
