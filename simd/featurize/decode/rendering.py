"""A decoded picture of any mode and size -> a rendition of it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from simd.featurize.decode.digest import digest_of_pixels
from simd.featurize.decode.localfeatures import local_features
from simd.featurize.decode.pixels import SIDEWAYS, fitted, model_input, on_ground, upright
from simd.featurize.decode.renditions import Box, Digest, Features, Grey, Region, Rendition, Stretched, Thumbnail
from simd.types import Pixels

_SRGB = ImageCms.createProfile("sRGB")
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's word for the colours that a profile is of."""


def rendered(image: Image.Image, rendition: Rendition, orientation: int) -> Pixels | bytes:
    """Pixels, or the bytes of a thumbnail's file, of features or of a digest.

    Args:
        image: decoded, of any mode.
        rendition: what to make of it.
        orientation: how the camera was held, 1 to 8 as in EXIF; anything else is upright.

    Raises:
        ImageRejected: the picture has no finite value.
    """
    match rendition:
        case Stretched(size):
            return model_input(image, size, orientation)
        case Region(box, size):
            return model_input(_cropped(image, box, orientation), size, orientation)
        case Grey(edge):
            small = upright(image, fitted(image, edge, orientation), orientation)
            return np.array(on_ground(small).convert("L"), dtype=np.uint8)
        case Features(mirrored):
            return local_features(image, orientation, mirrored=mirrored)
        case Digest():
            return digest_of_pixels(image, orientation)
        case Thumbnail(edge, quality, format_name):
            small = upright(image, fitted(image, edge, orientation), orientation)
            shown = on_ground(_in_srgb(small, image.info.get("icc_profile")))
            # Comments and the like would be written along.
            shown.info = {}
            stream = io.BytesIO()
            shown.save(stream, format_name, quality=quality)
            return stream.getvalue()


def _cropped(image: Image.Image, box: Box, orientation: int) -> Image.Image:
    """The part of a picture, which is not turned yet, that is in a box of the upright one; at least one pixel."""
    left, top, right, bottom = _unturned(box, orientation)
    x, y = min(round(left * image.width), image.width - 1), min(round(top * image.height), image.height - 1)
    pixels = (x, y, max(x + 1, round(right * image.width)), max(y + 1, round(bottom * image.height)))
    return image if pixels == (0, 0, *image.size) else image.crop(pixels)


def _unturned(box: Box, orientation: int) -> Box:
    """Where a box of the upright picture is before it is turned."""
    left, top, right, bottom = box
    if orientation in (2, 3, 6, 7):
        left, right = 1 - right, 1 - left
    if orientation in (3, 4, 7, 8):
        top, bottom = 1 - bottom, 1 - top
    return (top, left, bottom, right) if orientation in SIDEWAYS else (left, top, right, bottom)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in sRGB, if it has a profile that fits; one that cannot be read says nothing, and spoils nothing."""
    if not profile:
        return image
    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _MODES[theirs.profile.xcolor_space.strip()]
        if (mode == "CMYK") != (image.mode == "CMYK"):
            return image
        whole = image.convert("RGBA") if image.mode == "RGBa" else image
        shown = ImageCms.profileToProfile(whole.convert(mode), theirs, _SRGB, outputMode="RGB")
    except Exception:  # noqa: BLE001 - a broken profile raises almost anything, and the picture is still good
        return image
    if shown is None:
        return image
    if whole.mode == "RGBA":
        shown.putalpha(whole.getchannel("A"))
    return shown
