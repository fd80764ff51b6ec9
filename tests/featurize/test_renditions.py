"""What is made of a picture beside the model's input, and that this stays what it was."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from simd.errors import ImageRejected, InvalidRequest
from simd.featurize.decode.decode import DECODER_VERSION, DecodeLimits, decode, render
from simd.featurize.decode.renditions import (
    Box,
    Digest,
    Format,
    Grey,
    Region,
    Rendition,
    Stretched,
    Thumbnail,
    enough,
    from_json,
    max_bytes,
    to_json,
)
from simd.types import Pixels
from tests.featurize.drawings import BLUE, GREEN, LIMITS, RED, SIZE, WHITE, assert_upright, encoded, quadrants
from tests.featurize.test_decode import GROUND, with_orientation

LARGE = DecodeLimits(1 << 28, 100_000_000)
ALL: list[Rendition] = [Stretched(SIZE), Thumbnail(64), Grey(32), Region((0.0, 0.0, 0.5, 0.5), (8, 8))]


def array(data: bytes, rendition: Rendition, limits: DecodeLimits = LARGE) -> Pixels:
    [made] = render(data, [rendition], limits).made
    assert not isinstance(made, bytes)
    return made


def shown(data: bytes, edge: int = 64, format_name: Format = "jpeg") -> Image.Image:
    [made] = render(data, [Thumbnail(edge, 95, format_name)], LARGE).made
    assert isinstance(made, bytes)
    image = Image.open(io.BytesIO(made))
    assert image.format == format_name.upper() and image.mode == "RGB"
    image.load()
    return image


def digest(*pixels: Pixels) -> str:
    return hashlib.sha256(b"".join(one.tobytes() for one in pixels)).hexdigest()[:16]


def samples(photos: Path) -> dict[str, bytes]:
    """Files whose bytes are the same wherever they are made, or at least the pixels in them."""
    with Image.open(photos / "china.jpg") as image:
        photo = image.convert("RGB")
    sheer = photo.convert("RGBA")
    sheer.putalpha(Image.linear_gradient("L").resize(photo.size))
    deep = np.arange(600 * 400).reshape(400, 600) % 65536
    made = {name: encoded(photo, name) for name in ("PNG", "BMP", "TIFF", "PPM")}
    turned = {f"turned {turn}": with_orientation(turn) for turn in (2, 6, 7)}
    return {
        **made,
        **{name: encoded(image, "PNG", exif=exif) for name, (image, exif) in turned.items()},
        "alpha": encoded(sheer, "PNG"),
        "grey": encoded(photo.convert("L"), "PNG"),
        "palette": encoded(photo.convert("P"), "GIF"),
        "16 bits": encoded(Image.fromarray(deep.astype(np.uint16)), "PNG"),
        "CMYK": encoded(photo.convert("CMYK"), "TIFF"),
    }


GOLDEN = {
    "PNG": "b08fe4989c851101",
    "BMP": "b08fe4989c851101",
    "TIFF": "b08fe4989c851101",
    "PPM": "b08fe4989c851101",
    "turned 2": "854950b225b357ff",
    "turned 6": "6f30662bab1f05a8",
    "turned 7": "6f30662bab1f05a8",
    "alpha": "441ebfafe3a3fa22",
    "grey": "f3f9dfa152a38cc7",
    "palette": "96d63de913185efc",
    "16 bits": "ad9b4939d4f789a1",
    "CMYK": "08f2b328847c0779",
    "photos": "6c5eaa8467cf78dc",
}


def test_a_models_input_is_what_it_was_for_every_index_that_there_is(photos: Path) -> None:
    found = {name: digest(decode(data, SIZE, LARGE).pixels) for name, data in samples(photos).items()}
    found["photos"] = digest(*(decode(p.read_bytes(), (224, 224), LARGE).pixels for p in sorted(photos.iterdir())))
    assert found == GOLDEN, f"vectors move: DECODER_VERSION, {DECODER_VERSION!r}, has to change with the pixels"


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_models_input_does_not_depend_on_what_else_is_made(name: str, photos: Path) -> None:
    with Image.open(photos / "china.jpg") as image:
        data = encoded(image.resize((1600, 1200)), name)
    wanted: list[Rendition] = [Thumbnail(1024), Stretched(SIZE), Grey(16), Stretched((224, 224)), Stretched((8, 8))]
    made = dict(zip(wanted, render(data, wanted, LARGE).made, strict=True))
    for rendition in wanted:
        if isinstance(rendition, Stretched):
            assert np.array_equal(np.asarray(made[rendition]), decode(data, rendition.size, LARGE).pixels)
    assert made[Thumbnail(1024)] == render(data, [Thumbnail(1024)], LARGE).made[0]


def test_renditions_come_in_the_order_asked_for_however_often() -> None:
    wanted = [*ALL, *ALL[::-1]]
    done = render(encoded(quadrants(), "PNG"), wanted, LIMITS)
    assert len(done.made) == 8 and done.made[1] == done.made[6] and isinstance(done.made[1], bytes)
    assert [getattr(made, "shape", None) for made in done.made[:4]] == [(*SIZE, 3), None, (21, 32), (8, 8, 3)]
    assert (done.facts.width, done.facts.height) == (96, 64)


def test_leave_is_asked_for_once_and_counts_what_is_made() -> None:
    data = encoded(quadrants(1000, 1000), "JPEG")
    asked: list[int] = []
    render(data, [Stretched(SIZE), Thumbnail(600)], LIMITS, asked.append)
    [needs] = asked
    assert needs > 1000 * 1000 * 4 + 600 * 600 * 8


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format_name", ["jpeg", "webp"])
def test_thumbnails_and_grey_pictures_are_upright(format_name: Format, turn: int) -> None:
    image, exif = with_orientation(turn)
    data = encoded(image, "PNG", exif=exif)
    small = shown(data, 48, format_name)
    assert small.size == (48, 32)
    assert_upright(np.asarray(small), 40)
    assert not small.getexif()
    grey = array(data, Grey(48)).astype(int)
    assert grey.shape == (32, 48)
    for (y, x), (red, green, blue) in {(8, 12): RED, (8, 36): GREEN, (24, 12): BLUE, (24, 36): WHITE}.items():
        assert abs(grey[y, x] - (0.299 * red + 0.587 * green + 0.114 * blue)) <= 2


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_region_is_of_the_upright_picture(turn: int) -> None:
    image, exif = with_orientation(turn)
    data = encoded(image, "PNG", exif=exif)
    boxes: dict[Box, tuple[int, int, int]] = {
        (0.05, 0.05, 0.4, 0.45): RED,
        (0.55, 0.05, 0.95, 0.45): GREEN,
        (0.05, 0.55, 0.45, 0.95): BLUE,
        (0.55, 0.55, 0.95, 0.95): WHITE,
    }
    for box, colour in boxes.items():
        assert (array(data, Region(box, (9, 5))) == colour).all(), box
    whole = Region((0.0, 0.0, 1.0, 1.0), SIZE)
    assert np.array_equal(array(data, whole), decode(data, SIZE, LIMITS).pixels)
    assert (array(data, Region((0.999, 0.999, 1.0, 1.0), (4, 4))) == WHITE).all()


def test_a_region_of_a_large_jpeg_is_as_sharp_as_it_is_there() -> None:
    image = Image.new("L", (2000, 2000), 255)
    image.paste(Image.fromarray((np.indices((200, 200)).sum(0) // 2 % 2 * 255).astype(np.uint8)), (0, 0))
    region = Region((0.0, 0.0, 0.1, 0.1), (200, 200))
    assert array(encoded(image, "JPEG", quality=95), region).std() > 100


@pytest.mark.parametrize(
    ("width", "height", "edge", "expected"),
    [
        (300, 200, 64, (64, 43)),
        (200, 300, 64, (43, 64)),
        (40, 30, 64, (40, 30)),
        (1000, 3, 100, (100, 1)),
        (1, 1, 16, (1, 1)),
        (3000, 2000, 64, (64, 43)),
    ],
)
@pytest.mark.parametrize("name", ["PNG", "JPEG"])
def test_the_aspect_is_kept_and_nothing_is_enlarged(
    name: str, width: int, height: int, edge: int, expected: tuple[int, int]
) -> None:
    data = encoded(quadrants(width, height), name)
    assert shown(data, edge).size == expected
    assert array(data, Grey(edge)).shape == expected[::-1]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_the_ground(mode: str) -> None:
    if mode == "P":
        image = Image.new("P", (40, 40), 1)
        image.putpalette([0, 0, 0, 255, 0, 0])
        data = encoded(image, "PNG", transparency=1)
    else:
        data = encoded(Image.new(mode, (40, 40), (10, 0) if mode == "LA" else (10, 20, 30, 0)), "PNG")
    for edge in (16, 64):
        assert np.abs(np.asarray(shown(data, edge)).astype(int) - GROUND).max() <= 1
        assert np.abs(array(data, Grey(edge)).astype(int) - GROUND).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_colour_modes_come_out_as_they_look(mode: str) -> None:
    image = quadrants().convert(mode)
    data = encoded(image, "TIFF")
    expected = image.convert("RGB").resize((48, 32), Image.Resampling.BICUBIC)
    assert np.abs(np.asarray(shown(data, 48)).astype(int) - np.asarray(expected)).mean() < 6
    assert np.abs(array(data, Grey(48)).astype(int) - np.asarray(expected.convert("L"))).mean() < 4


def test_sixteen_bits_are_scaled() -> None:
    values = np.linspace(0, 65535, 64 * 96).reshape(64, 96).astype(np.uint16)
    data = encoded(Image.fromarray(values), "PNG")
    for made in (np.asarray(shown(data)), array(data, Grey(64))):
        assert made.min() < 8 and made.max() > 247 and 120 < made.mean() < 135


def profiled(colour: tuple[int, ...], mode: str, profile: bytes) -> npt.NDArray[np.int64]:
    data = encoded(Image.new(mode, (40, 40), colour), "TIFF" if mode == "CMYK" else "PNG", icc_profile=profile)
    return np.array(shown(data, 16).getpixel((8, 8)), np.int64)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped() -> bytes:
    """A profile whose red is the green of sRGB, and the reverse."""
    profile = bytearray(SRGB)
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def test_a_thumbnail_is_in_srgb_whatever_the_picture_is_in() -> None:
    assert np.abs(profiled((200, 100, 50), "RGB", SRGB) - (200, 100, 50)).max() <= 4
    assert np.abs(profiled((200, 100, 50), "RGB", swapped()) - (100, 200, 50)).max() <= 4
    assert np.abs(profiled((200, 100, 50, 255), "RGBA", swapped()) - (100, 200, 50)).max() <= 4
    assert np.abs(profiled((200, 100, 50, 0), "RGBA", swapped()) - GROUND).max() <= 1


@pytest.mark.parametrize("profile", [b"no profile", SRGB[:200], SRGB[:-300], b"\0" * 4096])
def test_a_broken_profile_and_one_of_other_colours_spoil_nothing(profile: bytes) -> None:
    assert np.abs(profiled((200, 100, 50), "RGB", profile) - (200, 100, 50)).max() <= 6
    plain = np.asarray(shown(encoded(Image.new("CMYK", (40, 40), (9, 80, 90, 0)), "TIFF"), 16)).astype(int)[8, 8]
    assert np.abs(profiled((9, 80, 90, 0), "CMYK", SRGB) - plain).max() <= 1


def test_a_thumbnail_tells_nothing_but_the_picture() -> None:
    exif = Image.Exif()
    exif[0x010E] = "the secret place"
    data = encoded(quadrants(), "JPEG", exif=exif, comment=b"the secret place", dpi=(72, 72))
    for format_name in ("jpeg", "webp"):
        [made] = render(data, [Thumbnail(64, 80, format_name)], LIMITS).made
        assert isinstance(made, bytes) and b"secret" not in made and b"Exif" not in made


@pytest.mark.parametrize("format_name", ["jpeg", "webp"])
@pytest.mark.parametrize("edge", [16, 17, 1000])
def test_no_thumbnail_is_larger_than_is_said(format_name: Format, edge: int) -> None:
    noise = np.random.default_rng(1).integers(0, 2, (edge, edge, 3), dtype=np.uint8) * 255
    wanted = Thumbnail(edge, 100, format_name)
    [made] = render(encoded(Image.fromarray(noise), "PNG"), [wanted], LIMITS).made
    assert len(made) <= max_bytes(wanted)


@pytest.mark.parametrize(
    "rendition", [*ALL, Thumbnail(4096, 1, "webp"), Region((0.25, 0.5, 0.75, 1.0), (3, 4)), Digest()]
)
def test_a_rendition_goes_through_json(rendition: Rendition) -> None:
    assert from_json(to_json(rendition)) == rendition
    assert enough(rendition) > 0


def test_what_no_rendition_can_be_is_refused() -> None:
    for edge in (0, 15, 4097, -64):
        with pytest.raises(InvalidRequest, match=f"the edge {edge} is not in 16..4096"):
            Thumbnail(edge)
        with pytest.raises(InvalidRequest, match="edge"):
            Grey(edge)
    for quality in (0, 101):
        with pytest.raises(InvalidRequest, match=f"the quality {quality} is not in 1..100"):
            Thumbnail(64, quality)
    with pytest.raises(InvalidRequest, match="'png'"):
        Thumbnail(64, 80, "png")  # type: ignore[arg-type]
    for size in ((0, 8), (8, 4097)):
        with pytest.raises(InvalidRequest, match="size"):
            Stretched(size)
        with pytest.raises(InvalidRequest, match="size"):
            Region((0.0, 0.0, 1.0, 1.0), size)


@pytest.mark.parametrize(
    "box",
    [
        (0.5, 0.0, 0.5, 1.0),
        (0.6, 0.0, 0.5, 1.0),
        (-0.1, 0.0, 1.0, 1.0),
        (0.0, 0.0, 1.0, 1.1),
        (0.0, 0.0, 1e-9, 1.0),
        (float("nan"), 0.0, 1.0, 1.0),
        (0.0, 0.0, 1.0, float("inf")),
    ],
)
def test_a_region_that_is_none_is_refused(box: Box) -> None:
    with pytest.raises(InvalidRequest, match="region"):
        Region(box, SIZE)


def test_a_picture_that_cannot_be_decoded_is_refused_whatever_is_wanted() -> None:
    for rendition in ALL:
        with pytest.raises(ImageRejected):
            render(encoded(quadrants(), "PNG")[:60], [rendition], LIMITS)
