"""`python peer_onnx.py PACKAGE MODEL PIXELS VECTORS THREADS`: runs in an environment that has not this project.

Reads uint8 `(n, side, side, 3)` from one NumPy file, writes float32 `(n, dimension)` to another, and prints the
milliseconds of CPU that a picture took.
"""

from __future__ import annotations

import importlib
import sys
import time

import numpy as np


def main() -> None:
    """Do what the command line says."""
    import onnxruntime

    package, model, pixels, vectors, threads = sys.argv[1:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    file = str(importlib.import_module(package).MODELS[model])
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    pictures = np.load(pixels, mmap_mode="r")
    began = time.process_time()
    found = [session.run(None, {name: np.ascontiguousarray(picture[np.newaxis])})[0][0] for picture in pictures]
    print(1000 * (time.process_time() - began) / max(1, len(pictures)))
    np.save(vectors, np.stack(found).astype(np.float32))


if __name__ == "__main__":
    main()
