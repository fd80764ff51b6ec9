"""`python peer_layouts.py METHOD VECTORS NEW WORK`: runs in an environment that need not have this project.

Lays float32 `(n, dimension)` of one NumPy file out by `openTSNE` or `umap`, places those of another on it, writes
`points.npy` and `new.npy` into a directory, and prints seconds of both and the peak of its memory in MB, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Do what the command line says."""
    warnings.simplefilter("ignore")
    method, vectors, new, work = sys.argv[1], np.load(sys.argv[2]), np.load(sys.argv[3]), Path(sys.argv[4])
    began = time.perf_counter()
    made: Any
    if method == "openTSNE":
        from openTSNE import TSNE

        made = points = TSNE(n_jobs=-1, random_state=0, metric="euclidean").fit(vectors)
    else:
        from umap import UMAP

        made = UMAP(n_jobs=-1)
        points = made.fit_transform(vectors)
    middle = time.perf_counter()
    placed = made.transform(new)
    ended = time.perf_counter()
    np.save(work / "points.npy", np.asarray(points, np.float32))
    np.save(work / "new.npy", np.asarray(placed, np.float32))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": middle - began, "transform_s": ended - middle, "peak_mb": peak}))


if __name__ == "__main__":
    main()
