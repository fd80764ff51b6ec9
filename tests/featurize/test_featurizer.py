from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simd.errors import ModelError
from simd.featurize.engines.base import Batch, Raw
from simd.featurize.featurizer import Featurizer
from simd.featurize.models.golden import golden, pictures
from simd.featurize.models.model import Model, ModelSpec
from simd.types import Pixels

SPEC = ModelSpec("tiny", "a test", 16, 24, (0.0, 1.0), "vector", 12, "none")
MODEL = Model(SPEC, Path("nowhere"), bytes(32))


class Means:
    """Answers with the mean colour of each quarter, plus what a test asks for."""

    name = "means"
    device = "cpu"

    def __init__(self, *, scale: float = 1.0, offset: float = 0.0, broken: float | None = None) -> None:
        self._scale, self._offset, self._broken = scale, offset, broken
        self.closed = False

    def run(self, pixels: Batch) -> Raw:
        pixels = np.asarray(pixels)
        half = pixels.reshape(len(pixels), 2, 8, 2, 12, 3).mean(axis=(2, 4)).reshape(len(pixels), 12)
        out = (half - 100.0) * self._scale + self._offset
        if self._broken is not None:
            out[-1, 3] = self._broken
        return np.asarray(out, np.float32)

    def close(self) -> None:
        self.closed = True


def some_pixels(count: int) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (count, 16, 24, 3), dtype=np.uint8)


def test_embeddings_are_normalised_and_exact_in_float16() -> None:
    vectors = Featurizer(Means(), MODEL).embed(some_pixels(5))
    assert vectors.shape == (5, 12) and vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-3
    assert np.array_equal(vectors, vectors.astype(np.float16).astype(np.float32))


def test_pictures_need_not_be_in_one_array() -> None:
    featurizer = Featurizer(Means(), MODEL)
    assert np.array_equal(featurizer.embed(list(some_pixels(5))), featurizer.embed(some_pixels(5)))


@pytest.mark.parametrize("odd", [np.zeros((16, 25, 3), np.uint8), np.zeros((16, 24, 3), np.float32)])
def test_each_picture_must_be_what_the_model_takes(odd: Pixels) -> None:
    with pytest.raises(ModelError, match="takes uint8 pictures"):
        Featurizer(Means(), MODEL).embed([*some_pixels(2), odd])


def test_no_pictures_give_no_embeddings() -> None:
    assert Featurizer(Means(), MODEL).embed(some_pixels(0)).shape == (0, 12)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(broken: float) -> None:
    with pytest.raises(ModelError, match="finite"):
        Featurizer(Means(broken=broken), MODEL).embed(some_pixels(3))


def test_a_zero_vector_is_refused() -> None:
    with pytest.raises(ModelError, match="zero"):
        Featurizer(Means(scale=0.0), MODEL).embed(some_pixels(1))


def test_pictures_of_another_size_or_type_are_refused() -> None:
    featurizer = Featurizer(Means(), MODEL)
    with pytest.raises(ModelError):
        featurizer.embed(np.zeros((1, 24, 16, 3), np.uint8))
    with pytest.raises(ModelError):
        featurizer.embed(np.zeros((1, 16, 24, 3), np.float32))


def test_an_engine_of_another_dimension_is_refused() -> None:
    other = Model(ModelSpec("tiny", "a test", 16, 24, (0.0, 1.0), "vector", 13, "none"), Path("nowhere"), bytes(32))
    with pytest.raises(ModelError, match="means"):
        Featurizer(Means(), other).embed(some_pixels(1))


def test_a_model_that_tells_pictures_apart_passes_and_a_collapsed_one_does_not() -> None:
    Featurizer(Means(), MODEL).self_check()
    with pytest.raises(ModelError, match="unlike pictures"):
        Featurizer(Means(scale=0.01, offset=100.0), MODEL).self_check()


def test_a_model_with_golden_vectors_must_reproduce_them() -> None:
    spec = ModelSpec("efficientnet-lite0", "a test", 16, 24, (0.0, 1.0), "vector", 12, "none")
    with pytest.raises(ModelError, match="golden"):
        Featurizer(Means(), Model(spec, Path("nowhere"), bytes(32))).self_check()


def test_closing_closes_the_engine() -> None:
    engine = Means()
    Featurizer(engine, MODEL).close()
    assert engine.closed


def test_the_drawn_pictures_are_always_the_same_and_unlike() -> None:
    drawn = pictures(224, 224)
    assert drawn.shape == (4, 224, 224, 3) and drawn.dtype == np.uint8
    assert [int(picture.astype(np.int64).sum()) for picture in drawn] == CHECKSUMS
    assert golden("no such model") is None


CHECKSUMS = [19179520, 14551040, 19672096, 16609584]
