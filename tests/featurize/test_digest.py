"""Pictures have the same digest if, and only if, they show the same pixels."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from simd.featurize.decode.decode import DecodeLimits, decode, render
from simd.featurize.decode.digest import DIGEST_BYTES, digest_of_pixels
from simd.featurize.decode.renditions import Digest, Grey, Rendition, Stretched, Thumbnail, work_bytes
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from tests.featurize.drawings import LIMITS, encoded, quadrants
from tests.featurize.handmade import gif, png
from tests.featurize.test_decode import with_orientation
from tests.featurize.test_workers import PATIENCE_S

LARGE = DecodeLimits(1 << 28, 100_000_000)
MODEL = Stretched((224, 224))


def digest(data: bytes, *others: Rendition) -> bytes:
    made = render(data, [*others, Digest()], LARGE).made[-1]
    assert isinstance(made, bytes) and len(made) == DIGEST_BYTES
    return made


def lossless(image: Image.Image) -> dict[str, bytes]:
    """The same pixels in every container that takes them."""
    files = {
        "PNG": encoded(image, "PNG"),
        "WEBP": encoded(image, "WEBP", lossless=True),
        "TIFF": encoded(image, "TIFF", compression="tiff_lzw"),
    }
    if image.mode == "RGB":
        files |= {"BMP": encoded(image, "BMP"), "PPM": encoded(image, "PPM")}
    return files


@pytest.fixture(scope="module")
def photo(photos: Path) -> Image.Image:
    with Image.open(photos / "china.jpg") as image:
        return image.convert("RGB").resize((240, 160))


def sheer(photo: Image.Image, alpha: Image.Image) -> Image.Image:
    image = photo.copy()
    image.putalpha(alpha.resize(photo.size))
    return image


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA"])
def test_the_container_does_not_count(photo: Image.Image, mode: str) -> None:
    image = sheer(photo, Image.linear_gradient("L")) if mode == "RGBA" else photo.convert(mode)
    files = {name: data for name, data in lossless(image).items() if (mode, name) != ("1", "WEBP")}
    if mode in ("L", "P", "1"):
        files["as colours"] = encoded(image.convert("RGB"), "PNG")
    if mode == "P":
        files["GIF"] = encoded(image, "GIF")
    assert len(files) >= 3
    assert len({digest(data) for data in files.values()}) == 1


@pytest.mark.parametrize("size", [(240, 160), (3000, 2000)])
def test_a_jpeg_is_what_it_shows_at_its_full_size(photo: Image.Image, size: tuple[int, int]) -> None:
    jpeg = encoded(photo.resize(size), "JPEG", quality=90)
    with Image.open(io.BytesIO(jpeg)) as image:
        copies = [encoded(image, "PNG", compress_level=1), encoded(image, "BMP")]
    assert {digest(data) for data in copies} == {digest(jpeg)}
    assert digest(encoded(photo.resize(size), "JPEG", quality=89)) != digest(jpeg)


def test_a_jpeg_is_decoded_to_the_model_as_ever_where_the_digest_is_wanted(photo: Image.Image) -> None:
    jpeg = encoded(photo.resize((3000, 2000)), "JPEG", quality=90)
    wanted: list[Rendition] = [Thumbnail(256), MODEL, Digest(), Grey(64)]
    thumbnail, pixels, of_pixels, _ = render(jpeg, wanted, LARGE).made
    assert np.array_equal(np.asarray(pixels), decode(jpeg, MODEL.size, LARGE).pixels)
    assert thumbnail == render(jpeg, [Thumbnail(256), Grey(64)], LARGE).made[0]
    assert of_pixels == digest(jpeg)


def test_metadata_do_not_count(photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    plain = digest(encoded(photo, "PNG"))
    assert digest(encoded(photo, "PNG", exif=exif, dpi=(300, 300), icc_profile=b"none that can be read")) == plain
    assert digest(encoded(photo, "TIFF", exif=exif, description="another")) == plain


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["PNG", "TIFF", "WEBP"])
def test_a_picture_that_its_metadata_turn_upright_is_the_upright_one(name: str, turn: int) -> None:
    image, exif = with_orientation(turn)
    options: dict[str, Any] = {"lossless": True} if name == "WEBP" else {}
    assert digest(encoded(image, name, exif=exif, **options)) == digest(encoded(quadrants(), "PNG"))
    assert (digest(encoded(image, name, **options)) == digest(encoded(quadrants(), "PNG"))) == (turn == 1)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "I;16", "I", "F"])
@pytest.mark.parametrize("turn", [1, 2, 3, 6, 7])
def test_how_much_is_looked_at_at_once_does_not_count(photo: Image.Image, turn: int, mode: str) -> None:
    small = photo.resize((61, 37))
    if mode in ("I;16", "I", "F"):
        values = np.asarray(small.convert("L")).astype(np.int64) * 257 + 3
        image = Image.fromarray(values.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]))
    else:
        image = small.convert(mode)
    whole = digest_of_pixels(image, turn)
    assert {digest_of_pixels(image, turn, band) for band in (7, 61, 100, 10_000)} == {whole}


def test_any_pixel_and_the_shape_count(photo: Image.Image) -> None:
    other = photo.copy()
    other.paste((1, 2, 3), (239, 159, 240, 160))
    blank = [encoded(Image.new("RGB", size), "PNG") for size in ((4, 9), (9, 4), (6, 6), (1, 36))]
    shown = [encoded(photo, "PNG"), encoded(other, "PNG"), encoded(photo.transpose(Image.Transpose.ROTATE_180), "PNG")]
    assert len({digest(data) for data in blank + shown}) == 7


def test_opaque_alpha_counts_as_none(photo: Image.Image) -> None:
    opaque, nearly = Image.new("L", photo.size, 255), Image.new("L", photo.size, 255)
    nearly.putpixel((3, 3), 254)
    plain = digest(encoded(photo, "PNG"))
    for name, data in lossless(sheer(photo, opaque)).items():
        assert digest(data) == plain, name
    assert digest(encoded(photo.convert("LA"), "PNG")) == digest(encoded(photo.convert("L"), "PNG"))
    assert digest(encoded(sheer(photo, nearly), "PNG")) != plain


def test_the_colour_of_what_is_transparent_does_not_count(photo: Image.Image) -> None:
    hidden = Image.new("RGBA", photo.size, (1, 2, 3, 0))
    assert digest(encoded(hidden, "PNG")) == digest(encoded(sheer(photo, Image.new("L", (1, 1), 0)), "PNG"))
    assert digest(encoded(hidden, "PNG")) != digest(encoded(Image.new("RGB", photo.size), "PNG"))
    palette = Image.new("P", photo.size, 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    assert digest(encoded(palette, "PNG", transparency=1)) == digest(encoded(hidden, "PNG"))


def test_inks_are_themselves_whatever_colours_they_make(photo: Image.Image) -> None:
    inks = photo.convert("CMYK")
    black = [Image.new("CMYK", (8, 8), (cyan, 0, 0, 255)) for cyan in (0, 255)]
    assert digest(encoded(inks, "TIFF")) == digest(encoded(inks, "TIFF", compression="tiff_lzw"))
    assert digest(encoded(inks, "TIFF")) != digest(encoded(inks.convert("RGB"), "TIFF"))
    assert digest(encoded(black[0], "TIFF")) != digest(encoded(black[1], "TIFF"))


def deep(photo: Image.Image, mode: str = "L") -> npt.NDArray[np.uint16]:
    """Pixels whose 16 bits are no others than those of 8."""
    return np.asarray(photo.convert(mode)).astype(np.uint16) * 257


@pytest.mark.parametrize("name", ["PNG", "TIFF", "PPM"])
def test_grey_of_16_bits_is_that_of_8_where_it_says_no_more(photo: Image.Image, name: str) -> None:
    values = deep(photo)
    assert digest(encoded(Image.fromarray(values), name)) == digest(encoded(photo.convert("L"), "PNG"))
    values[5, 7] ^= 1
    finer = digest(encoded(Image.fromarray(values), name))
    assert finer != digest(encoded(photo.convert("L"), "PNG"))
    assert finer == digest(encoded(Image.fromarray(values), "PNG"))


def test_a_transparent_grey_of_16_bits_is_transparent(photo: Image.Image) -> None:
    values = deep(photo)
    key = int(values[0, 0])
    shown = photo.convert("L").convert("LA")
    shown.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    assert digest(png(values, (key,))) == digest(encoded(shown, "PNG"))
    assert digest(png(values, (1,))) == digest(encoded(photo.convert("L"), "PNG")), "no pixel has it"


def test_colours_of_16_bits_which_decoding_does_not_keep_are_no_others(photo: Image.Image) -> None:
    fine, finer = deep(photo, "RGB"), deep(photo, "RGB")
    finer[:, :, 1] ^= 1
    assert np.array_equal(decode(png(fine), (64, 64), LARGE).pixels, decode(png(finer), (64, 64), LARGE).pixels)
    assert len({digest(png(fine)), digest(png(finer)), digest(encoded(photo, "PNG"))}) == 3
    assert digest(png(fine)) == digest(png(fine)), "the file itself has one"


def test_the_formats_of_the_extra_are_compared_as_well(photo: Image.Image) -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    pytest.importorskip("pillow_jxl")
    small = photo.resize((160, 120))
    assert digest(encoded(small, "JXL", lossless=True)) == digest(encoded(small, "PNG"))
    heic = encoded(small, "HEIF", quality=90)
    with Image.open(io.BytesIO(heic)) as image:
        assert digest(encoded(image, "PNG")) == digest(heic)
    fine = encoded(Image.fromarray(deep(small)), "HEIF", quality=-1)
    with Image.open(io.BytesIO(fine)) as image:
        assert digest(encoded(image.convert("L"), "PNG")) != digest(fine), "it has more bits than are decoded"


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_what_has_more_frames_or_pages_is_no_other_with_the_same_first_one(photo: Image.Image, name: str) -> None:
    small = photo.resize((64, 48)).convert("P" if name == "GIF" else "RGB")
    options: dict[str, Any] = {"lossless": True} if name == "WEBP" else {}

    def frames(*more: Image.Image) -> bytes:
        return encoded(small, name, save_all=bool(more), append_images=list(more), **options)

    white, grey = (Image.new("RGB", small.size, (value,) * 3) for value in (255, 99))
    found = {digest(data) for data in (frames(), frames(white), frames(grey))}
    assert len(found) == 3
    assert name == "AVIF" or digest(frames()) == digest(encoded(small.convert("RGB"), "PNG"))


def test_a_frame_that_leaves_some_of_its_canvas_out_is_transparent_there() -> None:
    frame = Image.new("P", (10, 10), 1)
    frame.putpalette([0, 0, 0, 255, 0, 0])
    canvas = Image.new("RGBA", (96, 64), (0, 0, 0, 0))
    canvas.paste((255, 0, 0, 255), (20, 30, 30, 40))
    assert digest(gif(frame, 20, 30)) == digest(encoded(canvas, "PNG"))


def test_leave_is_asked_for_the_whole_picture_and_a_band_of_it(photo: Image.Image) -> None:
    jpeg = encoded(photo.resize((3000, 2000)), "JPEG")
    asked: list[int] = []
    render(jpeg, [MODEL, Digest()], LARGE, asked.append)
    [needs] = asked
    assert needs > 3000 * 2000 * 4 + work_bytes(Digest(), 3000 * 2000)
    assert work_bytes(Digest(), 3000 * 2000) == work_bytes(Digest(), 90_000_000) < 8 << 20


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    """A confined worker."""
    pool = DecodePool(1, WorkerSettings(LIMITS))
    yield pool
    pool.close()


def test_a_confined_worker_makes_it_of_bytes_and_files(pool: DecodePool, tmp_path: Path) -> None:
    data = encoded(quadrants(), "PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    decoded = pool.submit_bytes(data, MODEL, Digest()).result(PATIENCE_S)
    assert decoded.digest == digest(data) and decoded.pictures[MODEL].shape == (224, 224, 3)
    assert pool.submit_file(bytes(path), lambda _: (Digest(),)).result(PATIENCE_S).digest == digest(data)
    assert pool.submit_bytes(data, MODEL).result(PATIENCE_S).digest is None
