"""What the judgement of pairs is worth by which copies may be removed (`simd/insight/pairs/judge.py`).

Edited copies of pictures (`copies.py`) are compared with the pictures that the default model takes for them, as the
finder of pairs compares images: by what is kept of both. The rules of the judgement were chosen on the pictures of the
half `chosen`; the other one tells what they are worth. The columns:

* `pairs`: judged to be one picture; `precision`: the share of them that is right, by the rule of `copies.py`: another
  file of the same drawing counts as wrong;
* then for each kind of edit the share of the copies whose original, or a twin of it, was found.

    python -m benchmarks.judging [--every 3]
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.copies import PRESENT, Bench, bench
from benchmarks.descriptors import Descriptor, learned
from benchmarks.edits import EDITS
from benchmarks.renditions import Source, workers
from benchmarks.report import Row, arguments, publish
from simd.errors import ImageRejected
from simd.featurize.decode.decode import DecodeLimits, render
from simd.featurize.decode.renditions import Features, Stretched
from simd.featurize.models import copy1
from simd.featurize.models.network import SIZE
from simd.insight.pairs.judge import judge, left_out
from simd.verify.features import LocalFeatures

AMONG, FLOOR = 16, 0.5
"""As the finder of pairs has them, with the levels of the default model."""

_LIMITS = DecodeLimits(max_bytes=1 << 29, max_pixels=250_000_000)


@dataclass(frozen=True, slots=True)
class Suspected:
    """A copy and a picture of the collection that are alike.

    Attributes:
        picture: which picture it is a copy of, a number below 600.
        edit: the kind.
        row: of the collection.
        right: whether they are the same picture.
    """

    picture: int
    edit: str
    row: int
    right: bool


def suspected(of: Bench, descriptor: Descriptor, every: int) -> Iterator[Suspected]:
    """What is alike, of one picture in so many. Twins of a picture that was taken out count neither way."""
    collection = descriptor.describe(of.pictures)[0][of.kept]
    for edit, queries in of.queries.items():
        vectors = descriptor.describe(queries)[0]
        for picture in np.flatnonzero(of.valid[edit]).tolist():
            if picture % every:
                continue
            similarity = collection @ vectors[picture]
            for place in np.argsort(-similarity)[:AMONG].tolist():
                row = int(of.kept[place])
                right = row in of.right[picture]
                if similarity[place] >= FLOOR and (picture < PRESENT or not right):
                    yield Suspected(picture, edit, row, right)


def found(of: Bench, suspects: Sequence[Suspected], processes: int) -> npt.NDArray[np.bool_]:
    """Which of them are judged to be the same."""
    rows = sorted({suspect.row for suspect in suspects})
    copies = sorted({(suspect.edit, suspect.picture) for suspect in suspects})
    with workers(processes) as pool:
        stored = pool.map(features_of, (of.pictures.sources[row] for row in rows), chunksize=16)
        asked = pool.map(features_of, (of.queries[edit].sources[picture] for edit, picture in copies), chunksize=16)
        known = dict(zip(rows, stored, strict=True)), dict(zip(copies, asked, strict=True))
        pairs = [(known[1][suspect.edit, suspect.picture], known[0][suspect.row]) for suspect in suspects]
        return np.fromiter(pool.map(judged, pairs, chunksize=64), np.bool_, len(pairs))


def table(of: Bench, suspects: Sequence[Suspected], same: npt.NDArray[np.bool_], every: int) -> list[Row]:
    """A line for each half, of all, of photographs and of clip art."""
    lines: list[Row] = []
    for half in (0, 1):
        asked = [picture for picture in range(0, len(of.photograph), every) if picture // every % 2 == half]
        for part, is_photograph in (("all", None), ("photographs", True), ("clip art", False)):
            pictures = {picture for picture in asked if is_photograph in (None, bool(of.photograph[picture]))}
            chosen = [
                suspect for suspect, is_same in zip(suspects, same, strict=True)
                if is_same and suspect.picture in pictures
            ]  # fmt: skip
            right = [suspect for suspect in chosen if suspect.right]
            line: dict[str, str | int | float] = {
                "half": ("chosen", "reported")[half],
                "part": part,
                "pairs": len(chosen),
                "precision": len(right) / len(chosen) if chosen else float("nan"),
            }
            for edit in EDITS:
                present = [picture for picture in pictures if picture < PRESENT and of.valid[edit][picture]]
                line[edit] = _share({suspect.picture for suspect in right if suspect.edit == edit}, present)
            lines.append(line)
    return lines


def main() -> None:
    """Measure and publish."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--every", type=int, default=3, help="copies of each so many pictures, not of all")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="cores to use")
    options = parser.parse_args()
    of = bench(options.threads)
    suspects = list(suspected(of, learned(copy1.FILE, options.threads), options.every))
    lines = table(of, suspects, found(of, suspects, options.threads), options.every)
    figures = {f"{line['half']} {line['part']} precision": float(line["precision"]) for line in lines}
    publish("judging", lines, figures, options.json)


def features_of(source: Source) -> bytes:
    """As they are kept of an image that is indexed; b"" where there are none."""
    try:
        made = render(source.read(), [Stretched((SIZE, SIZE)), Features()], _LIMITS).made[1]
    except ImageRejected:
        return b""
    assert isinstance(made, bytes)
    return made


def judged(pair: tuple[bytes, bytes]) -> bool:
    """Whether images are one picture, by what is kept of both."""
    if not all(pair):
        return False
    first, second = map(LocalFeatures.from_bytes, pair)
    return not left_out(first) and not left_out(second) and judge(first, second).same


def _share(found: Iterable[int], present: Sequence[int]) -> float:
    return len(set(found)) / len(present) if present else float("nan")


if __name__ == "__main__":
    main()
