"""Whether a file has more frames than the first is told by its bytes; pages are none, and broken files do no harm."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from simd.featurize.decode.decode import decode
from simd.featurize.decode.formats import sniff
from simd.featurize.decode.frames import has_pages, is_animated
from tests.featurize.drawings import LIMITS, SIZE, encoded, quadrants


def other() -> Image.Image:
    """A new one for each file: Pillow leaves what a format wants to be written in the pictures that it is given."""
    return Image.new("RGB", (96, 64), (9, 9, 9))


def animation(name: str, *more: Image.Image, **options: Any) -> bytes:
    return encoded(quadrants(), name, save_all=True, append_images=more, **options)


def told(data: bytes) -> bool:
    found = sniff(data)
    assert found is not None
    return is_animated(found, data)


@pytest.mark.parametrize(("count", "animated"), [(0, False), (1, True), (4, True)])
@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF"])
def test_what_has_a_second_frame_is_animated(name: str, count: int, animated: bool) -> None:
    frames = [Image.new("RGB", (96, 64), (40 * n, 9, 9)) for n in range(count)]
    data = animation(name, *frames)
    assert told(data) == animated
    assert decode(data, SIZE, LIMITS).facts.animated == animated


def test_an_animated_jpeg_xl_says_so() -> None:
    codecs = pytest.importorskip("imagecodecs")
    frames = np.stack([np.asarray(quadrants()), np.asarray(other())])
    assert told(bytes(codecs.jpegxl_encode(frames)))
    assert not told(bytes(codecs.jpegxl_encode(frames[0])))


def test_a_gif_with_comments_a_palette_for_each_frame_and_transparency_is_walked_through() -> None:
    one, two = quadrants().quantize(17), other().quantize(3)
    options: dict[str, Any] = {"comment": b"x" * 700, "transparency": 1, "duration": 20, "loop": 0}
    assert told(encoded(one, "GIF", save_all=True, append_images=[two], **options))
    assert not told(encoded(one, "GIF", **options))


@pytest.mark.parametrize("name", ["JPEG", "BMP", "PPM", "JPEG2000"])
def test_formats_without_frames_are_not_animated(name: str) -> None:
    assert not told(encoded(quadrants(), name))


def test_pages_and_further_pictures_of_a_camera_are_no_animation() -> None:
    pages, page = animation("TIFF", other()), encoded(quadrants(), "TIFF")
    assert (told(pages), told(page)) == (False, False)
    found = sniff(page)
    assert found is not None
    assert (has_pages(found, pages), has_pages(found, page)) == (True, False)
    assert not told(animation("MPO", other()))


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_a_file_that_is_cut_or_lies_is_answered_all_the_same(name: str) -> None:
    data = animation(name, other())
    found = sniff(data)
    assert found is not None
    rng = np.random.default_rng(3)
    for length in range(len(data)):
        cut = data[:length]
        assert {is_animated(found, cut), has_pages(found, cut)} <= {True, False}
    for _ in range(300):
        lying = bytearray(data)
        for at in rng.integers(0, len(data), 4):
            lying[at] = rng.integers(0, 256)
        assert {is_animated(found, bytes(lying)), has_pages(found, bytes(lying))} <= {True, False}


def test_a_large_gif_takes_no_time_worth_mentioning() -> None:
    """Every block of it is passed by once."""
    noise = np.random.default_rng(5).integers(0, 256, (1500, 1500), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), "GIF")
    before = time.process_time()
    assert not told(data)
    assert time.process_time() - before < 1.0
