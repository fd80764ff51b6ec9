"""Which copies are found among real pictures, how surely, and what that takes, beside other programs.

    python -m benchmarks.duplicates [--originals N] [--copied N] [--only] [--json FILE]

A folder is filled as `planted.py` says and given to each program. Judged are its groups (`grouping.py`): a copy counts
as found if it is in a group with its original. simd is asked for what a person would be shown, the groups of the tiers
`exact`, `pixels` and `near`; its time is that of a daemon from nothing to groups, and `beyond indexing` is what finding
pairs took of it after the last picture was searchable.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from simctl import Client

from benchmarks.copyfinders import FINDERS, Found, found_by
from benchmarks.daemon import peak_mib, running
from benchmarks.grouping import score
from benchmarks.planted import SHARES, Copy, Planted, kinds, plant
from benchmarks.report import Row, arguments, publish

ALL = "all"
_WAIT_S = 0.05
_TIMEOUT_S = 3600.0


def main() -> None:
    """Measure and publish."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--originals", type=int, default=12_400, help="pictures among which copies are planted")
    parser.add_argument("--copied", type=int, default=1500, help="so many of them")
    parser.add_argument("--only", action="store_true", help="without the other programs")
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="a program to leave out")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="that plant")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="simd-planted-") as work:
        planted = plant(Path(work) / "root", options.originals, options.copied, options.cores)
        print(f"{len(planted.picture)} files, {len(planted.copies)} of them planted", file=sys.stderr)
        found, beyond_s = _simd(planted.root)
        lines = list(_lines("simd", planted, found))
        if not options.only:
            for finder in (finder for finder in FINDERS if finder.venv not in options.without):
                other = found_by(finder, planted.root)
                if isinstance(other, str):
                    print(f"no {finder.name}: {other}", file=sys.stderr)
                else:
                    lines += _lines(finder.name, planted, other)
    figures = {"files": float(len(planted.picture)), "beyond_indexing_s": beyond_s}
    for line in lines:
        if line["of"] == ALL:
            figures |= {f"{line['method']} {name}": float(line[name]) for name in ("precision", "recall")}
    publish("duplicates", lines, figures, options.json)


def _simd(root: Path) -> tuple[Found, float]:
    """What a daemon finds that begins with nothing, and how long it went on after the last picture was searchable."""
    began = time.perf_counter()
    with running(root) as (client, pid):
        settled = time.perf_counter()
        _until_looked_at(client)
        ended = time.perf_counter()
        groups = [[Path(file.path) for file in (group.keeper, *group.members)] for group in client.duplicate_groups()]
        return Found(groups, ended - began, peak_mib(pid)), ended - settled


def _until_looked_at(client: Client) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while next(iter(client.duplicate_pages(page_size=1))).pending:
        if time.monotonic() > deadline:
            raise SystemExit(f"pairs were not found within {_TIMEOUT_S:g} s")
        time.sleep(_WAIT_S)


def _lines(name: str, planted: Planted, found: Found) -> Iterator[Row]:
    """The results of a program, for all copies and for each part."""
    for part in (ALL, *SHARES):
        copies: Sequence[Copy] = [copy for copy in planted.copies if part in (ALL, copy.part)]
        judged = score(planted, found.groups, copies)
        recalls = {kind: round(judged.recall([kind]), 3) for kind in kinds()}
        yield {
            "method": name,
            "of": part,
            "precision": round(judged.precision, 4),
            "groups all right": round(judged.group_precision, 4),
            "recall": round(judged.recall(kinds()), 3),
            **recalls,
            "s": round(found.seconds),
            "MiB": round(found.mib),
        }


if __name__ == "__main__":
    main()
