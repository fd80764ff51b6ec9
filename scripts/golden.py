"""Write the golden vectors of embedded models: what they say of the pictures of `simd.featurize.models.golden`.

scripts/golden.py NAME...
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.featurizer import Featurizer
from simd.featurize.models.golden import path_of, pictures
from simd.featurize.models.model import resolve

MODELS = Path(__file__).parent.parent / ".cache" / "models"


def main(names: list[str]) -> int:
    """Convert each model if need be, run it, write its vectors."""
    for name in names:
        model = resolve(name, MODELS)
        featurizer = Featurizer(OpenVinoEngine(model, threads=1, throughput=False), model)
        np.save(path_of(name), featurizer.embed(pictures(*model.spec.size)).astype(np.float16))
        featurizer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
