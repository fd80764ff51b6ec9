"""Seconds and memory of scanning a tree in which nothing has changed, by a running daemon, as `simctl scan` does it.

The tree has 100 empty files a directory. Its files are put into the catalogue by hand as copies of one image, because
what they hold is not looked at in a scan that finds nothing. The limit is a walk that looks at every file and compares
it with nothing.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from simctl import Client

from benchmarks.daemon import peak_mib, reset_peak, rss_mib, running
from benchmarks.photographs import SAMPLES
from benchmarks.report import Row, arguments, publish
from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.types import FileKey, Stamp, image_id_of

_PER_DIRECTORY = 100
_PER_TRANSACTION = 20_000
_SEED = "a.jpg"


def grow(root: Path, count: int) -> None:
    """Empty files in directories of 100, in directories of 100 directories."""
    for start in range(0, count, _PER_DIRECTORY):
        number = start // _PER_DIRECTORY
        folder = root / f"{number // 100:03d}" / f"{number:05d}"
        folder.mkdir(parents=True)
        for place in range(start, min(count, start + _PER_DIRECTORY)):
            os.close(os.open(folder / f"IMG_{place:07d}.jpg", os.O_WRONLY | os.O_CREAT))


def look(top: str) -> Iterator[os.DirEntry[str]]:
    """Every file of a tree, each looked at."""
    with os.scandir(top) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from look(entry.path)
            else:
                entry.stat()
                yield entry


def record(catalogue: Catalogue, root: Path) -> None:
    """Tell the catalogue that every file of the tree is indexed, as a copy of the image that is."""
    [known] = catalogue.roots()
    image_id = image_id_of((root / _SEED).read_bytes())
    prefix = len(str(root)) + 1
    lines = (
        IndexedFile(FileKey(known.root_id, os.fsencode(e.path[prefix:])), Stamp.of(e.stat()), image_id)
        for e in look(str(root))
    )
    while page := list(islice(lines, _PER_TRANSACTION)):
        catalogue.record(page)


def timed(run: Callable[[], object], times: int) -> list[float]:
    """Seconds of each run."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return taken


def rescan(client: Client, count: int) -> None:
    """A scan that must find nothing."""
    report = client.scan()
    if (report.seen, report.changed, report.deleted) != (count, 0, 0):
        raise SystemExit(f"the scan saw {report}, not {count} unchanged files")


def measure(work: Path, count: int, runs: int) -> tuple[list[Row], dict[str, float]]:
    """Grow a tree, make it known, scan it with a running daemon and walk it without."""
    root, state = work / "root", work / "state"
    root.mkdir()
    shutil.copyfile(SAMPLES / "owl.jpg", root / _SEED)
    with running(root, "--state-dir", str(state)):
        pass
    grow(root, count - 1)
    catalogue = Catalogue.open(state / "catalogue.sqlite")
    record(catalogue, root)
    catalogue.close()
    with running(root, "--state-dir", str(state)) as (client, pid):
        rescan(client, count)
        before = rss_mib(pid)
        reset_peak(pid)
        scans = timed(lambda: rescan(client, count), runs)
        growth = peak_mib(pid) - before
        walks = timed(lambda: sum(1 for _ in look(str(root))), runs)
    rows: list[Row] = [
        {"method": "simctl scan", "files": count, "p50_s": statistics.median(scans), "max_s": max(scans)},
        {"method": "scandir + stat", "files": count, "p50_s": statistics.median(walks), "max_s": max(walks)},
    ]
    figures = {
        "files": float(count),
        "seconds": statistics.median(scans),
        "rss_mb": growth,
        "over_scandir": statistics.median(scans) / statistics.median(walks),
    }
    return rows, figures


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="simd-bench-"))
    try:
        rows, figures = measure(work, options.files, options.runs)
        publish("rescan", rows, figures, options.json)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
