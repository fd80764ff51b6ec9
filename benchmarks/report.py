"""What every benchmark prints and writes: a table for people, one JSON object for machines."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

Row = Mapping[str, str | int | float]


def machine() -> str:
    """The machine, in a line."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    cores = len(os.sched_getaffinity(0))
    return f"{cpu}, {cores} cores, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with what all benchmarks take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    return parser


def publish(name: str, results: Sequence[Row], figures: Mapping[str, float], file: Path | None) -> None:
    """Print the results as a table and the figures below it; write both to `file` if one is given."""
    print(f"{name}, {datetime.date.today()}, {machine()}\n")
    columns = list(dict.fromkeys(key for row in results for key in row))
    cells = [columns, *([_text(row.get(column, "")) for column in columns] for row in results)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
    for key, value in figures.items():
        print(f"{key} = {_text(value)}")
    if file is not None:
        document = {
            "benchmark": name,
            "date": str(datetime.date.today()),
            "machine": machine(),
            "results": list(results),
            "figures": dict(figures),
        }
        file.write_text(json.dumps(document, indent=1) + "\n")


def _text(value: str | int | float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
