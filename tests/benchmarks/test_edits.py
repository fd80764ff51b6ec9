"""Edits are the same every time, and none returns what it was given."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image

from benchmarks.edits import EDITS, TRAINED, UNSEEN


def picture(width: int, height: int) -> Image.Image:
    """Of many colours, and nowhere symmetric."""
    pixels = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("size", [(96, 96), (320, 120)])
def test_an_edit_is_the_same_every_time_and_changes_the_picture(name: str, size: tuple[int, int]) -> None:
    original = picture(*size)
    first, second = (EDITS[name].file(original.copy(), random.Random("seed")) for _ in range(2))
    assert first == second
    with Image.open(io.BytesIO(first)) as edited:
        assert edited.mode == "RGB"
        assert edited.format == ("PNG" if EDITS[name].quality is None else "JPEG")
        assert not np.array_equal(np.asarray(edited), np.asarray(original))


def test_every_kind_is_either_trained_or_unseen() -> None:
    names = [edit.name for edit in (*TRAINED, *UNSEEN)]
    assert sorted(names) == sorted(EDITS) and len(set(names)) == len(names)
