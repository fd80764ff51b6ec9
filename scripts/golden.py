"""Write the golden vectors of the embedded model: what it says of the pictures of `simd.featurize.models.golden`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.featurizer import Featurizer
from simd.featurize.models.golden import path_of, pictures
from simd.featurize.models.model import LITE0, resolve


def main() -> int:
    """Convert the model if need be, run it, write its vectors."""
    model = resolve(LITE0.name, Path(__file__).parent.parent / ".cache" / "models")
    featurizer = Featurizer(OpenVinoEngine(model, threads=1, throughput=False), model)
    path_of(LITE0.name).parent.mkdir(exist_ok=True)
    np.save(path_of(LITE0.name), featurizer.embed(pictures(*LITE0.size)).astype(np.float16))
    return 0


if __name__ == "__main__":
    sys.exit(main())
