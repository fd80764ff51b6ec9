"""Two whole pictures laid over each other, compared by what is left of one when the other is taken away.

It needs no details, so skies and blurred grounds can be compared as well, of which cells say nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simd.verify.agreement import recoloured
from simd.verify.features import LocalFeatures, Plane
from simd.verify.opencv import opencv

Array = npt.NDArray[np.float32]

_ASPECT = 0.03
"""How far the logarithms of the aspect ratios may differ."""
_BLUR = 1.2
"""Standard deviation in pixels: what a resampling of one picture and not of the other changes goes."""
_LEAST_SPREAD = 8.0
"""Standard deviation of grey levels with which a picture shows something."""
_CORRELATION = 0.99
_LEFT = 12.0
"""Grey levels that may be left, at most, anywhere."""
_RECOLOURED = 6.0
"""Root mean square of the chroma that may be left."""
_CONTRAST, _BRIGHTNESS, _TINT = 1.6, 40.0, 16.0
"""How many times the contrast of one may be that of the other, and how far the means of grey and of chroma may be
apart, in levels. Where nothing but a gradient is shown, another one is as like it as that."""


def shows_something(features: LocalFeatures) -> bool:
    """Whether there is anything to compare: a picture of one colour, or nearly, is like many."""
    return float(features.grey.std()) >= _LEAST_SPREAD


def agree(first: LocalFeatures, second: LocalFeatures, *, mirrored: bool, quarter_turns: int) -> bool:
    """Whether nothing is in one that is not in the other, but for some brightness, contrast and tint.

    Args:
        first, second: the pictures.
        mirrored, quarter_turns: how the second one would lie in the first, as a `Verdict` has it.

    Raises:
        ConfigError: the extra `verify` is not installed.
    """
    grey, chroma = (_laid(plane, mirrored, quarter_turns) for plane in (second.grey, second.chroma))
    if abs(np.log(first.grey.shape[0] * grey.shape[1] / (first.grey.shape[1] * grey.shape[0]))) > _ASPECT:
        return False
    a, b = (_blurred(plane) for plane in _of_one_size(first.grey, grey))
    weaker, stronger = (a, b) if a.std() < b.std() else (b, a)
    if weaker.std() < _LEAST_SPREAD or stronger.std() > _CONTRAST * weaker.std():
        return False
    if abs(float(weaker.mean() - stronger.mean())) > _BRIGHTNESS:
        return False
    weaker, stronger = weaker - weaker.mean(), stronger - stronger.mean()
    product, power = float((weaker * stronger).sum()), float((weaker * weaker).sum())
    # What is left of the stronger one is the larger number.
    left = np.abs(stronger - product / power * weaker).max()
    if product < _CORRELATION * np.sqrt(power * float((stronger * stronger).sum())) or left > _LEFT:
        return False
    one, other = (each.reshape(-1, 2).astype(np.float32) for each in _of_one_size(first.chroma, chroma))
    tint = float(np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)))
    return tint <= _TINT and recoloured(one, other) <= _RECOLOURED


def _laid(plane: npt.NDArray[np.uint8], mirrored: bool, quarter_turns: int) -> npt.NDArray[np.uint8]:
    return np.rot90(plane[:, ::-1] if mirrored else plane, -quarter_turns)


def _of_one_size(*planes: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
    """All as small as the smallest."""
    height, width = (min(plane.shape[axis] for plane in planes) for axis in (0, 1))
    cv2 = opencv()
    return [cv2.resize(np.ascontiguousarray(plane), (width, height), interpolation=cv2.INTER_AREA) for plane in planes]


def _blurred(plane: Plane) -> Array:
    blurred: Array = opencv().GaussianBlur(plane.astype(np.float32), (0, 0), _BLUR)
    return blurred
