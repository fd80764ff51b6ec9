"""What must be known of a backbone to feed it and to trust its output, and the fingerprint of all that.

The fingerprint names what decides the vectors: weights, network, decoding, scaling, pooling, precision. Of a model that
simd converts itself the weights are named by where they came from, because a converted SavedModel's bytes differ from
one conversion to the next.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simd.featurize.decode.decode import DECODER_VERSION

Channels = tuple[float, float, float]
"""One number for each of red, green, blue."""

LAYOUTS = ("NHWC", "NCHW")
_PRECISION = "f32"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A backbone's specification. Its pictures are stretched to its input size, whatever their shape.

    Attributes:
        name: how the configuration names it.
        source: where its weights come from.
        input_height, input_width: the size of its pictures.
        value_range: what 0 and 255 become, before `mean` and `std`.
        output: the key of the embedding among its outputs.
        dimension: the length of the embedding.
        licence: of the weights.
        identity: weights, network and pooling, as text; empty for a model that is named by its files.
        layout: order of the input's axes, "NHWC" or "NCHW".
        mean, std: what is then taken from, and what divides, each channel.
        file: the ONNX file in the model's directory; empty for a SavedModel, which is the directory.
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
    layout: str = "NHWC"
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)
    file: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its pictures."""
        return self.input_height, self.input_width

    @property
    def scaling(self) -> Scaling:
        """What turns pixels into its input."""
        low, high = self.value_range
        scale = 255.0 / (high - low)
        return Scaling(
            centre=tuple((m - low) * scale for m in self.mean),
            spread=tuple(s * scale for s in self.std),
        )


@dataclass(frozen=True, slots=True)
class Scaling:
    """Pixels (0 to 255) become `(pixel - centre) / spread`, channel by channel."""

    centre: tuple[float, ...]
    spread: tuple[float, ...]

    @property
    def none(self) -> bool:
        """Whether pixels go in as they are."""
        return not any(self.centre) and set(self.spread) == {1.0}

    def apply(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The network's input for pixels whose last axis is the channel."""
        scaled = pixels.astype(np.float32)
        if not self.none:
            scaled -= np.array(self.centre, np.float32)
            scaled /= np.array(self.spread, np.float32)
        return scaled


class Level(StrEnum):
    """How alike two pictures look to a model, in words, the strictest first."""

    SAME = "same"
    NEAR = "near"
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class Levels:
    """The least similarity (cosine, -1 to 1) of each level, as measured; docs/models.md has how often each is right."""

    same: float
    near: float
    similar: float

    def least(self, level: Level) -> float:
        """Where a level begins."""
        return {Level.SAME: self.same, Level.NEAR: self.near, Level.SIMILAR: self.similar}[level]

    def of(self, similarity: float) -> Level | None:
        """The strictest level that a similarity reaches."""
        return next((level for level in Level if similarity >= self.least(level)), None)


@dataclass(frozen=True, slots=True)
class Model:
    """A model on disk, verified. Vectors of different fingerprints (32 bytes) are never compared."""

    spec: ModelSpec
    directory: Path
    fingerprint: bytes


_DEFAULTS = {field.name: field.default for field in dataclasses.fields(ModelSpec)}
_LATE = ("layout", "mean", "std")


def fingerprint(spec: ModelSpec, files: Mapping[str, str]) -> bytes:
    """32 bytes that name what decides the vectors.

    Args:
        spec: the model.
        files: SHA-256 by path, which stand for the weights where `spec.identity` does not.
    """
    weights = spec.identity or json.dumps(dict(files), sort_keys=True)
    parts = [weights, spec.size, spec.value_range, spec.output, spec.dimension, DECODER_VERSION, _PRECISION]
    # Only where they say something: a model for which they do not keeps its fingerprint, and people their index.
    unusual = {name: getattr(spec, name) for name in _LATE if getattr(spec, name) != _DEFAULTS[name]}
    text = json.dumps([*parts, unusual] if unusual else parts)
    return hashlib.blake2b(text.encode(), digest_size=32).digest()


def spec_from(values: Mapping[str, Any]) -> ModelSpec:
    """A specification from plain values, as JSON has them.

    Raises:
        ValueError, TypeError: a key is missing or unknown, or a value cannot be.
    """
    values = plain(values)
    if missing := [
        name for name, default in _DEFAULTS.items() if default is dataclasses.MISSING and name not in values
    ]:
        raise ValueError(f"{', '.join(missing)} not given")
    return ModelSpec(**values)


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Some of a specification's values, each of its type and possible by itself.

    Raises:
        ValueError, TypeError: a key is unknown, or a value cannot be.
    """
    checked = {name: _value(name, value) for name, value in values.items()}
    if min((checked.get(name, 1) for name in ("input_height", "input_width", "dimension")), default=1) < 1:
        raise ValueError("sizes must be positive")
    low, high = checked.get("value_range", (0.0, 1.0))
    if not low < high:
        raise ValueError("the value range must rise")
    if min(checked.get("std", (1.0,))) <= 0.0:
        raise ValueError("std must be positive")
    if checked.get("layout", LAYOUTS[0]) not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}")
    return checked


def _value(name: str, value: Any) -> Any:
    if name not in _DEFAULTS:
        raise ValueError(f"`{name}` is unknown; known: {', '.join(_DEFAULTS)}")
    if name in ("value_range", "mean", "std"):
        numbers = tuple(float(number) for number in value)
        if len(numbers) != (2 if name == "value_range" else 3) or not np.isfinite(numbers).all():
            raise ValueError(f"{name} must be {2 if name == 'value_range' else 3} numbers")
        return numbers
    kind = int if name in ("input_height", "input_width", "dimension") else str
    if type(value) is not kind:
        raise TypeError(f"{name} must be {'a whole number' if kind is int else 'text'}, not {value!r}")
    return value
