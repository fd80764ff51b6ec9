"""What a similarity means: the levels `same`, `near` and `similar` of the default model, measured.

Pictures, edits and right answers are those of the table of quality (`copies.py`), none of which the model was trained
on; the vectors are the same ones, so after it this takes seconds. To each query belong its right pair, the most alike
of its original and the natural twins, if they are in the collection, and its 20 most alike wrong answers. Above a
threshold, precision is the share of right pairs among right pairs and wrong answers, recall the share of all right
pairs; low and high are the precision's 95 % interval by bootstrap over pictures. The levels, in hundredths:

* `same`: the least threshold with precision >= 0.99 on photographs, over all kinds of edits;
* `near`: the same with 0.9;
* `similar`: 99 of 100 right pairs are above it, of photographs and of clip art alike, over the kinds of edits that the
  training has versions of. Of the others some leave little to be recognised.

The last lines are of normalised similarities: less the mean similarity of the query to its ten nearest among pictures
of other packages. Their thresholds are chosen on photographs as well, and are of use if they hold on clip art.
`of other packages` counts the queries to which one of those pictures reaches the threshold. The model learned from
them, so they only tell what more pictures would change.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import quality
from benchmarks.copies import PRESENT, Bench, bench
from benchmarks.descriptors import Descriptor, learned
from benchmarks.edits import EDITS, TRAINED
from benchmarks.pictures import CACHE
from benchmarks.renditions import Pictures
from benchmarks.report import Row, arguments, publish
from simd.featurize.models import copy1

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

SURE, LIKELY, RARE = 0.99, 0.9, 0.01

_WRONG = 20
_NEAREST = 10
_RESAMPLES = 2000
_QUANTILES = (1, 5, 50)


@dataclass(frozen=True)
class Pairs:
    """How alike queries are to what is right and to what is wrong.

    Attributes:
        picture: `(q,)`, which picture it is a copy of.
        photograph: `(q,)`, whether that is one.
        trained: `(q,)`, whether the training has versions of this kind of edit.
        right: `(q,)`, the right pair; NaN if the collection has none.
        wrong: `(q, 20)`, the most alike wrong answers, rising.
        other: `(q,)`, the most alike of the pictures of other packages.
        offset: `(q,)`, the mean of the ten most alike of them.
    """

    picture: Rows
    photograph: Bools
    trained: Bools
    right: Floats
    wrong: Floats
    other: Floats
    offset: Floats

    def only(self, queries: Bools) -> Pairs:
        """Those of some of the queries."""
        return Pairs(**{name: values[queries] for name, values in vars(self).items()})

    def normalised(self) -> Pairs:
        """Less how alike the query is to others."""
        right, wrong, other = (
            self.right - self.offset,
            self.wrong - self.offset[:, np.newaxis],
            self.other - self.offset,
        )
        return replace(self, right=right, wrong=wrong, other=other)

    def precision(self, least: float) -> float:
        """At this threshold; 1 where nothing reaches it."""
        right, wrong = self._above(least)
        return float(right.sum() / max(1, right.sum() + wrong.sum())) if right.sum() + wrong.sum() else 1.0

    def recall(self, least: float) -> float:
        """At this threshold."""
        right, _ = self._above(least)
        return float(right.sum() / max(1, np.isfinite(self.right).sum()))

    def wrong_above(self, least: float) -> int:
        """How many wrong answers reach it."""
        return int(self._above(least)[1].sum())

    def interval(self, least: float) -> tuple[float, float]:
        """The 95 % interval of the precision; copies of one picture are right and wrong together."""
        right, wrong = self._above(least)
        pictures, place = np.unique(self.picture, return_inverse=True)
        drawn = np.random.default_rng(0).integers(0, len(pictures), (_RESAMPLES, len(pictures)))
        of_right, of_wrong = (np.bincount(place, weights=each)[drawn].sum(1) for each in (right, wrong))
        low, high = np.percentile(of_right / np.maximum(1, of_right + of_wrong), [2.5, 97.5])
        return float(low), float(high)

    def _above(self, least: float) -> tuple[Rows, Rows]:
        """Of each query the right pairs and the wrong answers that reach a threshold."""
        return (self.right >= least).astype(np.int64), (self.wrong >= least).sum(1)


def least(pairs: Pairs, precision: float) -> float:
    """The least threshold in hundredths with this precision, at which something right is found; 1 if there is none."""
    for hundredths in range(-100, 100):
        threshold = hundredths / 100
        if pairs.recall(threshold) > 0 and pairs.precision(threshold) >= precision:
            return threshold
    return 1.0


def levels(pairs: Pairs) -> dict[str, float]:
    """The thresholds by their names."""
    photographs, usual = pairs.only(pairs.photograph), pairs.only(pairs.trained)
    rare = [np.nanquantile(usual.only(part).right, RARE) for part in (usual.photograph, ~usual.photograph)]
    return {
        "same": least(photographs, SURE),
        "near": least(photographs, LIKELY),
        "similar": math.floor(100 * min(rare)) / 100,
    }


def measured(of: Bench, descriptor: Descriptor, background: Pictures | None) -> Pairs:
    """What a descriptor makes of the queries; without a background `other` and `offset` are 0."""
    collection = descriptor.describe(of.pictures)[0][of.kept]
    far = None if background is None else descriptor.describe(background)[0]
    is_right = np.array([np.isin(of.kept, rows) for rows in of.right])
    parts: list[Pairs] = []
    for edit in EDITS:
        asked = np.flatnonzero(of.valid[edit])
        queries = descriptor.describe(of.queries[edit])[0][asked]
        similarity = (queries @ collection.T).astype(np.float64)
        right = np.where(is_right[asked], similarity, -np.inf).max(1)
        wrong = np.sort(np.partition(np.where(is_right[asked], -1.0, similarity), -_WRONG, axis=1)[:, -_WRONG:], axis=1)
        others = np.zeros((len(asked), _NEAREST)) if far is None else np.sort(queries @ far.T, axis=1)[:, -_NEAREST:]
        # Twins of a picture that was taken out count neither way.
        paired = (asked < PRESENT) & np.isfinite(right)
        trained = np.full(len(asked), edit in {each.name for each in TRAINED})
        parts.append(
            Pairs(
                picture=asked,
                photograph=of.photograph[asked],
                trained=trained,
                right=np.where(paired, right, np.nan),
                wrong=wrong,
                other=others[:, -1].astype(np.float64),
                offset=others.mean(1).astype(np.float64),
            )
        )
    return Pairs(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


def table(pairs: Pairs, found: Mapping[str, float], suffix: str = "") -> list[Row]:
    """What each level is worth on photographs and on clip art."""
    lines: list[Row] = []
    for level, threshold in found.items():
        for part, of in _parts(pairs).items():
            low, high = of.interval(threshold)
            lines.append(
                {
                    "level": level + suffix,
                    "least": threshold,
                    "part": part,
                    "precision": of.precision(threshold),
                    "low": low,
                    "high": high,
                    "recall": of.recall(threshold),
                    "recall trained": of.only(of.trained).recall(threshold),
                    "wrong answers": of.wrong_above(threshold),
                    "of other packages": int((of.other >= threshold).sum()),
                }
            )
    return lines


def distribution(pairs: Pairs) -> dict[str, float]:
    """Percentiles of right pairs and of the best wrong answers, and where clip art is as sure as photographs."""
    figures: dict[str, float] = {}
    for part, of in _parts(pairs).items():
        for quantile in _QUANTILES:
            figures[f"{part} right p{quantile}"] = float(np.nanpercentile(of.right, quantile))
            figures[f"{part} best wrong p{100 - quantile}"] = float(np.percentile(of.wrong[:, -1], 100 - quantile))
        figures |= {f"{part} precision {wanted} from": least(of, wanted) for wanted in (SURE, LIKELY)}
    return figures


def _parts(pairs: Pairs) -> dict[str, Pairs]:
    return {"photographs": pairs.only(pairs.photograph), "clip art": pairs.only(~pairs.photograph)}


def main() -> None:
    """Measure and publish."""
    options = _options()
    of = bench(options.threads)
    background = quality.others(options.background, options.threads)
    pairs = measured(of, learned(options.weights, options.threads), background)
    found = levels(pairs)
    lines = table(pairs, found)
    if background is not None:
        normalised = pairs.normalised()
        photographs = normalised.only(normalised.photograph)
        sure = {"same": least(photographs, SURE), "near": least(photographs, LIKELY)}
        lines += table(normalised, sure, ", normalised")
    publish("levels", lines, {**found, **distribution(pairs)}, options.json)


def _options() -> argparse.Namespace:
    parser = arguments(__doc__ or "")
    parser.add_argument("--weights", type=Path, default=copy1.FILE, help="a file of weights (`training/`)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="cores to use")
    training = CACHE.parent / "training" / "pictures"
    parser.add_argument("--background", type=Path, default=training, metavar="DIRECTORY", help="pictures of others")
    return parser.parse_args()


if __name__ == "__main__":
    main()
