"""Pictures a second from a folder to the answers, against the limit of the cores and against other ways.

The daemon is ready first; then the folder is added, and the clock stops when all of it is searchable. The folder holds
photographs of 1400 x 800 and Debian's cliparts and stamps of at most 4 megapixels, all different.

The limit is cores / (CPU seconds of decoding + CPU seconds of the backbone, per picture): what is left when reading,
hashing, passing around, writing and searching cost nothing. Both are measured alone in the same run, before and after
the daemon, because the machine's speed drifts.
"""

from __future__ import annotations

import os
import shutil
import statistics
import struct
import subprocess
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from simctl import Client

from benchmarks import naive, rivals
from benchmarks.daemon import MODELS, running, usage
from benchmarks.photographs import photographs
from benchmarks.pictures import files
from benchmarks.report import Row, arguments, publish
from simd.config import DEFAULT_MODEL
from simd.featurize.decode.decode import DecodeLimits, decode
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.models.model import Model, resolve
from simd.types import image_id_of

_LARGEST_PIXELS = 4_000_000
_LIMITS = DecodeLimits(max_bytes=1 << 29, max_pixels=250_000_000)
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds of one picture, and how many pictures a second the backbone alone does on all cores."""

    decode_s: float
    backbone_s: float
    backbone_per_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """What the daemon took for a folder."""

    images_per_s: float
    cpu_s: float
    peak_mib: float


def collection(folder: Path, count: int) -> list[Path]:
    """Copies of `count` pictures in `folder`: two thirds photographs, the rest drawings, in a mixed order."""
    found = files("openclipart-png")[::3] + files("tuxpaint-stamps-default")
    drawings = list({image_id_of(path.read_bytes()): path for path in found if _is_moderate(path)}.values())
    chosen = photographs(count - count // 3) + drawings[:: max(1, len(drawings) // (count // 3))][: count // 3]
    order = np.random.default_rng(0).permutation(len(chosen))
    copies = []
    for number, place in enumerate(order):
        target = folder / f"{number // 500:03d}" / f"{number:06d}{chosen[place].suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        copies.append(Path(shutil.copyfile(chosen[place], target)))
    return copies


def _is_moderate(png: Path) -> bool:
    with png.open("rb") as stream:
        width, height = struct.unpack(">II", stream.read(24)[16:])
    return bool(width * height <= _LARGEST_PIXELS)


def costs(paths: Sequence[Path], model: Model, cores: int) -> Costs:
    """Decoding by one thread, then the backbone by all cores, over the same pictures."""
    contents = [path.read_bytes() for path in paths]
    began = time.process_time()
    pixels = np.stack([decode(content, model.spec.size, _LIMITS).pixels for content in contents])
    decode_s = (time.process_time() - began) / len(paths)
    engine = OpenVinoEngine(model, threads=cores, throughput=True)
    engine.run(pixels[:_BATCH])
    began, clock = time.process_time(), time.perf_counter()
    for at in range(0, len(pixels), _BATCH):
        engine.run(pixels[at : at + _BATCH])
    backbone_s, seconds = time.process_time() - began, time.perf_counter() - clock
    engine.close()
    return Costs(decode_s, backbone_s / len(paths), len(paths) / seconds)


def index(folder: Path, count: int) -> Run:
    """A ready daemon is given the folder; until everything is searchable."""
    with running(None) as (client, pid):
        client.search(image=next(folder.rglob("*.*")).read_bytes())
        before = usage(pid)
        began = time.perf_counter()
        client.add([folder])
        peak = until_indexed(client, pid, count)
        seconds = time.perf_counter() - began
        used = usage(pid)
        return Run(count / seconds, (used.cpu_s - before.cpu_s) / count, max(peak, used.memory_mib))


def until_indexed(client: Client, pid: int, count: int) -> float:
    """Wait until so many files are in the answers; the most memory seen, MiB."""
    peak, looked, began = 0.0, 0.0, time.monotonic()
    while (done := (status := client.status()).files + status.failed) < count:
        # Adding up the pages of a tree of processes takes time from the daemon, so it is done seldom.
        if time.monotonic() - looked > 5.0:
            peak, looked = max(peak, usage(pid).memory_mib), time.monotonic()
        # Asking takes time from it as well: seldom at first, often when the end is near.
        left_s = (count - done) * (time.monotonic() - began) / max(done, 1)
        time.sleep(min(max(left_s / 2, 0.05), 1.0))
    if status.failed:
        raise SystemExit(f"{status.failed} pictures were refused: {status.failed_by_reason}")
    return peak


def others(copies: Sequence[Path], model: Model, work: Path) -> list[Row]:
    """The naive way and other programs, over a sample."""
    rows: list[Row] = []
    for batch in (1, _BATCH):
        per_s, memory = naive.measure(copies, model, batch)
        rows.append({"method": f"Pillow + TensorFlow, {batch} at a time", "images_per_s": per_s, "memory_mib": memory})
    sample = work / "sample"
    sample.mkdir()
    for copy in copies:
        os.link(copy, sample / copy.name)
    for rival in rivals.RIVALS:
        result = rivals.measure(rival, sample)
        if isinstance(result, str):
            print(f"{rival.name} is left out: {result}")
            continue
        seconds, memory = result
        rows.append({"method": rival.name, "images_per_s": len(copies) / seconds, "memory_mib": memory})
    return rows


def measure(options: Namespace, work: Path) -> None:
    """Everything, one after the other."""
    cores = len(os.sched_getaffinity(0))
    model = resolve(DEFAULT_MODEL, MODELS)
    folder = work / "pictures"
    copies = collection(folder, options.pictures)
    sample = copies[:: max(1, len(copies) // options.sample)]
    subprocess.run(["sync"], check=True)
    around = [costs(sample, model, cores)]
    run = index(folder, len(copies))
    around.append(costs(sample, model, cores))
    decode_s = statistics.mean(c.decode_s for c in around)
    backbone_s = statistics.mean(c.backbone_s for c in around)
    limit = cores / (decode_s + backbone_s)
    rest: list[Row] = others(sample, model, work) if not options.alone else []
    rows: list[Row] = [
        {
            "method": "simd",
            "images_per_s": run.images_per_s,
            "cpu_ms": run.cpu_s * 1e3,
            "memory_mib": run.peak_mib,
        },
        {"method": "limit of the cores", "images_per_s": limit, "cpu_ms": (decode_s + backbone_s) * 1e3},
        {
            "method": "backbone alone",
            "images_per_s": statistics.mean(c.backbone_per_s for c in around),
            "cpu_ms": backbone_s * 1e3,
        },
        {"method": "decoding alone", "images_per_s": cores / decode_s, "cpu_ms": decode_s * 1e3},
        *rest,
    ]
    figures = {
        "pictures": len(copies),
        "images_per_s": run.images_per_s,
        "fraction_of_limit": run.images_per_s / limit,
        "cpu_over_limit": run.cpu_s / (decode_s + backbone_s),
        "cores_in_use": run.images_per_s * run.cpu_s,
    }
    if rest:
        figures["speedup_over_naive"] = run.images_per_s / float(rest[0]["images_per_s"])
        figures["speedup_over_naive_in_batches"] = run.images_per_s / float(rest[1]["images_per_s"])
    publish("ingest", rows, figures, options.json)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--pictures", type=int, default=3000, help="how many the folder holds")
    parser.add_argument("--sample", type=int, default=500, help="how many the limit and the other ways are measured on")
    parser.add_argument("--alone", action="store_true", help="leave the other ways out")
    work = Path(tempfile.mkdtemp(prefix="simd-bench-"))
    try:
        measure(parser.parse_args(), work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
