"""Whether two images are one picture, edited, so surely that one of them may go: by their local features.

The verdict of `simd.verify` ranks answers of a search, and is right in 97 of 100 times on photographs, in 93 on clip
art. A clean-up removes files, so more is asked for here, and a copy is rather missed:

* Of two drawings both must be found in the other, every cell must agree, and nothing may be in one that is not in the
  other: drawings come in families that differ in a detail. A turned arrow is another arrow, so of the plainest drawings
  turned and mirrored copies are none.
* Of two photographs one must be found in the other, as something may be written or laid over it.

Chosen on half of the pictures of `benchmarks/judging.py`; what they are worth on the others is in docs/architecture.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simd.verify import overlay
from simd.verify.agreement import plainness
from simd.verify.alignment import LEAST_MATCHES, may_align
from simd.verify.features import LocalFeatures
from simd.verify.opencv import opencv
from simd.verify.verdict import NOTHING, Effort, Verdict, compare, compare_whole

RULES_VERSION = "2"
"""Another one for whatever changes what is found."""

_PLAIN, _SMOOTH = 0.2, 0.15
"""Photographs are less plain than that (`agreement.plainness`) if they fill their frame, or else less smooth where they
show something."""
_BLOCK, _TEXTURE, _BLOCKS = 8, 6.0, 4
"""Pixels of the edge of a part; grey levels of standard deviation with which it shows something; so many must."""
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
_ALIKE = 0.8
"""Correlation of two renditions that are worth looking at cell by cell."""
_EDGE = 32
_LEAST_PIXELS = 32 * 32
"""Of a picture with fewer pixels too little is left to be told from others: made as small as 32 x 32, other drawings
are taken for one as often as at full size, at 24 x 24 twice as often."""

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
    """Judge two images: as wholes, mirrored and turned by quarters or not, and as parts of each other."""
    whole = _whole(first, second)
    if whole is not None and not _is_another(whole, first, second):
        return _judgement(True, whole)
    seen = compare(first, second, _EFFORT) if may_align(first.descriptors, second.descriptors) else NOTHING
    if seen.share < _SHARE or _is_another(seen, first, second):
        return _judgement(False, seen)
    is_photograph = _plainness(first, second) < _PLAIN or _smoothness(first, second) < _SMOOTH
    if is_photograph and seen.same:
        return _judgement(True, seen)
    if not (is_photograph or _is_exact(seen)):
        return _judgement(False, seen)
    # The limits of a verdict are those of the second one, and what is done to a picture makes it plainer or less so.
    back = compare(second, first, _EFFORT)
    return _judgement(back.same and back.share >= _SHARE and (is_photograph or _is_exact(back)), seen)


def _whole(first: LocalFeatures, second: LocalFeatures) -> Verdict | None:
    """The verdict on them as wholes, in the way in which they are most alike; None where they are not the same."""
    a, b = _square(first.grey), _square(second.grey)
    ways = np.stack([np.rot90(seen, -quarters) for seen in (b, b[:, ::-1]) for quarters in range(4)])
    alike = ways.reshape(len(ways), -1) @ a.ravel()
    best = int(np.argmax(alike))
    if alike[best] < _ALIKE:
        return None
    mirrored, quarter_turns = best >= 4, best % 4
    # A gradient that is turned is another gradient.
    is_sure = not (mirrored or quarter_turns) or min(len(first.points), len(second.points)) >= LEAST_MATCHES
    if is_sure and overlay.agree(first, second, mirrored=mirrored, quarter_turns=quarter_turns):
        return replace(NOTHING, same=True, share=1.0, mirrored=mirrored, quarter_turns=quarter_turns)
    verdict = compare_whole(first, second, mirrored=mirrored, quarter_turns=quarter_turns)
    return verdict if _is_exact(verdict) else None


def _is_another(verdict: Verdict, first: LocalFeatures, second: LocalFeatures) -> bool:
    """Whether it is a symbol that points elsewhere."""
    return (verdict.mirrored or verdict.quarter_turns != 0) and _plainness(first, second) >= _SYMBOL


def left_out(features: LocalFeatures) -> str:
    """Why an image is not judged: "tiny" or "flat"; "" if it can be."""
    if features.grey.size < _LEAST_PIXELS:
        return "tiny"
    return "" if len(features.points) >= LEAST_MATCHES or overlay.shows_something(features) else "flat"


def _is_exact(verdict: Verdict) -> bool:
    return verdict.same and verdict.weakest >= _WEAKEST and verdict.added <= _ADDED


def _judgement(same: bool, verdict: Verdict) -> Judgement:
    return Judgement(same, verdict.share, verdict.mirrored, 90 * verdict.quarter_turns)


def _plainness(first: LocalFeatures, second: LocalFeatures) -> float:
    """Of the plainer one."""
    return max(plainness(first.grey), plainness(second.grey))


def _smoothness(first: LocalFeatures, second: LocalFeatures) -> float:
    """Of the smoother one."""
    return max(_smooth_share(first.grey), _smooth_share(second.grey))


def _smooth_share(grey: npt.NDArray[np.uint8]) -> float:
    """The share of pixels that hardly differ from their neighbours in the parts that show something; 1 if few do."""
    levels = grey.astype(np.int16)
    steps = np.abs(np.diff(levels, axis=1))[:-1] + np.abs(np.diff(levels, axis=0))[:, :-1]
    rows, columns = (side // _BLOCK for side in steps.shape)
    parts = [
        plane[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
        for plane in (steps <= 1, levels.astype(np.float32))
    ]
    textured = parts[1].std(axis=(1, 3)) >= _TEXTURE
    return float(parts[0].mean(axis=(1, 3))[textured].mean()) if textured.sum() >= _BLOCKS else 1.0


def _square(grey: npt.NDArray[np.uint8]) -> Array:
    """A rendition made square, centred and of length 1; nothing where it is flat."""
    level = opencv().resize(grey, (_EDGE, _EDGE), interpolation=opencv().INTER_AREA).astype(np.float32)
    level -= level.mean()
    square: Array = level / max(1e-6, float(np.linalg.norm(level)))
    return square
