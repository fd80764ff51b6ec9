"""New images looked at: what each is a pair with, among the images that were looked at before it.

Whoever is looked at later finds the other one, so each pair is judged once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simd.featurize.models.spec import Levels
from simd.index.base import Searcher
from simd.insight.pairs.comparison import SAME_PIXELS, Comparison, Suspect, images_in
from simd.insight.pairs.judge import RULES_VERSION
from simd.insight.pairs.pair import Pair, Tier
from simd.insight.pairs.store import PairStore
from simd.insight.searched import Searched
from simd.types import ImageId, Vector

_AMONG = 16
"""So many of the most alike images are suspects."""
_SIMILAR = 8
"""So many pairs that only look alike are kept of an image that is looked at, the most alike ones."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of looking at images.

    Attributes:
        pairs: what was found.
        looked_at: why each image was not looked at for near copies; "" if it was.
        skipped: images that are to be looked at later: their vector, features or file cannot be had now.
    """

    pairs: list[Pair]
    looked_at: dict[ImageId, str]
    skipped: list[ImageId]


class Look:
    """Every method may be called from any thread.

    Args:
        store: tells which images were looked at.
        comparison: compares suspects.
        features: the version of the local features; "" where nothing is verified.
    """

    def __init__(self, store: PairStore, comparison: Comparison, features: str) -> None:
        self._store = store
        self._comparison = comparison
        self._features = features

    def rules(self, searched: Searched) -> str:
        """What pairs are of: other rules may make others of the same images."""
        return f"{RULES_VERSION}; {searched.fingerprint}; {searched.levels}; {self._features}"

    def look(self, images: Sequence[ImageId], place: Mapping[ImageId, int], searched: Searched) -> Found:
        """What images are pairs with.

        Args:
            images: those to look at.
            place: of each image that is looked at in one go with these, and of these themselves: the later one of two
                finds the other.
            searched: where they are searched for.

        Raises:
            SimdError: not now.
            Closing: the daemon stops.
        """
        levels = self._levels(searched)
        kept = self._comparison.kept(images)
        with searched.index.view() as view:
            vectors = {image_id: v for image_id in kept if (v := view.vector(image_id)) is not None}
            suspects = self._suspects(view, vectors, place, _floor(levels))
        every = [suspect for row in suspects for suspect in row]
        kept |= self._comparison.kept(images_in(every).difference(kept))
        # What has no features yet and is looked at in this go finds the others later; all else is asked for again.
        lacking = [s for s in every if not {s.first, s.second} <= kept.keys() | place.keys()]
        compared = self._comparison.compare(suspects, kept, None if levels is None else levels.near)
        done = vectors.keys() - compared.unread - images_in(lacking)
        why = "not_verified" if levels is None else ""
        looked_at = {image_id: why or kept[image_id].left_out for image_id in done}
        return Found(_bounded(compared.pairs, vectors), looked_at, [one for one in images if one not in looked_at])

    def judge(self, wanted: Iterable[tuple[ImageId, ImageId]], searched: Searched) -> list[Pair]:
        """What pairs are, `different` or not; one that cannot be judged now is left out.

        Raises:
            SimdError: not now.
            Closing: the daemon stops.
        """
        levels = self._levels(searched)
        both = sorted({(min(two), max(two)) for two in wanted})
        images = {image_id for two in both for image_id in two}
        kept = self._comparison.kept(images)
        with searched.index.view() as view:
            vectors = {image_id: v for image_id in kept if (v := view.vector(image_id)) is not None}
        suspects = [
            [Suspect(first, second, float(vectors[first] @ vectors[second]))]
            for first, second in both
            if first != second and first in vectors and second in vectors
        ]
        return self._comparison.compare(suspects, kept, None if levels is None else levels.near).pairs

    def _levels(self, searched: Searched) -> Levels | None:
        """By which more than pixels can be told; without local features nothing is."""
        return searched.levels if self._features else None

    def _suspects(
        self, index: Searcher, vectors: Mapping[ImageId, Vector], place: Mapping[ImageId, int], floor: float
    ) -> list[list[Suspect]]:
        """The images that each of some is like enough, of those that were looked at before it; the most alike first."""
        if not vectors:
            return []
        answers = index.search(np.stack(list(vectors.values())), _AMONG + 1)
        unknown = {hit.image_id for answer in answers for hit in answer.hits if hit.similarity >= floor} - place.keys()
        later = set(self._store.not_looked_at(unknown))
        return [
            [
                Suspect(min(image_id, hit.image_id), max(image_id, hit.image_id), hit.similarity)
                for hit in answer.hits
                if hit.similarity >= floor
                and hit.image_id not in later
                and place.get(hit.image_id, -1) < place[image_id]
            ]
            for image_id, answer in zip(vectors, answers, strict=True)
        ]


def _floor(levels: Levels | None) -> float:
    """The least similarity of suspects: below, comparing all that there is costs as much again as above, and finds 2 of
    100 copies."""
    return SAME_PIXELS if levels is None else (2 * levels.similar + levels.near) / 3


def _bounded(pairs: Iterable[Pair], looked_at: Mapping[ImageId, Vector]) -> list[Pair]:
    """Those that are worth keeping: of what only looks alike the most alike ones of each image."""
    kept: list[Pair] = []
    count: Counter[ImageId] = Counter()
    for pair in sorted(pairs, key=lambda pair: -pair.similarity):
        if pair.tier is Tier.SIMILAR:
            count.update({pair.first, pair.second} & looked_at.keys())
            if max(count[pair.first], count[pair.second]) > _SIMILAR:
                continue
        if pair.tier is not Tier.DIFFERENT:
            kept.append(pair)
    return kept
