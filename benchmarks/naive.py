"""The way everybody begins: Pillow opens a picture whole, TensorFlow runs the SavedModel on it. A process of its own.

    python -m benchmarks.naive BATCH MODEL_DIRECTORY HEIGHT WIDTH < paths

prints the seconds that it took, imports and loading left out, and the memory it had in the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.daemon import rss_mib
from simd.featurize.models.model import Model
from simd.types import Pixels


def measure(paths: Sequence[Path], model: Model, batch: int) -> tuple[float, float]:
    """Pictures a second and MiB of the naive way, `batch` pictures at a time."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.naive", str(batch), str(model.directory), *map(str, model.spec.size)],
        input="\n".join(map(str, paths)).encode(),
        stdout=subprocess.PIPE,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        check=True,
    )
    said = json.loads(done.stdout)
    return len(paths) / said["seconds"], said["rss_mib"]


def opened(path: str, height: int, width: int) -> Pixels:
    """A picture at the model's size."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))


def main() -> None:
    """Measure, and say it as JSON."""
    import tensorflow as tf

    batch, height, width = int(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
    paths = sys.stdin.read().splitlines()
    loaded = tf.saved_model.load(sys.argv[2])
    function = loaded.signatures["serving_default"]
    [argument] = function.structured_input_signature[1]

    def embed(group: Sequence[str]) -> None:
        pixels = np.stack([opened(path, height, width) for path in group]).astype(np.float32)
        for output in function(**{argument: tf.constant(pixels)}).values():
            output.numpy()

    embed(paths[:batch])
    began = time.perf_counter()
    for at in range(0, len(paths), batch):
        embed(paths[at : at + batch])
    print(json.dumps({"seconds": time.perf_counter() - began, "rss_mib": rss_mib(os.getpid())}))


if __name__ == "__main__":
    main()
