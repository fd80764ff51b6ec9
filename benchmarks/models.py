"""What a picture costs in the backbone: five networks, batches of 1 to 32, every engine that this machine has.

Decoding is not in it. The networks are EfficientNet B0, MobileNet V2 and V3 large with random weights, which cost what
trained ones do, and the two embedded ones. The engines are those of the daemon, all cores each: TensorFlow in
its child process (its channel included), OpenVINO as queries use it for a batch of one and as indexing does for larger
ones, and TensorFlow on the GPU if there is one. They take turns within a run, because the machine's speed drifts.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.backbones import ARCHITECTURES
from benchmarks.daemon import MODELS
from benchmarks.report import Row, arguments, publish
from simd.featurize.engines.base import Batch, Engine
from simd.featurize.engines.child import ChildEngine
from simd.featurize.engines.choose import choose
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.models.model import Model, resolve
from simd.featurize.models.registry import EMBEDDED

_SIDE = 224
_NAMES = {"EfficientNetB0": "efficientnet_b0", "MobileNetV2": "mobilenet_v2", "MobileNetV3Large": "mobilenet_v3_large"}


def main() -> None:
    """Measure and publish."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32], metavar="N")
    parser.add_argument("--images", type=int, default=128, help="pictures in each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements, of which the median counts")
    options = parser.parse_args()
    gpu = choose("auto").device == "gpu"
    results: list[Row] = []
    figures: dict[str, float] = {}
    for name, model in _models():
        rows = _measure(name, model, options.batches, options.images, options.rounds, gpu)
        results += rows
        best = {
            key: min(float(row["ms_per_image"]) for row in rows if (row["engine"], row["device"]) == key)
            for key in dict.fromkeys((row["engine"], row["device"]) for row in rows)
        }
        figures |= {f"{name}_{engine}_{device}_ms": value for (engine, device), value in best.items()}
        figures[f"{name}_tensorflow_over_openvino"] = best["tensorflow", "cpu"] / best["openvino", "cpu"]
    publish("models", results, figures, options.json)


def _models() -> list[tuple[str, Model]]:
    """Each network under its name in the table, exported if that was never done, and converted as any other is."""
    found = [(name.replace("-", "_"), resolve(name, MODELS)) for name in EMBEDDED]
    for architecture in ARCHITECTURES:
        directory = MODELS.parent / "backbones" / f"{architecture}-{_SIDE}"
        if not (directory / "model.json").exists():
            print(f"exporting {architecture}", file=sys.stderr)
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
            command = [sys.executable, "-m", "benchmarks.backbones", architecture, str(_SIDE), str(directory)]
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
            (directory / "model.json").write_text(json.dumps({"spec": {"value_range": [0, 1]}}))
        found.append((_NAMES[architecture], resolve(str(directory), MODELS)))
    return found


def _measure(name: str, model: Model, batches: Sequence[int], images: int, rounds: int, gpu: bool) -> list[Row]:
    cores = len(os.sched_getaffinity(0))
    indexing = OpenVinoEngine(model, threads=cores, throughput=True)
    queries = OpenVinoEngine(model, threads=cores, throughput=False)
    children = [ChildEngine(model, device=device, idle_s=None) for device in ("cpu", *(["gpu"] if gpu else []))]
    rows: list[Row] = []
    for batch in batches:
        pixels = np.random.default_rng(batch).integers(0, 256, (batch, *model.spec.size, 3), np.uint8)
        chosen: list[Engine] = [queries if batch == 1 else indexing, *children]
        for engine in chosen:
            engine.run(pixels)
        times = [[_seconds(engine, pixels, images) for engine in chosen] for _ in range(rounds)]
        for at, engine in enumerate(chosen):
            seconds = statistics.median(each[at] for each in times)
            rows.append(
                {
                    "model": name,
                    "engine": engine.name,
                    "device": engine.device,
                    "batch": batch,
                    "ms_per_image": 1000 * seconds,
                    "images_per_s": 1 / seconds,
                }
            )
    everyone: list[Engine] = [indexing, queries, *children]
    for opened in everyone:
        opened.close()
    return rows


def _seconds(engine: Engine, pixels: Batch, images: int) -> float:
    """Seconds a picture, over at least so many pictures."""
    runs = -(-images // len(pixels))
    began = time.perf_counter()
    for _ in range(runs):
        engine.run(pixels)
    return (time.perf_counter() - began) / (runs * len(pixels))


if __name__ == "__main__":
    main()
