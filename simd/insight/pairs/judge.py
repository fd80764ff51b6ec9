"""Whether two images are one picture, edited, so surely that one of them may go: by their local features.

The verdict of `simd.verify` ranks answers of a search, and is right in 97 of 100 times on photographs, in 93 on clip
art. A clean-up removes files, so more is asked for here, and a copy is rather missed:

* Of two drawings both must be found in the other, every cell must agree, and nothing may be in one that is not in the
  other: drawings come in families that differ in a detail. A turned arrow is another arrow, so of the plainest drawings
  turned and mirrored copies are none.
* Of two photographs that fill their frame one must be found in the other, as something may be written or laid over it.

Measured with half of the pictures of `benchmarks/copies.py` and reported on the others: docs/architecture.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.verify.agreement import plainness
from simd.verify.alignment import may_align
from simd.verify.features import LocalFeatures
from simd.verify.opencv import opencv
from simd.verify.verdict import NOTHING, Effort, Verdict, compare, compare_mirrored

RULES_VERSION = "1"
"""Another one for whatever changes what is found."""

_PLAIN = 0.2
"""Photographs that fill their frame are less plain than that (`agreement.plainness`)."""
_SYMBOL = 0.8
"""Drawings as plain as that are what they are by where they point."""
_SHARE = 0.75
"""Of what agrees in two photographs."""
_WEAKEST = 0.9
"""Correlation of the cell of two drawings that agrees least."""
_ADDED = 12.0
"""Grey levels: what a cell of a drawing may have, at most, where the other one is flat."""
_EFFORT = Effort(matches=16, inliers=12)
"""No copy that is found had fewer, and of other pictures that are alike 4 of 5 have."""
_MIRRORED = 0.8
"""Correlation of two renditions, one of them flipped, that are worth looking at cell by cell."""
_EDGE = 32
_FLAT_POINTS = 6
"""With fewer key points nothing can be aligned."""
_TINY_POINTS_SIDE = 16

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was made of two images.

    Attributes:
        same: whether they are one picture, edited.
        share: of what agrees, 0 to 1.
        mirrored: whether one is the mirror image of the other.
        turned: degrees, as `Pair.turned`.
    """

    same: bool
    share: float
    mirrored: bool
    turned: int


def judge(first: LocalFeatures, second: LocalFeatures) -> Judgement:
    """Judge two images, and where they are not the same as they are, whether one is the other one mirrored."""
    seen = compare(first, second, _EFFORT) if may_align(first.descriptors, second.descriptors) else NOTHING
    turns = _mirror_turns(first, second)
    if seen.share < _SHARE and turns is None:
        return _judgement(False, seen)
    plain = max(plainness(first.grey), plainness(second.grey))
    if seen.share >= _SHARE and not (plain >= _SYMBOL and seen.quarter_turns):
        if plain < _PLAIN and seen.same:
            return _judgement(True, seen)
        # What is done to a picture makes it plainer or less so, and the limits are those of the second one.
        if plain < _PLAIN or _is_exact(seen):
            back = compare(second, first, _EFFORT)
            if back.same and back.share >= _SHARE and (plain < _PLAIN or _is_exact(back)):
                return _judgement(True, seen)
    if turns is not None and plain < _SYMBOL:
        mirrored = compare_mirrored(first, second, turns)
        if _is_exact(mirrored):
            return _judgement(True, mirrored)
    return _judgement(False, seen)


def _mirror_turns(first: LocalFeatures, second: LocalFeatures) -> int | None:
    """By how many quarters the second would be turned in the mirror image of the first; None where it hardly can be."""
    a, b = _square(first.grey)[:, ::-1], _square(second.grey)
    alike = [float((a * np.rot90(b, -quarters)).sum()) for quarters in range(4)]
    best = int(np.argmax(alike))
    return best if alike[best] >= _MIRRORED else None


def left_out(features: LocalFeatures) -> str:
    """Why an image can be no near copy of any: "tiny" or "flat"; "" if it can."""
    if len(features.points) >= _FLAT_POINTS:
        return ""
    return "tiny" if min(features.grey.shape) < _TINY_POINTS_SIDE else "flat"


def _is_exact(verdict: Verdict) -> bool:
    return verdict.same and verdict.weakest >= _WEAKEST and verdict.added <= _ADDED


def _judgement(same: bool, verdict: Verdict) -> Judgement:
    return Judgement(same, verdict.share, verdict.mirrored, 90 * verdict.quarter_turns)


def _square(grey: npt.NDArray[np.uint8]) -> Array:
    """A rendition made square, centred and of length 1; nothing where it is flat."""
    level = opencv().resize(grey, (_EDGE, _EDGE), interpolation=opencv().INTER_AREA).astype(np.float32)
    level -= level.mean()
    square: Array = level / max(1e-6, float(np.linalg.norm(level)))
    return square
