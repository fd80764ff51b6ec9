"""The door to the models: what the setting `model` names, made ready for an engine, described and fingerprinted.

A directory with a complete description is used as it is. Any other SavedModel is converted once into the cache: to
one signature `serving_default`, images float32 `(n, height, width, 3)` -> `feature_vector` `(n, dimension)`. An ONNX
file is used where it lies. The embedded models are made from their weights, but for the default in an installed wheel,
which has its SavedModel. What cannot be found out, the value range above all, must be said by a description or by the
table of known models; it is never guessed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simd.durable import Disk
from simd.errors import ModelError
from simd.featurize.engines.onnx import inspect
from simd.featurize.models.conversion import ModelCache, run_export
from simd.featurize.models.description import SIDECAR, Description, checksums, describe, load, read, verify
from simd.featurize.models.locate import Located, locate
from simd.featurize.models.registry import CONVERTED_OUTPUT, COPY1, EMBEDDED, KNOWN, LITE0
from simd.featurize.models.spec import Model, ModelSpec, fingerprint, plain, spec_from

__all__ = ["COPY1", "KNOWN", "LITE0", "Model", "ModelSpec", "describe", "fingerprint", "load", "resolve"]

PACKAGED = Path(__file__).parent / "data"
"""Where an installed wheel has SavedModels, each in a directory of its name with a complete description."""

_CONVERTER = "converted/1"
_ONNX = ".onnx"
_SAVED_MODEL = "saved_model.pb"


def resolve(name_or_path: str, cache: Path, disk: Disk | None = None, packaged: Path = PACKAGED) -> Model:
    """Find a model and make it ready: fetched if its handle is configured, converted if need be, verified.

    Args:
        name_or_path: a known name, a TF Hub handle, the directory of a SavedModel, or an ONNX file.
        cache: where fetched and converted models are kept; created if missing.
        disk: what writes to it.
        packaged: where embedded models are that need not be made.

    Raises:
        ModelError: unknown, damaged, incompletely described, not to be fetched, or the conversion failed.
        StoreError: the cache cannot be created.
    """
    kept = ModelCache(cache, disk or Disk())
    if (spec := EMBEDDED.get(name_or_path)) is not None:
        return _embedded(spec, kept, packaged / spec.name)
    located = locate(name_or_path, cache)
    if located.path.suffix == _ONNX and not located.path.is_dir():
        return _onnx(located)
    return _saved_model(located, kept)


def _embedded(spec: ModelSpec, kept: ModelCache, packaged: Path) -> Model:
    if packaged.is_dir():
        try:
            return load(packaged)
        except ModelError as error:
            raise ModelError(str(error), remedy="reinstall simd") from error

    def export(fresh: Path) -> ModelSpec:
        try:
            run_export("embedded", spec.name, str(fresh))
        except ModelError as error:
            raise ModelError(f"the conversion of the model {spec.name} failed: {error}") from error
        return spec

    # Named by its fingerprint, so that a new version of the network is converted beside the old one.
    return kept.get(f"{spec.name}-{fingerprint(spec, {}).hex()[:12]}", export)


def _saved_model(located: Located, kept: ModelCache) -> Model:
    directory = located.path
    described = read(directory / SIDECAR)
    if described.files is not None:
        return load(directory)
    if not (directory / _SAVED_MODEL).is_file():
        raise ModelError(
            f"{directory} holds no {_SAVED_MODEL}, and no {SIDECAR} that describes another model",
            field="model",
            remedy="give the directory of a SavedModel; see docs/models.md",
        )
    digest = _digest(checksums(directory))
    values = _told(located, described)
    key = _digest({"files": digest, "values": json.dumps(values, sort_keys=True), "converter": _CONVERTER})

    def convert(fresh: Path) -> ModelSpec:
        facts_file = fresh.with_name("facts.json")
        try:
            run_export("saved_model", str(directory), str(fresh), str(facts_file), json.dumps(values))
        except ModelError as error:
            raise ModelError(f"the conversion of the model {located.name} failed: {error}", field="model") from error
        facts = json.loads(facts_file.read_bytes())
        identity = f"saved model {digest}; output {facts.pop('output')}; {_CONVERTER}"
        told = {name: value for name, value in values.items() if name not in ("output", "layout")}
        return _spec(located, told, facts, {"output": CONVERTED_OUTPUT, "identity": identity})

    return kept.get(f"{_slug(located.name)}-{key[:12]}", convert)


def _onnx(located: Located) -> Model:
    file = located.path
    sidecar = file.with_name(f"{file.name}.json")
    described = read(sidecar)
    # Large models keep their weights in files beside, named after it.
    found = checksums(file.parent, (each for each in file.parent.glob(f"{file.name}*") if each != sidecar))
    if file.name not in found:
        raise ModelError(f"{file} is not a file", field="model")
    if described.files is not None:
        verify(file.parent, described.files, found)
    values = _told(located, described)
    facts = inspect(file, values)
    identity = f"onnx {_digest({path.removeprefix(file.name): checksum for path, checksum in found.items()})}"
    spec = _spec(located, values, facts, {"identity": identity, "file": file.name})
    return Model(spec, file.parent, fingerprint(spec, {}))


def _told(located: Located, described: Description) -> dict[str, Any]:
    """What is known of a model before it is looked at; its description has the last word."""
    return {"licence": "not stated", **located.values, **described.values, "name": located.name}


def _spec(located: Located, told: Mapping[str, Any], facts: Mapping[str, Any], ours: Mapping[str, Any]) -> ModelSpec:
    """The specification: what was told and what was found, which must not contradict each other."""
    name = located.name
    for key, value in plain(facts).items():
        if told.get(key, value) != value:
            raise ModelError(f"the model {name} has {key} {value}, not {told[key]} as is said of it", field="model")
    merged = {**told, **facts, **ours}
    if "value_range" not in merged:
        path = located.path
        sidecar = path.with_name(f"{path.name}.json") if path.suffix == _ONNX else path / SIDECAR
        raise ModelError(
            f"nothing says what pixel values the model {name} takes, and a wrong range would spoil every vector",
            field="model",
            remedy=f'write {{"spec": {{"value_range": [0, 1]}}}} into {sidecar}, with the range that its publisher '
            "states",
        )
    try:
        return spec_from(merged)
    except (ValueError, TypeError) as error:
        raise ModelError(f"the specification of the model {name} is not possible: {error}", field="model") from error


def _digest(parts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(parts), sort_keys=True).encode()).hexdigest()


def _slug(name: str) -> str:
    """The end of a name or handle, fit to be a file name."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", name)[-60:].strip("-.")
