"""`model.json`: what a model's directory says of the model, and what its files must hash to.

`{"spec": {...}, "files": {path: SHA-256}}`. With `files` it is a complete description: every value of the
specification is there, every file is listed, and the model is used as it is, its files verified at every load. Without,
`spec` holds what cannot be found out by looking at the model. Beside an ONNX file `x.onnx` it is named `x.onnx.json`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simd.durable import Disk
from simd.errors import ModelError
from simd.featurize.models.spec import Model, ModelSpec, fingerprint, plain, spec_from

SIDECAR = "model.json"


@dataclass(frozen=True, slots=True)
class Description:
    """Some of a specification's values, and SHA-256 by path; `files` is None where none are listed."""

    values: Mapping[str, Any]
    files: Mapping[str, str] | None


def read(sidecar: Path) -> Description:
    """What the file says; a file that is not there says nothing.

    Raises:
        ModelError: it cannot be read, or is not a description.
    """
    try:
        content = json.loads(sidecar.read_bytes())
        files = content.get("files")
        return Description(plain(content["spec"]), None if files is None else dict(files))
    except FileNotFoundError:
        return Description({}, None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _malformed(sidecar, error) from error


def load(directory: Path) -> Model:
    """Open a directory with a complete description, verifying every file that it names.

    Raises:
        ModelError: no complete description, or files that are not the ones it names.
    """
    sidecar = directory / SIDECAR
    described = read(sidecar)
    if described.files is None:
        raise ModelError(
            f"{directory} has no {SIDECAR} with the checksums of its files", remedy="see docs/models.md", field="model"
        )
    try:
        spec = spec_from(described.values)
        if spec.file and spec.file not in described.files:
            raise ValueError(f"file {spec.file} is not among the files")
    except (ValueError, TypeError) as error:
        raise _malformed(sidecar, error) from error
    verify(directory, described.files, checksums(directory))
    return Model(spec, directory, fingerprint(spec, described.files))


def verify(directory: Path, listed: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Compare checksums.

    Raises:
        ModelError: a file is missing, additional, or not the listed one.
    """
    if wrong := sorted(path for path in {*listed, *found} if listed.get(path) != found.get(path)):
        raise ModelError(f"the model in {directory} is damaged: {', '.join(wrong)} not as its description says")


def describe(spec: ModelSpec, directory: Path) -> None:
    """Write the complete description of a model whose files are complete.

    Raises:
        ModelError: its files cannot be read.
        StoreError: it cannot be written.
    """
    content = {"spec": dataclasses.asdict(spec), "files": checksums(directory)}
    Disk().replace(directory / SIDECAR, json.dumps(content, indent=1).encode() + b"\n")


def checksums(directory: Path, paths: Iterable[Path] | None = None) -> dict[str, str]:
    """SHA-256 by path relative to the directory: of these files, or of all in it but the description.

    Raises:
        ModelError: one cannot be read.
    """
    sums = {}
    try:
        for path in sorted(directory.rglob("*") if paths is None else paths):
            if path.is_file() and path != directory / SIDECAR:
                with path.open("rb") as stream:
                    sums[str(path.relative_to(directory))] = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"the model in {directory} cannot be read: {error}", field="model") from error
    return sums


def _malformed(sidecar: Path, error: Exception) -> ModelError:
    return ModelError(f"{sidecar} is not a model's description: {error!r}", field="model")
