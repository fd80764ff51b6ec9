"""Pictures as other programs write them: each kind a line for the shell, beside the photograph it was made from.

The formats are those of the table in docs/models.md. `base.png` is the photograph in colour, `gray.png` without,
`rgba.png` with a gradient for its alpha.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.featurize.drawings import encoded
from tests.featurize.handmade import png
from tests.featurize.rawfile import dng
from tests.featurize.tiffs import PALETTE, Tiff

PACKAGES = {
    "convert": "imagemagick",
    "cjpeg": "libjpeg-turbo-progs",
    "cjxl": "libjxl-tools",
    "djxl": "libjxl-tools",
    "tiffcp": "libtiff-tools",
    "avifenc": "libavif-bin",
    "avifdec": "libavif-bin",
    "heif-enc": "libheif-examples",
    "cwebp": "webp",
    "opj_compress": "libopenjp2-tools",
    "pnmdepth": "netpbm",
}
"""Debian's package of each program."""

ITSELF, BASE, GRAY, RGBA = "itself", "base.png", "gray.png", "rgba.png"


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes:
        format: a row of the table.
        file: its name, in the folder of `base.png`.
        make: what makes it there.
        like: what it must look like: `ITSELF`, as the independent decoder shows it, or one of the sources, where that
            decoder does not read the kind, or not right.
        decode: the independent decoder, `{}` being the file: it writes a picture to `{}.png`.
    """

    format: str
    file: str
    make: str
    like: str = ITSELF
    decode: str = "convert {} -coalesce -delete 1--1 -auto-orient -depth 8 PNG32:{}.png"

    @property
    def programs(self) -> set[str]:
        """What it needs."""
        words = f"{self.make} {self.decode if self.like == ITSELF else ''}".split()
        return {word for word in words if word in PACKAGES}


def _kinds(format_name: str, *rows: tuple[str, ...]) -> list[Kind]:
    return [Kind(format_name, *row) for row in rows]


_DJXL = "djxl {} {}.png"
_AVIFDEC = "avifdec {} {}.png"

KINDS = [
    *_kinds(
        "JPEG",
        ("baseline.jpg", "cjpeg -quality 90 base.ppm > {}"),
        ("progressive.jpg", "cjpeg -quality 90 -progressive base.ppm > {}"),
        ("arithmetic.jpg", "cjpeg -quality 90 -arithmetic base.ppm > {}"),
        ("arithmetic-progressive.jpg", "cjpeg -quality 90 -arithmetic -progressive base.ppm > {}"),
        ("rgb.jpg", "cjpeg -quality 90 -rgb base.ppm > {}"),
        ("4-1-1.jpg", "cjpeg -quality 90 -sample 4x1 base.ppm > {}"),
        ("restarts.jpg", "cjpeg -quality 90 -restart 1 base.ppm > {}"),
        ("grey.jpg", "convert gray.png {}"),
        ("cmyk.jpg", "convert base.png -colorspace CMYK {}"),
        ("ycck.jpg", "convert base.png -colorspace CMYK -define jpeg:colorspace=ycck {}"),
        ("turned.jpg", "cp turned-jpeg.made {}"),
        ("no-end.jpg", "cjpeg -quality 90 base.ppm > x.jpg; head -c -2 x.jpg > {}"),
        ("no-end-progressive.jpg", "cjpeg -quality 90 -progressive base.ppm > x.jpg; head -c -2 x.jpg > {}"),
    ),
    *_kinds(
        "JPEG, rare",
        ("ls.jls", "cp ls.made {}", BASE),
        ("ls16.jls", "cp ls16.made {}", BASE),
        ("twelve.jpg", "cp jpeg12.made {}", BASE),
        ("lossless16.jpg", "cp lossless16.made {}", GRAY),
    ),
    *_kinds(
        "PNG",
        ("8.png", "convert base.png PNG24:{}"),
        ("16.png", "convert base.png PNG48:{}"),
        ("alpha.png", "convert rgba.png PNG32:{}"),
        ("alpha16.png", "convert rgba.png PNG64:{}"),
        ("grey16.png", "convert gray.png -define png:bit-depth=16 -define png:color-type=0 {}"),
        ("grey-alpha16.png", "convert rgba.png -colorspace gray -define png:bit-depth=16 -define png:color-type=4 {}"),
        ("interlaced.png", "convert rgba.png -interlace PNG {}"),
        ("palette.png", "convert base.png -colors 200 PNG8:{}"),
        ("palette4.png", "convert base.png -colors 16 PNG8:{}"),
        ("palette-alpha.png", "convert rgba.png -colors 100 PNG8:{}"),
        ("grey1.png", "convert gray.png -monochrome -define png:bit-depth=1 {}"),
        ("grey-key16.png", "cp greykey.made {}"),
        ("key16.png", "cp key.made {}"),
        ("animated.png", "cp apng.made {}", BASE),
        ("turned.png", "cp turned.made {}", BASE),
    ),
    *_kinds(
        "GIF",
        ("plain.gif", "convert base.png {}"),
        ("interlaced.gif", "convert base.png -interlace GIF {}"),
        ("alpha.gif", "convert rgba.png {}"),
        ("animated.gif", "convert -delay 20 base.png '(' base.png -negate ')' {}"),
        ("small-frame.gif", "convert -delay 20 '(' base.png -resize 200x140! -repage 320x213+60+40 ')' base.png {}"),
        ("tiny-frame.gif", "convert -delay 20 '(' -size 40x30 xc:blue -repage 320x213+60+40 ')' base.png {}"),
    ),
    *_kinds(
        "WebP",
        ("lossy.webp", "cwebp -quiet base.png -o {}"),
        ("lossless.webp", "cwebp -quiet -lossless base.png -o {}"),
        ("alpha.webp", "cwebp -quiet rgba.png -o {}"),
        ("lossless-alpha.webp", "cwebp -quiet -lossless rgba.png -o {}"),
        ("animated.webp", "cp animated.made {}", BASE),
    ),
    *_kinds(
        "AVIF",
        *((f"{bits}.avif", f"avifenc -d {bits} base.png {{}}", ITSELF, _AVIFDEC) for bits in (8, 10, 12)),
        ("alpha.avif", "avifenc rgba.png {}", ITSELF, _AVIFDEC),
        ("alpha10.avif", "avifenc -d 10 rgba.png {}", ITSELF, _AVIFDEC),
        ("premultiplied.avif", "avifenc --premultiply rgba.png {}", ITSELF, _AVIFDEC),
        ("grey.avif", "avifenc --yuv 400 gray.png {}", ITSELF, _AVIFDEC),
        ("4-4-4.avif", "avifenc --yuv 444 base.png {}", ITSELF, _AVIFDEC),
        ("lossless.avif", "avifenc -l base.png {}", ITSELF, _AVIFDEC),
        ("turned.avif", "convert base.png -rotate 90 x.png; avifenc --irot 1 x.png {}", BASE),
        ("mirrored.avif", "convert base.png -flop x.png; avifenc --imir 1 x.png {}", BASE),
    ),
    *_kinds(
        "TIFF",
        ("plain.tif", "convert base.png -compress None {}"),
        ("big-endian.tif", "convert base.png -compress None -endian MSB {}"),
        ("bigtiff.tif", "convert base.png TIFF64:{}"),
        ("tiles.tif", "convert base.png -define tiff:tile-geometry=64x64 {}"),
        ("pyramid.tif", "convert base.png PTIF:{}"),
        *(
            (f"{name}.tif", f"convert base.png -compress None x.tif; tiffcp -c {name} x.tif {{}}")
            for name in ("lzw", "lzw:2", "zip:2", "packbits", "zstd:2", "lzma", "jpeg:r")
        ),
        *((f"{name}.tif", f"convert gray.png -monochrome -compress {name} {{}}") for name in ("Fax", "Group4", "None")),
        ("16.tif", "convert base.png -depth 16 -compress None {}"),
        ("planes.tif", "convert base.png -interlace Plane -compress None {}"),
        ("planes16.tif", "convert base.png -depth 16 -interlace Plane -compress None {}"),
        ("planes16-zip.tif", "convert base.png -depth 16 -interlace Plane -compress Zip {}"),
        ("associated.tif", "convert rgba.png -define tiff:alpha=associated {}"),
        ("unassociated.tif", "convert rgba.png -define tiff:alpha=unassociated {}"),
        ("associated16.tif", "convert rgba.png -depth 16 -define tiff:alpha=associated {}"),
        ("grey-associated.tif", "convert rgba.png -colorspace Gray -define tiff:alpha=associated {}"),
        ("grey-unassociated.tif", "convert rgba.png -colorspace Gray -define tiff:alpha=unassociated {}"),
        ("palette.tif", "convert base.png -colors 200 -type Palette {}"),
        ("palette-of-8-bits.tif", "cp palette8.made {}"),
        ("cmyk.tif", "convert base.png -colorspace CMYK -compress None {}"),
        ("cmyk-jpeg.tif", "convert base.png -colorspace CMYK -compress JPEG {}"),
        ("ycbcr.tif", "convert base.png -colorspace YCbCr -compress None {}"),
        ("ycbcr-jpeg.tif", "convert base.png -colorspace YCbCr -compress JPEG {}"),
        ("lab.tif", "convert base.png -colorspace Lab -compress None {}"),
        ("grey12.tif", "convert gray.png -depth 12 -compress None {}"),
        ("grey16.tif", "convert gray.png -depth 16 -compress None {}"),
        ("grey16-white-zero.tif", "convert gray.png -depth 16 -define quantum:polarity=min-is-white {}"),
        ("grey32.tif", "convert gray.png -depth 32 -compress None {}"),
        ("grey-float.tif", "convert gray.png -depth 32 -define quantum:format=floating-point {}"),
        ("turned.tif", "convert base.png -rotate 270 -orient RightTop {}"),
    ),
    *_kinds(
        "TIFF, rare",
        *((f"rgb{bits}.tif", f"convert base.png -depth {bits} -compress None {{}}") for bits in (10, 12, 14, 32)),
        *((f"grey{bits}.tif", f"convert gray.png -depth {bits} -compress Zip {{}}") for bits in (10, 14)),
        ("grey24.tif", "convert gray.png -depth 24 -compress Zip {}", GRAY),
        *(
            (f"float{bits}.tif", f"convert base.png -depth {bits} -define quantum:format=floating-point {{}}")
            for bits in (16, 32, 64)
        ),
        ("grey-float16.tif", "convert gray.png -depth 16 -define quantum:format=floating-point {}"),
        (
            "big-endian-float-zip.tif",
            "convert gray.png -depth 32 -define quantum:format=floating-point -compress Zip -endian MSB {}",
        ),
        ("grey-associated16.tif", "convert rgba.png -depth 16 -colorspace Gray -define tiff:alpha=associated {}"),
        ("big-endian-bigtiff.tif", "convert base.png x.tif; tiffcp -8 -B -c lzw:2 x.tif {}"),
        ("webp.tif", "convert base.png -compress None x.tif; tiffcp -c webp x.tif {}"),
        ("lerc.tif", "convert base.png -compress None x.tif; tiffcp -c lerc x.tif {}"),
        (
            "turned-float.tif",
            "convert base.png -rotate 270 -orient RightTop -depth 32 -define quantum:format=floating-point {}",
        ),
    ),
    *_kinds(
        "BMP",
        ("24.bmp", "convert base.png -type TrueColor BMP3:{}"),
        ("alpha.bmp", "convert rgba.png {}"),
        ("565.bmp", "convert base.png -define bmp:subtype=RGB565 {}"),
        ("555.bmp", "convert base.png -define bmp:subtype=RGB555 {}"),
        ("4444.bmp", "convert rgba.png -define bmp:subtype=ARGB4444 {}"),
        ("palette.bmp", "convert base.png -colors 200 -type Palette BMP3:{}"),
        ("rle.bmp", "convert base.png -colors 200 -type Palette -compress RLE BMP3:{}"),
        ("os2.bmp", "convert base.png BMP2:{}"),
    ),
    *_kinds(
        "JPEG 2000",
        ("plain.jp2", "convert base.png {}"),
        ("stream.j2k", "convert base.png {}"),
        ("alpha.jp2", "convert rgba.png {}"),
        ("grey.jp2", "convert gray.png {}"),
        ("grey12.jp2", "convert gray.png -depth 12 {}"),
        ("grey16.jp2", "convert gray.png -depth 16 {}"),
        ("cmyk.jp2", "convert base.png -colorspace CMYK {}"),
    ),
    *_kinds(
        "JPEG 2000, deep",
        ("10.jp2", "convert base.png -depth 16 x.ppm; pnmdepth 1023 x.ppm > y.ppm; opj_compress -i y.ppm -o {}"),
        ("12.jp2", "convert base.png -depth 12 {}"),
        ("16.jp2", "convert base.png -depth 16 {}"),
        ("16.j2k", "convert base.png -depth 16 {}"),
        ("alpha16.jp2", "convert rgba.png -depth 16 {}"),
    ),
    *_kinds(
        "PNM",
        ("rgb.ppm", "convert base.png {}"),
        ("rgb16.ppm", "convert base.png -depth 16 {}"),
        ("rgb10.ppm", "convert base.png -depth 16 x.ppm; pnmdepth 1023 x.ppm > {}"),
        ("text.ppm", "convert base.png -compress None {}"),
        ("grey.pgm", "convert gray.png {}"),
        ("grey16.pgm", "convert gray.png -depth 16 {}"),
        ("bits.pbm", "convert gray.png -monochrome {}"),
        ("text.pbm", "convert gray.png -monochrome -compress None {}"),
        ("float.pfm", "convert gray.png {}"),
    ),
    *_kinds(
        "HEIC",
        ("plain.heic", "heif-enc -q 90 -o {} base.png"),
        ("10.heic", "cp heic10.made {}"),
        ("alpha.heic", "heif-enc -q 90 -o {} rgba.png", RGBA),
        ("grey.heic", "heif-enc -q 90 -o {} gray.png"),
    ),
    *_kinds(
        "JPEG XL",
        ("lossy.jxl", "cjxl base.png {}", ITSELF, _DJXL),
        ("lossless.jxl", "cjxl -d 0 base.png {}", ITSELF, _DJXL),
        ("16.jxl", "convert base.png -depth 16 PNG48:x.png; cjxl x.png {}", ITSELF, _DJXL),
        ("alpha.jxl", "cjxl rgba.png {}", ITSELF, _DJXL),
        ("grey.jxl", "cjxl gray.png {}", ITSELF, _DJXL),
        ("jpeg.jxl", "cjpeg -quality 90 base.ppm > x.jpg; cjxl x.jpg {}", ITSELF, _DJXL),
        ("turned.jxl", "cp turned.made x.png; cjxl x.png {}", BASE),
        ("turned-jpeg.jxl", "cp turned-jpeg.made x.jpg; cjxl x.jpg {}", BASE),
        ("animated.jxl", "convert -delay 20 base.png '(' base.png -negate ')' x.gif; cjxl x.gif {}", BASE),
    ),
    *_kinds("raw photograph", ("raw.dng", "cp raw.made {}", BASE)),
]


def find_convert() -> str | None:
    """ImageMagick's program; others have taken its name."""
    for name in ("convert", "convert-im6.q16", "/usr/bin/convert", "magick"):
        path = shutil.which(name)
        if path and b"ImageMagick" in subprocess.run([path, "-version"], capture_output=True, check=False).stdout:
            return path
    return None


