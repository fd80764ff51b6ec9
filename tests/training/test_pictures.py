"""What is learned from, as far as it needs no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pictures import PACKAGES as MEASURED
from training.packages import PACKAGES
from training.pictures import flattened, listed


def test_nothing_that_is_measured_with_is_learned_from() -> None:
    assert not set(PACKAGES) & set(MEASURED)
    assert not [name for name in PACKAGES if "wallpaper" in name or "background" in name]


def test_a_content_that_two_packages_have_is_learned_from_once(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "list.tsv").write_text(f"00000.jpg\tsame\tx.png\n00001.jpg\tof {package}\ty.png\n")

    found = listed(tmp_path)

    first = min(PACKAGES)
    assert found[:2] == [tmp_path / first / "00000.jpg", tmp_path / first / "00001.jpg"]
    assert len(found) == 1 + len(PACKAGES)


def test_what_is_transparent_is_laid_on_the_ground_that_models_see() -> None:
    transparent = Image.fromarray(np.zeros((4, 4, 4), np.uint8), "RGBA")

    assert flattened(transparent).getpixel((0, 0)) == (240, 240, 240)
