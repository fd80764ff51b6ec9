"""Key points find a part of a picture in it, and next to nothing in another picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.verification import Verifier, verifiers
from simd.types import Pixels

pytest.importorskip("cv2", reason="needs the extra `verify`")


def pixels(file: Path) -> Pixels:
    with Image.open(file) as image:
        image.thumbnail((512, 512))
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("verifier", verifiers(), ids=lambda verifier: verifier.name)
def test_a_part_agrees_with_the_whole_and_not_with_another_picture(verifier: Verifier, photos: Path) -> None:
    first, second = (pixels(file) for file in sorted(photos.iterdir())[:2])
    query = verifier.extract(first[40:-60, 50:-30], asked=True)
    stored = [verifier.extract(each, asked=False) for each in (first, second)]
    assert verifier.share(query, stored[0]) > 0.8
    assert verifier.share(query, stored[1]) < 0.3


@pytest.mark.parametrize("verifier", verifiers(), ids=lambda verifier: verifier.name)
def test_a_picture_without_key_points_agrees_with_nothing(verifier: Verifier, photos: Path) -> None:
    blank = verifier.extract(np.full((100, 200, 3), 128, np.uint8), asked=True)
    stored = verifier.extract(pixels(sorted(photos.iterdir())[0]), asked=False)
    assert verifier.share(blank, stored) == 0.0
