"""A decoded picture -> its local features, where the extra `verify` is installed.

The picture is made small by averaging boxes, and the rest by interpolation, which takes a tenth of the time of the
model's own resizing: features need no more, and are made of every picture that is indexed.
"""

from __future__ import annotations

import logging

import numpy as np
from PIL import Image

from simd.featurize.decode.pixels import TURNS, fitted, on_ground, upright
from simd.types import Pixels
from simd.verify.features import EDGE, extract
from simd.verify.opencv import opencv

log = logging.getLogger(__name__)


def local_features(image: Image.Image, orientation: int, *, mirrored: bool) -> bytes:
    """The features as bytes; b"" where they cannot be made: whatever a library makes of a picture, it is indexed all
    the same.

    Args:
        image: decoded, of any mode.
        orientation: how the camera was held, 1 to 8 as in EXIF; anything else is upright.
        mirrored: whether to add what lets it be found in its mirror image.
    """
    try:
        return extract(_small(image, orientation), mirrored=mirrored).to_bytes()
    except MemoryError:
        raise
    except Exception as error:
        # Pictures make OpenCV raise its own error; anything else is a bug. A worker's log is the daemon's.
        if type(error).__module__ != "cv2":
            log.exception("local features cannot be made of a picture, which is indexed without them")
        return b""


def _small(image: Image.Image, orientation: int) -> Pixels:
    """The upright picture, made so small that no edge is longer than `EDGE`."""
    plain = _without_transparency(image)
    if plain.mode not in ("RGB", "L") or plain.has_transparency_data:
        return np.array(on_ground(upright(image, fitted(image, EDGE, orientation), orientation)), dtype=np.uint8)
    factor = max(plain.size) // EDGE
    reduced = plain.reduce(factor) if factor > 1 else plain
    if orientation in TURNS:
        reduced = reduced.transpose(TURNS[orientation])
    pixels = np.asarray(reduced if reduced.mode == "RGB" else reduced.convert("RGB"))
    height, width = fitted(reduced, EDGE, 1)
    if (width, height) == reduced.size:
        return pixels
    # By less than half: each pixel is made of its neighbours, and none is passed over.
    small: Pixels = opencv().resize(pixels, (width, height), interpolation=opencv().INTER_LINEAR)
    return small


def _without_transparency(image: Image.Image) -> Image.Image:
    """The picture laid on the ground, if that is cheaper before it is made small than after."""
    is_cheap = image.mode in ("RGBA", "LA", "P") and max(image.size) < 2 * EDGE
    return on_ground(image.convert("RGBA")) if is_cheap else image
