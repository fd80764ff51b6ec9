"""What `simctl search` costs as a whole command, against `python -c "import grpc"`, which it cannot be faster than.

Over real pictures: 5,000 of Debian's openclipart. The same run says whether the answers are right: a rescaled and
re-encoded copy must find its original first.
"""

from __future__ import annotations

import io
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from simctl import Client

from benchmarks.daemon import BIN, rss_mib, running
from benchmarks.pictures import files
from benchmarks.report import Row, arguments, publish


def doctored(path: Path) -> bytes:
    """The picture at 60 % of its size, on white, as a JPEG."""
    with Image.open(path) as image:
        picture = image.convert("RGBA")
    ground = Image.new("RGBA", picture.size, "white")
    flat = Image.alpha_composite(ground, picture).convert("RGB")
    flat = flat.resize((max(8, flat.width * 3 // 5), max(8, flat.height * 3 // 5)), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=80)
    return out.getvalue()


def seconds(command: list[str]) -> float:
    """Wall time of a command that must succeed."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def found_first(client: Client, originals: list[Path], count: int) -> float:
    """The share of doctored copies whose original, or a picture that looks exactly like it, is the first answer."""
    sample = random.Random(1).sample(originals, count)
    right = 0
    for path in sample:
        first = client.search(image=doctored(path), limit=1).matches[0]
        itself = client.search(image=path.read_bytes(), limit=5).matches
        twins = {match.image_id for match in itself if match.distance < 0.01}
        right += first.image_id in twins
    return right / count


def main() -> None:
    """Index, check the answers, time the command."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=31)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="simd-bench-") as work:
        root = Path(work) / "root"
        root.mkdir()
        copies = []
        for number, source in enumerate(files("openclipart-png", options.pictures)):
            copies.append(root / f"{number:05d}-{source.name}")
            shutil.copy(source, copies[-1])
        began = time.perf_counter()
        with running(root) as (client, pid):
            indexed_s = time.perf_counter() - began
            status = client.status()
            measure(options, client, pid, copies, Path(work), {"indexing_s": indexed_s, "images": status.images})


def measure(options: object, client: Client, pid: int, copies: list[Path], work: Path, facts: dict[str, float]) -> None:
    """The measurements on an indexed daemon."""
    runs, file = options.runs, options.json  # type: ignore[attr-defined]
    right = found_first(client, copies[: int(facts["images"]) // 2], 300)
    fresh, known = work / "query.jpg", copies[7]
    fresh.write_bytes(doctored(copies[11]))
    search = [str(BIN / "simctl"), "search", "--address", client.address]
    commands = {
        "import grpc": [sys.executable, "-c", "import grpc"],
        "simctl search, a new picture": [*search, str(fresh)],
        "simctl search, an indexed picture": [*search, str(known)],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(seconds(command))
    base = statistics.median(times["import grpc"])
    rows: list[Row] = [
        {
            "method": name,
            "p50_ms": statistics.median(taken) * 1e3,
            "min_ms": min(taken) * 1e3,
            "max_ms": max(taken) * 1e3,
            "over_import_grpc": statistics.median(taken) / base,
        }
        for name, taken in times.items()
    ]
    figures = {
        "search_over_import_grpc": statistics.median(times["simctl search, a new picture"]) / base,
        "found_first": right,
        **facts,
        "images_per_s": facts["images"] / facts["indexing_s"],
        "daemon_rss_mib": rss_mib(pid),
    }
    publish("cli", rows, figures, file)


if __name__ == "__main__":
    main()
