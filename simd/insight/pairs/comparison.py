"""Suspects compared: two images that are alike are given the tier that they are, the strongest that can be proved.

same size, nearly the same vector -> digests of all pixels: kept, or made of a file by a decode worker
local features of both            -> the judgement on them, mirror images included; nothing is decoded
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.derived.store import DerivedStore
from simd.errors import DamagedFeatures
from simd.featurize.decode.renditions import Digest
from simd.insight.pairs.judge import Judgement, judge, left_out
from simd.insight.pairs.pair import Pair, Tier
from simd.insight.pairs.sources import Sources
from simd.insight.pairs.store import PairStore
from simd.types import ImageId
from simd.verify.features import LocalFeatures

SAME_PIXELS = 0.97
"""The least similarity of two files whose pixels may be the same: a JPEG is decoded smaller for the model than what was
made of it without loss, and so their vectors differ a little."""

_OTHERS = 3
"""After so many other pictures in a row, one in 50 copies is left among all those that are less alike."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """Two images that may be the same picture: `first < second`, and the cosine of their embeddings."""

    first: ImageId
    second: ImageId
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What is kept of an image: local features by which it can be judged, or why it can be no near copy."""

    features: LocalFeatures | None
    left_out: str


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of suspects.

    Attributes:
        pairs: one for each suspect that was compared.
        unread: images of which a file would have had to be read, and none can be now.
    """

    pairs: list[Pair]
    unread: set[ImageId]


class Comparison:
    """Every method may be called from any thread.

    Args:
        store: where digests are kept.
        catalogue: tells the size of images.
        features: where local features are kept; None where nothing is verified.
        sources: decodes what has no digest yet.
        judge: judges two images by their local features.
    """

    def __init__(
        self,
        store: PairStore,
        catalogue: Catalogue,
        features: DerivedStore | None,
        sources: Sources,
        judge: Callable[[LocalFeatures, LocalFeatures], Judgement] = judge,
    ) -> None:
        self._judge = judge
        self._store = store
        self._catalogue = catalogue
        self._features = features
        self._sources = sources

    def kept(self, image_ids: Collection[ImageId]) -> dict[ImageId, Kept]:
        """What is kept of images; one whose features are not made yet is left out.

        Raises:
            StoreError: it cannot be read.
        """
        if self._features is None:
            return dict.fromkeys(image_ids, Kept(None, "not_verified"))
        return {image_id: _parsed(data) for image_id, data in self._features.get(image_ids).items()}

    def compare(
        self, suspects: Sequence[Sequence[Suspect]], kept: Mapping[ImageId, Kept], similar: float | None
    ) -> Compared:
        """Give pairs their tier.

        Args:
            suspects: of each image, the most alike first; no pair twice. Where several in a row turn out to be other
                pictures, the rest is left.
            kept: what `kept` told of the images in them.
            similar: the least similarity of what looks alike; None where no more than pixels can be told.

        Raises:
            StoreError, DecoderUnavailable: not now.
            Closing: the daemon stops.
        """
        same, unread = self._of_same_pixels([suspect for row in suspects for suspect in row])
        return Compared([pair for row in suspects for pair in self._tiers(row, same, kept, similar)], unread)

    def _tiers(
        self,
        suspects: Sequence[Suspect],
        same: Collection[Suspect],
        kept: Mapping[ImageId, Kept],
        similar: float | None,
    ) -> Iterator[Pair]:
        others = 0
        for suspect in suspects:
            if suspect in same:
                yield Pair(suspect.first, suspect.second, Tier.PIXELS, suspect.similarity, 1.0)
            elif others < _OTHERS:
                pair = self._judged(suspect, kept, similar)
                others = 0 if pair.tier.is_same else others + 1
                yield pair

    def _judged(self, suspect: Suspect, kept: Mapping[ImageId, Kept], similar: float | None) -> Pair:
        first, second, similarity = suspect.first, suspect.second, suspect.similarity
        tier = Tier.SIMILAR if similar is not None and similarity >= similar else Tier.DIFFERENT
        one, other = (kept[image_id].features if image_id in kept else None for image_id in (first, second))
        if similar is None or one is None or other is None:
            return Pair(first, second, tier, similarity)
        found = self._judge(one, other)
        if found.same:
            return Pair(first, second, Tier.NEAR, similarity, found.share, found.mirrored, found.turned)
        return Pair(first, second, tier, similarity, found.share)

    def _of_same_pixels(self, suspects: Sequence[Suspect]) -> tuple[set[Suspect], set[ImageId]]:
        """Those whose pixels are the same, and images whose digest cannot be made now."""
        close = [suspect for suspect in suspects if suspect.similarity >= SAME_PIXELS]
        facts = self._catalogue.facts_of(images_in(close)) if close else {}
        size = {image_id: (of.width, of.height) for image_id, of in facts.items()}
        close = [s for s in close if s.first in size and size[s.first] == size.get(s.second)]
        digests, unread = self._digests(images_in(close))
        return {s for s in close if digests.get(s.first) and digests[s.first] == digests.get(s.second)}, unread

    def _digests(self, image_ids: Collection[ImageId]) -> tuple[dict[ImageId, bytes], set[ImageId]]:
        """Digests of images, b"" of pictures that have none, kept from then on; and those that cannot be made now."""
        known = self._store.digests(image_ids)
        missing = [image_id for image_id in image_ids if image_id not in known]
        made = self._sources.made(missing, Digest())
        new = {image_id: (found.digest or b"") if found else b"" for image_id, found in made.items()}
        if new:
            self._store.put_digests(new)
        return known | new, set(missing).difference(made)


def images_in(suspects: Iterable[Suspect]) -> set[ImageId]:
    """All that are in any."""
    return {image_id for suspect in suspects for image_id in (suspect.first, suspect.second)}


def _parsed(data: bytes) -> Kept:
    if not data:
        return Kept(None, "no_features")
    try:
        features = LocalFeatures.from_bytes(data)
    except DamagedFeatures:
        return Kept(None, "no_features")
    why = left_out(features)
    return Kept(None if why else features, why)
