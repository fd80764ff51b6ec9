"""What is known of the images in an answer: which of them are copies, so that a picture is told once, and what they are
to the image that was asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from threading import Lock

from simd.decisions.duplicates import Decision, Duplicates, Kind
from simd.errors import StoreError
from simd.insight.pairs.pair import Pair, Tier
from simd.insight.pairs.reader import PairReader
from simd.types import ImageId

CopiesAmong = Callable[[Sequence[ImageId], int], Mapping[ImageId, ImageId]]
"""`Copies.among`, or what stands in its place."""

TiersTo = Callable[[ImageId, Sequence[ImageId]], Mapping[ImageId, Tier]]
"""`Copies.tiers_to`, or what stands in its place."""

Apart = Mapping[ImageId, frozenset[int]]
"""By image, which decisions say that it is no duplicate of the others that they name."""

_NOTHING: frozenset[int] = frozenset()


class Copies:
    """Finds copies; every method may be called from any thread.

    Args:
        pairs: which images are the same picture.
        duplicates: what people said, which counts more.
    """

    def __init__(self, pairs: PairReader, duplicates: Duplicates) -> None:
        self._pairs = pairs
        self._duplicates = duplicates
        self._lock = Lock()
        self._read: tuple[int, Apart] | None = None

    def among(self, image_ids: Sequence[ImageId], limit: int) -> Mapping[ImageId, ImageId]:
        """Which of some images are copies, and of which earlier one: each is the same picture as that one itself, and
        no chain makes a copy. Where pairs cannot be read, none is.

        Args:
            image_ids: the best first, none twice.
            limit: after so many that are no copies, the others are told of only where they are copies of those.
        """
        try:
            return self._among(image_ids, limit, self._apart())
        except StoreError:
            # Whoever keeps the file up has said so, and mends it.
            return {}

    def tiers_to(self, image_id: ImageId, others: Sequence[ImageId]) -> Mapping[ImageId, Tier]:
        """What some images are to one, as far as that was found out: `exact`, `pixels`, `near` or `similar`. Those that
        were said to be no duplicates of it are left out. Where pairs cannot be read, only itself is known.

        Args:
            image_id: the one, which need not be indexed.
            others: what is told of; itself may be among them.
        """
        found = {other: Tier.EXACT for other in others if other == image_id}
        try:
            return found | self._tiers_to(image_id, set(others), self._apart())
        except StoreError:
            return found

    def _tiers_to(self, image_id: ImageId, others: Set[ImageId], apart: Apart) -> dict[ImageId, Tier]:
        pairs = self._pairs.of(image_id)
        said = _said(image_id, pairs, apart)
        return {
            other: pair.tier
            for pair in pairs
            if (other := pair.other(image_id)) in others
            and pair.tier is not Tier.DIFFERENT
            and not (pair.tier.is_same and said and self._are_apart(said, image_id, pair, apart))
        }

    def _among(self, image_ids: Sequence[ImageId], limit: int, apart: Apart) -> dict[ImageId, ImageId]:
        left = dict.fromkeys(image_ids)
        found: dict[ImageId, ImageId] = {}
        kept = 0
        for image_id in image_ids:
            if image_id in found:
                continue
            if kept == limit:
                break
            kept += 1
            del left[image_id]
            pairs = self._pairs.of(image_id)
            said = _said(image_id, pairs, apart)
            for pair in pairs:
                other = pair.other(image_id)
                if pair.tier.is_same and other in left and not (said and self._are_apart(said, image_id, pair, apart)):
                    found[other] = image_id
                    del left[other]
        return found

    def _are_apart(self, said: frozenset[int], image_id: ImageId, pair: Pair, apart: Apart) -> bool:
        """Whether it was said that a pair is of no duplicates: what is said of an image is said of all that have its
        pixels, but for those themselves."""
        other = pair.other(image_id)
        if pair.tier is Tier.PIXELS:
            return not apart.get(image_id, _NOTHING).isdisjoint(apart.get(other, _NOTHING))
        return not said.isdisjoint(_said(other, self._pairs.of(other), apart))

    def _apart(self) -> Apart:
        with self._lock:
            revision = self._duplicates.revision
            if self._read is None or self._read[0] != revision:
                self._read = revision, _by_image(self._duplicates.all())
            return self._read[1]


def no_copies(image_ids: Sequence[ImageId], limit: int) -> Mapping[ImageId, ImageId]:
    """Where nothing is known of copies."""
    return {}


def no_tiers(image_id: ImageId, others: Sequence[ImageId]) -> Mapping[ImageId, Tier]:
    """Where nothing is known of pairs."""
    return {}


def _said(image_id: ImageId, pairs: Sequence[Pair], apart: Apart) -> frozenset[int]:
    """The decisions on an image and on those that have its pixels."""
    if not apart:
        return _NOTHING
    twins = (pair.other(image_id) for pair in pairs if pair.tier is Tier.PIXELS)
    return frozenset().union(*(apart.get(one, _NOTHING) for one in (image_id, *twins)))


def _by_image(decisions: Sequence[Decision]) -> Apart:
    found: dict[ImageId, set[int]] = defaultdict(set)
    for number, decision in enumerate(decisions):
        if decision.kind is Kind.NOT_DUPLICATES:
            for image_id in decision.images:
                found[image_id].add(number)
    return {image_id: frozenset(numbers) for image_id, numbers in found.items()}