def write_sources(folder: Path, photo: Image.Image) -> None:
    """The photograph as the programs take it, and the kinds that none of them writes."""
    codecs, heif = pytest.importorskip("imagecodecs"), pytest.importorskip("pillow_heif")
    colours, grey = np.asarray(photo), np.asarray(photo.convert("L"))
    clear = photo.copy()
    clear.putalpha(Image.linear_gradient("L").resize(photo.size))
    photo.save(folder / BASE)
    photo.save(folder / "base.ppm")
    photo.convert("L").save(folder / GRAY)
    clear.save(folder / RGBA)
    turned = Image.Exif()
    turned[0x0112] = 6
    negative = photo.point(lambda value: 255 - value)
    palette = photo.quantize(200)
    colour_map = np.array((palette.getpalette() or []) + [0] * 768)[:768].reshape(256, 3).T.ravel().tolist()
    frames = {"save_all": True, "append_images": [negative], "duration": 100}
    made = {
        "ls": codecs.jpegls_encode(colours),
        "ls16": codecs.jpegls_encode(_wide(colours)),
        "jpeg12": codecs.jpeg8_encode(_wide(colours) >> 4, bitspersample=12, level=95),
        "lossless16": codecs.jpeg8_encode(_wide(grey), bitspersample=16, lossless=True),
        "greykey": png(_with_hole(_wide(grey), 12_345), (12_345,)),
        "key": png(_with_hole(_wide(colours), (1000, 2000, 3000)), (1000, 2000, 3000)),
        "apng": encoded(photo, "PNG", **frames),
        "animated": encoded(photo, "WEBP", quality=90, **frames),
        "turned": encoded(photo.transpose(Image.Transpose.ROTATE_90), "PNG", exif=turned),
        "turned-jpeg": encoded(photo.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=92, exif=turned),
        "palette8": Tiff(8, PALETTE, colour_map=colour_map).of(np.asarray(palette)),
        "raw": dng(encoded(photo, "JPEG", quality=92), photo.size),
    }
    for name, data in made.items():
        (folder / f"{name}.made").write_bytes(data)
    deep = heif.from_bytes(mode="RGB;16", size=photo.size, data=_wide(colours).tobytes())
    stream = io.BytesIO()
    deep.save(stream, quality=90)
    (folder / "heic10.made").write_bytes(stream.getvalue())


def _wide(samples: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    return samples.astype(np.uint16) * 257


def _with_hole(samples: npt.NDArray[np.uint16], key: int | tuple[int, ...]) -> npt.NDArray[np.uint16]:
    holed = samples.copy()
    holed[20:60, 30:90] = key
    return holed
